"""Encoders of categories: each becomes a look-up and a table that the encoder itself fills.

The fitted encoder is asked what it answers for every category, for an unknown value and for a
missing one; its answers are the table.  So every option (drop, infrequent categories, unknown
values, encoded missing values) is exact without a word about it here.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import TensorProto
from sklearn import preprocessing

from modelyard.conversion.sklearn_graph import Matrix, Text, refuse
from modelyard.core.contract import MISSING_STRING

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Conversion
    from modelyard.core.table import Array

_UNKNOWN_TEXT = "\ue000unknown"


class _Lookup(NamedTuple):
    """One encoded column: ``rows[i]`` is the answer for ``categories[i]``."""

    categories: list[Any]
    rows: Array
    other: Array


def _encode(c: Conversion, model: Any, matrix: Matrix, widths: list[int]) -> Matrix:
    knows_unknown = getattr(model, "handle_unknown", "ignore") != "error"
    parts: list[Any] = []
    for column, lookup in zip(matrix, _lookups(model, widths, knows_unknown), strict=True):
        if isinstance(column, Text):
            encoded = _from_text(c, column, lookup)
            known = tuple(value for value in lookup.categories if isinstance(value, str))
            c.note(column.name, known, unknown=knows_unknown)
        else:
            encoded = _from_number(c, c.dense((column,)), lookup)
        parts.extend(c.columns(encoded, lookup.rows.shape[1]))
    return tuple(parts)


def _lookups(model: Any, widths: list[int], knows_unknown: bool) -> list[_Lookup]:  # noqa: FBT001
    categories = [list(found) for found in model.categories_]
    longest = max(map(len, categories))
    probe = np.empty((longest + knows_unknown, len(categories)), dtype=object)
    for index, found in enumerate(categories):
        probe[:longest, index] = [found[min(row, len(found) - 1)] for row in range(longest)]
        if knows_unknown:
            probe[longest, index] = _unknown(found)
    answers = _asked(model, probe)
    lookups = []
    start = 0
    for found, width in zip(categories, widths, strict=True):
        rows = answers[: len(found), start : start + width]
        # What the model cannot answer is no number, should it ever be asked.
        other = answers[longest, start : start + width] if knows_unknown else np.full(width, np.nan)
        lookups.append(_Lookup(found, rows, other))
        start += width
    return lookups


def _asked(model: Any, probe: Array) -> Array:
    if all(found.dtype.kind in "iufb" for found in model.categories_):
        probe = probe.astype(np.float64)
    with warnings.catch_warnings():
        # The probe has no column names, and means its unknown values.
        warnings.simplefilter("ignore")
        answers = model.transform(probe)
    dense = answers.toarray() if hasattr(answers, "toarray") else answers
    return np.asarray(dense, np.float64)


def _unknown(categories: list[Any]) -> Any:
    numbers = [value for value in categories if not isinstance(value, str) and value is not None]
    if any(isinstance(value, str) for value in categories) or not numbers:
        return _UNKNOWN_TEXT
    finite = [float(value) for value in numbers if np.isfinite(value)]
    return max(finite, default=0.0) + 1.0


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _from_text(c: Conversion, column: Text, lookup: _Lookup) -> str:
    places: dict[str, int] = {}
    missing = None
    for place, value in enumerate(lookup.categories):
        if isinstance(value, str):
            places[value] = place
        elif _is_missing(value):
            missing = place
        else:
            raise refuse(f"the column {column.name!r} mixes strings with other values")
    if column.missing is not None:
        missing = places.get(column.missing)
    other = len(lookup.categories)
    places[MISSING_STRING] = other if missing is None else missing
    code = c.op(
        "LabelEncoder",
        c.text(column.name),
        domain="ai.onnx.ml",
        keys_strings=list(places),
        values_int64s=list(places.values()),
        default_int64=other,
    )
    table = np.vstack([lookup.rows, lookup.other])
    return c.op("Gather", c.constant(table), code, axis=0)


def _from_number(c: Conversion, x: str, lookup: _Lookup) -> str:
    if any(isinstance(value, str) for value in lookup.categories):
        raise refuse("an encoder fitted on strings is fed numbers")
    keys = np.array([np.nan if value is None else value for value in lookup.categories], float)
    hit = c.op("Equal", x, c.constant(keys.reshape(1, -1)))
    if np.isnan(keys).any():
        empty = c.constant(np.isnan(keys).reshape(1, -1), np.bool_)
        hit = c.op("Or", hit, c.op("And", c.op("IsNaN", x), empty))
    ranks = c.integers(np.arange(1, len(keys) + 1).reshape(1, -1))
    place = c.op("Mul", c.op("Cast", hit, to=TensorProto.INT64), ranks)
    table = np.vstack([lookup.other, lookup.rows])
    return c.op("Gather", c.constant(table), c.count(place, keep=0), axis=0)


def _one_hot(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    return _encode(c, model, matrix, [int(n) for n in model._n_features_outs])  # noqa: SLF001


def _ordinal(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    return _encode(c, model, matrix, [1] * len(model.categories_))


def _target(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    width = len(model.encodings_) // len(model.categories_)
    return _encode(c, model, matrix, [width] * len(model.categories_))


TRANSFORMS: dict[type, Callable[[Conversion, Any, Matrix], Matrix]] = {
    preprocessing.OneHotEncoder: _one_hot,
    preprocessing.OrdinalEncoder: _ordinal,
    preprocessing.TargetEncoder: _target,
}
