"""A sample is read with the types it has, and given back as it was."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from modelyard.core.contract import MISSING_STRING, Contract, Output
from modelyard.core.enforce import enforce
from modelyard.core.table import Series, Table
from modelyard.errors import UsageError
from modelyard.tables import content_digest, convert, read_frame

NAN = float("nan")
DAYS = pd.to_datetime(["2024-01-01", None, "2024-07-02"])
PANDAS = {
    "int64": pd.Series([1, 2, 2**62 + 1]),
    "uint8": pd.Series([1, 2, 255], dtype="uint8"),
    "float32": pd.Series([1.5, NAN, 2], dtype="float32"),
    "bool": pd.Series([True, False, True]),
    "Int64": pd.Series([2**60 + 1, None, 4], dtype="Int64"),
    "Float64": pd.Series([1.5, None, 2], dtype="Float64"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "str": pd.Series(["a", None, "b"]),
    "object_none": pd.Series(["a", None, "b"], dtype=object),
    "object_nan": pd.Series(["a", NAN, "b"], dtype=object),
    "object_bool": pd.Series([True, None, False], dtype=object),
    "object_int": pd.Series([1, None, 2**53 + 1], dtype=object),
    "object_float": pd.Series([1.5, NAN, 2.5], dtype=object),
    "string": pd.Series(["a", None, "b"], dtype="string[pyarrow]"),
    "category": pd.Series(pd.Categorical(["a", None, "b"], categories=["z", "b", "a"])),
    "ordered": pd.Series(pd.Categorical(["a", "b", "a"], categories=["b", "a"], ordered=True)),
    "category_int": pd.Series(pd.Categorical([3, None, 4])),
    "time": pd.Series(DAYS),
    "time_ns": pd.Series(DAYS.astype("datetime64[ns]")),
    "time_zone": pd.Series(DAYS.tz_localize("Europe/Berlin")),
    "arrow_int": pd.Series([1, None, 3], dtype="int64[pyarrow]"),
    "arrow_time": pd.Series(
        [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None, None],
        dtype="timestamp[ns, tz=UTC][pyarrow]",
    ),
    "arrow_date": pd.Series([dt.date(2024, 1, 1), None, None], dtype=pd.ArrowDtype(pa.date32())),
    "lists": pd.Series([[1, 2], [3, 4], [5, 6]]),
    "arrays": pd.Series([np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])]),
}
POLARS = {
    "int": pl.Series([1, None], dtype=pl.Int16),
    "uint": pl.Series([1, 2**64 - 1], dtype=pl.UInt64),
    "float_nan": pl.Series([1.5, NAN]),
    "float_null": pl.Series([1.5, None], dtype=pl.Float32),
    "bool": pl.Series([True, None]),
    "text": pl.Series(["a", None]),
    "categorical": pl.Series(["b", "a"], dtype=pl.Categorical),
    "enum": pl.Series(["b", None], dtype=pl.Enum(["b", "a", "z"])),
    "date": pl.Series([dt.date(2024, 1, 1), None]),
    "time": pl.Series([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None]),
    "zone": pl.Series([dt.datetime(2024, 1, 1), None])  # noqa: DTZ001 - the zone is put next
    .dt.replace_time_zone("Europe/Berlin")
    .dt.cast_time_unit("ms"),
    "lists": pl.Series([[1, 2], [3, 4]], dtype=pl.List(pl.Int8)),
    "arrays": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Float32, 2)),
}
ARROW = {
    "int": pa.array([1, None], pa.int32()),
    "float": pa.array([1.5, None], pa.float32()),
    "bool": pa.array([True, None]),
    "text": pa.array(["a", None]),
    "large": pa.array(["a", None], pa.large_string()),
    "dictionary": pa.DictionaryArray.from_arrays([1, None], ["x", "y"]),
    "time": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None], pa.timestamp("ns", "UTC")),
    "naive": pa.array([1_000_000, None], pa.timestamp("us")),
    "date": pa.array([dt.date(2024, 1, 1), None]),
    "list": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2)),
}
EXPECTED = {
    **dict.fromkeys(("Int64", "object_int", "category_int", "arrow_int"), ("int64", True)),
    **dict.fromkeys(("Float64", "object_float"), ("float64", True)),
    **dict.fromkeys(("boolean", "object_bool"), ("bool", True)),
    **dict.fromkeys(("str", "object_none", "object_nan", "string"), ("string", True)),
    **dict.fromkeys(("time", "time_ns", "time_zone"), ("timestamp", True)),
    **dict.fromkeys(("arrow_time", "arrow_date"), ("timestamp", True)),
    **{name: (name, False) for name in ("int64", "uint8", "bool")},
    "float32": ("float32", True),
    "category": ("string", True),
    "ordered": ("string", False),
    "lists": ("int64", False),
    "arrays": ("float64", False),
}


def contract(frame):
    return Contract(inputs=frame.columns, outputs=(Output(name="label", dtype="int64"),))


@pytest.mark.parametrize("name", PANDAS)
def test_pandas_columns_come_back_as_they_were(name):
    sample = pd.DataFrame({"c": PANDAS[name]})
    frame = read_frame(sample)
    column = frame.columns[0]
    assert frame.kind == "pandas"
    assert (column.dtype, column.nullable) == EXPECTED[name]
    pd.testing.assert_frame_equal(frame.restore(frame.table), sample)
    assert content_digest(convert(sample, contract(frame))) == content_digest(frame.table)


def test_pandas_columns_together():
    sample = pd.DataFrame(PANDAS)
    frame = read_frame(sample)
    pd.testing.assert_frame_equal(frame.restore(frame.table), sample)
    rows = np.array([2, 0])
    again = frame.restore(frame.table.take(rows))
    pd.testing.assert_frame_equal(again, sample.iloc[rows].reset_index(drop=True))


@pytest.mark.parametrize("name", POLARS)
def test_polars_columns_come_back_as_they_were(name):
    sample = pl.DataFrame({"c": POLARS[name]})
    frame = read_frame(sample)
    assert frame.kind == "polars"
    assert_frame_equal(frame.restore(frame.table), sample)
    assert content_digest(convert(sample, contract(frame))) == content_digest(frame.table)


@pytest.mark.parametrize("name", ARROW)
def test_arrow_columns_come_back_as_they_were(name):
    sample = pa.table({"c": ARROW[name]})
    frame = read_frame(sample)
    assert frame.kind == "pyarrow"
    assert frame.restore(frame.table).equals(sample)
    assert content_digest(convert(sample, contract(frame))) == content_digest(frame.table)
    assert content_digest(read_frame(sample.to_batches()[0]).table) == content_digest(frame.table)


@pytest.mark.parametrize(
    "sample",
    [
        np.arange(6).reshape(3, 2),
        np.array([[1.5, NAN], [2, 3]], np.float32),
        np.array([[True, False]]),
        np.array([["a", "bbb"], ["c", "d"]]),
        np.array([[1, "a", None], [2, "b", 2.5]], object),
        np.ones((3, 2, 4), np.float32),
        np.array([["2024-01-01"]], "M8[D]"),
        np.array([(1, 2.5, "a", [1, 2])], [("i", "i4"), ("f", "f8"), ("s", "U3"), ("t", "i8", 2)]),
        np.asfortranarray(np.arange(6.0).reshape(3, 2)),
        np.arange(6, dtype=">i4").reshape(3, 2),
    ],
    ids=lambda sample: f"{sample.dtype.kind}{sample.ndim}",
)
def test_numpy_arrays_come_back_as_they_were(sample):
    frame = read_frame(sample)
    again = frame.restore(frame.table)
    assert frame.kind == "numpy"
    assert again.dtype.newbyteorder("=") == sample.dtype.newbyteorder("=")
    assert again.shape == sample.shape
    assert str(again.tolist()) == str(sample.tolist())
    assert content_digest(convert(sample, contract(frame))) == content_digest(frame.table)


def test_the_names_of_numpy_columns():
    assert list(read_frame(np.ones((2, 3))).table) == ["x0", "x1", "x2"]
    tensor = read_frame(np.ones((2, 3, 4)))
    assert (tensor.columns[0].name, tensor.columns[0].shape) == ("x", (3, 4))


def test_a_dict_of_arrays_and_lists():
    frame = read_frame(
        {"a": [1, 2], "b": ["x", None], "t": np.ones((2, 3)), "f": [1, 2.5], "p": pd.Series([1, 2])}
    )
    kinds = [(column.dtype, column.nullable, column.shape) for column in frame.columns]
    assert kinds == [
        ("int64", False, ()),
        ("string", True, ()),
        ("float64", False, (3,)),
        ("float64", False, ()),
        ("int64", False, ()),
    ]
    again = frame.restore(frame.table)
    assert again["b"].tolist() == ["x", None]
    assert again["t"].shape == (2, 3)


def test_categories_are_told_where_texts_repeat():
    texts = ["b", "a", "a", "b", "a", None]
    assert read_frame(pd.DataFrame({"c": texts})).columns[0].categories == ("a", "b")
    assert read_frame(pd.DataFrame({"c": ["a", "b", "c"]})).columns[0].categories is None
    many = pd.DataFrame({"c": [f"{n}" for n in range(1001)] * 3})
    assert read_frame(many).columns[0].categories is None
    fewer = pd.DataFrame({"c": [f"{n}" for n in range(1000)] * 3})
    assert len(read_frame(fewer).columns[0].categories) == 1000


@pytest.mark.parametrize(
    ("sample", "known"),
    [
        (pd.DataFrame({"c": PANDAS["category"]}), ("z", "b", "a")),
        (pd.DataFrame({"c": PANDAS["ordered"]}), ("b", "a")),
        (pl.DataFrame({"c": POLARS["enum"]}), ("b", "a", "z")),
        (pl.DataFrame({"c": POLARS["categorical"]}), ("a", "b")),
        (pa.table({"c": ARROW["dictionary"]}), ("x", "y")),
    ],
)
def test_categorical_columns_keep_their_whole_list(sample, known):
    assert read_frame(sample).columns[0].categories == known


def test_polars_categories_are_those_of_the_column():
    pl.Series(["of", "another", "column"], dtype=pl.Categorical)
    sample = pl.DataFrame({"c": pl.Series(["b", "a"], dtype=pl.Categorical)})
    assert read_frame(sample).columns[0].categories == ("a", "b")


def test_an_unknown_category_is_missing_where_the_list_is_fixed():
    unknown = Table({"c": Series(np.array(["new", "a"], object))})
    restored = read_frame(pd.DataFrame({"c": PANDAS["category"]})).restore(unknown)
    assert restored["c"].isna().tolist() == [True, False]
    assert restored["c"].cat.categories.tolist() == ["z", "b", "a"]
    restored = read_frame(pl.DataFrame({"c": POLARS["enum"]})).restore(unknown)
    assert restored["c"].to_list() == [None, "a"]
    restored = read_frame(pa.table({"c": ARROW["dictionary"]})).restore(unknown)
    assert restored["c"].to_pylist() == [None, None]


def test_a_value_made_missing_comes_back_as_the_library_holds_one():
    gone = np.array([True, False])
    numbers = Table({"c": Series(np.array([1, 2]), gone)})
    restored = read_frame(pd.DataFrame({"c": [1, 2]})).restore(numbers)["c"]
    assert restored.isna().tolist() == [True, False]
    assert restored.dtype == "float64"
    matrix = read_frame(np.array([[1], [2]])).restore(Table({"x0": numbers["c"]}))
    assert np.isnan(matrix).tolist() == [[True], [False]]
    assert read_frame(pl.DataFrame({"c": [1, 2]})).restore(numbers)["c"].to_list() == [None, 2]
    texts = Table({"c": Series(np.array(["", "b"], object), gone)})
    assert read_frame(pd.DataFrame({"c": ["a", "b"]})).restore(texts)["c"].isna().tolist() == [
        True,
        False,
    ]


REFUSED = {
    "one axis": (np.ones(3), "reshape"),
    "no rows": (np.ones((0, 2)), "no rows"),
    "no rows in pandas": (pd.DataFrame({"a": [1]}).iloc[:0], "no rows"),
    "no columns": (pd.DataFrame(), "no columns"),
    "a single column": (pd.Series([1]), "to_frame"),
    "a lazy frame": (pl.LazyFrame({"a": [1]}), "collect"),
    "a list": ([{"a": 1}], "pandas.DataFrame"),
    "a number": (5, "builtins.int"),
    "a name twice": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' stands twice"),
    "a name twice in Arrow": (
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
        "'a' stands twice",
    ),
    "names that are numbers": (pd.DataFrame([[1, 2]]), "0 is int, not text"),
    "an empty name": (pd.DataFrame({"": [1]}), "0 characters"),
    "mixed types": (pd.DataFrame({"m": [1, "a"]}, dtype=object), "int in row 0.*str in row 1"),
    "a mixed list": ({"m": ["a", 1]}, "str in row 0.*int in row 1"),
    "complex numbers": (pd.DataFrame({"m": [1j]}), "complex128"),
    "infinity": (pd.DataFrame({"m": [1.0, np.inf]}), "'m', row 1: got inf"),
    "nothing": (pd.DataFrame({"m": [None]}, dtype=object), "no value at all"),
    "ragged lists": (pd.DataFrame({"m": [[1], [1, 2]]}), "unequal lengths"),
    "a missing list": (pd.DataFrame({"m": [[1], None]}), "row 1: a tensor is missing"),
    "lists of text": (pd.DataFrame({"m": [["a"], ["b"]]}), "a tensor holds numbers"),
    "NaN in a tensor": (np.full((2, 2, 2), NAN), "tensors with missing values"),
    "durations": (pd.DataFrame({"m": pd.to_timedelta([1])}), "duration as a number"),
    "half floats": (pd.DataFrame({"m": np.ones(1, np.float16)}), "float16"),
    "bytes": (pd.DataFrame({"m": [b"a"]}), "type bytes"),
    "records in cells": (pd.DataFrame({"m": [{"a": 1}]}), "type dict"),
    "nanoseconds": (pd.DataFrame({"m": pd.to_datetime([1], unit="ns")}), "whole microseconds"),
    "periods": (pd.DataFrame({"m": pd.period_range("2024", periods=2)}), "type Period"),
    "huge integers": (pd.DataFrame({"m": [2**70]}, dtype=object), "64 bits"),
    "half a surrogate": (pd.DataFrame({"m": ["\ud800"]}, dtype=object), "Unicode"),
    "the mark itself": (pd.DataFrame({"m": [MISSING_STRING] * 3}), "mark of a missing"),
    "a masked array": (np.ma.masked_array([[1, 2]], [[0, 1]]), "masked"),
    "unequal lengths": ({"a": [1], "b": [1, 2]}, "different lengths: a 1, b 2"),
    "a scalar": ({"a": 1}, "not one value a row"),
    "an empty dict": ({}, "no columns"),
    "a tensor of no size": (np.ones((2, 3, 0)), "at least 1"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_no_contract_can_hold_is_refused_with_advice(why):
    sample, words = REFUSED[why]
    with pytest.raises(UsageError, match=f"(?s){words}") as caught:
        read_frame(sample)
    assert len(str(caught.value)) < 500


cells = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "f": st.floats(allow_infinity=False),
    "b": st.booleans(),
    "s": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ue000"), max_size=4),
}


@given(st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=12))
def test_whatever_was_inferred_is_accepted_by_its_own_contract_and_comes_back(rows):
    for make in (pd.DataFrame, lambda rows: pl.DataFrame(rows, infer_schema_length=None)):
        sample = make(rows)
        frame = read_frame(sample)
        table = enforce(contract(frame), frame.table)
        again = frame.restore(table)
        assert content_digest(read_frame(again).table) == content_digest(frame.table)
        assert list(again["i"]) == [row["i"] for row in rows]
        assert list(again["s"]) == [row["s"] for row in rows]
