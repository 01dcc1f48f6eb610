from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.contract import MISSING_STRING, Column, Contract, Output
from modelyard.core.manifest import Feed
from modelyard.core.table import Series, Table
from modelyard.errors import ContractError, ManifestError
from modelyard.runtime.feeds import FeedPlan

ANSWER = (Output(name="y", dtype="float32"),)


def plan(dtype, *columns, squeeze=False):
    contract = Contract(inputs=columns, outputs=ANSWER)
    feed = Feed(name="x", columns=tuple(c.name for c in columns), dtype=dtype, squeeze=squeeze)
    return FeedPlan(feed, contract)


def column(name, dtype, **more):
    return Column(name=name, dtype=dtype, **more)


_NUMBERS = {
    "bool": st.booleans(),
    "int8": st.integers(-(2**7), 2**7 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "float32": st.floats(width=32, allow_infinity=False),
    "float64": st.floats(-3e38, 3e38) | st.just(float("nan")),
}


@given(data=st.data(), dtype=st.sampled_from(["float32", "float64"]), rows=st.integers(1, 5))
def test_one_row_and_many_rows_give_the_same_bits(data, dtype, rows):
    """What serves one row quickly must round as what serves many."""
    kinds = data.draw(st.lists(st.sampled_from(sorted(_NUMBERS)), min_size=1, max_size=4))
    columns = [column(f"c{i}", kind) for i, kind in enumerate(kinds)]
    table = Table(
        {
            one.name: Series(
                np.array(
                    data.draw(st.lists(_NUMBERS[one.dtype], min_size=rows, max_size=rows)),
                    one.numpy,
                )
            )
            for one in columns
        }
    )
    made = plan(dtype, *columns)
    whole = made.build(table)
    assert whole.dtype == dtype
    assert whole.shape == (rows, len(columns))
    with np.errstate(over="ignore"):
        want = np.stack([table[one.name].values.astype(dtype) for one in columns], axis=1)
    np.testing.assert_array_equal(whole, want)
    for row in range(rows):
        alone = made.build(table.take(np.array([row])))
        assert alone.shape == (1, len(columns))
        np.testing.assert_array_equal(alone[0], whole[row])


def test_a_wide_integer_is_rounded_once():
    """By way of a float64 it would be rounded twice, and become 2**60."""
    table = Table({"a": Series(np.array([2**60 + 2**36 + 1]))})
    got = plan("float32", column("a", "int64")).build(table)
    assert int(got[0, 0]) == 2**60 + 2**37


def test_blocks_join_seamlessly():
    rng = np.random.default_rng(1)
    table = Table({name: Series(rng.normal(size=10_001)) for name in "abc"})
    got = plan("float64", *[column(name, "float64") for name in "abc"]).build(table)
    np.testing.assert_array_equal(got, np.stack([table[name].values for name in "abc"], axis=1))


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("dtype", ["int64", "bool", "timestamp"])
def test_missing_becomes_nan(rows, dtype):
    one = column("a", dtype, nullable=True)
    table = Table({"a": Series(np.ones(rows, np.int64).astype(one.numpy), np.arange(rows) == 0)})
    got = plan("float32", one).build(table)
    np.testing.assert_array_equal(np.isnan(got[:, 0]), np.arange(rows) == 0)


@pytest.mark.parametrize("rows", [1, 3])
def test_missing_string_has_its_word(rows):
    values = np.array(["x", None, "z"], object)[-rows:]
    table = Table({"a": Series(values, np.array([False, True, False])[-rows:])})
    got = plan("string", column("a", "string", nullable=True)).build(table)
    assert got.dtype == object
    want = ["x", MISSING_STRING, "z"][-rows:]
    assert got[:, 0].tolist() == want
    assert table["a"].values.tolist() == values.tolist()


@pytest.mark.parametrize("rows", [1, 2])
def test_timestamps_are_microseconds(rows):
    when = np.array(["1970-01-01T00:00:01", "1969-12-31T23:59:59"], "M8[us]")[:rows]
    table = Table({"t": Series(when)})
    got = plan("int64", column("t", "timestamp"), squeeze=True).build(table)
    assert got.tolist() == [1_000_000, -1_000_000][:rows]


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize(
    ("value", "fits"), [(127, True), (128, False), (-128, True), (-129, False)]
)
def test_integers_are_never_cut(rows, value, fits):
    table = Table({"a": Series(np.array([0, value][-rows:]))})
    made = plan("int8", column("a", "int64"))
    if fits:
        assert made.build(table)[-1, 0] == value
        return
    with pytest.raises(ContractError) as e:
        made.build(table)
    assert (e.value.column, e.value.row) == ("a", rows - 1)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("value", [1e39, -1e300, 3.5e38])
def test_floats_never_become_infinite(rows, value):
    columns = [column("a", "float32"), column("b", "float64")]
    values = np.append(np.zeros(rows - 1), value)
    table = Table({"a": Series(np.zeros(rows, np.float32)), "b": Series(values)})
    with pytest.raises(ContractError) as e:
        plan("float32", *columns).build(table)
    assert (e.value.column, e.value.row) == ("b", rows - 1)


def test_tensors():
    values = np.arange(12).reshape(2, 2, 3)
    made = plan("float32", column("image", "int64", shape=(2, 3)))
    got = made.build(Table({"image": Series(values)}))
    assert got.dtype == np.float32
    assert got.shape == (2, 2, 3)
    narrow = plan("int8", column("image", "int64", shape=(2, 3)))
    with pytest.raises(ContractError) as e:
        narrow.build(Table({"image": Series(values + 120)}))
    assert (e.value.column, e.value.row) == ("image", 1)


@pytest.mark.parametrize(
    ("dtype", "columns", "squeeze"),
    [
        ("float32", [column("a", "string")], False),
        ("string", [column("a", "int64")], False),
        ("int64", [column("a", "float64")], False),
        ("int64", [column("a", "int64", nullable=True)], False),
        ("bool", [column("a", "int8")], False),
        ("int32", [column("a", "timestamp")], False),
        ("timestamp", [column("a", "timestamp")], False),
        ("float32", [column("a", "float32", shape=(2,)), column("b", "float32")], False),
        ("float32", [column("a", "float32"), column("b", "float32")], True),
        ("float32", [column("a", "float32", shape=(2,))], True),
    ],
)
def test_what_would_lose_something_is_refused_at_load(dtype, columns, squeeze):
    with pytest.raises(ManifestError):
        plan(dtype, *columns, squeeze=squeeze)
