"""``metric``: a figure on held-out rows is on the right side of a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.errors import InconclusiveError
from modelyard.gates._bootstrap import Interval, bootstrap, more_units, widen
from modelyard.gates._measured import (
    Measured,
    Units,
    checked,
    drawn,
    facts_of,
    labels_of,
    shown,
    support,
    wanted,
    why_not,
)
from modelyard.gates._metrics import METRICS
from modelyard.gates._samples import known_rows, sample

if TYPE_CHECKING:
    from modelyard.core.verdict import Status, Verdict
    from modelyard.gates._forms import Sample
    from modelyard.gates._samples import Known
    from modelyard.gates.base import Evidence


class MetricGate(Measured, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Judge a metric on held-out rows against a threshold.

    Pass when the whole confidence interval is on the right side of the threshold, fail when it is
    wholly on the wrong side, else inconclusive with the number of labels that would decide.

    In ``modelyard.toml``::

        [gates.metric]
        metric = "roc_auc"
        minimum = 0.8

        [gates.calibration]
        kind = "metric"
        metric = "ece"
        maximum = 0.05
        judge = "point"

    Args:
        minimum: The metric must be at least this.
        maximum: The metric must be at most this.

    Example:
        >>> MetricGate(metric="roc_auc", minimum=0.8).minimum
        0.8
    """

    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minimum is None and self.maximum is None:
            raise ValueError("give a minimum or a maximum")
        if None not in (self.minimum, self.maximum) and self._least > self._most:
            raise ValueError("the minimum is above the maximum")

    @property
    def _least(self) -> float:
        return float("-inf") if self.minimum is None else self.minimum

    @property
    def _most(self) -> float:
        return float("inf") if self.maximum is None else self.maximum

    def examine(self, evidence: Evidence) -> Verdict:
        """See ``Gate.examine``."""
        if evidence.labelled is None:
            raise InconclusiveError("there are no labelled rows to judge by")
        known = known_rows(evidence.labelled)
        candidate = sample(evidence.candidate, known.labelled.rows, known, self.reading)
        units = Units.read(known, self.group)
        facts = facts_of(self, known, units) | {"minimum": self.minimum, "maximum": self.maximum}
        reason = why_not(METRICS[self.metric], candidate, units, self.minimum_rows)
        if reason:
            raise InconclusiveError(reason, evidence=facts)
        interval = self._interval(candidate, units, known)
        facts |= shown(interval)
        status = self._status(interval)
        summary = self._sentence(interval, facts)
        if status == "inconclusive":
            distance = min(
                abs(interval.estimate - bound)
                for bound in (self.minimum, self.maximum)
                if bound is not None
            )
            more = more_units(interval, units.total, distance, self.confidence)
            facts["more_labels"] = labels_of(more, units)
            summary += f"; {wanted(facts['more_labels'])}"
        return self.verdict(status, summary, facts)

    def _interval(self, candidate: Sample, units: Units, known: Known) -> Interval:
        metric = METRICS[self.metric]
        fast = metric.fast(candidate)
        statistic = drawn(lambda weights: fast(weights)[:, None], units)
        interval = bootstrap(statistic, units.total, self.plan(known))[0]
        interval = checked(interval, self.title)._replace(estimate=metric.score(candidate))
        if metric.bounds is None:
            return interval
        return widen(interval, support(metric, candidate, units), metric.bounds, self.confidence)

    def _status(self, interval: Interval) -> Status:
        low, high = interval.low, interval.high
        if self.judge_by == "point":
            low = high = interval.estimate
        if low >= self._least and high <= self._most:
            return "pass"
        return "fail" if high < self._least or low > self._most else "inconclusive"

    def _sentence(self, interval: Interval, facts: dict[str, Any]) -> str:
        asked = [
            f"{word} {bound:.4g}"
            for word, bound in (("at least", self.minimum), ("at most", self.maximum))
            if bound is not None
        ]
        return (
            f"{self.title} {interval.estimate:.4g} [{interval.low:.4g}, {interval.high:.4g}] on"
            f" {facts['rows']} rows, asked {' and '.join(asked)}"
        )
