"""Input columns, inferred from the values of a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from modelyard.core.coerce import Rule
from modelyard.core.contract import Column, DType
from modelyard.core.refusal import shorten
from modelyard.core.table import Series
from modelyard.errors import ContractError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.core.table import Array

MOST_CATEGORIES = 1000
"""A string column with more distinct values than this is free text."""

_DTYPES = frozenset(get_args(DType))
_ADVICE = {
    "c": "a model takes real numbers: split it into real and imaginary part",
    "m": "give a duration as a number, e.g. its seconds",
    "S": "decode the bytes to text",
    "f": "cast it to float32 or float64",
    "V": "give each field a column of its own",
}
_BEYOND = 2**1000
_PYTHON: dict[type, str] = {bool: "bool", str: "string", float: "float64"}


def infer(
    name: str, given: Series | list[Any], known: Sequence[Any] | None = None
) -> tuple[Column, Series]:
    """Infer a column from its values, which then fit it.

    Args:
        name: The column's name.
        given: Its values: a Series as the library holds them, or Python values with None where
            one is missing.
        known: The full list of categories, in order, where the library keeps one.

    Returns:
        The column, and its values as a Table holds them.

    Raises:
        UsageError: if no contract can hold such values.
    """
    if isinstance(given, list):
        given = _typed(name, given)
    column = _column(name, given, known)
    try:
        return column, Rule(column).coerce(given)
    except ContractError as e:
        hint = "a sample must hold what the model may be asked; mend or drop such rows"
        raise UsageError(f"the sample does not fit: {e.message}", hint=hint) from e


def _column(name: str, given: Series, known: Sequence[Any] | None) -> Column:
    dtype = _dtype(name, given.values)
    nullable = _has_missing(given)
    shape = given.values.shape[1:]
    if nullable and shape:
        raise UsageError(
            f"column {name!r} holds tensors with missing values, and a tensor has none",
            hint="fill them in before the model, or give each entry a column of its own",
        )
    categories = None
    if dtype == "string" and not shape:
        categories = _categories(given) if known is None else tuple(known)
    try:
        return Column(
            name=name, dtype=dtype, nullable=nullable, shape=shape, categories=categories or None
        )
    except ValueError as e:
        raise UsageError(f"the sample does not fit: {e}") from e


def _dtype(name: str, array: Array) -> DType:
    kind = array.dtype.kind
    found = {"O": "string", "U": "string", "T": "string", "M": "timestamp"}.get(
        kind, array.dtype.newbyteorder("=").name
    )
    if found not in _DTYPES:
        raise UsageError(
            f"column {name!r} holds {array.dtype}, which no contract can hold",
            hint=_ADVICE.get(kind, "cast it to a number, text, boolean or time"),
        )
    return found  # type: ignore[return-value]  # it is one of the literal's words, tested above


def _has_missing(given: Series) -> bool:
    if given.missing is not None and bool(given.missing.any()):
        return True
    values = given.values
    if values.dtype.kind == "f":
        return bool(np.isnan(values).any())
    return values.dtype.kind == "M" and bool(np.isnat(values).any())


def _categories(given: Series) -> tuple[str, ...] | None:
    values = given.values if given.missing is None else given.values[~given.missing]
    distinct = set(values.tolist())
    if len(distinct) > MOST_CATEGORIES or 2 * len(distinct) >= len(given.values):
        return None
    return tuple(sorted(distinct))


def _typed(name: str, values: list[Any]) -> Series:
    """Python values as a Series, if they are of one type."""
    missing = np.fromiter((value is None for value in values), np.bool_, len(values))
    present = [(row, value) for row, value in enumerate(values) if value is not None]
    if not present:
        raise UsageError(
            f"column {name!r} holds no value at all, so its type is unknown",
            hint="drop it, or give it a dtype",
        )
    kinds: dict[type, int] = {}
    for row, value in present:
        kinds.setdefault(type(value), row)
    if set(kinds) == {int, float}:
        return Series(_numbers(name, values), missing)
    if len(kinds) > 1:
        (one, first), (other, second) = list(kinds.items())[:2]
        raise UsageError(
            f"column {name!r} mixes types: {one.__name__} in row {first}"
            f" ({shorten(values[first])}), {other.__name__} in row {second}"
            f" ({shorten(values[second])})",
            hint="cast it to one type, e.g. astype('float64') or astype('str')",
        )
    kind = next(iter(kinds))
    if kind in (list, tuple, np.ndarray):
        return Series(_tensors(name, values, missing))
    if kind is int:
        return Series(_integers(name, values), missing)
    if kind not in _PYTHON:
        raise UsageError(
            f"column {name!r} holds Python objects of type {kind.__name__}",
            hint="cast it to a number, text, boolean or time (pandas.to_datetime)",
        )
    filler = kind()
    filled = [filler if value is None else value for value in values]
    if kind is str:
        array = np.empty(len(filled), object)
        array[:] = filled
    else:
        array = np.array(filled, _PYTHON[kind])
    return Series(array, missing)


def _integers(name: str, values: list[Any]) -> Array:
    filled = [0 if value is None else value for value in values]
    for dtype in (np.int64, np.uint64):
        try:
            return np.array(filled, dtype)
        except OverflowError:
            continue
    raise UsageError(
        f"column {name!r} holds integers beyond 64 bits",
        hint="give them as text or as float64",
    )


def _numbers(name: str, values: list[Any]) -> Array:
    filled = [float("nan") if value is None else value for value in values]
    for row, value in enumerate(filled):
        if type(value) is int and (abs(value) > _BEYOND or int(float(value)) != value):
            raise UsageError(
                f"column {name!r} mixes types: float, and in row {row} the integer"
                f" {shorten(value)}, which no float64 holds exactly",
                hint="cast it to one type",
            )
    return np.array(filled, np.float64)


def _tensors(name: str, values: list[Any], missing: Array) -> Array:
    if missing.any():
        raise UsageError(
            f"column {name!r}, row {int(missing.argmax())}: a tensor is missing, and none may be",
            hint="drop such rows",
        )
    try:
        array = np.stack([np.asarray(value) for value in values])
    except ValueError as e:
        raise UsageError(
            f"column {name!r} holds lists of unequal lengths",
            hint="pad them to one shape",
        ) from e
    if array.dtype.kind not in "biuf" or 0 in array.shape:
        raise UsageError(
            f"column {name!r} holds lists of {array.dtype}, shape {array.shape[1:]} a row",
            hint="a tensor holds numbers or booleans, all of one shape",
        )
    return array
