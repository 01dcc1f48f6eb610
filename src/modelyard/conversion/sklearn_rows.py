"""The rows a scikit-learn model expects, described in a file and put together again from feeds.

A server that runs scikit-learn itself gets one tensor a column; the model wants the matrix or the
dataframe it was trained on.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from modelyard.core import canonical
from modelyard.core.contract import MISSING_STRING
from modelyard.core.manifest import Feed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelyard.core import contract
    from modelyard.core.table import Array


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How rows look to the model.

    Args:
        kind: A numpy matrix or a pandas frame.
        names: The columns, in order.
        dtypes: Their dtypes, as the library writes them; one of a numpy matrix.
        categories: column -> the categories of a pandas categorical column, in order.
        missing: Whether a missing string is NaN or None.
    """

    kind: Literal["numpy", "pandas"]
    names: tuple[str, ...]
    dtypes: tuple[str, ...]
    categories: dict[str, tuple[str, ...]] = {}
    missing: Literal["nan", "none"] = "nan"


def describe(rows: Any, columns: Sequence[contract.Column]) -> Shape:
    """Describe rows as the model was trained on them.

    Args:
        rows: A numpy matrix or a dataframe; one of another library than pandas is described as
            the pandas frame that is most like it.
        columns: Its columns.
    """
    names = tuple(column.name for column in columns)
    if isinstance(rows, np.ndarray):
        dtype = "object" if rows.dtype.kind in "OU" else rows.dtype.name
        return Shape(kind="numpy", names=names, dtypes=(dtype,), missing=_mark(rows))
    if not type(rows).__module__.startswith("pandas"):
        return Shape(kind="pandas", names=names, dtypes=tuple(map(_usual, columns)))
    categories = {
        name: tuple(map(str, rows[name].dtype.categories))
        for name in names
        if hasattr(rows[name].dtype, "categories")
    }
    objects = [rows[name].to_numpy() for name in names if str(rows[name].dtype) == "object"]
    mark = _mark(np.concatenate(objects)) if objects else "nan"
    dtypes = tuple(str(rows[name].dtype) for name in names)
    return Shape(kind="pandas", names=names, dtypes=dtypes, categories=categories, missing=mark)


def _mark(values: Array) -> Literal["nan", "none"]:
    has_none = values.dtype.kind == "O" and any(value is None for value in values.ravel())
    return "none" if has_none else "nan"


def _usual(column: contract.Column) -> str:
    if column.dtype == "string":
        return "object"
    if column.dtype == "timestamp":
        return "datetime64[us]"
    if column.nullable and not column.is_float:
        return "float64"
    return column.dtype


def feeds(columns: Sequence[contract.Column]) -> tuple[Feed, ...]:
    """One tensor a column."""
    return tuple(_feed(column) for column in columns)


def _feed(column: contract.Column) -> Feed:
    dtype = column.dtype
    if column.nullable and dtype != "string":
        # A missing whole number, flag or time is NaN; doubles hold times to the microsecond.
        dtype = "float64" if not column.is_float else dtype
    elif dtype == "timestamp":
        dtype = "int64"
    return Feed(name=column.name, columns=(column.name,), dtype=dtype, squeeze=not column.shape)


def encode(shape: Shape) -> bytes:
    """Write the description."""
    return canonical.encode(shape)


def decode(content: bytes) -> Shape:
    """Read the description; ValueError if it is none."""
    try:
        return msgspec.convert(canonical.decode(content), Shape)
    except msgspec.ValidationError as e:
        raise ValueError(str(e)) from e


def rebuild(shape: Shape, tensors: Mapping[str, Array]) -> Any:
    """Put rows together."""
    values = {name: tensors[name] for name in shape.names}
    if shape.kind == "pandas":
        # By name, so that a server of models trained on matrices needs no pandas.
        pandas_rows = importlib.import_module("modelyard.conversion.sklearn_pandas")
        return pandas_rows.frame(shape, values)
    dtype = np.dtype(shape.dtypes[0])
    if len(values) == 1 and next(iter(values.values())).ndim > 1:
        return next(iter(values.values())).astype(dtype, copy=False)
    columns = [with_missing(shape, column) for column in values.values()]
    return np.column_stack(columns).astype(dtype, copy=False)


def with_missing(shape: Shape, values: Array) -> Array:
    """Put the model's own mark where a string is missing."""
    if values.dtype.kind != "O":
        return values
    mark = None if shape.missing == "none" else np.nan
    return np.array([mark if value == MISSING_STRING else value for value in values], object)
