"""Refusals: what did not fit a contract, said in one sentence."""

from __future__ import annotations

import math
import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.errors import ContractError

if TYPE_CHECKING:
    from modelyard.core.contract import Column

WIDTH = 60
"""Characters of a value that a message shows."""

_BITS = 128
_WORDS = {None: "null", True: "true", False: "false"}
_NAMED = 8
_LONG = 8
_REPR = reprlib.Repr()
_REPR.maxlevel = 2
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = 4
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = WIDTH


def shorten(value: Any) -> str:
    """Show a value in at most about 60 characters, however large or deep it is.

    Example:
        >>> shorten(None), shorten(float("nan")), shorten("x" * 1000)[:12]
        ('null', 'NaN', "'xxxxxxxxxxx")
    """
    if isinstance(value, np.datetime64):
        return _time(value)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    text = ""
    if isinstance(value, int) and value.bit_length() > _BITS:
        text = f"an integer of {value.bit_length()} bits"
    elif isinstance(value, float) and math.isnan(value):
        text = "NaN"
    elif isinstance(value, str) and len(value) <= WIDTH:
        text = repr(value)
    elif isinstance(value, np.ndarray):
        text = f"an array of shape {value.shape}, {value.dtype}"
    text = text or _REPR.repr(value[: 2 * WIDTH] if isinstance(value, str) else value)
    return text if len(text) <= WIDTH + 2 else text[:WIDTH] + "..."


def _time(value: np.datetime64) -> str:
    try:
        return str(value)
    except OverflowError:  # too far off to be written as a date
        unit, count = np.datetime_data(value.dtype)
        return f"{value.astype(np.int64)} times {count} {unit} from 1970"


def describe(column: Column) -> str:
    """Say what one value of a column must be.

    Example:
        >>> from modelyard.core.contract import Column
        >>> describe(Column(name="age", dtype="int8", minimum=0))
        'an integer from 0 to 127 (int8)'
    """
    what = _value(column)
    if column.shape:
        sizes = ", ".join("any" if size is None else str(size) for size in column.shape)
        what = f"a tensor of shape ({sizes}), each entry {what}"
    return f"{what}, or null" if column.nullable else what


def _value(column: Column) -> str:
    if column.dtype == "bool":
        return "true or false"
    if column.dtype == "string":
        if column.categories is None or column.unknown == "model":
            return "text"
        named = ", ".join(shorten(text) for text in column.categories[:_NAMED])
        more = len(column.categories) - _NAMED
        return f"one of {named}" + (f" and {more} more" if more > 0 else "")
    if column.dtype == "timestamp":
        return "a time as ISO 8601 text" + _span(
            *(
                None if bound is None else f"{np.datetime64(int(bound), 'us')}Z"
                for bound in (column.minimum, column.maximum)
            )
        )
    if column.is_float:
        return f"a finite number{_span(column.minimum, column.maximum)} ({column.dtype})"
    least, most = integer_range(column)
    limits = np.iinfo(column.numpy)
    if column.numpy.itemsize == _LONG:  # its own limits tell a reader nothing
        span = _span(
            None if least == limits.min and least else least, None if most == limits.max else most
        )
    else:
        span = _span(least, most)
    return f"an integer{span} ({column.dtype})"


def _span(least: object, most: object) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f" from {least}"
    return f" up to {most}" if least is None else f" from {least} to {most}"


def integer_range(column: Column) -> tuple[int, int]:
    """The least and the greatest integer that an integer column lets in."""
    limits = np.iinfo(column.numpy)
    least, most = int(limits.min), int(limits.max)
    if column.minimum is not None:
        least = max(least, math.ceil(column.minimum))
    if column.maximum is not None:
        most = min(most, math.floor(column.maximum))
    return least, most


def refusal(
    column: Column, row: int | None, got: str, expected: str = "", hint: str = ""
) -> ContractError:
    """Make the error for one value, or (``row`` None) for a whole column."""
    expected = expected or describe(column)
    where = f"column {shorten(column.name)}" + ("" if row is None else f", row {row}")
    return ContractError(
        f"{where}: got {got}, expected {expected}",
        column=column.name,
        row=row,
        got=got,
        expected=expected,
        hint=hint,
    )
