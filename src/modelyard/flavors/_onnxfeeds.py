"""Which columns of a sample become which input of an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelyard.core.contract import MISSING_STRING
from modelyard.core.manifest import Feed
from modelyard.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.core.contract import Column
    from modelyard.core.table import Array, Series, Table
    from modelyard.flavors._onnxfile import Tensor

FLAVOR = "onnx"


def match(inputs: Sequence[Tensor], columns: Sequence[Column]) -> tuple[Feed, ...]:
    """Match inputs and columns: by name, and what is left over by shape.

    A column named like an input is that input.  The one input that no column is named like takes
    the columns that are left: one column with a shape of its own, or all scalar ones side by side.

    Raises:
        ExportError: if they do not match, with both sides in the hint.
    """
    by_name = {column.name: column for column in columns}
    named = {tensor.name for tensor in inputs if _fits(tensor, by_name.get(tensor.name))}
    left = [column for column in columns if column.name not in named]
    open_inputs = [tensor for tensor in inputs if tensor.name not in named]
    if len(open_inputs) > 1 or (left and not open_inputs):
        odd = open_inputs[0].name if open_inputs else left[0].name
        what = f"no column of the sample fits the input {odd!r}"
        raise _unmatched(
            what if open_inputs else f"no input takes the column {odd!r}", inputs, columns
        )
    feeds = []
    for tensor in inputs:
        taken = [by_name[tensor.name]] if tensor.name in named else left
        _check_taken(tensor, taken, inputs, columns)
        squeeze = not tensor.shape and not taken[0].shape
        names = tuple(column.name for column in taken)
        feeds.append(Feed(name=tensor.name, columns=names, dtype=tensor.dtype, squeeze=squeeze))  # type: ignore[arg-type]  # a word of DType
    return tuple(feeds)


def _fits(tensor: Tensor, column: Column | None) -> bool:
    if column is None:
        return False
    if not column.shape:
        return tensor.shape in ((), (1,), (None,))
    return _same(tensor.shape, column.shape)


def _same(want: tuple[int | None, ...], got: tuple[int | None, ...]) -> bool:
    return len(want) == len(got) and all(
        a is None or b is None or a == b for a, b in zip(want, got, strict=True)
    )


def _check_taken(
    tensor: Tensor, taken: list[Column], inputs: Sequence[Tensor], columns: Sequence[Column]
) -> None:
    if not taken:
        raise _unmatched(f"no column is left for the input {tensor.name!r}", inputs, columns)
    if len(taken) == 1 and _fits(tensor, taken[0]):
        pass
    elif any(column.shape for column in taken) or not _same(tensor.shape, (len(taken),)):
        raise _unmatched(
            f"the input {tensor.name!r} takes {_words(tensor.shape)} a row, and the sample has"
            f" {len(taken)} columns for it",
            inputs,
            columns,
        )
    for column in taken:
        reason = _misfit(tensor, column)
        if reason:
            raise ExportError(
                f"the input {tensor.name!r} is {tensor.dtype} and the column {column.name!r} is"
                f" {column.dtype}{' with missing values' if column.nullable else ''}: {reason}",
                flavor=FLAVOR,
                hint="give a sample of the types that the model takes",
            )


def _misfit(tensor: Tensor, column: Column) -> str:  # noqa: PLR0911 - a table of rules
    if (tensor.dtype == "string") != (column.dtype == "string"):
        return "strings go to strings, and nothing else does"
    if tensor.dtype == "string" or tensor.dtype.startswith("float"):
        return ""
    if column.is_float:
        return "a fraction would be lost"
    if column.nullable:
        return "a missing value has no place among whole numbers"
    if (tensor.dtype == "bool") != (column.dtype == "bool") and tensor.dtype == "bool":
        return "only true and false fit"
    if column.dtype == "timestamp" and tensor.dtype != "int64":
        return "times are int64 microseconds"
    return ""


def _unmatched(what: str, inputs: Sequence[Tensor], columns: Sequence[Column]) -> ExportError:
    takes = ", ".join(f"{each.name} ({each.dtype}, {_words(each.shape)})" for each in inputs)
    has = ", ".join(column.name for column in columns[:20])
    return ExportError(
        what,
        flavor=FLAVOR,
        hint=f"the model takes: {takes}; the sample has: {has}. Give the sample as a dict of"
        " arrays named like the inputs",
    )


def _words(shape: tuple[int | None, ...]) -> str:
    if not shape:
        return "one value"
    return "x".join("?" if size is None else str(size) for size in shape) + " values"


def build(feeds: Sequence[Feed], table: Table) -> dict[str, Array]:
    """The tensors of some rows, for asking the original model."""
    return {feed.name: _built(feed, [table[name] for name in feed.columns]) for feed in feeds}


def _built(feed: Feed, series: list[Series]) -> Array:
    columns = [_column(feed, one) for one in series]
    if columns[0].ndim > 1 or feed.squeeze:
        return columns[0]
    return np.stack(columns, axis=1)


def _column(feed: Feed, series: Series) -> Array:
    values, missing = series
    if feed.dtype == "string":
        values = values.astype(object)
        if missing is not None:
            values[missing] = MISSING_STRING
        return values
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]").astype(np.int64)
    made = values.astype(feed.dtype)
    if missing is not None:
        made[missing] = np.nan
    return made
