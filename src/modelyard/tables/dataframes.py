"""Dataframes of pandas, polars and Arrow, read through narwhals."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from modelyard.core.contract import LONGEST_NAME
from modelyard.core.refusal import shorten
from modelyard.core.table import Series, Table
from modelyard.errors import UsageError
from modelyard.tables.columns import extract, listed_categories, missing_mask
from modelyard.tables.frame import Frame
from modelyard.tables.infer import infer
from modelyard.tables.restore import pandas_way, polars_way, pyarrow_way

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelyard.core.contract import Column
    from modelyard.tables.restore import Way

_NAMES = {"pandas": "columns", "pyarrow": "column_names"}


def open_dataframe(data: Any) -> nw.DataFrame[Any] | None:
    """The narwhals view of a dataframe, or None if it is none.

    Raises:
        UsageError: if it is one that cannot be read, and how to make it one that can.
    """
    if type(data).__module__.startswith("pyarrow") and hasattr(data, "to_pandas"):
        arrow = sys.modules["pyarrow"]  # the user's own import: Arrow is none of ours
        if isinstance(data, arrow.RecordBatch):
            data = arrow.Table.from_batches([data])
    library = type(data).__module__.partition(".")[0]
    if library in _NAMES and hasattr(data, _NAMES[library]):
        # Before narwhals, whose words on a name that stands twice are its own.
        check_names(getattr(data, _NAMES[library]))
    frame = nw.from_native(data, pass_through=True, allow_series=True)
    if isinstance(frame, nw.LazyFrame):
        raise UsageError("the frame is lazy, so it has no rows yet", hint="call .collect() first")
    if isinstance(frame, nw.Series):
        raise UsageError(
            "a single column came, not a table", hint="use .to_frame(), or [['name']] for one"
        )
    if isinstance(frame, nw.DataFrame):
        check_names(frame.columns)
        known = frame.implementation
        if not (known.is_pandas() or known.is_polars() or known.is_pyarrow()):
            raise UsageError(
                f"frames of {library} are not read",
                hint="convert it to pandas, polars or Arrow",
            )
        return frame
    return None


def check_names(names: Iterable[Any]) -> None:
    """Refuse column names that a contract cannot hold."""
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str):
            raise UsageError(
                f"the column name {shorten(name)} is {type(name).__name__}, not text",
                hint="name the columns, e.g. frame.columns = [f'x{i}' for i in range(n)],"
                " and train the model with them",
            )
        if not name or len(name) > LONGEST_NAME:
            raise UsageError(
                f"the column name {shorten(name)} has {len(name)} characters",
                hint=f"use names of 1 to {LONGEST_NAME} characters",
            )
        if name in seen:
            raise UsageError(
                f"the column {name!r} stands twice", hint="give each column a name of its own"
            )
        seen.add(name)
    if not seen:
        raise UsageError("the table has no columns")


def read_dataframe(frame: nw.DataFrame[Any]) -> Frame:
    """Read a sample; see ``read_frame``."""
    if len(frame) == 0:
        raise UsageError("the sample has no rows", hint="give rows that the model was trained on")
    columns: list[Column] = []
    made: dict[str, Series] = {}
    ways: dict[str, Way] = {}
    for name in frame.columns:
        series = frame[name]
        given = extract(series)
        known = listed_categories(series)
        column, made[name] = infer(name, given, known)
        columns.append(column)
        ways[name] = _way(series, given, known)
    return Frame(tuple(columns), Table(made), _kind(frame), _assemble(frame, ways))


def _kind(frame: nw.DataFrame[Any]) -> str:
    return str(frame.implementation.name).lower()


def _way(series: nw.Series[Any], given: Series | list[Any], known: list[Any] | None) -> Way:
    library = nw.get_native_namespace(series)
    native = series.to_native()
    nulls = missing_mask(series) is not None
    if series.implementation.is_pandas():
        rows_as_arrays = isinstance(given, list) and isinstance(given[0], np.ndarray)
        return pandas_way(library, native.dtype, mark=_mark(series), rows_as_arrays=rows_as_arrays)
    if series.implementation.is_polars():
        return polars_way(library, series.name, native.dtype, nulls=nulls)
    return pyarrow_way(library, native.type, known=known, nulls=nulls)


def _mark(series: nw.Series[Any]) -> Any:
    """What the sample itself has where a value is missing."""
    gone = missing_mask(series)
    return None if gone is None else series.to_native().iloc[int(gone.argmax())]


def _assemble(frame: nw.DataFrame[Any], ways: dict[str, Way]) -> Any:
    library = nw.get_native_namespace(frame)
    make = library.table if frame.implementation.is_pyarrow() else library.DataFrame

    def way(table: Table) -> Any:
        return make({name: back(table[name]) for name, back in ways.items()})

    return way
