"""Cases of behaviour: what a user says of a model, tried on rows.

The three kinds are those of M. Ribeiro, T. Wu, C. Guestrin, S. Singh, Beyond accuracy: behavioral
testing of NLP models with CheckList, ACL 2020: invariance, directional expectation and minimum
functionality.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np

from modelyard.core.enforce import enforce, enforce_rows
from modelyard.errors import ContractError, InconclusiveError
from modelyard.gates._samples import classes_of, predict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelyard.core.contract import Column
    from modelyard.core.table import Array, Table
    from modelyard.gates.base import Subject

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Least = Annotated[float, msgspec.Meta(ge=0)]
_SHOWN_COLUMNS = 30
_LISTED = 10


class Failure(NamedTuple):
    """One row that behaved otherwise.

    Args:
        row: Its number among the rows that were tried.
        inputs: Its values.
        change: What was changed of it, or "".
        before: What the model answered first, or what was expected.
        after: What it answered then.
    """

    row: int
    inputs: dict[str, Any]
    change: str
    before: Any
    after: Any


class Outcome(NamedTuple):
    """What came of one case.

    Args:
        tried: How many answers.
        failed: How many of them were wrong.
        failures: The first of those.
    """

    tried: int
    failed: int
    failures: list[Failure]


class Watched(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a model's answers a case looks at.

    Args:
        output: An output by name; by default the probabilities, the prediction or the label.
        positive: The class whose probability is meant; by default the second of two.
    """

    output: str = ""
    positive: str | int | float | bool | None = None

    def look(self, subject: Subject, rows: Table) -> Array:
        """The answers: shape (rows, values); numbers, or labels as objects."""
        outputs = predict(subject, rows)
        usual = [name for name in ("probabilities", "prediction", "label") if name in outputs]
        name = self.output or next(iter([*usual, *outputs]), "")
        if name not in outputs:
            raise InconclusiveError(f"the model has no output {name!r}")
        answer = np.asarray(outputs[name]).reshape(rows.rows, -1)
        if answer.dtype.kind not in "iuf" or name == "label":
            return answer.astype(object)
        answer = answer.astype(np.float64)
        classes = classes_of(subject, name)
        if self.positive is not None:
            if self.positive not in classes[: answer.shape[1]]:
                raise InconclusiveError(
                    f"{self.positive!r} is none of the model's classes {list(classes)}"
                )
            return answer[:, [classes.index(self.positive)]]
        return answer[:, [1]] if name == "probabilities" and answer.shape[1] == 2 else answer  # noqa: PLR2004 - binary


