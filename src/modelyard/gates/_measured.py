"""What the gates that measure have in common: their options, and how a figure is estimated."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np

from modelyard.core.table import Array
from modelyard.errors import InconclusiveError
from modelyard.gates import _bootstrap
from modelyard.gates._bootstrap import Interval, Plan
from modelyard.gates._metrics import METRICS, Metric
from modelyard.gates._samples import Known, Reading, units_of
from modelyard.gates.base import Gate, Need

if TYPE_CHECKING:
    from modelyard.gates._forms import Sample

Judge = Literal["interval", "point"]

Figures = Callable[[Array], Array]
"""Weights of shape (resamples, rows) -> (resamples, figures)."""

LEAST_GROUPS = 10  # a cluster bootstrap of fewer is no more than a guess
LEAST_RARE = 5  # rows of the rarest class, for metrics that it decides
_MOST_UNDEFINED = 0.05


class Measured(Gate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gate that measures: options that all of them share.

    Args:
        metric: accuracy, balanced_accuracy, f1, precision, recall, matthews, roc_auc,
            average_precision, log_loss, brier, ece, mae, mse, rmse, mape, wape, r2 or pinball.
        positive: The positive class of precision, recall, F1, ranking metrics, Brier and ece; by
            default the second of two classes.  With more than two classes and none named, those
            metrics are means over the classes.
        alpha: The quantile that ``pinball`` is about.
        output: The output to read, where the model names its outputs itself.
        judge: ``interval`` demands that the whole confidence interval be on the right side;
            ``point`` looks at the figure alone.
        confidence: Of the two-sided interval.
        resamples: Of the bootstrap.
        group: A column whose rows of one value depend on each other (store, customer, week): they
            are drawn together.
        minimum_rows: With fewer labelled rows the answer is inconclusive.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"labels"})

    metric: str
    positive: str | int | float | bool | None = None
    alpha: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    output: str = ""
    judge_by: Judge = msgspec.field(default="interval", name="judge")
    confidence: Annotated[float, msgspec.Meta(ge=0.5, le=0.9999)] = 0.95
    resamples: Annotated[int, msgspec.Meta(ge=200, le=100_000)] = 2000
    group: str = ""
    minimum_rows: Annotated[int, msgspec.Meta(ge=2)] = 30

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            near = difflib.get_close_matches(self.metric, METRICS, n=1)
            known = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(METRICS)}"
            raise ValueError(f"there is no metric {self.metric!r}; {known}")

    @property
    def reading(self) -> Reading:
        """What is to be read from a subject."""
        return Reading(METRICS[self.metric], self.output, self.positive, self.alpha)

    @property
    def title(self) -> str:
        """The metric's name with what it is about."""
        return f"pinball({self.alpha:g})" if self.metric == "pinball" else self.metric

    def plan(self, known: Known, *parts: str) -> Plan:
        """How to draw; the same data and question give the same resamples."""
        seed = _bootstrap.seed_of(known.digest, self.metric, self.group, *parts)
        return Plan(self.confidence, self.resamples, seed)


class Units(NamedTuple):
    """What is drawn: the unit of each row, how many there are, and what they are called."""

    of_row: Array
    total: int
    kind: str = "rows"

    @classmethod
    def read(cls, known: Known, group: str) -> Units:
        """The groups of a column, or the rows themselves where ``group`` is ""."""
        of_row, total = units_of(known, group)
        return cls(of_row, total, "groups" if group else "rows")

    def take(self, rows: Array) -> Units:
        """The units of some of the rows."""
        found, of_row = np.unique(self.of_row[rows], return_inverse=True)
        return Units(of_row, len(found), self.kind)

    @property
    def grouped(self) -> bool:
        """Whether some unit holds more than one row."""
        return self.total < len(self.of_row)


def drawn(figures: Figures, units: Units) -> _bootstrap.Statistic:
    """Figures of rows as a statistic of units: a row weighs what its unit weighs."""
    if not units.grouped:
        return figures
    step = max(1, _bootstrap.CHUNK // len(units.of_row))  # few groups may hold very many rows

    def statistic(weights: Array) -> Array:
        parts = [weights[start : start + step] for start in range(0, len(weights), step)]
        return np.concatenate([figures(part[:, units.of_row]) for part in parts])

    return statistic


def why_not(metric: Metric, sample: Sample, units: Units, minimum_rows: int) -> str:
    """Why a metric cannot be judged on a sample; "" where it can."""
    rows = len(sample.truth)
    if rows < minimum_rows:
        return f"{rows} labelled rows are fewer than minimum_rows = {minimum_rows}"
    reason = metric.undefined(sample)
    if reason:
        return f"{metric.name} is not defined: {reason}"
    if units.kind != "rows" and units.total < LEAST_GROUPS:
        return f"{units.total} groups are too few; an interval needs {LEAST_GROUPS}"
    rare = support(metric, sample, units)
    if metric.scarce and rare < LEAST_RARE:
        return f"the rarest class has {rare} {units.kind}, fewer than {LEAST_RARE}"
    return ""


def support(metric: Metric, sample: Sample, units: Units) -> int:
    """How many units decide how well a metric is known: all, or those of the rarest class."""
    if not metric.scarce:
        return units.total
    truth = sample.truth == sample.positive if sample.positive >= 0 else sample.truth
    return min(len(np.unique(units.of_row[truth == code])) for code in np.unique(truth))


def checked(interval: Interval, what: str) -> Interval:
    """Give an interval back, unless too many resamples could not be computed."""
    if not np.isfinite(interval.low) or interval.undefined > _MOST_UNDEFINED:
        raise InconclusiveError(
            f"{what} is not defined in {interval.undefined:.0%} of the resamples: too few rows of"
            " some class",
            evidence={"undefined": interval.undefined},
        )
    return interval


def shown(interval: Interval) -> dict[str, Any]:
    """An interval as evidence."""
    return {
        "value": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "standard_error": interval.error,
        "method": interval.method,
    }


def labels_of(more: int | None, units: Units) -> int | None:
    """Units as labels: a group brings as many as groups do on average."""
    return None if more is None else -(-more * len(units.of_row) // units.total)


def wanted(more: int | None) -> str:
    """How many more labels would decide, in words."""
    if more is None:
        return "the figure lies so near the limit that no number of labels would decide"
    return f"about {more:,} more labels would decide"


def facts_of(gate: Measured, known: Known, units: Units) -> dict[str, Any]:
    """What every measuring gate tells of its data and its options."""
    return {
        "metric": gate.title,
        "confidence": gate.confidence,
        "resamples": gate.resamples,
        "rows": int(known.kept.sum()),
        "unlabelled": int(len(known.kept) - known.kept.sum()),
        "groups": units.total if gate.group else None,
        "data": known.digest,
    }
