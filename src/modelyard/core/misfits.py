"""Misfits: which rows of a table do not fit a contract, all of them, and why the first do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.core.coerce import Rule
from modelyard.core.enforce import Enforcer
from modelyard.core.table import Series, Table
from modelyard.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.contract import Column, Contract
    from modelyard.core.table import Mask

_LISTED = 5


class Misfits(NamedTuple):
    """Rows that do not fit a contract.

    Args:
        number: How many they are.
        rows: Of how many.
        reasons: Why the first of them do not fit, a sentence each.
    """

    number: int
    rows: int
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        verb = "does" if self.number == 1 else "do"
        return f"{self.number} of {self.rows} rows {verb} not fit; the first: {self.reasons[0]}"


def find_misfits(contract: Contract, data: Mapping[str, Any] | Table) -> Misfits | None:
    """Find the rows that do not fit a contract, where ``enforce`` stops at the first.

    Args:
        contract: What the rows must fit.
        data: As ``enforce`` takes them.

    Returns:
        None where all rows fit.

    Raises:
        ContractError: if columns are missing or unexpected, differ in length, or have no rows:
            then it is not for the rows to fit.

    Example:
        >>> from modelyard.core.contract import Column, Contract, Output
        >>> age = Column(name="age", dtype="int8", maximum=99)
        >>> contract = Contract(inputs=(age,), outputs=(Output(name="label", dtype="int64"),))
        >>> print(find_misfits(contract, {"age": [31, 100, 47, 101]}))
        2 of 4 rows do not fit; the first: column 'age', row 1: got 100, expected an integer ...
    """
    try:
        Enforcer(contract).columns(data)
    except ContractError as e:
        columns = data.columns if isinstance(data, Table) else data
        if e.column is None or columns.keys() != set(contract.names):
            raise
        return _counted(contract, columns, e)
    return None


def _counted(contract: Contract, columns: Mapping[str, Any], first: ContractError) -> Misfits:
    lengths = {len(_values(values)) for values in columns.values()}
    if len(lengths) > 1:
        raise first
    rows = lengths.pop()
    bad: Mask = np.zeros(rows, np.bool_)
    for column in contract.inputs:
        bad |= _bad(column, columns[column.name], rows)
    reasons = []
    for row in np.flatnonzero(bad)[:_LISTED]:
        reasons += _reasons(contract, columns, int(row))
    # A column that fits in no one piece (ragged tensors, say) is at fault as a whole.
    number = int(bad.sum()) or rows
    return Misfits(number, rows, tuple(reasons[:_LISTED]) or (first.message,))


def _bad(column: Column, values: Any, rows: int) -> Mask:
    """Which rows of a column do not fit."""
    rule = Rule(column)
    if _why(rule, values) is None:
        return np.zeros(rows, np.bool_)
    bad = _outside(rule, values, rows)
    rest = np.flatnonzero(~bad)
    if len(rest) < rows:
        bad[rest] = _halved(rule, _taken(values, rest), len(rest))
        return bad
    return _halved(rule, values, rows)


def _outside(rule: Rule, given: Any, rows: int) -> Mask:
    """Rows of a numeric array that are missing or out of range, found at one blow."""
    values = _values(given)
    bad: Mask = np.zeros(rows, np.bool_)
    column = rule.column
    if not isinstance(values, np.ndarray) or values.ndim != 1 or column.shape:
        return bad
    if not (column.is_float and values.dtype.kind == "f") and not (
        column.is_integer and values.dtype.kind in "iu"
    ):
        return bad
    missing = given.missing if isinstance(given, Series) else None
    if column.is_float:
        with np.errstate(over="ignore"):
            values = values.astype(rule.dtype, copy=False)
        bad |= np.isinf(values)
        if not column.nullable:
            bad |= np.isnan(values)
    for bound, beyond in ((rule.least, np.less), (rule.most, np.greater)):
        if bound is not None:
            bad |= beyond(values, bound)
    if missing is not None:
        bad = bad & ~missing if column.nullable else bad | missing
    return bad


def _taken(given: Any, rows: Any) -> Any:
    return given.take(rows) if isinstance(given, Series) else given[rows]


def _halved(rule: Rule, values: Any, rows: int) -> Mask:
    """Which values do not fit: halves that fit are not looked at any closer."""
    bad: Mask = np.zeros(rows, np.bool_)
    pieces = [(0, rows)] if rows else []
    while pieces:
        start, end = pieces.pop()
        if _why(rule, _piece(values, start, end)) is None:
            continue
        if end - start == 1:
            bad[start] = True
            continue
        middle = (start + end) // 2
        pieces += [(start, middle), (middle, end)]
    return bad


def _reasons(contract: Contract, columns: Mapping[str, Any], row: int) -> list[str]:
    found = []
    for column in contract.inputs:
        error = _why(Rule(column), _piece(columns[column.name], row, row + 1))
        if error is not None:
            found.append(
                f"column {column.name!r}, row {row}: got {error.got}, expected {error.expected}"
            )
    return found


def _why(rule: Rule, values: Any) -> ContractError | None:
    try:
        rule.coerce(values)
    except ContractError as e:
        return e
    return None


def _values(given: Any) -> Any:
    return given.values if isinstance(given, Series) else given


def _piece(given: Any, start: int, end: int) -> Any:
    if isinstance(given, Series):
        missing = None if given.missing is None else given.missing[start:end]
        return Series(given.values[start:end], missing)
    return given[start:end]
