"""Slices of rows by the values of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from modelyard.core.table import Array

FEW_VALUES = 10  # a numeric column with no more is cut by value


class Slice(NamedTuple):
    """Some rows.

    Args:
        column: The column they are cut by.
        value: What they have in common, for a person.
        rows: Their indices.
    """

    column: str
    value: str
    rows: Array

    @property
    def name(self) -> str:
        """How evidence and a summary name it."""
        return f"{self.column} = {self.value}"


def cut(column: str, values: Array, parts: int) -> list[Slice]:
    """Cut rows by value, or a column of many numbers at its quantiles into ``parts``.

    Args:
        column: Its name.
        values: shape (rows,), None where a value is missing.
        parts: Of a column of many numbers.

    Example:
        >>> [(piece.value, len(piece.rows)) for piece in cut("sex", np.array(["f", "m", "f"]), 4)]
        [("'f'", 2), ("'m'", 1)]
    """
    missing = np.zeros(len(values), np.bool_)
    if values.dtype == object:
        missing = np.fromiter((value is None for value in values), np.bool_, len(values))
    present = np.flatnonzero(~missing)
    found: list[Slice] = []
    if len(present):
        given = _tight(values[present])
        if given.dtype.kind in "iufmM" and len(np.unique(given)) > FEW_VALUES:
            found = _quantiles(column, given, present, parts)
        else:
            found = _by_value(column, given, present)
    if missing.any():
        found.append(Slice(column, "missing", np.flatnonzero(missing)))
    return found


def _tight(values: Array) -> Array:
    """Objects as the numbers or times that they all are, where they are."""
    if values.dtype != object:
        return values
    kinds = {type(value) for value in values}
    if kinds <= {int, float} or any(issubclass(kind, np.generic) for kind in kinds):
        return np.array(values.tolist())
    return values


def _by_value(column: str, given: Array, present: Array) -> list[Slice]:
    codes: dict[Any, int] = {}
    of_row = np.array([codes.setdefault(value, len(codes)) for value in given.tolist()])
    order = np.argsort(of_row, kind="stable")
    pieces = np.split(present[order], np.flatnonzero(np.diff(of_row[order])) + 1)
    made = [Slice(column, _told(value), rows) for value, rows in zip(codes, pieces, strict=True)]
    return sorted(made, key=lambda piece: piece.value)


def _told(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return repr(value) if isinstance(value, str) else str(value)


def _quantiles(column: str, given: Array, present: Array, parts: int) -> list[Slice]:
    # Edges are values that occur, so that a quarter of shops is a quarter whatever the spread.
    shares = np.linspace(0, 1, parts + 1)[1:-1]
    edges = np.unique(np.quantile(given, shares, method="higher"))
    of_row = np.searchsorted(edges, given, "left")
    found = []
    for part in range(len(edges) + 1):
        inside = of_row == part
        if inside.any():
            low, high = given[inside].min(), given[inside].max()
            found.append(Slice(column, f"{_told(low)} to {_told(high)}", present[inside]))
    return found


def holm(p_values: list[float]) -> list[float]:
    """Adjust p-values so that any false alarm at all is as rare as one test's would be.

    References:
        S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
        Statistics 6 (1979) 65-70.

    Example:
        >>> holm([0.01, 0.5, 0.03])
        [0.03, 0.5, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    worst = 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = worst
    return adjusted
