"""``slices``: the metric holds in every part of the data, not only on the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec

from modelyard.errors import InconclusiveError
from modelyard.gates import _bootstrap
from modelyard.gates._bootstrap import Interval, more_units
from modelyard.gates._compared import (
    CHAMPION,
    SLACK,
    VALUE,
    Margin,
    Threshold,
    against_champion,
    against_threshold,
)
from modelyard.gates._measured import (
    Figures,
    Measured,
    Units,
    checked,
    drawn,
    facts_of,
    labels_of,
    shown,
    support,
    why_not,
)
from modelyard.gates._metrics import METRICS
from modelyard.gates._samples import champion_sample, column_of, known_rows, sample
from modelyard.gates._slicing import Slice, cut, holm

if TYPE_CHECKING:
    from modelyard.core.verdict import Status, Verdict
    from modelyard.gates._forms import Sample
    from modelyard.gates._samples import Known
    from modelyard.gates.base import Evidence

_NAMED = 3
_LISTED = 200


class _Judged(NamedTuple):
    """A slice that could be judged.

    Args:
        slice: Which rows.
        units: What was drawn of them.
        value: The candidate's figure.
        slack: How far it is on the right side of the limit.
        champion: The champion's figure, or None.
    """

    slice: Slice
    units: Units
    value: Interval
    slack: Interval
    champion: Interval | None


class SlicesGate(Measured, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Judge a metric in every slice of some columns.

    The limit is a threshold (``minimum`` or ``maximum``) or, with ``margin``, the champion's
    figure on the same slice.  The gate fails when a slice is shown to be on the wrong side; the
    evidence against each slice is corrected for their number by Holm's procedure, so a model that
    is right in every slice fails with a probability of at most ``(1 - confidence) / 2`` over all
    of them, as with one.  It passes when each judged slice by itself is shown to be on the right
    side; that asks for all, so no correction is due (an intersection-union test; R. Berger 1982).
    Else it is inconclusive.

    In ``modelyard.toml``::

        [gates.slices]
        metric = "accuracy"
        minimum = 0.7
        columns = ["sex", "age"]

    Args:
        columns: Inputs, or further columns of the held-out data.
        minimum: The metric must be at least this in every slice.
        maximum: The metric must be at most this in every slice.
        margin: It must be no worse than the champion's by more than this.
        relative: Whether the margin is a share of the champion's figure.
        first: What to answer with a ``margin`` while there is no champion.
        parts: Into how many slices a column of many numbers is cut, at its quantiles.
        maximum_slices: A column with more values than this is judged by its largest slices.

    Slices of fewer than ``minimum_rows`` rows are listed as not judged.

    Example:
        >>> SlicesGate(metric="accuracy", minimum=0.7, columns=("sex", "age")).parts
        4
    """

    columns: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    minimum: float | None = None
    maximum: float | None = None
    margin: Annotated[float, msgspec.Meta(ge=0)] | None = None
    relative: bool = True
    first: Literal["pass", "inconclusive"] = "pass"
    parts: Annotated[int, msgspec.Meta(ge=2, le=100)] = 4
    maximum_slices: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = (self.minimum, self.maximum, self.margin)
        if sum(limit is not None for limit in limits) != 1:
            raise ValueError("give one of minimum, maximum and margin")

    def examine(self, evidence: Evidence) -> Verdict:
        """See ``Gate.examine``."""
        if evidence.labelled is None:
            raise InconclusiveError("there are no labelled rows to judge by")
        if self.margin is not None and evidence.champion is None:
            return self.verdict(
                self.first, "no champion yet: nothing to compare with", {"champion": None}
            )
        known = known_rows(evidence.labelled)
        units = Units.read(known, self.group)
        candidate = sample(evidence.candidate, known.labelled.rows, known, self.reading)
        champion = None
        if self.margin is not None:
            champion = champion_sample(evidence, known, self.reading)
        judged: list[_Judged] = []
        aside: list[dict[str, Any]] = []
        for piece in self._cut(known, aside):
            part = units.take(piece.rows)
            try:
                found = self._judge_slice(piece, part, candidate, champion, known)
            except InconclusiveError as e:
                aside.append({"slice": piece.name, "rows": len(piece.rows), "why": e.message})
            else:
                judged.append(found)
        facts = facts_of(self, known, units) | {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "margin": self.margin,
            **self._compared(evidence),
            "not_judged": aside[:_LISTED],
            "not_judged_count": len(aside),
        }
        if not judged:
            raise InconclusiveError("no slice has enough rows to be judged", evidence=facts)
        return self._answer(judged, facts)

    def _compared(self, evidence: Evidence) -> dict[str, str]:
        """The champion that it was compared with, if it was with one."""
        if self.margin is None or evidence.champion is None:
            return {}
        return {"champion": evidence.champion.digest}

    def _cut(self, known: Known, aside: list[dict[str, Any]]) -> list[Slice]:
        """The slices to judge; those beyond the greatest number go aside."""
        chosen = []
        for column in self.columns:
            pieces = cut(column, column_of(known.labelled, column), self.parts)
            pieces.sort(key=lambda piece: -len(piece.rows))
            chosen += pieces[: self.maximum_slices]
            aside += [
                {"slice": piece.name, "rows": len(piece.rows), "why": "beyond maximum_slices"}
                for piece in pieces[self.maximum_slices :]
            ]
        return chosen

    def _judge_slice(
        self, piece: Slice, units: Units, candidate: Sample, champion: Sample | None, known: Known
    ) -> _Judged:
        metric = METRICS[self.metric]
        here = candidate.take(piece.rows)
        there = None if champion is None else champion.take(piece.rows)
        for one in (here, there):
            reason = "" if one is None else why_not(metric, one, units, self.minimum_rows)
            if reason:
                raise InconclusiveError(reason)
        statistic = drawn(self._figures(here, there), units)
        found = _bootstrap.bootstrap(statistic, units.total, self.plan(known, piece.name))
        slack = checked(found[SLACK], self.title)
        if metric.bounds is not None:
            reach = metric.bounds[1] - metric.bounds[0]
            bounds = (slack.estimate - reach, slack.estimate + reach)
            slack = _bootstrap.widen(slack, support(metric, here, units), bounds, self.confidence)
        return _Judged(
            piece, units, found[VALUE], slack, None if there is None else found[CHAMPION]
        )

    def _figures(self, candidate: Sample, champion: Sample | None) -> Figures:
        metric = METRICS[self.metric]
        if champion is not None:
            margin = Margin(self.margin or 0.0, self.relative)
            return against_champion(metric, candidate, champion, margin)
        if self.minimum is not None:
            return against_threshold(metric, candidate, Threshold(self.minimum, least=True))
        return against_threshold(metric, candidate, Threshold(self.maximum or 0.0, least=False))

    def _answer(self, judged: list[_Judged], facts: dict[str, Any]) -> Verdict:
        adjusted = holm([one.slack.above for one in judged])
        level = (1 - self.confidence) / 2
        bad, open_ = [], []
        for one, p_value in zip(judged, adjusted, strict=True):
            if p_value <= level and one.slack.high < 0:
                bad.append(one)
            elif (one.slack.estimate if self.judge_by == "point" else one.slack.low) < 0:
                open_.append(one)
        order = sorted(range(len(judged)), key=lambda i: (adjusted[i], judged[i].slack.estimate))
        facts["slices"] = [_listed(judged[i], adjusted[i]) for i in order[:_LISTED]]
        facts["judged_count"] = len(judged)
        aside = facts["not_judged_count"]
        tail = f" ({aside} too small to judge)" if aside else ""
        status: Status = "fail" if bad else "inconclusive" if open_ else "pass"
        if bad:
            summary = f"{self.title} is wrong in {len(bad)} of {len(judged)} slices: {_some(bad)}"
        elif open_:
            more = [self._more(one) for one in open_]
            facts["more_labels"] = None if None in more else sum(m for m in more if m)
            summary = f"{self.title} is not yet shown in {len(open_)} of {len(judged)} slices:"
            summary += f" {_some(open_)}"
        else:
            every = f"all {len(judged)} slices" if len(judged) > 1 else judged[0].slice.name
            summary = f"{self.title} holds in {every}"
        return self.verdict(status, summary + tail, facts)

    def _more(self, one: _Judged) -> int | None:
        more = more_units(one.slack, one.units.total, one.slack.estimate, self.confidence)
        return labels_of(more, one.units)


def _some(found: list[_Judged]) -> str:
    worst = sorted(found, key=lambda one: one.slack.estimate)[:_NAMED]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(f"{one.slice.name} ({one.value.estimate:.4g})" for one in worst) + more


def _listed(one: _Judged, p_value: float) -> dict[str, Any]:
    return {
        "slice": one.slice.name,
        "rows": len(one.slice.rows),
        **shown(one.value),
        "champion_value": None if one.champion is None else one.champion.estimate,
        "slack": {"value": one.slack.estimate, "low": one.slack.low, "high": one.slack.high},
        "p_wrong": min(1.0, one.slack.above),
        "p_wrong_adjusted": p_value,
    }
