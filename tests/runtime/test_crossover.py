from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.bundle.opened import open_bundle
from modelyard.runtime import load
from modelyard.runtime.crossover import BUDGET, START, TRIES, Crossover, Split


class Clock:
    """Time that passes only as runs say."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Way:
    def __init__(self, clock, seconds, answer=lambda x: x * 2):
        self.clock, self.seconds, self.answer, self.seen = clock, seconds, answer, []

    def __call__(self, feeds):
        rows = len(feeds["x"])
        self.seen.append(rows)
        self.clock.now += self.seconds(rows)
        return {"y": self.answer(feeds["x"])}


def ways(alone, together, answer=lambda x: x * 2):
    clock = Clock()
    one, many = Way(clock, alone), Way(clock, together, answer)
    return Crossover(one, lambda: many, clock), one, many


def run(crossover, rows):
    x = np.arange(rows, dtype=np.float64)
    np.testing.assert_array_equal(crossover.run({"x": x}, rows)["y"], x * 2)


def test_small_batches_never_measure():
    crossover, one, many = ways(lambda n: 1, lambda n: 0)
    for rows in (1, 10, START - 1) * 5:
        run(crossover, rows)
    assert many.seen == []
    assert len(one.seen) == 15


def test_threads_take_over_where_they_win():
    crossover, one, _ = ways(lambda n: n * 1e-5, lambda n: 0.005 + n * 0.5e-5)
    for rows in (300, 600, 1200, 2400, 4800, 2400, 600):
        run(crossover, rows)
    assert crossover.faster_from == 2400
    before = len(one.seen)
    run(crossover, 5000)
    run(crossover, 2400)
    assert len(one.seen) == before
    run(crossover, 1000)
    assert one.seen[-1] == 1000
    assert all(found.equal for found in crossover.measured)


@pytest.mark.parametrize("held_up", [0, 2])
def test_a_run_that_is_held_up_does_not_speak_for_threads(held_up):
    # Alone runs the batch, a part of it, and the batch again.
    times = iter([1.0 + 9.0 * (n == held_up) for n in range(9)])
    crossover, _, many = ways(lambda _: next(times) / 100, lambda _: 0.01)
    run(crossover, 1000)
    assert crossover.measured[0].alone == pytest.approx(0.01)
    assert crossover.faster_from is None
    run(crossover, 1000)
    assert len(many.seen) == 2


def test_what_is_over_in_no_time_is_not_measured():
    crossover, _, many = ways(lambda n: n * 1e-9, lambda n: 0)
    for rows in (300, 600, 100_000):
        run(crossover, rows)
    assert many.seen == []


@pytest.mark.parametrize("wrong", [1, -1])
def test_another_bit_ends_it(wrong):
    def answer(x):
        y = x * 2
        y[len(y) // 2] = np.nextafter(y[len(y) // 2], wrong * np.inf)
        return y

    crossover, _, many = ways(lambda n: n, lambda n: n / 10, answer)
    for rows in (1000, 2000, 4000, 8000):
        run(crossover, rows)
    assert crossover.faster_from is None
    assert not crossover.measured[0].equal
    assert len(crossover.measured) == 1
    assert len(many.seen) <= 2


@pytest.mark.parametrize("error", [ValueError, RuntimeError, OSError])
def test_no_second_way_is_no_harm(error):
    def fail():
        raise error

    crossover = Crossover(lambda feeds: {"y": feeds["x"] * 2}, fail, iter(range(1000)).__next__)
    for rows in (1000, 5000):
        run(crossover, rows)
    assert crossover.faster_from is None


def test_measuring_is_bounded():
    crossover, one, many = ways(lambda n: n * 1e-3, lambda n: n * 1e-3)
    begin = crossover._clock()
    rows = START
    for _ in range(18):
        run(crossover, rows)
        rows = int(rows * 1.5)
    assert len(crossover.measured) <= TRIES
    extra = crossover._clock() - begin - 1e-3 * sum(one.seen[-1:])
    assert max(many.seen) * 1e-3 <= BUDGET * 1.01
    assert sum(many.seen) * 1e-3 <= 2 * TRIES * BUDGET
    assert extra > 0


def test_failure_of_the_model_is_told():
    def broken(feeds):
        raise RuntimeError("no")

    crossover = Crossover(broken, lambda: broken)
    with pytest.raises(RuntimeError):
        crossover.run({"x": np.zeros(1000)}, 1000)


def test_nobody_waits_for_a_measurement():
    measuring, go_on = threading.Event(), threading.Event()

    def slow(feeds):
        measuring.set()
        assert go_on.wait(10)
        return {"y": feeds["x"]}

    def alone(feeds):
        return {"y": feeds["x"]}

    crossover = Crossover(alone, lambda: slow, iter(range(1000)).__next__)
    first = threading.Thread(target=crossover.run, args=({"x": np.zeros(1000)}, 1000))
    first.start()
    assert measuring.wait(10)
    assert len(crossover.run({"x": np.zeros(1000)}, 1000)["y"]) == 1000
    go_on.set()
    first.join(10)
    assert not first.is_alive()


@given(st.integers(2, 9), st.integers(0, 40))
def test_split_gives_each_row_its_own_answer(threads, more):
    rows = threads + more
    seen = []

    def double(feeds):
        seen.append(len(feeds["x"]))
        return {"y": feeds["x"] * 2, "s": feeds["s"]}

    feeds = {
        "x": np.arange(rows * 2).reshape(rows, 2),
        "s": np.array([str(n) for n in range(rows)], object),
    }
    got = Split(double, threads)(feeds)
    np.testing.assert_array_equal(got["y"], feeds["x"] * 2)
    assert got["s"].tolist() == feeds["s"].tolist()
    assert sum(seen) == rows
    assert len(seen) == threads
    assert min(seen) >= 1


def test_split_tells_the_failure_of_any_thread():
    def fail_late(feeds):
        if feeds["x"][0]:
            raise RuntimeError("no")
        return {"y": feeds["x"]}

    with pytest.raises(RuntimeError):
        Split(fail_late, 3)({"x": np.arange(9)})


def test_a_real_model_answers_the_same_shared_out(directory):
    bundle = open_bundle(directory)
    predictor = load(bundle)
    rows = bundle.golden().rows.take(np.arange(5000) % 4)
    engine = type(predictor.engine)(predictor.engine._session, ["label", "prediction"], threads=3)
    feeds = predictor.feeds(rows)
    alone, shared = engine._alone(feeds), Split(engine._alone, 3)(feeds)
    for name, answer in alone.items():
        np.testing.assert_array_equal(shared[name], answer)
    for _ in range(3):
        np.testing.assert_array_equal(engine.run(feeds)["prediction"], alone["prediction"])
