"""Dataframes taken apart: a column by itself, or all columns by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.table import Series
from modelyard.errors import UsageError
from modelyard.tables.columns import extract
from modelyard.tables.dataframes import open_dataframe

if TYPE_CHECKING:
    from modelyard.core.table import Array


def read_columns(data: Any) -> dict[str, Series | list[Any]]:
    """Take the columns of a dataframe, or a dict of arrays, as they are.

    Returns:
        name -> Series for booleans, numbers and times, else a list of Python values, None where
        one is missing.

    Raises:
        UsageError: if it is neither.
    """
    if isinstance(data, Mapping):
        return {name: _taken(values) for name, values in data.items()}
    frame = open_dataframe(data)
    if frame is None:
        raise UsageError(
            f"rows with named columns cannot be read from {type(data).__module__}."
            f"{type(data).__qualname__}",
            hint="give a pandas or polars DataFrame, an Arrow table or a dict of arrays",
        )
    return {name: extract(frame[name]) for name in frame.columns}


def split_column(data: Any, name: str) -> tuple[Any, Array]:
    """Take one column out of a dataframe.

    Returns:
        The frame without it, of the same kind; and its values, None where one is missing.

    Raises:
        UsageError: if there is no such column.
    """
    frame = open_dataframe(data)
    if frame is None or name not in frame.columns:
        known = ", ".join(frame.columns[:20]) if frame is not None else "none"
        raise UsageError(f"there is no column {name!r}", hint=f"the columns are: {known}")
    return frame.drop(name).to_native(), as_array(extract(frame[name]))


def as_array(column: Series | list[Any]) -> Array:
    """One array for a column: floats with NaN, or objects with None, where a value is missing.

    Example:
        >>> as_array(["a", None])
        array(['a', None], dtype=object)
    """
    if isinstance(column, list):
        made = np.empty(len(column), object)
        made[:] = column
        return made
    if column.missing is None:
        return column.values
    made = column.values.astype(object)
    made[column.missing] = None
    return made


def _taken(values: Any) -> Series | list[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "biufM":
        return Series(values)
    return list(values)
