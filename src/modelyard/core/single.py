"""Single values, the commonest of all calls: the plain ones are made into a column at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.table import Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.core.coerce import Rule

_LARGEST = {"float32": float(np.finfo(np.float32).max), "float64": float(np.finfo(np.float64).max)}
"""At most these are sure to stay finite; what rounds down to them takes the thorough way."""


def single(rule: Rule) -> Callable[[Any], Series]:
    """Make the function that coerces the one value of a column with one row.

    It takes the shortest way for a value of the very type that the column asks for, and leaves
    everything else, and every refusal, to ``rule.coerce``.

    Example:
        >>> from modelyard.core.coerce import Rule
        >>> from modelyard.core.contract import Column
        >>> single(Rule(Column(name="age", dtype="int8")))(31).values
        array([31], dtype=int8)
    """
    column = rule.column
    if column.shape or column.dtype == "timestamp":
        return lambda value: rule.coerce([value])
    if column.dtype == "string":
        return _text(rule)
    if column.dtype == "bool":
        return _ranged(rule, bool, False, True)  # noqa: FBT003 - the least and the greatest
    if column.is_integer:
        return _ranged(rule, int, rule.least, rule.most)
    largest = _LARGEST[column.dtype]
    least = -largest if rule.least is None else max(-largest, float(rule.least))
    most = largest if rule.most is None else min(largest, float(rule.most))
    return _ranged(rule, float, least, most)


def _ranged(rule: Rule, kind: type, least: Any, most: Any) -> Callable[[Any], Series]:
    dtype = rule.dtype

    def make(value: Any) -> Series:
        if type(value) is kind and least <= value <= most:
            values = np.empty(1, dtype)
            values[0] = value
            return Series(values)
        return rule.coerce([value])

    return make


def _text(rule: Rule) -> Callable[[Any], Series]:
    known, dtype = rule.known, rule.dtype

    def make(value: Any) -> Series:
        if type(value) is str and (
            value in known
            if known is not None
            else value.isascii()  # so no surrogate, nor the mark
        ):
            values = np.empty(1, dtype)
            values[0] = value
            return Series(values)
        return rule.coerce([value])

    return make
