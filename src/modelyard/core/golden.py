"""Golden rows: the rows by which every artifact of a bundle is proved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.core.enforce import Enforcer
from modelyard.core.refusal import integer_range
from modelyard.core.table import Series, Table
from modelyard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.contract import Column, Contract
    from modelyard.core.table import Array, Mask

_LEAST = 4

UNKNOWN = "unknown category"
"""A text that no model was trained on; spaces are added until it is none of the categories."""


class Golden(NamedTuple):
    """Golden rows and the outputs that the original model gave for them.

    Args:
        rows: The rows.
        outputs: output name -> array, first axis the rows.
        kinds: For each row why it is there: ``real``, ``boundary``, ``missing`` or ``category``.
    """

    rows: Table
    outputs: Mapping[str, Array]
    kinds: tuple[str, ...]


class Change(NamedTuple):
    """What makes a golden row of a real one: column -> new value, None for a missing one."""

    values: dict[str, Any]
    kind: str


def golden_rows(table: Table, contract: Contract, limit: int = 64) -> tuple[Table, tuple[str, ...]]:
    """Choose the rows by which a model's artifacts are proved.

    Real rows lie evenly over the table.  The others are real rows with a change: a number or time
    at its least and greatest, a boolean at both, each nullable column missing and all of them at
    once, each category, and, where the model itself deals with it, an unknown one.  Where the
    changes are too many, several columns change in one row; where a column has more categories
    than there is room, those taken lie evenly over the list.

    Args:
        table: Rows of the model's inputs; those that do not fit the contract are left out.
        contract: What the model takes.
        limit: The most rows to choose, at least 4.

    Returns:
        The rows, and for each of them its kind; always the same for the same table.

    Raises:
        UsageError: if no row fits the contract.
    """
    fitting = np.flatnonzero(_fitting(table, contract))
    if limit < _LEAST:
        raise UsageError(f"golden rows need a limit of at least {_LEAST}, not {limit}")
    if not len(fitting):
        raise UsageError(
            f"none of the {len(table)} rows of the sample fits the contract",
            hint="check the ranges and categories that the contract was given",
        )
    enforcer = Enforcer(contract)
    table = enforcer.columns(table.select(contract.names).take(fitting))
    lists = _categories(contract)
    missing, boundary = _missing(contract), _boundary(table, contract)
    wanted = {
        "boundary": len(boundary),
        "missing": len(missing),
        "category": max(map(len, lists.values()), default=0),
    }
    rooms = _rooms(wanted, limit - limit // 2)
    changes = [
        *(Change(values, "boundary") for values in _packed(boundary, rooms["boundary"])),
        *(Change(values, "missing") for values in _packed(missing, rooms["missing"])),
        *(Change(values, "category") for values in _dealt(lists, rooms["category"])),
    ]
    real = _spread(len(table), limit - len(changes))
    bases = real[np.arange(len(changes)) % len(real)]
    made = {
        column.name: _changed(column, table[column.name], real, bases, changes)
        for column in contract.inputs
    }
    return enforcer.columns(made), ("real",) * len(real) + tuple(change.kind for change in changes)


def _fitting(table: Table, contract: Contract) -> Mask:
    """Which rows fit rules that were made stricter than the sample."""
    fits: Mask = np.ones(len(table), np.bool_)
    for column in contract.inputs:
        series = table[column.name]
        missing = _missing_of(series)
        good: Mask = np.ones(len(table), np.bool_)
        if column.categories is not None and column.unknown == "reject":
            known = frozenset(column.categories)
            good = np.fromiter((text in known for text in series.values), np.bool_, len(table))
        elif column.dtype not in ("string", "bool"):
            values = series.values
            values = values.view(np.int64) if column.dtype == "timestamp" else values
            inside = np.ones(values.shape, np.bool_)
            if column.minimum is not None:
                inside &= values >= column.minimum
            if column.maximum is not None:
                inside &= values <= column.maximum
            good = np.asarray(inside.reshape(len(table), -1).all(axis=1))
        fits &= (good | missing) if column.nullable else (good & ~missing)
    return fits


def _missing_of(series: Series) -> Mask:
    if series.missing is not None:
        return series.missing
    if series.values.dtype.kind == "f" and series.values.ndim == 1:
        return np.isnan(series.values)
    return np.zeros(len(series.values), np.bool_)


def _missing(contract: Contract) -> list[dict[str, Any]]:
    nullable = [column.name for column in contract.inputs if column.nullable]
    one = [{name: None} for name in nullable]
    return [dict.fromkeys(nullable), *one] if len(nullable) > 1 else one


def _categories(contract: Contract) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for column in contract.inputs:
        if column.categories is not None:
            first = [_unknown(column.categories)] if column.unknown == "model" else []
            lists[column.name] = [*first, *column.categories]
    return lists


def _dealt(lists: dict[str, list[str]], room: int) -> list[dict[str, Any]]:
    """One row takes one category of every column, so that few rows show all of them."""
    taken = {
        name: [texts[place] for place in _spread(len(texts), room)] for name, texts in lists.items()
    }
    return [
        {name: texts[row] for name, texts in taken.items() if row < len(texts)}
        for row in range(room)
    ]


def _unknown(categories: tuple[str, ...]) -> str:
    text = UNKNOWN
    while text in categories:
        text += " "
    return text


def _boundary(table: Table, contract: Contract) -> list[dict[str, Any]]:
    least: list[dict[str, Any]] = []
    most: list[dict[str, Any]] = []
    for column in contract.inputs:
        series = table[column.name]
        values = series.values[~_missing_of(series)]
        if column.shape or column.dtype == "string" or not len(values):
            continue
        low, high = (False, True) if column.dtype == "bool" else (values.min(), values.max())
        least.append({column.name: low if column.minimum is None else _bound(column, low=True)})
        most.append({column.name: high if column.maximum is None else _bound(column, low=False)})
    return least + most


def _bound(column: Column, *, low: bool) -> Any:
    bound = column.minimum if low else column.maximum
    if column.is_integer:
        return integer_range(column)[0 if low else 1]
    if column.dtype == "timestamp":
        whole = math.ceil(bound) if low else math.floor(bound)  # type: ignore[arg-type]  # asked for only where it is set
        return np.datetime64(whole, "us")
    return column.numpy.type(bound)


def _rooms(wanted: dict[str, int], room: int) -> dict[str, int]:
    """Share the room fairly: who wants little gets all of it, the others share what is left."""
    rooms: dict[str, int] = {}
    for left, kind in zip(
        range(len(wanted), 0, -1), sorted(wanted, key=lambda kind: wanted[kind]), strict=True
    ):
        rooms[kind] = min(wanted[kind], room // left)
        room -= rooms[kind]
    return rooms


def _packed(wanted: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """Bring changes into at most ``room`` rows, several in one where they are too many."""
    if not room:
        return []
    each = math.ceil(len(wanted) / room)
    packed: list[dict[str, Any]] = []
    for start in range(0, len(wanted), each):
        row: dict[str, Any] = {}
        for values in wanted[start : start + each]:
            row = values | row  # the first change of a column stays
        packed.append(row)
    return packed


def _spread(rows: int, most: int) -> Array:
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).round().astype(np.int64))


def _changed(
    column: Column, series: Series, real: Array, bases: Array, changes: list[Change]
) -> Series:
    taken = series.take(np.concatenate([real, bases]))
    values, missing = taken.values.copy(), _missing_of(taken).copy()
    for row, change in enumerate(changes, start=len(real)):
        if column.name not in change.values:
            continue
        value = change.values[column.name]
        missing[row] = value is None
        if value is not None:
            values[row] = value
    if column.shape or not column.nullable:
        return Series(values)
    return Series(values, missing)
