"""How the columns of a Table become the tensors of a model, as ``manifest.feeds`` says."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.contract import MISSING_STRING
from modelyard.errors import ContractError, ManifestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.core.contract import Column, Contract
    from modelyard.core.manifest import Feed
    from modelyard.core.table import Array, Series, Table

_BLOCK = 4096
"""Rows that are put together at a time: they stay in the processor's cache."""

_SIGNS = {
    "bool": "?",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}


class FeedPlan:
    """Everything about one feed that can be settled before the first row comes.

    Args:
        feed: What the manifest says.
        contract: The columns it is made of.

    Raises:
        ManifestError: if the columns cannot become such a tensor without loss.
    """

    def __init__(self, feed: Feed, contract: Contract) -> None:
        columns = [contract.column(name) for name in feed.columns]
        _check(feed, columns)
        self.name = feed.name
        self.names = list(feed.columns)
        self.dtype = columns[0].numpy if feed.dtype == "string" else np.dtype(feed.dtype)
        self.squeeze = feed.squeeze
        self.is_string = feed.dtype == "string"
        self.is_tensor = bool(columns[0].shape)
        self.is_float = feed.dtype.startswith("float")
        self.narrows = feed.dtype == "float32" and any(c.dtype == "float64" for c in columns)
        self.ranged = [c.is_integer and _may_overflow(c, self.dtype) for c in columns]
        self.shape = (1,) if feed.squeeze else (1, len(columns))
        self.quick = _quick(self.dtype, columns)

    def build(self, table: Table) -> Array:
        """Put the tensor together.

        Raises:
            ContractError: if a value is too large for what the model holds it in.
        """
        if self.is_tensor:
            return self._tensor(table)
        if self.quick is not None and table.rows == 1:
            columns = table.columns
            tensor = np.empty(self.shape, self.dtype)
            try:
                self.quick(tensor, 0, *[columns[name].values.item() for name in self.names])
            except (struct.error, OverflowError):
                pass  # a number is too large; below it is said which
            else:
                return tensor
        series = [table.columns[name] for name in self.names]
        tensor = self._strings(series) if self.is_string else self._numbers(series, table.rows)
        return tensor[:, 0] if self.squeeze else tensor

    def _tensor(self, table: Table) -> Array:
        values = table.columns[self.names[0]].values
        if values.dtype == self.dtype or self.is_string:
            return values
        if self.ranged[0]:
            self._refuse_out_of_range(values, self.names[0])
        with np.errstate(over="ignore"):
            tensor = values.astype(self.dtype)
        if self.narrows:
            self._refuse_overflow(tensor)
        return tensor

    def _strings(self, series: list[Series]) -> Array:
        tensor = np.empty((len(series[0].values), len(series)), object)
        for i, (values, missing) in enumerate(series):
            tensor[:, i] = values
            if missing is not None:
                tensor[missing, i] = MISSING_STRING
        return tensor

    def _numbers(self, series: list[Series], rows: int) -> Array:
        tensor = np.empty((rows, len(series)), self.dtype)
        columns = [_plain(one.values) for one in series]
        for i in (i for i, ranged in enumerate(self.ranged) if ranged):
            self._refuse_out_of_range(columns[i], self.names[i])
        with np.errstate(over="ignore"):
            for start in range(0, rows, _BLOCK):
                block = tensor[start : start + _BLOCK]
                for i, values in enumerate(columns):
                    block[:, i] = values[start : start + _BLOCK]
        if self.narrows:
            self._refuse_overflow(tensor)
        if self.is_float:
            for i, one in enumerate(series):
                if one.missing is not None:
                    tensor[one.missing, i] = np.nan
        return tensor

    def _refuse_overflow(self, tensor: Array) -> None:
        """Infinite here can only mean: finite in the table and too large for a float32."""
        infinite = np.isinf(tensor)
        if not infinite.any():
            return
        where = np.argwhere(infinite)[0]
        column = self.names[0 if self.is_tensor else int(where[1])]
        raise _too_large(column, int(where[0]), self.dtype)

    def _refuse_out_of_range(self, values: Array, column: str) -> None:
        info = np.iinfo(self.dtype)
        wrong = np.nonzero((values < info.min) | (values > info.max))[0]
        if len(wrong):
            raise _too_large(column, int(wrong[0]), self.dtype)


def plan_feeds(feeds: tuple[Feed, ...], contract: Contract) -> list[FeedPlan]:
    """Plan all feeds of a manifest; see ``FeedPlan``."""
    return [FeedPlan(feed, contract) for feed in feeds]


def _too_large(column: str, row: int, dtype: np.dtype[Any]) -> ContractError:
    return ContractError(
        f"input {column!r}, row {row}: the value is too large for the {dtype} that the model takes",
        column=column,
        row=row,
        expected=f"a number that fits a {dtype}",
    )


def _quick(dtype: np.dtype[Any], columns: list[Column]) -> Callable[..., None] | None:
    """The quick way to write one row, where Python's own numbers lose no bit on the way."""
    sign = _SIGNS.get(dtype.name)
    if sign is None:
        return None
    for column in columns:
        # A 64-bit integer would be rounded twice on its way to a float32.
        wide = column.dtype in ("int64", "uint64") and dtype == np.float32
        bare = column.is_float or not column.nullable
        if column.shape or column.dtype == "timestamp" or wide or not bare:
            return None
    return struct.Struct(f"={len(columns)}{sign}").pack_into


def _plain(values: Array) -> Array:
    return values.view(np.int64) if values.dtype.kind == "M" else values


def _may_overflow(column: Column, dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iu" and not np.can_cast(column.numpy, dtype, "safe")


def _check(feed: Feed, columns: list[Column]) -> None:
    tensors = [column for column in columns if column.shape]
    if tensors and len(columns) > 1:
        raise _unfit(feed, tensors[0], "it has a shape of its own, so it must stand alone")
    if feed.squeeze and (tensors or len(columns) > 1):
        raise _unfit(feed, columns[0], "only one scalar column can be squeezed")
    for column in columns:
        reason = _misfit(feed, column)
        if reason:
            raise _unfit(feed, column, reason)


def _misfit(feed: Feed, column: Column) -> str:
    if feed.dtype == "timestamp":
        return "a timestamp is fed as int64 microseconds"
    if (feed.dtype == "string") != (column.dtype == "string"):
        return "strings are fed as strings, and nothing else is"
    if feed.dtype == "string" or feed.dtype.startswith("float"):
        return ""
    if column.is_float:
        return "a float would lose its fraction"
    if column.nullable:
        return f"a missing value has no place among {feed.dtype}"
    narrow = column.dtype == "timestamp" and feed.dtype != "int64"
    other = feed.dtype == "bool" and column.dtype != "bool"
    return "its values do not fit" if narrow or other else ""


def _unfit(feed: Feed, column: Column, reason: str) -> ManifestError:
    return ManifestError(
        f"feed {feed.name!r} ({feed.dtype}) cannot take input {column.name!r} ({column.dtype}):"
        f" {reason}",
        file="bundle.json",
    )
