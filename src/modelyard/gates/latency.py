"""``latency``: one call answers in time, in this process."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import numpy as np

from modelyard.errors import InconclusiveError
from modelyard.gates._samples import predict
from modelyard.gates.base import Gate, counted

if TYPE_CHECKING:
    from modelyard.core.table import Array, Table
    from modelyard.core.verdict import Status, Verdict
    from modelyard.gates.base import Evidence, Subject

_WARM = 20
_LEAST = 20  # calls of a round, however slow they are, unless time is up by far
_NOISY = 2.0  # rounds whose tails differ by this factor come from a machine that was busy


class Round(NamedTuple):
    """Milliseconds of the calls of one round."""

    times: Array

    def at(self, quantile: float) -> float:
        """A quantile: a time that some call really took."""
        return float(np.quantile(self.times, quantile, method="higher"))


class LatencyGate(Gate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Judge the tail of the time that one call takes, through the packed bundle.

    Several rounds are timed, each after a garbage collection and without one in between, and the
    best round's quantile is judged.  What else runs on the machine only ever adds time, and it
    comes and goes; what belongs to the model (a slow row, an allocation) is in every round.  So
    the best round is nearest to the model itself.  Where even the best round is too slow but the
    rounds disagree twofold, the machine was too busy to tell, and the answer is inconclusive.

    In ``modelyard.toml``::

        [gates.latency]
        maximum_ms = 5
        quantile = 0.99

    Args:
        maximum_ms: At most this many milliseconds.
        quantile: Of the calls, 0.99 by default.
        batch: Rows of one call.
        calls: Of one round.
        rounds: How many.
        seconds: After this time no new call begins: a slow model has fewer calls.

    Example:
        >>> LatencyGate(maximum_ms=5).quantile
        0.99
    """

    maximum_ms: Annotated[float, msgspec.Meta(gt=0)] = 100.0
    quantile: Annotated[float, msgspec.Meta(ge=0.5, lt=1)] = 0.99
    batch: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1
    calls: Annotated[int, msgspec.Meta(ge=20, le=100_000)] = 500
    rounds: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 10.0

    def examine(self, evidence: Evidence) -> Verdict:
        """See ``Gate.examine``."""
        batches = self._batches(evidence)
        deadline = time.perf_counter() + self.seconds
        for table in batches[:_WARM]:
            predict(evidence.candidate, table)
        found: list[Round] = []
        while len(found) < self.rounds and (not found or time.perf_counter() < deadline):
            found.append(self._round(evidence.candidate, batches, deadline))
        # A round that the deadline cut short says little about a tail, unless it is the only one.
        longest = max(len(one.times) for one in found)
        whole = [one for one in found if 2 * len(one.times) >= longest]
        tails = sorted(one.at(self.quantile) for one in whole)
        best = min(whole, key=lambda one: one.at(self.quantile))
        rate = self.batch * 1000 / float(best.times.mean())
        facts: dict[str, Any] = {
            "maximum_ms": self.maximum_ms,
            "quantile": self.quantile,
            "quantile_ms": tails[0],
            "p50_ms": best.at(0.5),
            "p99_ms": best.at(0.99),
            "rows_per_second": rate,
            "batch": self.batch,
            "calls": longest,
            "rounds": len(whole),
            "worst_round_ms": tails[-1],
        }
        summary = (
            f"p{self.quantile * 100:g} {tails[0]:.3g} ms for {counted(self.batch, 'row')} a call,"
            f" at most {self.maximum_ms:g} ms; p50 {facts['p50_ms']:.3g} ms, {rate:,.0f} rows/s"
        )
        status: Status = "pass" if tails[0] <= self.maximum_ms else "fail"
        busy = tails[-1] >= _NOISY * tails[0] and best.at(0.5) <= self.maximum_ms
        if status == "fail" and busy:
            status = "inconclusive"
            summary += "; the rounds disagree, this machine is too busy to tell"
        return self.verdict(status, summary, facts)

    def _batches(self, evidence: Evidence) -> list[Table]:
        """Tables of ``batch`` real rows, made before the clock runs."""
        rows = evidence.candidate.golden.rows
        if evidence.labelled is not None and evidence.labelled.rows.rows:
            rows = evidence.labelled.rows
        if rows.rows == 0:
            raise InconclusiveError("there are no rows to time")
        # At least two tables in turn, for a subject may remember the last one that it was asked.
        count = min(64, max(2, rows.rows))
        starts = np.linspace(0, rows.rows, count, endpoint=False).astype(np.int64)
        return [rows.take((start + np.arange(self.batch)) % rows.rows) for start in starts]

    def _round(self, candidate: Subject, batches: list[Table], deadline: float) -> Round:
        clock = time.perf_counter_ns
        times: list[int] = []
        ends = int(deadline * 1e9)
        was_enabled = gc.isenabled()
        gc.collect()
        gc.disable()
        try:
            for number in range(self.calls):
                table = batches[number % len(batches)]
                begin = clock()
                predict(candidate, table)
                done = clock()
                times.append(done - begin)
                if done > ends and number >= _LEAST - 1:
                    break
        finally:
            if was_enabled:
                gc.enable()
        return Round(np.asarray(times) / 1e6)
