"""kill -9 at random instants: the registry opens, and holds the old or the new state."""

from __future__ import annotations

import random
import time

import pytest

from modelyard.registry.promotion import Policy

pytestmark = pytest.mark.slow

KILLS = 50


def kill_soon(process, choose):
    """Let it get going, then kill it at a random instant; return what it said."""
    assert process.stdout.readline() == "ready\n"
    time.sleep(choose.uniform(0, 0.06))
    process.kill()
    # What was on its way through the pipe counts: it had been done before.
    return [int(line) for line in process.stdout.read().splitlines()]


def test_kills_while_registering(place, registry, start, worker):
    choose = random.Random(2)
    known = 0
    for attempt in range(KILLS):
        with start(place, "register_for_ever", 1000 * attempt) as process:
            said = kill_soon(process, choose)
        with place.open() as after:
            count = after.verify()
            versions = after.versions("fraud") if count else ()
            assert [version.version for version in versions] == list(range(1, count + 1))
            # Nothing acknowledged is lost; at most one came through without a word.
            assert said == list(range(known + 1, known + len(said) + 1))
            assert known + len(said) <= count <= known + len(said) + 1
            after.verify_content()
            known = count
    assert known > KILLS
    removed = registry.collect_garbage(0)
    assert removed.removed + removed.leftovers < 5 * KILLS
    registry.verify_content()
    assert registry.collect_garbage(0) == type(removed)(removed=0, leftovers=0)
    assert registry.register(worker.make_bundle(10**6), actor="ann").version == known + 1


def test_kills_while_promoting(place, registry, start, worker):
    choose = random.Random(3)
    for number in (1, 2, 3):
        version = registry.register(worker.make_bundle(number), actor="ann")
        registry.add_verdicts(version.digest, worker.passed("size"), actor="ann")
    known = registry.sequence()
    for _ in range(KILLS):
        with start(place, "promote_for_ever") as process:
            said = kill_soon(process, choose)
        with place.open() as after:
            count = after.verify()
            assert count >= known + len(said) - 1
            placed = after.environments("fraud")
            assert after.aliases("fraud").get("champion") == placed.get("production")
            known = count
    assert known > KILLS
    registry.promote("fraud:3", "production", policy=Policy(requires=("size",)), actor="ann")
    assert registry.environments("fraud") == {"production": 3}
    registry.verify()
