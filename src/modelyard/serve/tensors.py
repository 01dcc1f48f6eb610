"""Tensors of the Open Inference Protocol, as columns and back."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from modelyard.core.refusal import shorten
from modelyard.errors import ContractError, RequestError

if TYPE_CHECKING:
    from modelyard.core.contract import Column, Contract, DType

Size = Annotated[int, msgspec.Meta(ge=0)]

DATATYPE: dict[DType, str] = {
    "bool": "BOOL",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "float32": "FP32",
    "float64": "FP64",
    "string": "BYTES",
    "timestamp": "BYTES",
}
"""A contract's dtype in the words of the protocol; a timestamp is ISO 8601 text."""

_NUMPY: dict[str, np.dtype[Any] | None] = {
    "FP16": np.dtype(np.float16),
    **{
        datatype: None if datatype == "BYTES" else np.dtype(dtype)
        for dtype, datatype in DATATYPE.items()
        if dtype != "timestamp"
    },
}
_KINDS: dict[str, tuple[frozenset[type], str]] = {
    "b": (frozenset((bool,)), "true or false"),
    "i": (frozenset((int,)), "a whole number"),
    "u": (frozenset((int,)), "a whole number"),
    "f": (frozenset((int, float)), "a number"),
    "O": (frozenset((str,)), "a text"),
}

_AS_THEY_ARE = frozenset(("BOOL", "FP64"))
"""Datatypes whose values are those of JSON: a decimal is an FP64, and nothing narrows it."""
_SHORT = 256


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """One input tensor; its data is row-major, flat or nested."""

    name: str
    shape: Annotated[list[Size], msgspec.Meta(max_length=32)]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET


def read_columns(contract: Contract, tensors: list[Tensor]) -> tuple[int, dict[str, Any]]:
    """Turn tensors into columns; the contract judges them afterwards.

    One tensor a column, in any order: of shape [n] or [n, 1], or [n, ...] for a tensor column.
    Or, where every column is a scalar, a single tensor of shape [n, columns] under any other name,
    whose columns stand in the order of the contract and must each fit its own column exactly.

    Returns:
        The number of rows, and the columns.

    Raises:
        RequestError: if a tensor contradicts itself.
        ContractError: if a value does not fit its tensor's datatype.
    """
    named = {tensor.name: tensor for tensor in tensors}
    if len(named) < len(tensors):
        twice = next(t.name for t in tensors if t is not named[t.name])
        raise RequestError(f"the input {shorten(twice)} stands twice")
    known = {column.name: column for column in contract.inputs}
    scalar = not any(column.shape for column in contract.inputs)
    values = {tensor.name: _values(tensor, scalar) for tensor in tensors}
    rows = max((tensor.shape[0] for tensor in tensors), default=0)
    if len(tensors) == 1 and tensors[0].name not in known:
        matrix = _matrix(contract, tensors[0], values[tensors[0].name])
        if matrix is not None:
            return rows, matrix
    return rows, {
        name: _column(known.get(name), tensor, values[name]) for name, tensor in named.items()
    }


def _matrix(contract: Contract, tensor: Tensor, values: Any) -> dict[str, Any] | None:
    names = contract.names
    if len(tensor.shape) != 2 or any(column.shape for column in contract.inputs):  # noqa: PLR2004  # rows and columns
        return None
    if tensor.shape[1] != len(names):
        raise ContractError(
            f"input {shorten(tensor.name)} has {tensor.shape[1]} columns; the model takes"
            f" {len(names)}",
            column=tensor.name,
            got=f"shape {tensor.shape}",
            expected=f"shape [n, {len(names)}], or one tensor for each column",
            hint="its columns, in order, are: " + ", ".join(names[:20]),
        )
    if not isinstance(values, list) and values.size <= _SHORT:
        values = values.reshape(-1).tolist()
    if isinstance(values, list):
        return {name: values[index :: len(names)] for index, name in enumerate(names)}
    return {name: values[:, index] for index, name in enumerate(names)}


def _column(column: Column | None, tensor: Tensor, values: Any) -> Any:
    if column is None or column.shape:
        return values  # the contract says what is wrong with a name that it does not know
    if tensor.shape[1:] not in ([], [1]):
        raise ContractError(
            f"input {shorten(tensor.name)} has the shape {tensor.shape}; a column of single values"
            " has the shape [n] or [n, 1]",
            column=tensor.name,
            got=f"shape {tensor.shape}",
            expected="shape [n] or [n, 1]",
        )
    return values if isinstance(values, list) else values.reshape(-1)


