"""Many threads and processes at once: nothing lost, nothing twice, no gap."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelyard.errors import ConflictError, RegistryError
from modelyard.registry.promotion import Policy


def numbers(registry):
    return [version.version for version in registry.versions("fraud")]


def test_threads_register_at_once(registry, worker):
    bundles = [worker.make_bundle(number) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda bundle: registry.register(bundle, actor="ann"), bundles))
    assert sorted(version.version for version in got) == list(range(1, 25))
    assert numbers(registry) == list(range(1, 25))
    assert {version.digest for version in got} == {bundle.digest for bundle in bundles}
    assert registry.verify() == 24


def test_threads_register_the_same_bundle_at_once(registry, worker):
    with ThreadPoolExecutor(8) as pool:
        bundles = [worker.make_bundle(1) for _ in range(16)]
        got = set(pool.map(lambda bundle: registry.register(bundle, actor="ann").version, bundles))
    assert got == {1}
    assert registry.verify() == 1


def test_processes_register_at_once(place, registry, start):
    # The third and fourth register what the first two do, too.
    firsts = (0, 100, 0, 100)
    with (
        start(place, "register", firsts[0], 5) as one,
        start(place, "register", firsts[1], 5) as two,
        start(place, "register", firsts[2], 5) as three,
        start(place, "register", firsts[3], 5) as four,
    ):
        said = [process.stdout.read().split() for process in (one, two, three, four)]
    assert said[0] == said[2]
    assert said[1] == said[3]
    assert sorted(map(int, said[0] + said[1])) == list(range(1, 11))
    assert numbers(registry) == list(range(1, 11))
    assert registry.verify() == 10


def test_a_forked_process_uses_connections_of_its_own(place, registry, start):
    with start(place, "fork_and_register") as process:
        assert process.stdout.read() == "0\n"
        assert process.wait(60) == 0
    assert numbers(registry) == list(range(1, 27))
    assert registry.verify() == 26


def test_one_of_many_wins_a_compare_and_swap(registry, worker):
    for number in range(9):
        registry.register(worker.make_bundle(number), actor="ann")

    def swap(version):
        try:
            registry.set_alias("fraud", "champion", version, actor="ann", expected=0)
        except ConflictError:
            return None
        return version

    with ThreadPoolExecutor(8) as pool:
        won = [version for version in pool.map(swap, range(1, 10)) if version]
    assert len(won) == 1
    assert registry.aliases("fraud") == {"champion": won[0]}


def test_environment_and_alias_never_part(registry, place, worker):
    for number in (1, 2, 3):
        registry.register(worker.make_bundle(number), actor="ann")

    def promote(number):
        registry.promote(f"fraud:{number}", "production", policy=Policy(), actor="ann")

    def look(_):
        with place.open() as reader:
            return reader.verify()

    with ThreadPoolExecutor(4) as pool:
        moves = [pool.submit(promote, 1 + number % 3) for number in range(30)]
        list(pool.map(look, range(5)))
        for move in moves:
            move.result()
    assert registry.environments("fraud")["production"] == registry.aliases("fraud")["champion"]
    registry.verify()


class TestGarbage:
    def test_only_what_no_version_needs_is_removed(self, registry, worker):
        registry.register(worker.make_bundle(1), actor="ann")
        orphan = registry._store.put(b"an orphan")
        # A bundle whose registration crashed before it was recorded.
        registry._put(worker.make_bundle(2))
        assert registry.collect_garbage(3600).removed == 0
        assert registry._store.has(orphan)
        assert registry.collect_garbage(0).removed == 3
        assert not registry._store.has(orphan)
        assert registry.verify_content() == 3
        assert registry.collect_garbage(0).removed == 0
        registry.register(worker.make_bundle(2), actor="ann")
        assert registry.verify_content() == 5

    def test_leftovers_of_crashed_writes_go_after_a_while(self, registry, worker, place):
        registry.register(worker.make_bundle(1), actor="ann")
        leftover = registry._store._partial / "0123"
        leftover.write_bytes(b"half")
        assert registry.collect_garbage(60).leftovers == 0
        assert leftover.exists()
        assert registry.collect_garbage(0).leftovers == 1
        assert not leftover.exists()
        assert registry.verify_content() == 3

    def test_more_content_than_one_batch(self, registry, worker):
        registry.register(worker.make_bundle(1), actor="ann")
        for number in range(150):
            registry._store.put(b"orphan %d" % number)
        assert registry.collect_garbage(0).removed == 150
        assert registry.verify_content() == 3

    def test_content_put_but_not_yet_recorded_is_not_lost(self, registry, worker):
        """A collection between putting and recording: the registration notices and puts again."""
        bundle = worker.make_bundle(1)
        put = registry._put
        times = []

        def put_then_collect(which):
            put(which)
            if not times:
                assert registry.collect_garbage(0).removed == 3
            times.append(1)

        registry._put = put_then_collect
        registry.register(bundle, actor="ann")
        assert len(times) == 2
        assert registry.verify_content() == 3

    def test_collections_without_grace_while_others_register(self, place, registry, start):
        with (
            start(place, "collect_for_ever") as collector,
            start(place, "register", 0, 10) as one,
            start(place, "register", 100, 10) as two,
        ):
            assert collector.stdout.readline() == "ready\n"
            for process in (one, two):
                assert len(process.stdout.read().split()) == 10
            assert collector.poll() is None
        assert numbers(registry) == list(range(1, 21))
        assert registry.verify_content() == 20 * 2 + 1


def test_a_writer_does_not_keep_readers_waiting(registry, worker):
    registry.register(worker.make_bundle(1), actor="ann")
    with registry._database.write(), ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        assert pool.submit(registry.resolve, "fraud").result(10).version == 1
        assert time.monotonic() - began < 5


def test_a_failed_change_leaves_nothing(registry, worker):
    registry.register(worker.make_bundle(1), actor="ann")

    def fail():
        with registry._database.write() as connection:
            connection.exec_driver_sql("DELETE FROM aliases")
            connection.exec_driver_sql("INSERT INTO aliases VALUES ('fraud', 'x', 1, 1)")
            connection.exec_driver_sql("INSERT INTO aliases VALUES ('fraud', 'y', 9, 1)")

    with pytest.raises(RegistryError):
        fail()
    assert registry.aliases("fraud") == {}
    assert registry.verify() == 1
