"""``behaviour``: the model behaves as a user says it must."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from modelyard.errors import InconclusiveError
from modelyard.gates._cases import Direction, Example, Invariance, Outcome
from modelyard.gates.base import Gate, counted, why_unlabelled

if TYPE_CHECKING:
    from modelyard.core.table import Table
    from modelyard.core.verdict import Status, Verdict
    from modelyard.gates.base import Evidence

_LISTED = 10
_Case = Invariance | Direction | Example


class BehaviourGate(Gate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Try cases that a user gave: invariance, direction, examples.

    Invariances and directions are tried on held-out rows, spread evenly over the data, or on the
    real golden rows where there are none.  Every row tried counts: the gate fails where a larger
    share than ``allowed`` behaves otherwise, and lists rows that do.  It is inconclusive where a
    case cannot be tried: no rows, no such input, a value that the contract refuses.

    In ``modelyard.toml``::

        [gates.behaviour]
        rows = 500

        [[gates.behaviour.invariance]]
        column = "sex"
        values = ["f", "m"]
        tolerance = 0.01

        [[gates.behaviour.direction]]
        column = "income"
        delta = 0.1
        relative = true
        expect = "down"
        positive = "default"

        [[gates.behaviour.examples]]
        name = "a plain case"
        inputs = { sex = "f", age = 40, income = 50000.0 }
        label = "good"

    Args:
        invariance: Changing a column must not move the answer.
        direction: Raising a number must not move the answer the wrong way.
        examples: Rows whose answer is known.
        rows: At most this many rows are tried.

    Example:
        >>> BehaviourGate(direction=(Direction(column="price", delta=1, expect="down"),)).rows
        500
    """

    invariance: tuple[Invariance, ...] = ()
    direction: tuple[Direction, ...] = ()
    examples: tuple[Example, ...] = ()
    rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 500

    def __post_init__(self) -> None:
        if not (self.invariance or self.direction or self.examples):
            raise ValueError("give at least one case: invariance, direction or examples")

    def examine(self, evidence: Evidence) -> Verdict:
        """See ``Gate.examine``."""
        rows = self._rows(evidence)
        listed: list[dict[str, Any]] = []
        failed, open_ = [], []
        for case in self._cases:
            facts: dict[str, Any] = {"case": case.title, "kind": type(case).__name__.lower()}
            try:
                outcome = _tried(case, evidence, rows)
            except InconclusiveError as e:
                open_.append(f"{case.title}: {e.message}")
                listed.append(facts | {"why_not": e.message})
                continue
            if outcome.failed / outcome.tried > case.allowed:
                failed.append(
                    f"{case.title}: not in {outcome.failed} of {counted(outcome.tried, 'answer')}"
                )
            listed.append(facts | {"allowed": case.allowed} | _told(outcome))
        status: Status = "fail" if failed else "inconclusive" if open_ else "pass"
        held = f"all {len(listed)} cases hold" if len(listed) > 1 else "the case holds"
        summary = "; ".join(failed or open_) or held
        return self.verdict(status, summary, {"rows": rows.rows, "cases": listed})

    @property
    def _cases(self) -> tuple[_Case, ...]:
        return (*self.invariance, *self.direction, *self.examples)

    def _rows(self, evidence: Evidence) -> Table:
        golden = evidence.candidate.golden
        if evidence.labelled is not None and evidence.labelled.rows.rows:
            rows = evidence.labelled.rows
        else:
            real = [row for row, kind in enumerate(golden.kinds) if kind == "real"]
            rows = golden.rows.take(np.array(real, np.int64)) if real else golden.rows
        if rows.rows <= self.rows:
            return rows
        return rows.take(np.linspace(0, rows.rows - 1, self.rows).astype(np.int64))


def _tried(case: _Case, evidence: Evidence, rows: Table) -> Outcome:
    if not isinstance(case, Example):
        if evidence.misfits is not None:
            raise InconclusiveError(why_unlabelled(evidence))
        if rows.rows == 0:
            raise InconclusiveError("there are no rows to try")
    return case.trial(evidence.candidate, rows)


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "tried": outcome.tried,
        "failed": outcome.failed,
        "failures": [failure._asdict() for failure in outcome.failures[:_LISTED]],
    }
