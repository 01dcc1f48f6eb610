"""Timestamps: ISO 8601 text and numpy times of any unit become UTC microseconds, exactly."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from modelyard.core.table import Array, Mask

MICROSECONDS = np.dtype("datetime64[us]")
TYPES = (str, datetime, date, np.datetime64)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_DIGITS = 6
# The extended format only: in the basic one a date looks like a bare number.
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:[.,](?P<fraction>\d{1,12}))?)?"
    r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)


class TooFineError(ValueError):
    """A time is finer than microseconds, or too far off for them."""


def microseconds(value: Any) -> int:
    """Count the microseconds from 1970 to a time; one without an offset is UTC.

    Args:
        value: ISO 8601 text, a date, a datetime or a numpy datetime64 (not NaT).

    Raises:
        TooFineError: if it is finer than microseconds.
        ValueError: if it is no time.

    Example:
        >>> microseconds("1970-01-01T01:00:00.5+01:00")
        500000
    """
    if isinstance(value, str):
        value = _parse(value)
    if isinstance(value, np.datetime64):
        exact, fits = from_numpy(np.array([value]))
        if not fits.all():
            raise TooFineError
        return int(exact.view(np.int64)[0])
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if getattr(value, "nanosecond", 0):  # pandas keeps them in a datetime of its own
        raise TooFineError
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    ticks: int = (value - _EPOCH) // _TICK
    return ticks


def _parse(text: str) -> datetime:
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError("not ISO 8601")
    fraction = found["fraction"] or ""
    if fraction[_DIGITS:].strip("0"):
        raise TooFineError
    return datetime.fromisoformat(text.upper())


def from_numpy(array: Array) -> tuple[Array, Mask]:
    """Bring datetime64 of any unit to microseconds, and say which of them fit exactly.

    Example:
        >>> from_numpy(np.array(["1970-01-01T00:00:00.000000001", "1970-01-02"], "M8[ns]"))[1]
        array([False,  True])
    """
    exact = array.astype(MICROSECONDS)  # wraps silently, so it is undone and compared
    return exact, (exact.astype(array.dtype) == array) | np.isnat(array)