class Invariance(Watched, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changing a column to given values must not move the answer.

    Args:
        column: The input that is changed.
        values: What it is changed to, one after the other, in every row.
        tolerance: A number may move by this much; a label may not move.
        allowed: The share of answers that may move nevertheless.
    """

    column: str
    values: Annotated[tuple[Any, ...], msgspec.Meta(min_length=1)]
    tolerance: Least = 1e-6
    allowed: Share = 0.0

    @property
    def title(self) -> str:
        """The case in words."""
        return f"{self.column} does not matter"

    def trial(self, subject: Subject, rows: Table) -> Outcome:
        """Try every row with every value."""
        _column(subject, self.column)
        before = self.look(subject, rows)
        failed, failures = 0, []
        for value in self.values:
            changed = _with(subject, rows, self.column, [value] * rows.rows)
            after = self.look(subject, changed)
            if before.dtype == object:
                moved = (before != after).any(axis=1)
            else:
                # A NaN has moved, whatever it moved from: no comparison with it is true.
                moved = ~(np.abs(after - before) <= self.tolerance).all(axis=1)
            failed += int(moved.sum())
            failures += _failures(rows, moved, f"{self.column} = {value!r}", (before, after))
        return Outcome(rows.rows * len(self.values), failed, failures)


class Direction(Watched, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Raising a number must not move the answer the wrong way.

    Args:
        column: The input that is raised.
        delta: By how much; below 0 it is lowered.
        relative: Whether ``delta`` is a share of the size of the row's own value.
        expect: ``up``: the answer must not fall; ``down``: it must not rise.
        tolerance: The answer may move the wrong way by this much.
        allowed: The share of rows in which it may move more nevertheless.

    Rows in which the column is missing, or would leave what the contract lets in, are not tried.
    """

    column: str
    delta: float
    expect: Literal["up", "down"]
    relative: bool = False
    tolerance: Least = 1e-6
    allowed: Share = 0.0

    def __post_init__(self) -> None:
        if self.delta == 0 or not np.isfinite(self.delta):
            raise ValueError("delta must be a number other than 0")

    @property
    def title(self) -> str:
        """The case in words."""
        raised = f"{self.delta:+.3%}" if self.relative else f"{self.delta:+g}"
        return f"{self.column} {raised}: the answer goes {self.expect}, or stays"

    def trial(self, subject: Subject, rows: Table) -> Outcome:
        """Try every row once."""
        column = _column(subject, self.column)
        raised = list(self._raised(column, rows))
        chosen = np.array([row for row, _ in raised], np.int64)
        if not len(chosen):
            raise InconclusiveError(f"in no row {self.column!r} can be moved by {self.delta:g}")
        kept = rows.take(chosen)
        before = self.look(subject, kept)
        changed = _with(subject, kept, self.column, [value for _, value in raised])
        after = self.look(subject, changed)
        if before.dtype == object or before.shape[1] != 1:
            raise InconclusiveError(
                f"{self.title}: the answer is no single number", hint="name positive, or output"
            )
        moved = (after - before)[:, 0] * (1 if self.expect == "up" else -1)
        wrong = ~(moved >= -self.tolerance)
        failures = _failures(kept, wrong, f"{self.column} {self.delta:+g}", (before, after))
        numbers = [failure._replace(row=int(chosen[failure.row])) for failure in failures]
        return Outcome(len(chosen), int(wrong.sum()), numbers)

    def _raised(self, column: Column, rows: Table) -> Iterator[tuple[int, int | float]]:
        whole = column.is_integer
        if not (whole or column.is_float) or column.shape:
            raise InconclusiveError(f"{self.column!r} is no column of numbers")
        if whole and (self.relative or self.delta != int(self.delta)):
            raise InconclusiveError(f"{self.column!r} holds whole numbers; give a whole delta")
        series = rows[self.column]
        limits = np.iinfo(column.numpy) if whole else np.finfo(column.numpy)
        least = max(x for x in (limits.min, column.minimum) if x is not None)
        most = min(x for x in (limits.max, column.maximum) if x is not None)
        for row, value in enumerate(series.values.tolist()):
            if value != value or (series.missing is not None and series.missing[row]):  # noqa: PLR0124 - NaN
                continue
            step = int(self.delta) if whole else self.delta * (abs(value) if self.relative else 1.0)
            if least <= value + step <= most:
                yield row, value + step


class Example(Watched, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row whose answer is known: minimum functionality.

    Args:
        inputs: column -> value, for every input.
        label: The label that the model must answer.
        minimum: The answer must be at least this.
        maximum: The answer must be at most this.
        name: What it stands for.
        allowed: 0: the example must hold; 1: it is shown, and may fail.
    """

    inputs: dict[str, Any]
    label: str | int | float | bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    name: str = ""
    allowed: Share = 0.0

    def __post_init__(self) -> None:
        if self.label is None and self.minimum is None and self.maximum is None:
            raise ValueError("an example expects a label, a minimum or a maximum")

    @property
    def title(self) -> str:
        """The case in words."""
        return self.name or "example"

    def trial(self, subject: Subject, rows: Table) -> Outcome:  # noqa: ARG002 - it has its own row
        """Try the row that it describes."""
        try:
            row = enforce_rows(subject.manifest.contract, [self.inputs])
        except ContractError as e:
            raise InconclusiveError(f"{self.title}: {e.message}") from e
        failures = []
        if self.label is not None:
            watched = Watched(output=self.output or "label")
            answer = watched.look(subject, row).ravel().tolist()[0]
            if answer != self.label:
                failures.append(Failure(0, dict(self.inputs), "", self.label, answer))
        if self.minimum is not None or self.maximum is not None:
            failures += self._bounded(subject, row)
        return Outcome(1, len(failures[:1]), failures[:1])

    def _bounded(self, subject: Subject, row: Table) -> list[Failure]:
        answers = self.look(subject, row)
        if answers.dtype == object or answers.shape[1] != 1:
            raise InconclusiveError(f"{self.title}: the answer is no single number")
        answer = float(answers[0, 0])
        least = -np.inf if self.minimum is None else self.minimum
        most = np.inf if self.maximum is None else self.maximum
        if least <= answer <= most:
            return []
        return [Failure(0, dict(self.inputs), "", [self.minimum, self.maximum], answer)]


def _column(subject: Subject, name: str) -> Column:
    try:
        return subject.manifest.contract.column(name)
    except KeyError as e:
        raise InconclusiveError(f"the model has no input {name!r}") from e


def _with(subject: Subject, rows: Table, column: str, values: Sequence[Any]) -> Table:
    try:
        return enforce(subject.manifest.contract, {**rows.columns, column: list(values)})
    except ContractError as e:
        raise InconclusiveError(f"the case does not fit the contract: {e.message}") from e


def _failures(
    rows: Table, wrong: Array, change: str, answers: tuple[Array, Array]
) -> list[Failure]:
    before, after = answers
    return [
        Failure(int(row), _inputs(rows, int(row)), change, _one(before[row]), _one(after[row]))
        for row in np.flatnonzero(wrong)[:_LISTED]
    ]


def _inputs(rows: Table, row: int) -> dict[str, Any]:
    shown = list(rows)[:_SHOWN_COLUMNS]
    return {
        name: None
        if (missing := rows[name].missing) is not None and missing[row]
        else rows[name].values[row]
        for name in shown
    }


def _one(values: Array) -> Any:
    return values[0] if len(values) == 1 else list(values)
