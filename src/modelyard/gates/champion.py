"""``champion``: the candidate is no worse than the champion, or better, on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from modelyard.errors import InconclusiveError
from modelyard.gates._bootstrap import Interval, bootstrap, more_units, widen
from modelyard.gates._compared import CHAMPION, GAIN, SLACK, VALUE, Margin, against_champion
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
from modelyard.gates._samples import champion_sample, known_rows, sample
from modelyard.gates.base import Need  # noqa: TC001 - msgspec reads it when the class is made

if TYPE_CHECKING:
    from modelyard.core.verdict import Status, Verdict
    from modelyard.gates._forms import Sample
    from modelyard.gates.base import Evidence


class ChampionGate(Measured, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Compare the candidate with the champion on the same held-out rows.

    The difference is paired: both models answer the same rows, and every resample draws the same
    rows for both.  Pass when the whole confidence interval of the difference is above ``-margin``
    (the candidate is not inferior), fail when it is wholly below, else inconclusive with the
    number of labels that would decide.

    No data is never a pass, and yet a first version must be able to become champion.  Where there
    is no champion there is no question, rather than no data: nobody could collect rows that would
    answer it.  So by default the gate then passes and says that nothing was compared; ``first =
    "inconclusive"`` demands that a person decides.  What a first version must reach is for the
    ``metric`` gate to say.

    In ``modelyard.toml``::

        [gates.champion]
        metric = "roc_auc"
        margin = 0.02

    Args:
        margin: How much worse is still no worse.
        relative: Whether the margin is a share of the champion's figure (0.01: one per cent of
            it), or in units of the metric.
        better: Whether the candidate must be shown to be better; the margin then does not matter.
        first: What to answer while there is no champion.

    Example:
        >>> ChampionGate(metric="wape", margin=0.02).relative
        True
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"labels", "champion"})

    margin: Annotated[float, msgspec.Meta(ge=0)] = 0.01
    relative: bool = True
    better: bool = False
    first: Literal["pass", "inconclusive"] = "pass"

    def judge(self, evidence: Evidence) -> Verdict:
        """See ``Gate.judge``; without a champion, the answer is ``first``."""
        if evidence.champion is None:
            return self.verdict(
                self.first, "no champion yet: nothing to compare with", {"champion": None}
            )
        return super().judge(evidence)

    def examine(self, evidence: Evidence) -> Verdict:
        """See ``Gate.examine``."""
        if evidence.labelled is None or evidence.champion is None:
            raise InconclusiveError("there are no labelled rows, or no champion")
        if evidence.champion.digest == evidence.candidate.digest:
            return self._same(evidence.champion.digest)
        known = known_rows(evidence.labelled)
        candidate = sample(evidence.candidate, known.labelled.rows, known, self.reading)
        champion = champion_sample(evidence, known, self.reading)
        units = Units.read(known, self.group)
        facts = facts_of(self, known, units) | {
            "champion": evidence.champion.digest,
            "margin": self.margin,
            "relative": self.relative,
            "better": self.better,
        }
        metric = METRICS[self.metric]
        for one in (candidate, champion):
            reason = why_not(metric, one, units, self.minimum_rows)
            if reason:
                raise InconclusiveError(reason, evidence=facts)
        figures = against_champion(metric, candidate, champion, Margin(self.margin, self.relative))
        intervals = bootstrap(drawn(figures, units), units.total, self.plan(known))
        judged = self._judged(intervals, candidate, units)
        return self._answer(judged, intervals, units, facts)

    def _judged(self, intervals: list[Interval], candidate: Sample, units: Units) -> Interval:
        """The interval that must lie above 0: of the gain, or of the gain and the margin."""
        interval = checked(intervals[GAIN if self.better else SLACK], self.title)
        metric = METRICS[self.metric]
        if metric.bounds is None:
            return interval
        reach = metric.bounds[1] - metric.bounds[0]
        margin = interval.estimate - intervals[GAIN].estimate
        bounds = (margin - reach, margin + reach)
        return widen(interval, support(metric, candidate, units), bounds, self.confidence)

    def _answer(
        self, judged: Interval, intervals: list[Interval], units: Units, facts: dict[str, Any]
    ) -> Verdict:
        value, champion, gain = (intervals[i] for i in (VALUE, CHAMPION, GAIN))
        facts |= {
            "value": value.estimate,
            "champion_value": champion.estimate,
            "gain": shown(gain),
            "judged": shown(judged),
        }
        low, high = judged.low, judged.high
        if self.judge_by == "point":
            low = high = judged.estimate
        status: Status = "pass" if low > 0 else "fail" if high <= 0 else "inconclusive"
        summary = (
            f"{self.title} {value.estimate:.4g}, the champion {champion.estimate:.4g}:"
            f" {_compared(gain)} on {facts['rows']} rows; {self._asked()}"
        )
        if status == "inconclusive":
            more = more_units(judged, units.total, judged.estimate, self.confidence)
            facts["more_labels"] = labels_of(more, units)
            summary += f"; {wanted(facts['more_labels'])}"
        return self.verdict(status, summary, facts)

    def _asked(self) -> str:
        if self.better:
            return "it must be better"
        allowed = f"{self.margin * 100:g} %" if self.relative else f"{self.margin:g}"
        return f"at most {allowed} worse is allowed"

    def _same(self, digest: str) -> Verdict:
        status: Status = "fail" if self.better else "pass"
        return self.verdict(status, "the candidate is the champion itself", {"champion": digest})


def _compared(gain: Interval) -> str:
    if gain.estimate >= 0:
        return f"better by {gain.estimate:.3g} [{gain.low:.3g}, {gain.high:.3g}]"
    return f"worse by {-gain.estimate:.3g} [{-gain.high:.3g}, {-gain.low:.3g}]"
