"""Rows of named, typed columns: what every model takes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


class Series(NamedTuple):
    """One column.

    Args:
        values: shape (rows,) or (rows, *shape).  Strings are an object array of str; timestamps
            are datetime64[us] in UTC.  Where a row is missing its value means nothing, except
            that floats hold NaN there.
        missing: shape (rows,), true where the row has no value; None where every row has one.
    """

    values: Array
    missing: Mask | None = None

    def take(self, rows: Array) -> Series:
        """Pick rows by index or mask."""
        return Series(self.values[rows], None if self.missing is None else self.missing[rows])


class Table:
    """Columns of one length, in order.

    Args:
        columns: name -> Series; all of them with the same number of rows.

    Example:
        >>> table = Table({"age": Series(np.array([31, 47]))})
        >>> table.rows, list(table)
        (2, ['age'])
    """

    __slots__ = ("columns", "rows")

    def __init__(self, columns: Mapping[str, Series]) -> None:
        self.columns = dict(columns)
        lengths = {len(series.values) for series in self.columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")
        self.rows = lengths.pop() if lengths else 0

    def __getitem__(self, name: str) -> Series:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return self.rows

    def take(self, rows: Array) -> Table:
        """Pick rows by index or mask, of every column."""
        return Table({name: series.take(rows) for name, series in self.columns.items()})

    def select(self, names: list[str]) -> Table:
        """Pick columns by name, in the given order."""
        return Table({name: self.columns[name] for name in names})


def concatenate(tables: list[Table]) -> Table:
    """Put tables with the same columns one below the other.

    Example:
        >>> one = Table({"a": Series(np.array([1]))})
        >>> concatenate([one, one]).rows
        2
    """
    return Table(
        {name: _join([table[name] for table in tables]) for name in tables[0]},
    )


def _join(parts: list[Series]) -> Series:
    values = np.concatenate([part.values for part in parts])
    if all(part.missing is None for part in parts):
        return Series(values)
    masks = [
        np.zeros(len(part.values), np.bool_) if part.missing is None else part.missing
        for part in parts
    ]
    return Series(values, np.concatenate(masks))
