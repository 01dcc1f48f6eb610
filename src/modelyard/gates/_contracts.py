"""What changed between two contracts, and which changes break a caller."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelyard.core.contract import Column, Contract, Output

# What each type holds wholly: a caller's values still fit a column that became wider.
_WIDER = {
    "int8": ("int16", "int32", "int64", "float32", "float64"),
    "int16": ("int32", "int64", "float32", "float64"),
    "int32": ("int64", "float64"),
    "uint8": ("uint16", "uint32", "uint64", "int16", "int32", "int64", "float32", "float64"),
    "uint16": ("uint32", "uint64", "int32", "int64", "float32", "float64"),
    "uint32": ("uint64", "int64", "float64"),
    "float32": ("float64",),
}


class Change(NamedTuple):
    """One difference between two contracts.

    Args:
        subject: ``input age`` or ``output label``.
        what: ``removed``, ``added``, ``retyped``, ...
        why: What it was and what it is.
        breaks: Whether a caller of the old contract can break by it.
    """

    subject: str
    what: str
    why: str
    breaks: bool

    @property
    def name(self) -> str:
        """How the change is named in evidence and in ``allow``."""
        return f"{self.subject} {self.what}"

    def plain(self, allowed: bool) -> dict[str, Any]:  # noqa: FBT001 - a fact, not a switch
        """The change as evidence."""
        compatible = not self.breaks
        return {
            "change": self.name,
            "why": self.why,
            "compatible": compatible,
            "allowed": allowed and self.breaks,
        }


def changes(old: Contract, new: Contract) -> list[Change]:
    """Every difference of the new contract from the old one, as a caller of the old one sees it."""
    return [*_input_changes(old, new), *_output_changes(old, new)]


def _input_changes(old: Contract, new: Contract) -> Iterator[Change]:
    had = {column.name: column for column in old.inputs}
    has = {column.name: column for column in new.inputs}
    gone = [name for name in had if name not in has]
    come = [name for name in has if name not in had]
    for name in gone:
        yield Change(f"input {name}", "removed", _renamed(had[name], come, has), breaks=True)
    for name in come:
        # Contracts know no optional columns: a row without the column is refused, nullable or not.
        yield Change(f"input {name}", "added", "callers do not send it", breaks=True)
    for name, column in had.items():
        if name in has:
            yield from _column_changes(column, has[name])


def _renamed(column: Column, come: list[str], has: dict[str, Column]) -> str:
    alike = [name for name in come if has[name].dtype == column.dtype]
    if len(alike) == 1:
        return f"callers send it, and it is refused; was it renamed to {alike[0]!r}?"
    return "callers send it, and it is refused"


def _column_changes(old: Column, new: Column) -> Iterator[Change]:
    subject = f"input {old.name}"
    if old.dtype != new.dtype:
        breaks = new.dtype not in _WIDER.get(old.dtype, ())
        yield Change(subject, "retyped", f"{old.dtype} became {new.dtype}", breaks)
    if old.shape != new.shape:
        fits = len(old.shape) == len(new.shape) and all(
            now is None or now == was for was, now in zip(old.shape, new.shape, strict=True)
        )
        yield Change(subject, "reshaped", f"{old.shape} became {new.shape}", not fits)
    if old.nullable != new.nullable:
        if old.nullable:
            yield Change(subject, "not nullable", "a missing value is refused now", breaks=True)
        else:
            yield Change(subject, "nullable", "a missing value is let in now", breaks=False)
    yield from _category_changes(subject, old, new)
    yield from _range_changes(subject, old, new)


def _category_changes(subject: str, old: Column, new: Column) -> Iterator[Change]:
    if old.dtype != "string" or new.dtype != "string":
        return
    was, now = _let_in(old), _let_in(new)
    if was == now:
        return
    if now is None:
        yield Change(subject, "categories widened", "any string is let in now", breaks=False)
    elif was is None:
        yield Change(subject, "categories narrowed", "unknown strings are refused", breaks=True)
    else:
        lost, won = sorted(was - now), sorted(now - was)
        if lost:
            yield Change(subject, "categories narrowed", f"refused: {_listed(lost)}", breaks=True)
        if won:
            yield Change(subject, "categories widened", f"new: {_listed(won)}", breaks=False)


def _let_in(column: Column) -> set[str] | None:
    """The strings that a column lets in; None is any."""
    if column.categories is None or column.unknown == "model":
        return None
    return set(column.categories)


def _listed(values: list[str], limit: int = 5) -> str:
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(repr(value) for value in values[:limit]) + more


def _range_changes(subject: str, old: Column, new: Column) -> Iterator[Change]:
    if (old.minimum, old.maximum) == (new.minimum, new.maximum):
        return
    least = [-math.inf if c.minimum is None else c.minimum for c in (old, new)]
    most = [math.inf if c.maximum is None else c.maximum for c in (old, new)]
    narrower = least[1] > least[0] or most[1] < most[0]
    why = f"[{least[0]}, {most[0]}] became [{least[1]}, {most[1]}]"
    yield Change(subject, "range narrowed" if narrower else "range widened", why, narrower)


def _output_changes(old: Contract, new: Contract) -> Iterator[Change]:
    had = {output.name: output for output in old.outputs}
    has = {output.name: output for output in new.outputs}
    for name, output in had.items():
        subject = f"output {name}"
        if name not in has:
            yield Change(subject, "removed", "callers read it", breaks=True)
        else:
            yield from _answer_changes(subject, output, has[name])
    for name in has:
        if name not in had:
            yield Change(f"output {name}", "added", "callers do not read it", breaks=False)


def _answer_changes(subject: str, old: Output, new: Output) -> Iterator[Change]:
    if old.dtype != new.dtype:
        # Callers read floats of any width; anything else they may have taken at its word.
        floats = old.dtype.startswith("float") and new.dtype.startswith("float")
        yield Change(subject, "retyped", f"{old.dtype} became {new.dtype}", not floats)
    if old.shape != new.shape:
        yield Change(subject, "reshaped", f"{old.shape} became {new.shape}", breaks=True)
    if old.labels != new.labels:
        was, now = list(old.labels or ()), list(new.labels or ())
        yield Change(subject, "labels changed", f"{was[:10]} became {now[:10]}", breaks=True)
