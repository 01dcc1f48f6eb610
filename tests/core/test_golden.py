"""Golden rows: real, boundary, missing, each category; always the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.enforce import enforce
from modelyard.core.golden import UNKNOWN, golden_rows
from modelyard.core.table import Series, Table
from modelyard.errors import UsageError
from modelyard.tables.digest import content_digest

OUTPUTS = (Output(name="prediction", dtype="float64"),)
LETTERS = ("a", "b", "c")


def sample(rows: int = 200) -> tuple[Table, Contract]:
    random = np.random.default_rng(3)
    contract = Contract(
        inputs=(
            Column(name="f", dtype="float64"),
            Column(name="i", dtype="int32"),
            Column(name="b", dtype="bool"),
            Column(name="t", dtype="timestamp"),
            Column(name="s", dtype="string", categories=LETTERS, nullable=True),
            Column(name="n", dtype="float32", nullable=True),
            Column(name="m", dtype="int64", nullable=True),
            Column(name="free", dtype="string"),
            Column(name="x", dtype="float32", shape=(2,)),
        ),
        outputs=OUTPUTS,
    )
    table = enforce(
        contract,
        {
            "f": random.normal(size=rows),
            "i": random.integers(-50, 50, rows).astype(np.int32),
            "b": np.zeros(rows, np.bool_),
            "t": np.arange(rows).astype("M8[h]"),
            "s": ["a"] * rows,
            "n": random.random(rows).astype(np.float32),
            "m": np.arange(rows),
            "free": [f"text {row}" for row in range(rows)],
            "x": random.random((rows, 2)).astype(np.float32),
        },
    )
    return table, contract


def of_kind(rows: Table, kinds: tuple[str, ...], kind: str) -> Table:
    return rows.take(np.array([row for row, name in enumerate(kinds) if name == kind]))


def test_real_rows_lie_evenly_over_the_sample():
    table, contract = sample()
    rows, kinds = golden_rows(table, contract)
    real = of_kind(rows, kinds, "real")["m"].values
    assert (real[0], real[-1]) == (0, 199)
    assert set(np.diff(real)) <= {4, 5, 6}
    assert len(rows) == len(kinds) == 64


def test_numbers_booleans_and_times_stand_at_both_ends():
    table, contract = sample()
    rows, kinds = golden_rows(table, contract)
    boundary = of_kind(rows, kinds, "boundary")
    for name in ("f", "i", "t", "n", "m"):
        seen = table[name].values
        assert {seen.min(), seen.max()} <= set(boundary[name].values)
    assert set(boundary["b"].values) == {False, True}


def test_a_range_that_is_set_is_the_boundary():
    table, contract = sample()
    contract = contract.edit(
        {
            "i": {"minimum": -60, "maximum": 60},
            "f": {"minimum": -9.5},
            "n": {"maximum": 2.5},
            "t": {"minimum": -5, "maximum": 10**15},
        }
    )
    rows, kinds = golden_rows(table, contract)
    boundary = of_kind(rows, kinds, "boundary")
    assert {-60, 60} <= set(boundary["i"].values)
    assert boundary["f"].values.min() == -9.5
    assert np.nanmax(boundary["n"].values) == 2.5
    assert boundary["t"].values.view(np.int64).min() == -5


def test_each_nullable_column_is_missing_once_and_all_of_them_together():
    table, contract = sample()
    rows, kinds = golden_rows(table, contract)
    missing = of_kind(rows, kinds, "missing")
    gone = np.array(
        [missing["s"].missing, np.isnan(missing["n"].values), missing["m"].missing]
    ).T.tolist()
    assert sorted(gone) == [
        [False, False, True],
        [False, True, False],
        [True, False, False],
        [True, True, True],
    ]


def test_every_category_appears_and_an_unknown_one_where_the_model_deals_with_it():
    table, contract = sample()
    rows, kinds = golden_rows(table, contract)
    assert sorted(of_kind(rows, kinds, "category")["s"].values) == ["a", "b", "c"]
    left = contract.edit({"s": {"unknown": "model"}})
    rows, kinds = golden_rows(table, left)
    assert sorted(of_kind(rows, kinds, "category")["s"].values) == ["a", "b", "c", UNKNOWN]
    cunning = contract.edit({"s": {"unknown": "model", "categories": ["a", UNKNOWN]}})
    rows, kinds = golden_rows(table, cunning)
    assert UNKNOWN + " " in of_kind(rows, kinds, "category")["s"].values


def test_many_categories_are_taken_evenly():
    known = tuple(f"{n:03}" for n in range(500))
    contract = Contract(
        inputs=(
            Column(name="few", dtype="string", categories=LETTERS),
            Column(name="many", dtype="string", categories=known),
        ),
        outputs=OUTPUTS,
    )
    table = enforce(contract, {"few": ["a"] * 50, "many": ["007"] * 50})
    rows, kinds = golden_rows(table, contract, 40)
    shown = of_kind(rows, kinds, "category")
    assert set(shown["few"].values) == set(LETTERS)
    taken = sorted(int(text) for text in set(shown["many"].values))
    assert (taken[0], taken[-1], len(taken)) == (0, 499, 20)
    assert Counter(kinds) == {"real": 20, "category": 20}


def test_more_columns_than_room_share_rows():
    contract = Contract(
        inputs=tuple(Column(name=f"x{n}", dtype="float64", nullable=True) for n in range(300)),
        outputs=OUTPUTS,
    )
    values = np.random.default_rng(0).random((50, 300))
    table = enforce(contract, {f"x{n}": values[:, n] for n in range(300)})
    rows, kinds = golden_rows(table, contract)
    assert len(rows) == 64
    boundary, missing = (of_kind(rows, kinds, kind) for kind in ("boundary", "missing"))
    for n, name in enumerate(contract.names):
        assert {values[:, n].min(), values[:, n].max()} <= set(boundary[name].values)
        assert np.isnan(missing[name].values).any()


def test_rows_that_do_not_fit_stricter_rules_are_left_out():
    table, contract = sample()
    stricter = contract.edit({"i": {"minimum": 0}, "f": {"maximum": 0.5}})
    rows, _ = golden_rows(table, stricter)
    assert rows["i"].values.min() == 0
    assert rows["f"].values.max() == 0.5
    with pytest.raises(UsageError, match="none of the 200 rows"):
        golden_rows(table, contract.edit({"s": {"categories": ["z"]}}))
    with pytest.raises(UsageError, match="at least 4"):
        golden_rows(table, contract, 3)


def test_one_row_is_enough():
    table, contract = sample(1)
    rows, kinds = golden_rows(table, contract)
    assert Counter(kinds)["real"] == 1
    assert len(rows) > 10


@settings(max_examples=40)
@given(
    limit=st.integers(4, 70),
    rows=st.integers(1, 40),
    low=st.integers(-60, 60),
    width=st.integers(0, 80),
    unknown=st.sampled_from(["reject", "model"]),
)
def test_golden_rows_fit_their_contract_stay_in_the_limit_and_are_always_the_same(
    limit, rows, low, width, unknown
):
    table, contract = sample(rows)
    changed = contract.edit(
        {"i": {"minimum": low, "maximum": low + width}, "s": {"unknown": unknown}}
    )
    before = content_digest(table)
    try:
        golden, kinds = golden_rows(table, changed, limit)
    except UsageError:
        inside = (table["i"].values >= low) & (table["i"].values <= low + width)
        assert not inside.any()
        return
    assert len(golden) == len(kinds) <= limit
    assert content_digest(enforce(changed, golden)) == content_digest(golden)
    assert content_digest(golden_rows(table, changed, limit)[0]) == content_digest(golden)
    assert content_digest(table) == before
    assert kinds[0] == "real"


def test_the_values_of_a_missing_row_do_not_leak_into_the_boundaries():
    contract = Contract(inputs=(Column(name="m", dtype="int64", nullable=True),), outputs=OUTPUTS)
    gone = np.array([True, False, False])
    table = Table({"m": Series(np.array([-999, 5, 6]), gone)})
    rows, kinds = golden_rows(table, contract)
    boundary = of_kind(rows, kinds, "boundary")["m"]
    assert sorted(boundary.values) == [5, 6]
    assert not boundary.missing.any()
