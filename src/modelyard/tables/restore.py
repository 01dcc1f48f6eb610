"""The way back: a Series becomes a column of the library, kind and dtype of the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelyard.core.table import Array, Series

    Way = Callable[[Series], Any]


def listed(series: Series, missing: Any = None) -> list[Any]:
    """Python values, with a given mark where one is missing."""
    values: list[Any] = series.values.tolist()
    if series.missing is None:
        return values
    gone = series.missing.tolist()
    return [missing if lost else value for value, lost in zip(values, gone, strict=True)]


def within(values: Sequence[Any], known: Sequence[Any]) -> list[Any]:
    """Values with None for those that are not among the known ones."""
    allowed = frozenset(known)
    return [value if value in allowed else None for value in values]


def _blank(series: Series) -> bool:
    return series.missing is not None and bool(series.missing.any())


def pandas_way(pandas: Any, dtype: Any, *, mark: Any, rows_as_arrays: bool = False) -> Way:
    """A way back to a pandas Series.

    Args:
        pandas: The library, as the user's own frame brings it.
        dtype: The dtype of the sample's column.
        mark: What stands for a missing value in a column of Python objects.
        rows_as_arrays: Whether a row of tensors is a numpy array, not a list.
    """
    categories = getattr(dtype, "categories", None)
    numeric = isinstance(dtype, np.dtype) and dtype.kind in "biu"
    zone = getattr(dtype, "tz", None) or getattr(getattr(dtype, "pyarrow_dtype", None), "tz", None)

    def payload(series: Series) -> Any:
        values = series.values
        if categories is not None:
            return within(listed(series), categories.tolist())
        if values.ndim > 1:
            return list(values) if rows_as_arrays else values.tolist()
        if values.dtype.kind == "O" or dtype == np.dtype(object):
            return listed_floats(series, mark)
        if values.dtype.kind == "f" and not isinstance(dtype, np.dtype):
            return listed_floats(series, None)
        return listed(series) if _blank(series) else values

    def back(series: Series) -> Any:
        if series.values.dtype.kind == "M" and categories is None:
            times = pandas.Series(series.values)
            return (times.dt.tz_localize("UTC") if zone else times).astype(dtype)
        if numeric and _blank(series):
            return pandas.Series(blanked(series))
        return pandas.Series(payload(series), dtype=dtype)

    return back


def listed_floats(series: Series, mark: Any) -> list[Any]:
    """Like ``listed``, and NaN counts as missing."""
    values = listed(series, mark)
    if series.values.dtype.kind != "f":
        return values
    return [mark if value != value else value for value in values]  # noqa: PLR0124 - NaN


def blanked(series: Series) -> Array:
    """Numbers or booleans with gaps, as numpy knows to hold them."""
    if series.values.dtype.kind == "b":
        return np.array(listed(series), object)
    return np.where(series.missing, np.nan, series.values.astype(np.float64))  # type: ignore[arg-type]  # _blank said there is a mask


def polars_way(polars: Any, name: str, dtype: Any, *, nulls: bool) -> Way:
    """A way back to a polars Series; ``nulls`` says that a missing float is null, not NaN."""
    categories = getattr(dtype, "categories", None) if dtype == polars.Enum else None
    zone = getattr(dtype, "time_zone", None)

    def back(series: Series) -> Any:
        values = series.values
        if categories is not None:
            return polars.Series(name, within(listed(series), categories.to_list()), dtype=dtype)
        if values.dtype.kind == "M":
            times = polars.Series(name, values)
            if zone:
                times = times.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
            return times.cast(dtype)
        if values.dtype.kind == "f" and values.ndim == 1:
            floats = polars.Series(name, values, dtype=dtype)
            return floats.fill_nan(None) if nulls else floats
        return polars.Series(name, listed(series), dtype=dtype)

    return back


def pyarrow_way(pyarrow: Any, kind: Any, *, known: Sequence[Any] | None, nulls: bool) -> Way:
    """A way back to a pyarrow array; ``known`` is the dictionary of an encoded column."""

    def back(series: Series) -> Any:
        values = series.values
        if known is not None:
            place = {value: index for index, value in enumerate(known)}
            codes = [place.get(value) for value in listed(series)]
            return pyarrow.DictionaryArray.from_arrays(
                pyarrow.array(codes, kind.index_type),
                pyarrow.array(list(known), kind.value_type),
                ordered=kind.ordered,
            )
        if values.ndim > 1 or values.dtype.kind == "O":
            return pyarrow.array(listed(series), kind)
        mask = series.missing
        if values.dtype.kind == "M":
            mask = np.isnat(values)
        elif values.dtype.kind == "f" and nulls:
            mask = np.isnan(values)
        return pyarrow.array(values, mask=mask).cast(kind)

    return back
