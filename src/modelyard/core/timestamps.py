"""Timestamps: ISO 8601 text and numpy times of any unit become UTC microseconds, exactly."""

from __future__ import annotations

import math
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
_MOST = 2**63 - 1
_COARSER = {
    "W": 604_800_000_000, "D": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000,
    "s": 1_000_000, "ms": 1000, "us": 1,
}  # fmt: skip
_FINER = {"ns": 10**3, "ps": 10**6, "fs": 10**9, "as": 10**12}
_YEARS = 292_277  # from 1970 to the last year, and the first whole one, that microseconds reach
_CALENDAR = {"Y": _YEARS, "M": 12 * _YEARS}
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

    Counted here in whole numbers: numpy wraps silently where a time is too far off, or raises,
    as its version will have it.

    Example:
        >>> from_numpy(np.array(["1970-01-01T00:00:00.000000001", "1970-01-02"], "M8[ns]"))[1]
        array([False,  True])
    """
    if array.dtype == MICROSECONDS:
        return array, np.ones(len(array), np.bool_)
    unit, count = np.datetime_data(array.dtype)
    blank = np.isnat(array)
    ticks = np.where(blank, 0, array.astype(np.int64))
    if unit in _CALENDAR:
        fits = _within(ticks, _CALENDAR[unit] // count)
        near = np.where(fits, ticks, 0).astype(f"M8[{count}{unit}]")
        exact = near.astype(MICROSECONDS)
    elif unit in _FINER:
        shared = math.gcd(count, _FINER[unit])
        whole, rest = np.divmod(ticks, _FINER[unit] // shared)
        fits = (rest == 0) & _within(whole, _MOST // (count // shared))
        exact = _times(whole, count // shared, fits)
    else:
        each = _COARSER.get(unit, 1) * count
        fits = _within(ticks, _MOST // each)
        exact = _times(ticks, each, fits)
    return np.where(blank, np.datetime64("NaT", "us"), exact), fits | blank


def _within(ticks: Array, limit: int) -> Mask:
    return np.asarray((ticks <= limit) & (ticks >= -limit))


def _times(ticks: Array, each: int, fits: Mask) -> Array:
    return (np.where(fits, ticks, 0) * each).astype(np.int64).view(MICROSECONDS)
