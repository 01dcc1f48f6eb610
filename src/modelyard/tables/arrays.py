"""Numpy arrays, and dicts of them, read as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.refusal import shorten
from modelyard.core.table import Series, Table
from modelyard.errors import UsageError
from modelyard.tables.columns import plain
from modelyard.tables.dataframes import check_names
from modelyard.tables.frame import Frame
from modelyard.tables.infer import infer
from modelyard.tables.restore import blanked, listed, listed_floats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.table import Array
    from modelyard.tables.restore import Way

TENSOR = "x"
"""The name of the one column that an array of three or more axes becomes."""

_MATRIX = 2


def columns_of(array: Array, *, what: str = "the sample") -> dict[str, Array]:
    """Name the columns of an array: fields, ``x0`` to ``x{n-1}``, or the one tensor ``x``.

    Raises:
        UsageError: if it is no table, and how to make it one.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise UsageError(
            f"{what} is a masked array", hint="use array.filled(numpy.nan), or a dataframe"
        )
    if array.dtype.names:
        return {name: array[name].reshape(-1, *array[name].shape[1:]) for name in array.dtype.names}
    if array.ndim < _MATRIX:
        raise UsageError(
            f"{what} is an array of shape {array.shape}: it could be one row or one column",
            hint="use array.reshape(1, -1) for one row, array.reshape(-1, 1) for one column",
        )
    if array.ndim == _MATRIX:
        return {f"x{n}": array[:, n] for n in range(array.shape[1])}
    return {TENSOR: array}


def read_array(array: Array) -> Frame:
    """Read a sample; see ``read_frame``."""
    frame = _read(columns_of(array))
    names = list(frame.table)
    if array.dtype.names:

        def fields(table: Table) -> Array:
            made = np.empty(len(table), array.dtype)
            for name, column in frame.restore(table).items():
                made[name] = column
            return made

        return frame._replace(way=fields)
    if array.ndim > _MATRIX:
        return frame._replace(way=lambda table: frame.restore(table)[TENSOR])

    def matrix(table: Table) -> Array:
        made = frame.restore(table)
        return np.stack([made[name] for name in names], axis=1)

    return frame._replace(way=matrix)


def read_mapping(data: Mapping[str, Any]) -> Frame:
    """Read a sample given as a dict of arrays or lists; see ``read_frame``."""
    check_names(data)
    lengths = {name: _length(name, values) for name, values in data.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in list(lengths.items())[:10])
        raise UsageError(f"the columns have different lengths: {told}")
    # A list never passes through numpy unseen: numpy makes one text of ["a", 1].
    return _read({n: v if isinstance(v, list) else np.asarray(v) for n, v in data.items()})


def _length(name: str, values: Any) -> int:
    if isinstance(values, np.ma.MaskedArray):
        raise UsageError(f"column {name!r} is a masked array", hint="use a dataframe")
    if isinstance(values, list) or (hasattr(values, "__array__") and np.ndim(values) > 0):
        return len(values)
    raise UsageError(
        f"column {name!r} holds {shorten(values)}, not one value a row",
        hint="give a list or an array for each column",
    )


def _read(arrays: Mapping[str, Array | list[Any]]) -> Frame:
    check_names(arrays)
    columns, made, ways = [], {}, {}
    for name, array in arrays.items():
        if len(array) == 0:
            raise UsageError(
                "the sample has no rows", hint="give rows that the model was trained on"
            )
        column, made[name] = infer(name, _given(array))
        columns.append(column)
        ways[name] = _way(made[name].values if isinstance(array, list) else array)

    def way(table: Table) -> dict[str, Array]:
        return {name: back(table[name]) for name, back in ways.items()}

    return Frame(tuple(columns), Table(made), "numpy", way)


def _given(array: Array | list[Any]) -> Series | list[Any]:
    if isinstance(array, list):
        return plain(array)
    if array.dtype.kind == "O":
        return plain(array.tolist())
    if array.dtype.kind in "UT":
        return plain(array.tolist()) if array.ndim == 1 else Series(array.astype(object))
    return Series(array)


def _way(array: Array) -> Way:
    dtype = array.dtype
    mark = None
    if dtype.kind == "O":
        mark = next((value for value in array.tolist() if plain([value]) == [None]), None)

    def back(series: Series) -> Array:
        values = series.values
        if dtype.kind == "O":
            objects = np.empty(len(values), object)
            objects[:] = listed_floats(series, mark)
            return objects
        if values.dtype.kind == "O":
            gaps = series.missing is not None and series.missing.any()
            return np.array(listed(series), object) if gaps else values.astype(np.str_)
        if dtype.kind in "biu" and series.missing is not None and series.missing.any():
            return blanked(series)
        return values.astype(dtype)

    return back
