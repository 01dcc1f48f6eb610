"""What tests run in processes of their own, and the bundles that they register.

Run as a script: ``worker.py VERB URL STORE ...``.
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING

from modelyard.bundle.opened import open_bundle
from modelyard.core.contract import Column, Contract, Output
from modelyard.core.manifest import MANIFEST, Feed, File, Manifest, Tolerance, encode
from modelyard.core.verdict import Verdict
from modelyard.registry.promotion import Policy
from modelyard.registry.registry import Registry

if TYPE_CHECKING:
    from modelyard.bundle.opened import Bundle


class MemorySource:
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, path: str, limit: int) -> bytes:
        return self.files[path][: limit + 1]


def make_bundle(number: int, name: str = "fraud") -> Bundle:
    """A bundle of two files; the card is the same in all, the model in none."""
    files = {"model/model.onnx": b"model %d" % number * 100, "card.md": b"the card"}
    manifest = Manifest(
        name=name,
        flavor="onnx",
        runtime="onnxruntime",
        model="model/model.onnx",
        why="a test",
        contract=Contract(
            inputs=(Column(name="age", dtype="int64"),),
            outputs=(Output(name="prediction", dtype="float64"),),
            task="regression",
        ),
        feeds=(Feed(name="age", columns=("age",), dtype="int64"),),
        files=tuple(
            File(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())
            for path, content in sorted(files.items())
        ),
        tolerance=Tolerance(),
    )
    files[MANIFEST] = encode(manifest)
    return open_bundle(MemorySource(files), expect=manifest.digest)


def say(what: object) -> None:
    # One write, so that a kill cannot cut it in two.
    os.write(1, f"{what}\n".encode())


def passed(*gates: str) -> list[Verdict]:
    return [Verdict(gate=gate, status="pass", summary="well") for gate in gates]


def register(registry: Registry, first: str, count: str) -> None:
    for number in range(int(first), int(first) + int(count)):
        say(registry.register(make_bundle(number), actor="worker").version)


def register_for_ever(registry: Registry, first: str) -> None:
    say("ready")
    number = int(first)
    while True:
        version = registry.register(make_bundle(number), actor="worker")
        say(version.version)
        number += 1


def promote_for_ever(registry: Registry) -> None:
    say("ready")
    policy = Policy(requires=("size",))
    while True:
        for number in (1, 2, 3):
            registry.promote(f"fraud:{number}", "production", policy=policy, actor="worker")
            say(number)
        registry.rollback("fraud", "production", actor="worker")


def collect_for_ever(registry: Registry) -> None:
    say("ready")
    while True:
        registry.collect_garbage(0)


def fork_and_register(registry: Registry) -> None:
    """Parent and children go on with what the parent opened, all at once."""
    registry.register(make_bundle(0), actor="parent")
    children = []
    for _ in range(4):
        children.append(os.fork())
        if not children[-1]:
            break
    parent = all(children)
    for number in range(5):
        registry.register(make_bundle(100 * len(children) + 1000 * parent + number), actor="w")
    if not parent:
        os._exit(0)
    say(sum(os.waitpid(child, 0)[1] for child in children))


def opened(registry: Registry) -> None:
    say(registry.sequence())


def nursery(url: str, store: str) -> None:
    """Fork a child for every line of input, which is quicker than to start Python anew."""
    for line in sys.stdin:
        verb, *rest = line.split()
        child = os.fork()
        if child == 0:
            work(url, store, verb, *rest)
        os.write(1, b"child %d\n" % child)
        os.waitpid(child, 0)
        # The child may have died in the middle of a line.
        os.write(1, b"\ndead\n")


def work(url: str, store: str, verb: str, *rest: str) -> None:
    with Registry.open(url, store) as registry:
        VERBS[verb](registry, *rest)


VERBS = {
    "register": register,
    "register_for_ever": register_for_ever,
    "promote_for_ever": promote_for_ever,
    "collect_for_ever": collect_for_ever,
    "opened": opened,
    "fork_and_register": fork_and_register,
}

if __name__ == "__main__":
    verb, url, store, *rest = sys.argv[1:]
    if verb == "nursery":
        nursery(url, store)
    else:
        work(url, store, verb, *rest)
