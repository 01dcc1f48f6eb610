"""Which of two ways of running a model a batch takes: in one thread, or shared out to several.

One thread answers small batches soonest.  From how many rows on several threads win, if they ever
do, depends on the model and the machine, so it is measured: on the first large batches that come,
in bounded time, and only where both ways answer equal to the last bit.

The rows are shared out, and each thread runs its own in the one session.  onnxruntime's own threads
share out the trees of a forest instead, and add up their answers in another order: other bits.
"""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modelyard.errors import ModelyardError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelyard.core.table import Array

    Run = Callable[[Mapping[str, Array]], dict[str, Array]]

START = 256
"""No batch of fewer rows is measured, or given to several threads."""
WORTH = 0.001
"""Seconds that a batch must take alone before several threads can be worth their start."""
GAIN = 1.2
"""How many times faster several threads must be."""
BUDGET = 0.5
"""Seconds of one way's running time that a measurement may take; longer batches are cut."""
TRIES = 6
"""How many sizes of batches are measured at most."""


class Measured(NamedTuple):
    """One measurement: seconds for ``rows`` alone and together, and whether the answers agree."""

    rows: int
    alone: float
    together: float
    equal: bool


class Crossover:
    """Runs each batch the way that was measured to be the faster one for its size.

    Args:
        alone: Runs a batch in one thread.
        make: Makes the way that uses several; called once at most, when a large batch comes.
        clock: Tells the time in seconds.
    """

    def __init__(
        self,
        alone: Run,
        make: Callable[[], Run],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.measured: list[Measured] = []
        self.faster_from: int | None = None
        self._alone = alone
        self._make = make
        self._clock = clock
        self._together: Run | None = None
        self._slower_to = START // 2
        self._never = False
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, Array], rows: int) -> dict[str, Array]:
        """Run a batch of so many rows."""
        if rows < START or self._never:
            return self._alone(feeds)
        if self.faster_from is not None and rows >= self.faster_from and self._together:
            return self._together(feeds)
        # Sizes near one that was measured have nothing new to tell.
        open_question = rows >= 2 * self._slower_to and (
            self.faster_from is None or 2 * rows <= self.faster_from
        )
        if not open_question or len(self.measured) >= TRIES:
            return self._alone(feeds)
        # Whoever comes while another batch is being measured does not wait for it.
        if not self._lock.acquire(blocking=False):
            return self._alone(feeds)
        try:
            return self._measure(feeds, rows)
        finally:
            self._lock.release()

    def _measure(self, feeds: Mapping[str, Array], rows: int) -> dict[str, Array]:
        answer, alone = self._timed(self._alone, feeds)
        if alone < WORTH:
            self._slower_to = max(self._slower_to, rows)
            return answer
        try:
            self._compare(feeds, rows, alone)
        except (ModelyardError, RuntimeError, ValueError, OSError, MemoryError):
            # The batch has its answer; that there is no second way must not spoil it.
            self._never = True
        return answer

    def _compare(self, feeds: Mapping[str, Array], rows: int, alone: float) -> None:
        if self._together is None:
            self._together = self._make()
        tried = rows if alone <= BUDGET else max(START, int(rows * BUDGET / alone))
        # A ragged part of the batch too: threads may divide another length another way.
        part = _head(feeds, tried - tried // 3)
        equal = _same(self._alone(part), self._together(part))
        batch = _head(feeds, tried)
        want, again = self._timed(self._alone, batch)
        # Whatever held one run up must not speak for several threads.
        alone = min(alone, again) if tried == rows else again
        got, together = self._timed(self._together, batch)
        equal = equal and _same(want, got)
        self.measured.append(Measured(tried, alone, together, equal))
        if not equal:
            self._never = True
            self._together = None
        elif together * GAIN < alone:
            self.faster_from = rows
        else:
            self._slower_to = max(self._slower_to, rows)

    def _timed(self, run: Run, feeds: Mapping[str, Array]) -> tuple[dict[str, Array], float]:
        begin = self._clock()
        answer = run(feeds)
        return answer, self._clock() - begin


class Split:
    """Shares a batch's rows out to several threads, and puts their answers together again.

    Args:
        run: Runs a batch in one thread; several threads may be in it at once.
        threads: How many threads there are, the caller's own included.
    """

    def __init__(self, run: Run, threads: int) -> None:
        self._run = run
        self._threads = threads
        self._others = ThreadPoolExecutor(threads - 1, thread_name_prefix="modelyard-rows")

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run a batch; it has at least as many rows as there are threads."""
        rows = len(next(iter(feeds.values())))
        edges = [rows * number // self._threads for number in range(self._threads + 1)]
        pieces = [
            {name: tensor[start:end] for name, tensor in feeds.items()}
            for start, end in itertools.pairwise(edges)
        ]
        waiting = [self._others.submit(self._run, piece) for piece in pieces[1:]]
        answers = [self._run(pieces[0]), *[future.result() for future in waiting]]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _head(feeds: Mapping[str, Array], rows: int) -> dict[str, Array]:
    return {name: tensor[:rows] for name, tensor in feeds.items()}


def _same(one: dict[str, Array], other: dict[str, Array]) -> bool:
    """Whether two answers are equal to the last bit, NaN and the sign of zero included."""
    return one.keys() == other.keys() and all(
        a.dtype == other[name].dtype and a.shape == other[name].shape and _bits(a, other[name])
        for name, a in one.items()
    )


def _bits(one: Array, other: Array) -> bool:
    if one.dtype == object:
        return bool(np.array_equal(one, other))
    return one.tobytes() == other.tobytes()
