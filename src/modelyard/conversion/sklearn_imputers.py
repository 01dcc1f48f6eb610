"""Imputers: what stands in for missing values, in numbers and in strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.impute import MissingIndicator, SimpleImputer

from modelyard.conversion.sklearn_graph import Matrix, Text, refuse
from modelyard.core.contract import MISSING_STRING

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Conversion


def _is_nan(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _simple(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    indicators: Matrix = ()
    if model.add_indicator:
        indicators = _indicator(c, model.indicator_, matrix)
    statistics = list(model.statistics_)
    kept = [
        (column, fill)
        for column, fill in zip(matrix, statistics, strict=True)
        if model.keep_empty_features or not _is_nan(fill)
    ]
    if all(isinstance(column, Text) for column, _ in kept):
        return tuple(_filled_text(model, column, fill) for column, fill in kept) + indicators
    if any(isinstance(column, Text) for column, _ in kept):
        raise refuse("an imputer is fed strings and numbers together")
    columns = tuple(column for column, _ in kept)
    x = c.dense(columns)
    fills = c.constant(np.array([float(fill) for _, fill in kept]))
    y = c.op("Where", _missing(c, x, model.missing_values), fills, x)
    return c.columns(y, len(columns)) + indicators


def _missing(c: Conversion, x: str, missing_values: Any) -> str:
    if _is_nan(missing_values) or "NAType" in type(missing_values).__name__:
        return c.op("IsNaN", x)
    if isinstance(missing_values, str):
        raise refuse("an imputer of strings is fed numbers")
    return c.op("Equal", x, c.constant(float(missing_values)))


def _filled_text(model: Any, column: Any, fill: Any) -> Text:
    if isinstance(model.missing_values, (str, int)) or not isinstance(fill, str):
        raise refuse(f"strings of {column.name!r} are imputed by something other than a string")
    return column if column.missing is not None else Text(column.name, fill)


def _indicator(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    parts: list[Any] = []
    for place in model.features_:
        column = matrix[place]
        if isinstance(column, Text):
            flag = _text_flag(c, column)
        else:
            flag = c.double(_missing(c, c.dense((column,)), model.missing_values))
        parts.extend(c.columns(flag, 1))
    return tuple(parts)


def _text_flag(c: Conversion, column: Text) -> str:
    if column.missing is not None:
        raise refuse(f"a missing indicator follows an imputer of {column.name!r}")
    code = c.op(
        "LabelEncoder",
        c.text(column.name),
        domain="ai.onnx.ml",
        keys_strings=[MISSING_STRING],
        values_int64s=[1],
        default_int64=0,
    )
    return c.op("Gather", c.constant([[0.0], [1.0]]), code, axis=0)


TRANSFORMS: dict[type, Callable[[Conversion, Any, Matrix], Matrix]] = {
    SimpleImputer: _simple,
    MissingIndicator: _indicator,
}
