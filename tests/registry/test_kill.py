"""kill -9 at random instants: the registry opens, and holds the old or the new state."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import contextmanager

import pytest

from modelyard.registry.promotion import Policy

pytestmark = pytest.mark.slow

KILLS = 50


@contextmanager
def killing(start, place):
    """Gives a function that starts a worker, kills it, and returns the numbers that it said."""
    choose = random.Random(2)
    with start(place, "nursery") as nursery:

        def kill(*command):
            nursery.stdin.write(" ".join(map(str, command)) + "\n")
            child = said = None
            lines = []
            while child is None or said is None:
                kind, *rest = nursery.stdout.readline().split()
                child = int(rest[0]) if kind == "child" else child
                said = kind if kind == "ready" else said
            began = time.monotonic()
            for _ in range(choose.randrange(3)):
                lines.append(nursery.stdout.readline())
                began, took = time.monotonic(), time.monotonic() - began
            # Any instant of the next act, or of the one after.
            time.sleep(choose.uniform(0, 1.5 * took if lines else 0.05))
            os.kill(child, signal.SIGKILL)
            # What was on its way through the pipe counts: it had been done before.
            while (line := nursery.stdout.readline()) != "dead\n":
                lines.append(line)
            return [int(line) for line in lines if line.strip()]

        yield kill


def settle(registry):
    """Wait until the server has noticed: it may still be at work for the dead."""
    with registry._database.write():
        pass


def test_kills_while_registering(place, registry, start, worker):
    known = instants = 0
    with killing(start, place) as kill:
        for attempt in range(KILLS):
            said = kill("register_for_ever", 1000 * attempt)
            settle(registry)
            with place.open() as after:
                count = after.verify()
                versions = after.versions("fraud") if count else ()
                assert [version.version for version in versions] == list(range(1, count + 1))
                # Nothing acknowledged is lost; at most one came through without a word.
                assert said == list(range(known + 1, known + len(said) + 1))
                assert known + len(said) <= count <= known + len(said) + 1
                after.verify_content()
                instants += len(list(after._store.digests())) > 2 * count + 1
                known = count
    assert known > KILLS
    # Some were killed between putting and recording, so that this proves something.
    assert instants
    assert registry.collect_garbage(0).removed
    registry.verify_content()
    assert sum(1 for _ in registry._store.digests()) == 2 * known + 1
    assert registry.register(worker.make_bundle(10**6), actor="ann").version == known + 1


def test_kills_while_promoting(place, registry, start, worker):
    for number in (1, 2, 3):
        version = registry.register(worker.make_bundle(number), actor="ann")
        registry.add_verdicts(version.digest, worker.passed("size"), actor="ann")
    first = known = registry.sequence()
    with killing(start, place) as kill:
        for _ in range(KILLS):
            said = kill("promote_for_ever")
            settle(registry)
            with place.open() as after:
                count = after.verify()
                # A first promotion of what is live already is no event.
                assert count >= known + len(said) - 1
                placed = after.environments("fraud")
                assert after.aliases("fraud").get("champion") == placed.get("production")
                known = count
    assert known > first + KILLS
    registry.promote("fraud:3", "production", policy=Policy(requires=("size",)), actor="ann")
    assert registry.environments("fraud") == {"production": 3}
    registry.verify()
