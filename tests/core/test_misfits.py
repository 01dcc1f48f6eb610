"""All rows that do not fit are found, and the same ones that ``enforce`` refuses one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.enforce import enforce
from modelyard.core.misfits import find_misfits
from modelyard.core.table import Series, Table
from modelyard.errors import ContractError

RULES = Contract(
    inputs=(
        Column(name="age", dtype="int64", minimum=0, maximum=99),
        Column(name="sex", dtype="string", categories=("f", "m"), nullable=True),
    ),
    outputs=(Output(name="label", dtype="int64"),),
)
AGES = st.one_of(st.integers(-5, 120), st.none(), st.floats(), st.text(max_size=2))
SEXES = st.sampled_from(["f", "m", "x", None, 1])


def fits(row):
    try:
        enforce(RULES, {name: [value] for name, value in row.items()})
    except ContractError:
        return False
    return True


@given(st.lists(st.fixed_dictionaries({"age": AGES, "sex": SEXES}), min_size=1, max_size=40))
def test_the_rows_are_those_that_do_not_fit_by_themselves(rows):
    bad = [number for number, row in enumerate(rows) if not fits(row)]
    misfits = find_misfits(RULES, {name: [row[name] for row in rows] for name in RULES.names})
    if not bad:
        assert misfits is None
        return
    assert (misfits.number, misfits.rows) == (len(bad), len(rows))
    assert f"row {bad[0]}: got" in misfits.reasons[0]
    assert len(misfits.reasons) <= 5


def test_arrays_with_missing_values_are_looked_at_as_well():
    ages = Series(np.array([1, 500, 2, 700]), np.array([False, True, True, False]))
    table = Table({"age": ages, "sex": Series(np.array(["f"] * 4, object))})
    misfits = find_misfits(RULES, table)
    assert misfits.number == 3
    assert [reason.partition(",")[2][:14] for reason in misfits.reasons] == [
        " row 1: got nu", " row 2: got nu", " row 3: got 70",
    ]  # fmt: skip
    assert str(find_misfits(RULES, table.take(np.array([0, 3])))).startswith(
        "1 of 2 rows does not fit; the first: column 'age', row 1: got 700"
    )


@given(
    st.sampled_from(["int8", "int64", "uint64", "float32", "float64"]),
    st.sampled_from(["i1", "i8", "u8", "f4", "f8"]),
    st.lists(st.tuples(st.integers(-300, 300), st.booleans()), min_size=1, max_size=30),
    st.booleans(),
)
def test_arrays_of_numbers_are_counted_as_row_by_row(dtype, given_as, drawn, nullable):
    column = Column(name="x", dtype=dtype, minimum=3, maximum=100, nullable=nullable)
    rules = Contract(inputs=(column,), outputs=RULES.outputs)
    values = np.array([value for value, _ in drawn]).astype(given_as)
    if given_as[0] == "f":
        values[values < -250] = np.nan
        values[values > 250] = np.inf
    series = Series(values, np.array([gone for _, gone in drawn]))
    bad = 0
    for row in range(len(values)):
        try:
            enforce(rules, Table({"x": series.take(np.array([row]))}))
        except ContractError:
            bad += 1
    misfits = find_misfits(rules, Table({"x": series}))
    assert (0 if misfits is None else misfits.number) == bad


def test_a_column_at_fault_as_a_whole_counts_every_row():
    ragged = Contract(
        inputs=(Column(name="x", dtype="int64", shape=(None,)),), outputs=RULES.outputs
    )
    assert find_misfits(ragged, {"x": [[1, 2], [3]]}).number == 2
    assert find_misfits(RULES, {"age": np.ones(3), "sex": ["f"] * 3}).number == 3


@pytest.mark.parametrize(
    "data", [{"age": [1]}, {"age": [1], "sex": ["f", "m"]}, {"age": [], "sex": []}, [1]]
)
def test_what_is_no_fault_of_rows_is_an_error(data):
    with pytest.raises(ContractError):
        find_misfits(RULES, data)
