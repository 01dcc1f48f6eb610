"""One column of a dataframe: its values out of the library's hands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from modelyard.core.table import Series

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelyard.core.table import Array, Mask

_NUMBERS = frozenset("biuf")
_MISSING_TYPES = ("NAType", "NaTType")


def extract(series: nw.Series[Any]) -> Series | list[Any]:
    """Take the values of a column as they are, without any conversion that could lose one.

    Returns:
        A Series for booleans, numbers and times; else Python values, None where one is missing.
    """
    if _numpy_kind(series) in _NUMBERS:
        return Series(series.to_numpy())  # the short way for pandas' commonest columns
    mask = missing_mask(series)
    values = _array(series, mask)
    if values is not None and values.dtype.kind != "O":
        return Series(values, None if values.dtype.kind == "f" else mask)
    rows = plain(series.to_list(), mask)
    if isinstance(series.dtype, (nw.List, nw.Array)) and mask is None:
        return _typed_rows(rows, series.dtype)
    return rows


def _array(series: nw.Series[Any], mask: Mask | None) -> Array | None:
    """Booleans, numbers and times as numpy holds them; None for all else."""
    dtype = series.dtype
    if dtype == nw.Boolean or (dtype.is_integer() and dtype not in (nw.Int128, nw.UInt128)):
        whole = series if mask is None else series.fill_null(False if dtype == nw.Boolean else 0)
        return whole.to_numpy()
    if dtype.is_float():
        values = series.to_numpy()
        return values if mask is None else np.where(mask, np.nan, values).astype(values.dtype)
    if dtype == nw.Date:
        return series.cast(nw.Datetime("us")).to_numpy()
    if dtype == nw.Datetime:
        if getattr(dtype, "time_zone", None):
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return series.to_numpy()
    # Durations and complex numbers keep their dtype, so that the refusal can name it.
    return series.to_numpy() if dtype in (nw.Duration, nw.Unknown) and mask is None else None


def _typed_rows(rows: list[Any], dtype: nw.List | nw.Array) -> list[Any]:
    """Keep the type of the entries, which Python lists would forget."""
    inner = dtype.inner() if isinstance(dtype.inner, type) else dtype.inner
    while isinstance(inner, (nw.List, nw.Array)):
        inner = inner.inner() if isinstance(inner.inner, type) else inner.inner
    if not inner.is_numeric() or inner == nw.Decimal:
        return rows
    try:
        return [np.array(row, str(inner).lower()) for row in rows]
    except (TypeError, ValueError):  # ragged within a row; said with the column's name later
        return rows


def _numpy_kind(series: nw.Series[Any]) -> str:
    native = getattr(series.to_native(), "dtype", None)
    return native.kind if isinstance(native, np.dtype) else ""


def missing_mask(series: nw.Series[Any]) -> Mask | None:
    """Which rows of a column are missing, or None where none is."""
    missing = np.asarray(series.is_null().to_numpy(), np.bool_)
    return missing if missing.any() else None


def plain(values: Iterable[Any], mask: Any = None) -> list[Any]:
    """Python values for any objects: None where one is missing, no numpy scalars.

    Example:
        >>> plain(["a", None, float("nan"), np.int8(3)])
        ['a', None, None, 3]
    """
    made = [_plain(value) for value in values]
    if mask is not None:
        for row in np.flatnonzero(mask):
            made[row] = None
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN differs from itself
        return None
    # pandas' own marks are told by name: pandas is imported only by who gives a pandas frame.
    return None if type(value).__name__ in _MISSING_TYPES else value


def listed_categories(series: nw.Series[Any]) -> list[Any] | None:
    """The full list of categories in order, where the library keeps one for the column."""
    native = series.to_native()
    if series.dtype not in (nw.Categorical, nw.Enum):
        return None
    own = getattr(native.dtype if hasattr(native, "dtype") else None, "categories", None)
    if series.implementation.is_pandas() and own is not None:
        return list(own.tolist())
    if isinstance(series.dtype, nw.Enum):
        return list(series.dtype.categories)
    if series.implementation.is_pyarrow():
        chunks = native.unify_dictionaries().chunks
        return list(chunks[0].dictionary.to_pylist()) if chunks else []
    # polars shares the categories of all columns, so those of this one are what it holds.
    return sorted(value for value in set(series.to_list()) if isinstance(value, str))
