"""One column's values, made into a Series by the exact rules of its contract, or refused."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from modelyard.core import timestamps
from modelyard.core.contract import MISSING_STRING, is_unicode
from modelyard.core.refusal import describe, integer_range, refusal, shorten
from modelyard.core.table import Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.core.contract import Column
    from modelyard.core.table import Array, Mask

_CAST = "cast it yourself, where you know that it is right"
_WHOLE_TICKS = "a time in whole microseconds"
_NAT = np.iinfo(np.int64).min
_NULL = type(None)
_PYTHON: dict[str, set[type]] = {"bool": {bool, _NULL}, "string": {str, _NULL}}
_INTEGER: set[type] = {int, _NULL}
_FLOAT: set[type] = {float, int, _NULL}


class Flat(NamedTuple):
    """Values one after the other, ``width`` of them to a row (1 for scalars)."""

    values: list[Any] | Array
    width: int = 1


class Rule:
    """One column's rules, prepared once so that a row costs little.

    Args:
        column: The column of the contract.
    """

    __slots__ = ("column", "dtype", "exact", "fill", "known", "least", "most")

    def __init__(self, column: Column) -> None:
        self.column = column
        self.dtype = column.numpy
        rejects = column.categories is not None and column.unknown == "reject"
        self.known = frozenset(column.categories or ()) if rejects else None
        self.exact = 2 ** (24 if column.dtype == "float32" else 53)
        self.least: Any = column.minimum
        self.most: Any = column.maximum
        self.fill: Any = 0
        if column.is_integer:
            self.least, self.most = integer_range(column)
        elif column.is_float:
            self.fill = float("nan")
            with np.errstate(over="ignore"):  # a bound beyond float32 bounds nothing
                self.least, self.most = (
                    None if bound is None else self.dtype.type(bound)
                    for bound in (column.minimum, column.maximum)
                )
        elif column.dtype == "string":
            self.fill = ""
        elif column.dtype == "bool":
            self.fill = False
        else:
            self.fill = np.datetime64("NaT", "us")

    def refuse(self, flat: Flat, index: int, *, expected: str = "", hint: str = "") -> NoReturn:
        """Refuse the value at an index."""
        value = flat.values[index]
        got = shorten(value)
        if isinstance(value, np.generic) and not isinstance(value, (np.str_, np.datetime64)):
            got += f" ({value.dtype})"
        raise refusal(self.column, index // flat.width, got, expected, hint)

    def coerce(self, given: Any) -> Series:
        """Make values into a Series.

        Args:
            given: A list, a numpy array or anything that numpy can read as one, or a Series;
                one entry a row.

        Raises:
            ContractError: if a value does not fit.
        """
        missing = None
        if isinstance(given, Series):
            given, missing = given.values, given.missing
        elif isinstance(given, (list, tuple)):
            return self._list(list(given))
        elif isinstance(given, np.ma.MaskedArray):
            missing = np.ma.getmaskarray(given)
            missing = missing.reshape(len(missing), -1).any(axis=1) if missing.size else None
            given = np.asarray(given.data)
        array = self._array(given)
        if array.dtype.kind == "O" or array.dtype.kind in "UT":
            return self._list(_nulled(array, missing))
        return self._numpy(array, missing)

    def _array(self, given: Any) -> Array:
        if isinstance(given, (str, bytes, bytearray, dict, set)) or not (
            hasattr(given, "__array__") or hasattr(given, "__len__")
        ):
            hint = "put the value of a single row into a list of one"
            raise refusal(self.column, None, shorten(given), "a list with one value a row", hint)
        try:
            array = np.asarray(given)
        except (TypeError, ValueError) as e:
            raise refusal(
                self.column, None, type(given).__name__, "what numpy can read as an array"
            ) from e
        if array.ndim == 0:
            raise refusal(self.column, None, shorten(given), "a list with one value a row")
        return array

    # -- python values ---------------------------------------------------------------------------

    def _list(self, values: list[Any]) -> Series:
        if self.column.shape:
            return self._nested(values)
        kinds = set(map(type, values))
        missing = None
        if _NULL in kinds:
            missing = np.fromiter((value is None for value in values), np.bool_, len(values))
            if not self.column.nullable:
                self.refuse(Flat(values), int(missing.argmax()))
        array = self._values(Flat(values), kinds)
        return self._finish(array, missing, Flat(values))

    def _nested(self, rows: list[Any]) -> Series:
        if any(isinstance(row, np.ndarray) for row in rows):
            kinds = {(getattr(row, "shape", None), getattr(row, "dtype", None)) for row in rows}
            if len(kinds) == 1 and rows[0].dtype.kind not in "OUT":
                return self._numpy(np.stack(rows), None)
            rows = [row.tolist() if isinstance(row, np.ndarray) else row for row in rows]
        level: list[Any] = rows
        sizes: list[int] = []
        for axis, asked in enumerate(self.column.shape):
            first = level[0] if level else None
            size = len(first) if asked is None and isinstance(first, (list, tuple)) else asked
            if not set(map(type, level)) <= {list, tuple} or set(map(len, level)) != {size}:
                self._refuse_nested(level, axis, size, int(np.prod(sizes, dtype=np.int64)))
            sizes.append(int(size or 0))
            level = list(chain.from_iterable(level))
        width = int(np.prod(sizes, dtype=np.int64))
        if width == 0:
            raise refusal(self.column, 0, "an empty tensor")
        flat = Flat(level, width)
        array = self._finish(self._values(flat, set(map(type, level))), None, flat).values
        return Series(array.reshape(len(rows), *sizes))

    def _refuse_nested(
        self, level: list[Any], axis: int, size: int | None, before: int
    ) -> NoReturn:
        for index, entry in enumerate(level):
            row = index // before
            if not isinstance(entry, (list, tuple)):
                got = f"{shorten(entry)} on axis {axis}"
                raise refusal(self.column, row, got)
            if len(entry) != size:
                got = f"{len(entry)} entries on axis {axis}"
                raise refusal(self.column, row, got, f"{size} entries, {describe(self.column)}")
        raise refusal(self.column, 0, "an uneven list")

    def _values(self, flat: Flat, kinds: set[type]) -> Array:
        values = list(flat.values)
        if self.column.dtype == "timestamp":
            return self._timestamps(values, flat)
        allowed = _PYTHON.get(self.column.dtype) or (_FLOAT if self.column.is_float else _INTEGER)
        if not kinds <= allowed:
            values = [_plain(value) for value in values]
            kinds = set(map(type, values))
            if not kinds <= allowed:
                self.refuse(flat, _first_other(values, allowed))
        if _NULL in kinds:
            if self.column.shape:
                self.refuse(flat, values.index(None))
            values = [self.fill if value is None else value for value in values]
        if self.column.is_integer:
            return self._integers(values, flat)
        if self.column.is_float:
            return self._floats(values, kinds, flat)
        array = np.empty(len(values), self.dtype)
        array[:] = values
        return array

    def _integers(self, values: list[int], flat: Flat) -> Array:
        if values and not (self.least <= min(values) and max(values) <= self.most):
            for index, value in enumerate(values):
                if not self.least <= value <= self.most and flat.values[index] is not None:
                    self.refuse(flat, index)
        return np.array(values, self.dtype)

    def _floats(self, values: list[Any], kinds: set[type], flat: Flat) -> Array:
        if int in kinds:
            for index, value in enumerate(values):
                if type(value) is int and not self._held(value):
                    self._refuse_whole(flat, index)
        return self._narrow(np.array(values, np.float64), flat)

    def _held(self, value: int) -> bool:
        if -self.exact <= value <= self.exact:
            return True
        try:
            near = float(value)
        except OverflowError:
            return False
        with np.errstate(over="ignore"):
            rounded = float(self.dtype.type(near))
        return rounded - rounded == 0 and int(rounded) == value

    def _narrow(self, array: Array, flat: Flat) -> Array:
        if array.dtype == self.dtype:
            return array
        with np.errstate(over="ignore"):
            narrow = array.astype(self.dtype)
        lost = np.isinf(narrow) & np.isfinite(array)
        if lost.any():
            self.refuse(flat, int(lost.argmax()))
        return narrow

    def _refuse_whole(self, flat: Flat, index: int) -> NoReturn:
        expected = f"a number that {self.column.dtype} holds exactly"
        self.refuse(flat, index, expected=expected)

    def _timestamps(self, values: list[Any], flat: Flat) -> Array:
        ticks = np.empty(len(values), np.int64)
        for index, value in enumerate(values):
            if value is None:
                ticks[index] = _NAT
                continue
            if not isinstance(value, timestamps.TYPES):
                self.refuse(flat, index)
            if value != value:  # noqa: PLR0124 - NaT, of numpy or of pandas, differs from itself
                ticks[index] = _NAT
                continue
            try:
                ticks[index] = timestamps.microseconds(value)
            except timestamps.TooFineError:
                self.refuse(flat, index, expected=_WHOLE_TICKS)
            except (ValueError, OverflowError):
                self.refuse(flat, index)
        array = ticks.view(timestamps.MICROSECONDS)
        if self.column.shape and np.isnat(array).any():
            self.refuse(flat, int(np.isnat(array).argmax()))
        return array

    # -- numpy arrays ----------------------------------------------------------------------------

    def _numpy(self, array: Array, missing: Mask | None) -> Series:
        shape = self.column.shape
        if array.ndim != 1 + len(shape) or any(
            asked not in (None, size) for asked, size in zip(shape, array.shape[1:], strict=True)
        ):
            got = f"an array of shape {array.shape}"
            raise refusal(self.column, None, got, f"rows of {describe(self.column)}")
        width = int(np.prod(array.shape[1:], dtype=np.int64))
        if width == 0:
            raise refusal(self.column, None, f"an array of shape {array.shape}")
        if missing is not None and not missing.any():
            missing = None
        if missing is not None:
            if not self.column.nullable:
                raise refusal(self.column, int(missing.argmax()), "null")
            array = np.where(missing, np.zeros((), array.dtype), array)
        flat = Flat(array.reshape(-1), width)
        series = self._finish(self._cast(flat, missing), missing, flat)
        return Series(series.values.reshape(array.shape), series.missing)

    def _cast(self, flat: Flat, missing: Mask | None) -> Array:
        array = np.asarray(flat.values)
        kind = array.dtype.kind
        if self.column.dtype == "bool" and kind == "b":
            return array
        if self.column.is_integer and kind in "iu":
            self._check_range(array, missing, flat)
            return array.astype(self.dtype, copy=False)
        if self.column.is_float and kind == "f":
            return self._narrow(array, flat)
        if self.column.is_float and kind in "iu":
            return self._whole(array, flat)
        if self.column.dtype == "timestamp" and kind == "M":
            exact, fits = timestamps.from_numpy(array)
            if not fits.all():
                self.refuse(flat, int(fits.argmin()), expected=_WHOLE_TICKS)
            return exact
        if len(array):
            self.refuse(flat, 0, hint=_CAST if kind in "iufb" else "")
        return np.empty(0, self.dtype)

    def _whole(self, array: Array, flat: Flat) -> Array:
        beyond = (array > self.exact) | (array < -self.exact)
        for index in np.flatnonzero(beyond):
            if not self._held(int(array[index])):
                self._refuse_whole(flat, int(index))
        return array.astype(self.dtype)

    # -- what holds for both ---------------------------------------------------------------------

    def _finish(self, array: Array, missing: Mask | None, flat: Flat) -> Series:
        if self.column.is_float:
            return self._finish_floats(array, missing, flat)
        if self.column.dtype == "timestamp":
            blank = np.isnat(array)
            if missing is not None:
                array = np.where(missing, self.fill, array).astype(self.dtype)
                blank |= missing
            missing = blank if blank.any() else None
            if missing is not None and not self.column.nullable:
                self.refuse(flat, int(missing.argmax()))
        if self.column.dtype == "string":
            self._check_text(array, missing, flat)
        elif self.column.dtype == "timestamp":
            self._check_range(array.view(np.int64), missing, flat)
        return Series(array, missing)

    def _finish_floats(self, array: Array, missing: Mask | None, flat: Flat) -> Series:
        if missing is not None:
            array = np.where(missing, self.fill, array).astype(self.dtype, copy=False)
        finite = np.isfinite(array)
        if not finite.all():
            bad = ~finite if not self.column.nullable else np.isinf(array)
            if bad.any():
                self.refuse(flat, int(bad.argmax()))
        self._check_range(array, None, flat)
        return Series(array)

    def _check_range(self, array: Array, missing: Mask | None, flat: Flat) -> None:
        for bound, outside in ((self.least, np.less), (self.most, np.greater)):
            if bound is None or not len(array):
                continue
            bad = outside(array, bound)
            if missing is not None:
                bad &= ~missing
            if bad.any():
                self.refuse(flat, int(bad.argmax()))

    def _check_text(self, array: Array, missing: Mask | None, flat: Flat) -> None:
        texts = array.tolist()
        if self.known is not None:
            present = texts if missing is None else array[~missing].tolist()
            if not self.known.issuperset(present):
                for index, text in enumerate(texts):
                    if text not in self.known and (missing is None or not missing[index]):
                        self.refuse(flat, index)
        if MISSING_STRING in texts:
            index = texts.index(MISSING_STRING)
            self.refuse(flat, index, expected="text other than the mark of a missing one")
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            index = next(i for i, text in enumerate(texts) if not is_unicode(text))
            self.refuse(flat, index, expected="text of whole Unicode characters")


def _plain(value: Any) -> Any:
    """A Python value for a numpy one, and a plain str for one of a class of its own."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        return value.item()
    return value


def _first_other(values: Sequence[Any], allowed: set[type]) -> int:
    return next(
        index
        for index, value in enumerate(values)
        if value is not None and type(value) not in allowed
    )


def _nulled(array: Array, missing: Mask | None) -> list[Any]:
    values: list[Any] = array.tolist()
    if missing is None or not missing.any():
        return values
    return [None if gone else value for value, gone in zip(values, missing.tolist(), strict=True)]
