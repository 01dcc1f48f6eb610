"""What every store must prove; others may run these on stores of their own.

Each check takes one case, which makes empty stores and knows how to damage what they hold.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from modelyard.core.digest import digest_bytes
from modelyard.errors import IntegrityError, ModelyardError, StoreError
from modelyard.stores.base import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

MEGABYTE = 2**20

_PUT = """
import sys
from modelyard.stores.base import open_store
store = open_store(sys.argv[1])
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    store.put(b"%d" % number * 1000)
"""

_PUT_FOR_EVER = """
import sys
from modelyard.stores.base import open_store
store = open_store(sys.argv[1])
number = 0
print("ready", flush=True)
while True:
    store.put(b"%d|" % number * 100_000)
    number += 1
"""


class Case(NamedTuple):
    """One kind of store under proof.

    Args:
        empty: Makes an empty place and gives what ``open_store`` takes; cleans up afterwards.
        damage: Changes bytes of some content behind the store's back: (where, digest).
        shared: Whether other processes can open the same place.
    """

    empty: Callable[[], AbstractContextManager[str]]
    damage: Callable[[str, str], None]
    shared: bool = True


def check_keeps_what_was_put(case: Case) -> None:
    """What is put comes back, under its digest, also from a store opened anew."""
    with case.empty() as where:
        digest = open_store(where).put(b"model")
        assert digest == digest_bytes(b"model")
        store = open_store(where)
        assert store.has(digest)
        assert store.get(digest) == b"model"


def check_put_twice_is_one(case: Case) -> None:
    """Content is kept once, however often it is put."""
    with case.empty() as where:
        store = open_store(where)
        assert store.put(b"model") == store.put(b"model")
        assert list(store.digests()) == [digest_bytes(b"model")]


def check_keeps_empty_and_large(case: Case) -> None:
    """Nothing and ten megabytes are content like any other."""
    with case.empty() as where:
        store = open_store(where)
        for content in (b"", b"\0", bytes(range(256)) * 40 * 1024):
            assert store.get(store.put(content)) == content


def check_lists_what_it_has(case: Case) -> None:
    """An empty store names nothing; a filled one names each content once."""
    with case.empty() as where:
        store = open_store(where)
        assert list(store.digests()) == []
        put = [store.put(b"%d" % number) for number in range(50)]
        assert sorted(store.digests()) == sorted(put)


def check_unknown_content_is_an_error(case: Case) -> None:
    """Content that was never put is missing, and the error names it."""
    with case.empty() as where:
        store = open_store(where)
        digest = digest_bytes(b"never put")
        assert not store.has(digest)
        assert store.age(digest) == math.inf
        assert digest in _refusal(lambda: store.get(digest)).message


def check_names_are_digests(case: Case) -> None:
    """Only whole digests are looked up: no path, no prefix, no other algorithm."""
    with case.empty() as where:
        store = open_store(where)
        digest = store.put(b"model")
        for name in ("", "model", "../../etc/passwd", digest[:-1], digest.upper(), digest + "\n"):
            _refusal(lambda name=name: store.get(name))  # type: ignore[misc]
            _refusal(lambda name=name: store.has(name))  # type: ignore[misc]
            _refusal(lambda name=name: store.delete(name))  # type: ignore[misc]


def check_damage_is_found_and_healed(case: Case) -> None:
    """Damaged content is never handed out; putting it again heals it."""
    with case.empty() as where:
        store = open_store(where)
        for content in (b"model", b"x" * MEGABYTE):
            digest = store.put(content)
            case.damage(where, digest)
            assert isinstance(_refusal(lambda digest=digest: store.get(digest)), IntegrityError)  # type: ignore[misc]
            assert store.put(content) == digest
            assert store.get(digest) == content


def check_limit_is_kept(case: Case) -> None:
    """No more than ``limit`` bytes are ever read."""
    with case.empty() as where:
        store = open_store(where)
        digest = store.put(b"12345")
        assert store.get(digest, limit=5) == b"12345"
        assert isinstance(_refusal(lambda: store.get(digest, limit=4)), StoreError)


def check_deletes(case: Case) -> None:
    """Deleted content is gone, other content is not, and deleting nothing is no error."""
    with case.empty() as where:
        store = open_store(where)
        gone, kept = store.put(b"gone"), store.put(b"kept")
        store.delete(gone)
        store.delete(gone)
        assert not store.has(gone)
        assert list(store.digests()) == [kept]
        assert store.put(b"gone") == gone
        assert store.get(gone) == b"gone"


def check_age_begins_with_the_last_put(case: Case) -> None:
    """Content grows old, and young again when it is put again."""
    with case.empty() as where:
        store = open_store(where)
        digest = store.put(b"model")
        young = store.age(digest)
        assert young >= 0
        time.sleep(1.2)
        old = store.age(digest)
        assert old >= young + 1
        store.put(b"model")
        assert store.age(digest) < old


def check_threads_put_at_once(case: Case) -> None:
    """Threads that put the same and different content at once lose and mix nothing."""
    with case.empty() as where:
        store = open_store(where)
        contents = [b"%d" % number * 5000 for number in range(20)] * 8
        with ThreadPoolExecutor(8) as pool:
            digests = list(pool.map(store.put, contents))
        assert digests == [digest_bytes(content) for content in contents]
        assert {store.get(digest) for digest in digests} == set(contents)
        assert sorted(store.digests()) == sorted(set(digests))
        assert store.tidy(0) == 0


def check_processes_put_at_once(case: Case) -> None:
    """Processes that put overlapping content at once lose and mix nothing."""
    if not case.shared:
        return
    with case.empty() as where:
        writers = [_start(_PUT, where, first, first + 30) for first in (0, 10, 20, 30)]
        for writer in writers:
            with writer:
                assert writer.wait(60) == 0
        store = open_store(where)
        want = {digest_bytes(b"%d" % number * 1000) for number in range(60)}
        assert set(store.digests()) == want
        for digest in want:
            store.get(digest)


def check_half_written_content_is_never_seen(case: Case) -> None:
    """While a writer is at work, and after it was killed, all that is named is whole."""
    if not case.shared:
        return
    with case.empty() as where:
        store = open_store(where)
        for pause in (0.0, 0.02, 0.05, 0.11):
            writer = _start(_PUT_FOR_EVER, where)
            assert writer.stdout is not None
            with writer, writer.stdout:
                writer.stdout.readline()
                time.sleep(pause)
                for digest in store.digests():
                    store.get(digest)
                writer.kill()
            for digest in store.digests():
                store.get(digest)
        before = set(store.digests())
        store.tidy(0)
        assert set(store.digests()) == before
        assert store.tidy(0) == 0


def _refusal(call: Callable[[], object]) -> ModelyardError:
    try:
        call()
    except (StoreError, IntegrityError) as e:
        return e
    raise AssertionError("nothing was refused")


def _start(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own code


CHECKS: tuple[Callable[[Case], None], ...] = (
    check_keeps_what_was_put,
    check_put_twice_is_one,
    check_keeps_empty_and_large,
    check_lists_what_it_has,
    check_unknown_content_is_an_error,
    check_names_are_digests,
    check_damage_is_found_and_healed,
    check_limit_is_kept,
    check_deletes,
    check_age_begins_with_the_last_put,
    check_threads_put_at_once,
    check_processes_put_at_once,
    check_half_written_content_is_never_seen,
)
"""All of them."""
