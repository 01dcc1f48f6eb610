"""Any table at the time of prediction becomes rows that fit the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from modelyard.core.enforce import Enforcer
from modelyard.core.table import Series, Table
from modelyard.errors import ContractError, UsageError
from modelyard.tables.arrays import columns_of
from modelyard.tables.columns import extract
from modelyard.tables.dataframes import open_dataframe

if TYPE_CHECKING:
    from modelyard.core.contract import Contract
    from modelyard.core.table import Array

_MATRIX = 2
_LISTED = 20
_MATRIX_HINT = (
    "the model was trained on a matrix without names: give frame.to_numpy(), its columns in the"
    " order of training"
)


def convert(data: Any, contract: Contract) -> Table:
    """Make a Table of any rows, enforced exactly.

    Args:
        data: A dataframe of pandas, polars or Arrow, a numpy array, a dict of columns, a list of
            records, or a Table.  The columns of a matrix stand in the order of the contract; an
            array of three or more axes is the one input of a contract that has only one.
        contract: What the rows must fit.

    Raises:
        ContractError: names the column, the row, what came and what was expected.
        UsageError: if the data is no table at all.

    Example:
        >>> from modelyard.core.contract import Column, Contract, Output
        >>> contract = Contract(
        ...     inputs=(Column(name="x0", dtype="float64"),),
        ...     outputs=(Output(name="prediction", dtype="float64"),),
        ... )
        >>> convert(np.array([[1.5], [2.5]]), contract)["x0"].values
        array([1.5, 2.5])
    """
    enforcer = Enforcer(contract)
    if isinstance(data, (list, tuple)):
        return enforcer.rows(data)
    if isinstance(data, Table):
        return enforcer.columns(data)
    if isinstance(data, Mapping):
        return enforcer.columns({name: _column(values) for name, values in data.items()})
    if isinstance(data, np.ndarray):
        return enforcer.columns(_of_array(data, contract))
    frame = open_dataframe(data)
    if frame is None:
        raise UsageError(
            f"rows cannot be read from {type(data).__module__}.{type(data).__qualname__}",
            hint="give a dataframe, a numpy array, a dict of columns or a list of records",
        )
    try:
        return enforcer.columns({name: _series(frame[name]) for name in frame.columns})
    except ContractError as e:
        if contract.names[0] == "x0" and not set(contract.names) & set(frame.columns):
            e.hint = _MATRIX_HINT
        raise


def _of_array(data: Array, contract: Contract) -> dict[str, Array]:
    """Columns of an array: those of a matrix stand in the contract's order, as on /v2."""
    names = contract.names
    if len(names) == 1 and data.ndim > _MATRIX:
        return {names[0]: data}
    columns = columns_of(data, what="the input")
    if data.dtype.names or data.ndim != _MATRIX or any(c.shape for c in contract.inputs):
        return columns
    if len(columns) != len(names):
        listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
        raise ContractError(
            f"the array has {len(columns)} columns; the model takes {len(names)}",
            got=f"shape {list(data.shape)}",
            expected=f"shape [n, {len(names)}]",
            hint=f"its columns have no names, and must stand in this order: {listed}",
        )
    return dict(zip(names, columns.values(), strict=True))


def _column(values: Any) -> Any:
    series = nw.from_native(values, series_only=True, pass_through=True)
    return _series(series) if isinstance(series, nw.Series) else values


def _series(series: nw.Series[Any]) -> Any:
    """The values; where all are missing the library's dtype is an accident and says nothing."""
    given = extract(series)
    if isinstance(given, Series) and given.values.dtype.kind == "f":
        gone = bool(np.isnan(given.values).all())
    else:
        mask = given.missing if isinstance(given, Series) else None
        gone = mask is not None and bool(mask.all())
    return [None] * len(series) if gone and len(series) else given
