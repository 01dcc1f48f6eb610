"""Enforcement: input becomes a Table that fits the contract exactly, or one clear refusal."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from modelyard.core.coerce import Rule
from modelyard.core.refusal import describe, shorten
from modelyard.core.single import single
from modelyard.core.table import Series, Table
from modelyard.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelyard.core.contract import Contract

_LISTED = 20
_NAMED = 10
_LONGEST = 200
_INDEX = ("", "Unnamed: 0")  # an index without a name in a CSV file, and what pandas calls it


class Enforcer:
    """A contract, made ready to be enforced many times.

    Args:
        contract: What the input must fit.
    """

    __slots__ = ("_rules", "_singles", "_wanted", "contract")

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._rules = {column.name: Rule(column) for column in contract.inputs}
        self._singles = {name: single(rule) for name, rule in self._rules.items()}
        self._wanted = frozenset(self._rules)

    def columns(self, data: Mapping[str, Any] | Table) -> Table:
        """Enforce the contract on columns; see ``enforce``."""
        if isinstance(data, Table):
            data = data.columns
        if not isinstance(data, Mapping):
            raise ContractError(
                f"got {shorten(data)}, expected columns: a name and a list of values for each",
                got=shorten(data),
                expected="columns",
            )
        if data.keys() != self._wanted:
            self._refuse_names(data.keys())
        made = {name: rule.coerce(data[name]) for name, rule in self._rules.items()}
        self._check_lengths(made)
        return Table(made)

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Table:
        """Enforce the contract on records; see ``enforce_rows``."""
        if not isinstance(rows, (list, tuple)):
            raise ContractError(
                f"got {shorten(rows)}, expected a list of rows",
                got=shorten(rows),
                expected="a list of rows",
            )
        if not rows:
            raise _no_rows()
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise ContractError(
                    f"row {number}: got {shorten(row)}, expected an object with a value for each"
                    " column",
                    row=number,
                    got=shorten(row),
                    expected="an object",
                )
            if row.keys() != self._wanted:
                self._refuse_names(row.keys(), number)
        if len(rows) == 1:
            row = rows[0]
            return Table({name: make(row[name]) for name, make in self._singles.items()})
        return Table(
            {name: rule.coerce([row[name] for row in rows]) for name, rule in self._rules.items()}
        )

    def _check_lengths(self, made: dict[str, Series]) -> None:
        lengths = {name: len(series.values) for name, series in made.items()}
        (first, rows), *others = lengths.items()
        for name, length in others:
            if length != rows:
                raise ContractError(
                    f"column {shorten(name)} has {length} rows, column {shorten(first)} has {rows}",
                    column=name,
                    got=f"{length} rows",
                    expected=f"{rows} rows",
                )
        if rows == 0:
            raise _no_rows()

    def _refuse_names(self, given: Iterable[Any], row: int | None = None) -> NoReturn:
        came = list(given)
        missing = [name for name in self._rules if name not in set(came)]
        others = [name for name in came if name not in self._wanted]
        where = "" if row is None else f"row {row}: "
        if missing:
            also = f"; unexpected {_named(others)}" if others else ""
            verb = "is" if len(missing) == 1 else "are"
            name = missing[0]
            expected = describe(self.contract.column(name))
            raise ContractError(
                f"{where}{_named(missing)} {verb} missing{also}",
                column=name,
                row=row,
                got="nothing",
                expected=expected,
                hint=_missing_hint(missing, others) or f"{shorten(name)} takes {expected}",
            )
        name = others[0]
        raise ContractError(
            f"{where}unexpected {_named(others)}",
            column=name if isinstance(name, str) else None,
            row=row,
            got=shorten(name),
            expected="only the inputs of the contract",
            hint=self._unexpected_hint(others),
        )

    def _unexpected_hint(self, others: list[Any]) -> str:
        if any(name in _INDEX for name in others):
            return "the file may have an index column: leave it out (pandas: index=False)"
        inputs = list(self._rules)
        for name in others[:_NAMED]:
            near = _nearest(name, inputs)
            if near:
                return f"did you mean {near!r}?"
        more = len(inputs) - _LISTED
        listed = f"the inputs are: {', '.join(inputs[:_LISTED])}"
        return listed + (f" and {more} more" if more > 0 else "")


def enforce(contract: Contract, data: Mapping[str, Any] | Table) -> Table:
    """Make a Table of columns that fit a contract exactly.

    Args:
        contract: What the input must fit.
        data: column -> a list, a numpy array, a Series or anything numpy can read, one entry a
            row; or a Table.  The columns may stand in any order.

    Returns:
        The columns in the contract's order and dtypes.  Nothing is rounded but decimals into
        floats, nothing wraps, nothing is converted silently.

    Raises:
        ContractError: names the column, the row, what came and what was expected.

    Example:
        >>> from modelyard.core.contract import Column, Contract, Output
        >>> contract = Contract(
        ...     inputs=(Column(name="age", dtype="int8"),),
        ...     outputs=(Output(name="label", dtype="int64"),),
        ... )
        >>> enforce(contract, {"age": [31, 47]})["age"].values
        array([31, 47], dtype=int8)
        >>> enforce(contract, {"age": [31, 300]})
        Traceback (most recent call last):
        modelyard.errors.ContractError: column 'age', row 1: got 300, expected an integer from ...
    """
    return Enforcer(contract).columns(data)


def enforce_rows(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Make a Table of records, such as JSON gives, that fit a contract exactly.

    Args:
        contract: What the input must fit.
        rows: One mapping of column -> value a row; None only where the column is nullable.

    Raises:
        ContractError: names the column, the row, what came and what was expected.
    """
    return Enforcer(contract).rows(rows)


def _no_rows() -> ContractError:
    return ContractError("no rows came", got="no rows", expected="at least one row")


def _named(names: list[Any]) -> str:
    shown = ", ".join(shorten(name) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"column{'s' if len(names) > 1 else ''} {shown}{more}"


def _missing_hint(missing: list[str], others: list[Any]) -> str:
    for name in missing[:_NAMED]:
        near = _nearest(name, others)
        if near:
            return f"{near!r} is no input; did you mean {name!r}?"
    return ""


def _nearest(name: Any, among: list[Any]) -> str | None:
    """The likeliest slip of the pen; long names are not compared, for that takes long."""
    if not isinstance(name, str) or len(name) > _LONGEST:
        return None
    short = [other for other in among[:1000] if isinstance(other, str) and len(other) <= _LONGEST]
    for other in short:
        if other.casefold().strip() == name.casefold().strip():
            return other
    return next(iter(difflib.get_close_matches(name, short, n=1)), None)
