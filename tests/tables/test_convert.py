"""Any table becomes rows that fit, at the time of prediction."""

# ruff: noqa: PD011 - the values are those of our own Series, not of pandas

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.table import Series, Table
from modelyard.errors import ContractError, UsageError
from modelyard.tables import content_digest, convert

ROWS = [
    {"n": 2**60 + 1, "f": 1.5, "s": "a", "b": True, "t": "2024-01-01T00:00:00", "m": None},
    {"n": -1, "f": 2.5, "s": "b", "b": False, "t": "2024-01-02T12:00:00", "m": 7},
]
CONTRACT = Contract(
    inputs=(
        Column(name="n", dtype="int64"),
        Column(name="f", dtype="float64"),
        Column(name="s", dtype="string", categories=("a", "b")),
        Column(name="b", dtype="bool"),
        Column(name="t", dtype="timestamp"),
        Column(name="m", dtype="int32", nullable=True),
    ),
    outputs=(Output(name="label", dtype="int64"),),
)


def columns():
    return {name: [row[name] for row in ROWS] for name in CONTRACT.names}


def pandas_frame():
    frame = pd.DataFrame(columns())
    return frame.assign(t=pd.to_datetime(frame["t"]), m=frame["m"].astype("Int32"))


WAYS = {
    "records": lambda: ROWS,
    "columns": columns,
    "pandas": pandas_frame,
    "pandas with a category": lambda: pandas_frame().astype({"s": "category"}),
    "pandas in another order": lambda: pandas_frame()[CONTRACT.names[::-1]],
    "pandas with an index": lambda: pandas_frame().set_index(np.array([7, 5])),
    "polars": lambda: pl.DataFrame(columns()),
    "arrow": lambda: pa.table(columns()),
    "a batch": lambda: pa.table(columns()).to_batches()[0],
    "a dict of Series": lambda: dict(pandas_frame().items()),
    "a dict of polars Series": lambda: pl.DataFrame(columns()).to_dict(),
    "structured": lambda: np.array(
        [tuple(row.values()) for row in ROWS],
        [("n", "i8"), ("f", "f8"), ("s", "U1"), ("b", "?"), ("t", "M8[s]"), ("m", "O")],
    ),
    "a table": lambda: convert(ROWS, CONTRACT),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_gives_the_same_rows(way):
    table = convert(WAYS[way](), CONTRACT)
    assert list(table) == CONTRACT.names
    assert table["n"].values.tolist() == [2**60 + 1, -1]
    assert table["m"].missing.tolist() == [True, False]
    assert content_digest(table) == content_digest(convert(ROWS, CONTRACT))


@pytest.mark.parametrize("dtype", ["string", "bool", "float32", "timestamp", "int64"])
@pytest.mark.parametrize("gone", [[None, None], [np.nan, np.nan], [pd.NaT, pd.NaT]])
def test_a_column_with_nothing_in_it_fits_any_nullable_one(dtype, gone):
    contract = Contract(
        inputs=(Column(name="x", dtype=dtype, nullable=True),),
        outputs=(Output(name="label", dtype="int64"),),
    )
    series = convert(pd.DataFrame({"x": gone}), contract)["x"]
    missing = np.isnan(series.values) if dtype == "float32" else series.missing
    assert missing.tolist() == [True, True]


def test_floats_are_no_integers_in_a_dataframe_either():
    frame = pandas_frame().astype({"m": "float64"})
    with pytest.raises(ContractError, match="column 'm', row 0") as caught:
        convert(frame, CONTRACT)
    assert "cast" in caught.value.hint


def test_what_does_not_fit_names_column_and_row():
    for changes, row in (({"s": ["a", "z"]}, 1), ({"b": [1, True]}, 0), ({"f": [1.0, np.inf]}, 1)):
        with pytest.raises(ContractError) as caught:
            convert(
                pandas_frame().assign(
                    **{k: pd.Series(v, dtype=object) if k == "b" else v for k, v in changes.items()}
                ),
                CONTRACT,
            )
        assert (caught.value.column, caught.value.row) == (next(iter(changes)), row)
    with pytest.raises(ContractError, match="column 'n' is missing"):
        convert(pandas_frame().drop(columns="n"), CONTRACT)
    with pytest.raises(ContractError, match="unexpected column 'extra'"):
        convert(pl.DataFrame({**columns(), "extra": [1, 2]}), CONTRACT)


def test_matrices_and_tensors_by_position_only_where_that_is_plain():
    matrix = Contract(
        inputs=(Column(name="x0", dtype="float32"), Column(name="x1", dtype="float32")),
        outputs=(Output(name="label", dtype="int64"),),
    )
    assert convert(np.ones((3, 2)), matrix)["x1"].values.dtype == np.float32
    with pytest.raises(ContractError, match="has 3 columns; the model takes 2"):
        convert(np.ones((3, 3)), matrix)
    with pytest.raises(ContractError, match=r"column 'n', row 0: got 1\.0"):
        convert(np.ones((3, 6)), CONTRACT)
    with pytest.raises(UsageError, match="reshape"):
        convert(np.ones(3), matrix)
    tensor = Contract(
        inputs=(Column(name="image", dtype="float32", shape=(2, 4)),),
        outputs=(Output(name="label", dtype="int64"),),
    )
    assert convert(np.ones((3, 2, 4)), tensor)["image"].values.shape == (3, 2, 4)


def test_a_matrix_for_named_columns_stands_in_their_order():
    contract = Contract(
        inputs=(Column(name="age", dtype="int16"), Column(name="pay", dtype="float64")),
        outputs=(Output(name="label", dtype="int64"),),
    )
    table = convert(np.array([[31, 1200], [47, 9]]), contract)
    assert table["age"].values.tolist() == [31, 47]
    assert table["pay"].values.tolist() == [1200.0, 9.0]
    mixed = convert(np.array([[31, 0.5]], object), contract)
    assert (mixed["age"].values.tolist(), mixed["pay"].values.tolist()) == ([31], [0.5])
    with pytest.raises(ContractError, match="column 'age', row 1") as caught:
        convert(np.array([[31, 1], [2**20, 1]]), contract)
    assert caught.value.row == 1
    with pytest.raises(ContractError, match="has 1 columns") as caught:
        convert(np.ones((3, 1)), contract)
    assert caught.value.hint.endswith("in this order: age, pay")


def test_a_dataframe_for_a_model_that_was_trained_on_a_matrix_is_told_so():
    contract = Contract(
        inputs=(Column(name="x0", dtype="float64"), Column(name="x1", dtype="float64")),
        outputs=(Output(name="label", dtype="int64"),),
    )
    with pytest.raises(ContractError) as caught:
        convert(pd.DataFrame({"age": [1.0], "pay": [2.0]}), contract)
    assert "trained on a matrix" in caught.value.hint
    assert "frame.to_numpy()" in caught.value.hint
    with pytest.raises(ContractError) as caught:
        convert(pd.DataFrame({"x0": [1.0], "pay": [2.0]}), contract)
    assert "matrix" not in caught.value.hint


@pytest.mark.parametrize("wrong", [5, None, "rows.csv", object()])
def test_no_table_at_all(wrong):
    with pytest.raises(UsageError, match="rows cannot be read"):
        convert(wrong, CONTRACT)


def test_the_digest_of_a_table_is_of_its_content_alone():
    gone = np.array([True, False])
    one = Table({"a": Series(np.array([1, 2]), gone), "f": Series(np.array([np.nan, 1.0]))})
    two = Table({"a": Series(np.array([9, 2]), gone), "f": Series(np.array([5.0, 1.0]), gone)})
    assert content_digest(one) == content_digest(two)
    texts = Table({"a": Series(np.array(["ab", "c"], object))})
    others = [
        Table({"a": Series(np.array(["a", "bc"], object))}),
        Table({"b": Series(np.array(["ab", "c"], object))}),
        Table({"a": Series(np.array(["ab", "c"], object), gone)}),
        Table({"a": Series(np.array(["c", "ab"], object))}),
        Table({"a": Series(np.array([1, 2]))}),
        Table({"a": Series(np.array([1, 2], np.int32))}),
        Table({"a": Series(np.array([[1, 2]]))}),
        Table({"a": Series(np.array([1.0, 2.0]))}),
        Table({"a": Series(np.array([0.0, 1.0]))}),
        Table({"a": Series(np.array([-0.0, 1.0]))}),
        Table({"a": Series(np.array([np.nan, 1.0]))}),
        Table({"a": Series(np.array([0, 1], "M8[us]"))}),
    ]
    digests = {content_digest(table) for table in [texts, *others]}
    assert len(digests) == 1 + len(others)