def _values(tensor: Tensor, scalar: bool) -> Any:  # noqa: FBT001  # what the contract is
    """An array of the tensor's shape; or a flat list, of texts or where something is null.

    Where all columns are scalars (``scalar``) a short list stays one: the contract judges it
    sooner than numpy would have made an array of it.
    """
    if tensor.datatype not in _NUMPY:
        raise RequestError(
            f"input {shorten(tensor.name)} has the datatype {shorten(tensor.datatype)}",
            hint="the datatypes are: " + ", ".join(sorted(_NUMPY)),
        )
    if not tensor.shape:
        raise RequestError(f"input {shorten(tensor.name)} has no rows: its shape is []")
    flat = _flat(tensor)
    dtype = _NUMPY[tensor.datatype]
    kind = "O" if dtype is None else dtype.kind
    fit, expected = _KINDS[kind]
    kinds = set(map(type, flat))
    if not kinds <= fit | {type(None)}:
        index = next(i for i, v in enumerate(flat) if type(v) not in fit and v is not None)
        raise _misfit(tensor, index, flat[index], expected)
    if dtype is None or (scalar and len(flat) <= _SHORT and tensor.datatype in _AS_THEY_ARE):
        return flat
    if kind == "f":
        return _floats(tensor, flat, dtype, kinds).reshape(tensor.shape)
    if type(None) in kinds:
        _integers(tensor, [0 if value is None else value for value in flat], dtype)
        return flat
    return _integers(tensor, flat, dtype).reshape(tensor.shape)


def _integers(tensor: Tensor, flat: list[Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    try:
        return np.array(flat, dtype)
    except OverflowError:
        limits = np.iinfo(dtype)
        least, most = int(limits.min), int(limits.max)
        index = next(i for i, value in enumerate(flat) if not least <= value <= most)
        raise _misfit(tensor, index, flat[index], f"an integer from {least} to {most}") from None


def _floats(
    tensor: Tensor, flat: list[Any], dtype: np.dtype[Any], kinds: set[type]
) -> np.ndarray[Any, Any]:
    try:
        wide = np.array(flat, np.float64)
    except OverflowError:  # a whole number beyond every double
        wide = np.array([_double(value) for value in flat])
    with np.errstate(over="ignore"):
        values = wide.astype(dtype)
    beyond = np.isinf(values)
    if beyond.any():
        index = int(np.argmax(beyond))
        raise _misfit(tensor, index, flat[index], f"a finite number ({dtype})")
    if int in kinds:
        for index, value in enumerate(flat):
            if type(value) is int and int(values[index]) != value:
                raise _misfit(
                    tensor, index, value, f"a number that {tensor.datatype} holds exactly"
                )
    return values


def _double(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except OverflowError:
        return math.inf


def _flat(tensor: Tensor) -> list[Any]:
    """The data, flat; nested data must be nested as the shape says."""
    flat: list[Any] = tensor.data
    if flat and isinstance(flat[0], list):
        for depth, size in enumerate(tensor.shape):
            if depth and not all(type(part) is list and len(part) == size for part in flat):
                raise _shapeless(tensor)
            if depth == 0 and len(flat) != size:
                raise _shapeless(tensor)
            if depth:
                flat = list(chain.from_iterable(flat))
    if len(flat) != math.prod(tensor.shape):
        raise _shapeless(tensor)
    return flat


def _shapeless(tensor: Tensor) -> RequestError:
    return RequestError(
        f"the data of input {shorten(tensor.name)} does not have the shape {tensor.shape}",
        hint="send as many values as the shape says, row after row, flat or nested alike",
    )


def _misfit(tensor: Tensor, index: int, value: Any, expected: str) -> ContractError:
    row = index // max(1, math.prod(tensor.shape[1:]))
    return ContractError(
        f"input {shorten(tensor.name)}, row {row}: got {shorten(value)}, expected {expected},"
        f" for its datatype is {tensor.datatype}",
        column=tensor.name,
        row=row,
        got=shorten(value),
        expected=expected,
    )
