"""The input contract is enforced exactly: laws by property, every rule by example."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.contract import MISSING_STRING, Column, Contract, Output
from modelyard.core.enforce import Enforcer, enforce, enforce_rows
from modelyard.core.table import Series, Table, concatenate
from modelyard.errors import ContractError
from modelyard.tables.digest import content_digest

if TYPE_CHECKING:
    from collections.abc import Callable

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *INTEGERS, "float32", "float64", "string", "timestamp")


def contract(*columns: Column) -> Contract:
    return Contract(inputs=columns, outputs=(Output(name="prediction", dtype="float64"),))


def only(dtype: str, **rules: object) -> Contract:
    return contract(Column(name="x", dtype=dtype, **rules))


def refuse(rules: Contract, values: object) -> ContractError:
    with pytest.raises(ContractError) as caught:
        enforce(rules, {"x": values})
    return caught.value


# -- laws ----------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6).filter(
    lambda value: value != MISSING_STRING
)


def fitting(dtype: str) -> st.SearchStrategy:
    """JSON values that fit a column of a dtype."""
    if dtype in INTEGERS:
        limits = np.iinfo(dtype)
        return st.integers(int(limits.min), int(limits.max))
    return {
        "bool": st.booleans(),
        "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
        "float64": st.floats(allow_nan=False, allow_infinity=False),
        "string": text,
        "timestamp": st.datetimes().map(lambda time: time.isoformat()),
    }[dtype]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Contract, list[dict[str, object]]]:
    """A contract and records that fit it."""
    names = draw(st.lists(text.filter(bool), min_size=1, max_size=4, unique=True))
    columns = [
        Column(name=name, dtype=draw(st.sampled_from(DTYPES)), nullable=draw(st.booleans()))
        for name in names
    ]
    row = st.fixed_dictionaries(
        {
            column.name: st.none() | fitting(column.dtype)
            if column.nullable
            else fitting(column.dtype)
            for column in columns
        }
    )
    return contract(*columns), draw(st.lists(row, min_size=1, max_size=6))


def as_columns(rules: Contract, rows: list[dict[str, object]]) -> dict[str, list[object]]:
    return {name: [row[name] for row in rows] for name in rules.names}


@given(cases())
def test_json_records_and_columns_give_the_same_table(case):
    rules, rows = case
    table = enforce(rules, as_columns(rules, rows))
    again = enforce_rows(rules, json.loads(json.dumps(rows)))
    assert content_digest(again) == content_digest(table)
    assert [table[c.name].values.dtype for c in rules.inputs] == [c.numpy for c in rules.inputs]


@given(cases())
def test_a_table_that_fits_is_accepted_again_unchanged(case):
    rules, rows = case
    table = enforce_rows(rules, rows)
    assert content_digest(enforce(rules, table)) == content_digest(table)


@given(cases(), st.randoms(use_true_random=False))
def test_columns_may_come_in_any_order(case, random):
    rules, rows = case
    shuffled = list(rules.names)
    random.shuffle(shuffled)
    mixed = [{name: row[name] for name in shuffled} for row in rows]
    table = enforce_rows(rules, mixed)
    assert list(table) == rules.names
    assert content_digest(table) == content_digest(enforce_rows(rules, rows))


@given(cases())
def test_rows_one_by_one_are_the_rows_together(case):
    rules, rows = case
    enforcer = Enforcer(rules)
    apart = concatenate([enforcer.rows([row]) for row in rows])
    assert content_digest(apart) == content_digest(enforcer.rows(rows))


@given(st.sampled_from(INTEGERS), st.integers(-(2**70), 2**70))
def test_an_integer_is_held_exactly_or_refused_never_wrapped(dtype, value):
    limits = np.iinfo(dtype)
    if limits.min <= value <= limits.max:
        assert int(enforce(only(dtype), {"x": [value]})["x"].values[0]) == value
    else:
        error = refuse(only(dtype), [0, value])
        assert (error.column, error.row) == ("x", 1)


@given(st.sampled_from(INTEGERS), st.sampled_from(INTEGERS), st.data())
def test_numpy_integers_are_held_exactly_or_refused(dtype, source, data):
    limits, wanted = np.iinfo(source), np.iinfo(dtype)
    value = data.draw(st.integers(int(limits.min), int(limits.max)))
    given_ = np.array([0, value], source)
    if wanted.min <= value <= wanted.max:
        assert enforce(only(dtype), {"x": given_})["x"].values.tolist() == [0, value]
    else:
        assert refuse(only(dtype), given_).row == 1


@given(st.floats(allow_nan=False))
def test_a_float_is_rounded_to_the_nearest_or_refused_never_infinite(value):
    with np.errstate(over="ignore"):
        nearest = np.float32(value)
    if math.isinf(nearest):
        assert refuse(only("float32"), [value]).row == 0
    else:
        assert enforce(only("float32"), {"x": [value]})["x"].values[0] == nearest


@given(st.sampled_from([("float32", 2**24), ("float64", 2**53)]), st.integers(-(2**127), 2**127))
def test_an_integer_in_a_float_column_is_held_exactly_or_refused(kind, value):
    dtype, safe = kind
    held = abs(value) <= safe or int(np.dtype(dtype).type(float(value))) == value
    if held:
        assert int(enforce(only(dtype), {"x": [value]})["x"].values[0]) == value
    else:
        refuse(only(dtype), [value])


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["2024-01-01", "a", MISSING_STRING, "\ud800", 1e999, -0.0, 2**63, b"a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=3,
)
rules_of_all_kinds = st.sampled_from(
    [Column(name="x", dtype=dtype, nullable=nullable) for dtype in DTYPES for nullable in (0, 1)]
    + [Column(name="x", dtype="int8", minimum=-3, maximum=5)]
    + [Column(name="x", dtype="float32", minimum=0.1, maximum=0.3)]
    + [Column(name="x", dtype="string", categories=("a", "b"))]
    + [Column(name="x", dtype="string", categories=("a",), unknown="model")]
    + [Column(name="x", dtype="float64", shape=(None,)), Column(name="x", dtype="bool", shape=(1,))]
)


def answered(way: Callable[[], Table]) -> str | ContractError:
    try:
        return content_digest(way())
    except ContractError as e:
        return e


@given(rules_of_all_kinds, junk)
def test_anything_at_all_fits_or_is_refused_and_each_way_in_agrees(column, value):
    ways = (
        lambda: enforce_rows(contract(column), [{"x": value}]),
        lambda: enforce(contract(column), {"x": [value]}),
        lambda: enforce_rows(contract(column), [{"x": value}, {"x": value}]).take(np.array([0])),
    )
    answers = [answered(way) for way in ways]
    for refused in (answer for answer in answers if isinstance(answer, ContractError)):
        assert (refused.column, refused.row) == ("x", 0)
        assert refused.got
        assert refused.expected
        assert len(str(refused)) < 1000
    assert len(set(map(str, answers))) == 1


# -- every rule by example -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "value", "got"),
    [
        ("int64", 3.5, "3.5"),
        ("int64", 3.0, "3.0"),
        ("int64", "3", "'3'"),
        ("int64", True, "true"),
        ("int64", float("nan"), "NaN"),
        ("int64", json.loads("1e999"), "inf"),
        ("int64", None, "null"),
        ("int64", 2**63, str(2**63)),
        ("int64", -(2**63) - 1, str(-(2**63) - 1)),
        ("uint8", -1, "-1"),
        ("float64", True, "true"),
        ("float64", "1.5", "'1.5'"),
        ("float64", float("inf"), "inf"),
        ("float64", float("nan"), "NaN"),
        ("float64", None, "null"),
        ("float64", 2**53 + 1, str(2**53 + 1)),
        ("float64", 10**400, "an integer of 1329 bits"),
        ("float32", 1e300, "1e+300"),
        ("float32", 2**24 + 1, str(2**24 + 1)),
        ("bool", 1, "1"),
        ("bool", "true", "'true'"),
        ("bool", None, "null"),
        ("string", 5, "5"),
        ("string", None, "null"),
        ("string", b"a", "b'a'"),
        ("string", MISSING_STRING, repr(MISSING_STRING)),
        ("string", "\udfff", "'\\udfff'"),
        ("timestamp", 1_700_000_000, "1700000000"),
        ("timestamp", 1.5, "1.5"),
        ("timestamp", "20240101", "'20240101'"),
        ("timestamp", "2024-13-01", "'2024-13-01'"),
        ("timestamp", "2024-01-01T00:00:00.0000001Z", "'2024-01-01T00:00:00.0000001Z'"),
        ("timestamp", "yesterday", "'yesterday'"),
        ("timestamp", None, "null"),
        ("timestamp", True, "true"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_row_and_value(dtype, value, got):
    rules = only(dtype)
    ok = {"bool": True, "string": "a", "timestamp": "2024-01-01"}.get(dtype, 1)
    error = refuse(rules, [ok, ok, value])
    assert (error.column, error.row, error.got) == ("x", 2, got)
    assert error.message == f"column 'x', row 2: got {got}, expected {error.expected}"


@pytest.mark.parametrize(
    ("rules", "value", "sentence"),
    [
        (
            only("int8"),
            128,
            "column 'x', row 0: got 128, expected an integer from -128 to 127 (int8)",
        ),
        (
            only("int64", minimum=0, maximum=130),
            131,
            "column 'x', row 0: got 131, expected an integer from 0 to 130 (int64)",
        ),
        (
            only("float64", nullable=True, maximum=1.5),
            2.5,
            "column 'x', row 0: got 2.5, expected a finite number up to 1.5 (float64), or null",
        ),
        (
            only("string", categories=("a", "b")),
            "c",
            "column 'x', row 0: got 'c', expected one of 'a', 'b'",
        ),
        (only("bool"), "yes", "column 'x', row 0: got 'yes', expected true or false"),
    ],
)
def test_the_sentence_is_whole(rules, value, sentence):
    assert refuse(rules, [value]).message == sentence


def test_bounds_of_timestamps_are_told_as_times():
    rules = only("timestamp", minimum=0, maximum=5 * 10**6)
    assert enforce(rules, {"x": ["1970-01-01", "1970-01-01T00:00:05Z"]}).rows == 2
    expected = "from 1970-01-01T00:00:00.000000Z to 1970-01-01T00:00:05.000000Z"
    assert expected in refuse(rules, ["1969-12-31"]).expected
    refuse(rules, np.array(["1970-01-01T00:00:06"], "M8[s]"))


def test_what_came_is_shortened():
    assert refuse(only("int64"), [10**5000]).got == "an integer of 16610 bits"
    error = refuse(only("string", categories=tuple("abcdefghijkl")), ["y" * 10**6])
    assert len(error.got) < 70
    assert error.expected.endswith("and 4 more")
    nested: object = 1
    for _ in range(10_000):
        nested = [nested]
    assert len(refuse(only("float64"), [nested]).got) < 70


def test_float_arrays_are_never_made_integers():
    error = refuse(only("int64"), np.array([1.0, 2.0]))
    assert error.got == "1.0 (float64)"
    assert "cast" in error.hint
    refuse(only("int64"), np.array([True]))
    refuse(only("float64"), np.array([True]))
    refuse(only("bool"), np.array([1]))
    refuse(only("string"), np.array([1]))
    refuse(only("float64"), np.array(["1"]))
    refuse(only("float64"), np.array([1j]))
    refuse(only("string"), np.array([b"a"]))
    refuse(only("timestamp"), np.array([5]))


def test_an_array_outside_the_range_names_its_first_row():
    assert refuse(only("int64", maximum=7), np.array([1, 8, 9])).row == 1
    assert refuse(only("int8"), np.array([1, 2, 300], np.uint64)).row == 2
    assert refuse(only("uint64"), np.array([1, -1])).row == 1
    assert refuse(only("float32"), np.array([1.0, 1e39])).row == 1
    assert refuse(only("float64", minimum=0), np.array([0.0, -1.0])).row == 1
    assert refuse(only("float64"), np.array([0.0, np.inf])).row == 1
    assert refuse(only("float64"), np.array([2**53 + 1])).got == f"{2**53 + 1} (int64)"


def test_a_bound_is_meant_in_the_precision_of_its_column():
    rules = only("float32", minimum=0.1, maximum=0.1)
    assert enforce(rules, {"x": [0.1]})["x"].values[0] == np.float32(0.1)
    assert enforce(rules, {"x": np.float32([0.1])})["x"].values[0] == np.float32(0.1)
    assert enforce(only("float32", maximum=1e300), {"x": [1.0]}).rows == 1
    fractional = only("int64", minimum=0.5, maximum=2.5)
    assert enforce(fractional, {"x": [1, 2]}).rows == 2
    refuse(fractional, [0])
    refuse(fractional, [3])


def test_bounds_of_large_integers_are_exact():
    rules = only("int64", maximum=2**53)
    assert enforce(rules, {"x": np.array([2**53])}).rows == 1
    refuse(rules, np.array([2**53 + 1]))
    refuse(rules, [2**53 + 1])


def test_missing_values_of_nullable_columns():
    integers = enforce(only("int64", nullable=True, minimum=5), {"x": [None, 7]})["x"]
    assert integers.missing.tolist() == [True, False]
    assert integers.values[1] == 7
    floats = enforce(only("float64", nullable=True), {"x": [None, float("nan"), 2]})["x"]
    assert floats.missing is None
    assert np.isnan(floats.values).tolist() == [True, True, False]
    refuse(only("int64", nullable=True), [float("nan")])
    refuse(only("string", nullable=True), [float("nan")])
    times = enforce(only("timestamp", nullable=True), {"x": [None, np.datetime64("NaT", "us")]})[
        "x"
    ]
    assert times.missing.tolist() == [True, True]
    texts = enforce(only("string", nullable=True, categories=("a",)), {"x": [None, "a"]})["x"]
    assert texts.missing.tolist() == [True, False]
    refuse(only("string", nullable=True, categories=("a",)), [None, ""])


def test_a_series_brings_its_mask():
    given_ = Series(np.array([300, 7]), np.array([True, False]))
    taken = enforce(only("int8", nullable=True), {"x": given_})["x"]
    assert (taken.values[1], taken.missing.tolist()) == (7, [True, False])
    assert refuse(only("int8"), given_).got == "null"
    floats = enforce(only("float64", nullable=True), {"x": given_})["x"]
    assert np.isnan(floats.values).tolist() == [True, False]
    masked = np.ma.masked_array([1, 2], [False, True])
    assert enforce(only("int8", nullable=True), {"x": masked})["x"].missing.tolist() == [
        False,
        True,
    ]
    assert refuse(only("int8"), masked).row == 1
    bounded = only("int64", nullable=True, minimum=5)
    assert enforce(bounded, {"x": Series(np.array([0, 7]), np.array([True, False]))}).rows == 2


def test_unknown_categories_are_rejected_or_left_to_the_model():
    assert refuse(only("string", categories=("a",)), ["a", "b"]).row == 1
    left = only("string", categories=("a",), unknown="model")
    assert enforce(left, {"x": ["b"]})["x"].values[0] == "b"
    refuse(left, [MISSING_STRING])


@pytest.mark.parametrize(
    "value",
    [
        "2024-03-01T12:00:00Z",
        "2024-03-01T12:00:00",
        "2024-03-01 12:00",
        "2024-03-01T12:00:00.000000000Z",
        "2024-03-01T13:30:00+01:30",
        datetime(2024, 3, 1, 12),  # noqa: DTZ001 - one without an offset is UTC
        datetime(2024, 3, 1, 12, tzinfo=UTC),
        datetime(2024, 3, 1, 10, tzinfo=timezone(timedelta(hours=-2))),
        np.datetime64("2024-03-01T12"),
    ],
)
def test_a_timestamp_is_utc_microseconds(value):
    expected = np.datetime64("2024-03-01T12:00:00", "us")
    assert enforce(only("timestamp"), {"x": [value]})["x"].values.tolist() == [expected.item()]


def test_times_of_numpy_fit_exactly_or_are_refused():
    rules = only("timestamp")
    assert enforce(rules, {"x": np.array(["2024-01-01"], "M8[D]")})["x"].values.dtype == "M8[us]"
    assert enforce(rules, {"x": [date(2024, 1, 1)]})["x"].values[0] == np.datetime64("2024-01-01")
    assert refuse(rules, np.array([0, 1], "M8[ns]")).row == 1
    assert refuse(rules, np.array([0, 10**15], "M8[s]")).row == 1
    assert refuse(rules, np.array([0, 300_000], "M8[Y]")).row == 1
    assert refuse(rules, np.array([0, 292_278], "M8[Y]")).row == 1
    assert refuse(rules, np.array([0, -(2**62)], "M8[ms]")).row == 1
    assert refuse(rules, np.array([0, 2**60], "M8[M]")).row == 1
    assert refuse(rules, [np.datetime64(1, "ns")]).expected == "a time in whole microseconds"


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "10us", "7D"])
def test_times_of_numpy_reach_to_the_end_of_microseconds(unit):
    rules = only("timestamp", nullable=True)
    ticks = [0, 1, -1, 12345, np.iinfo(np.int64).min]
    given_ = np.array(ticks, np.int64).view(f"M8[{unit}]")
    made = enforce(rules, {"x": given_})["x"]
    assert made.missing.tolist() == [False, False, False, False, True]
    assert (made.values[:4] == given_[:4].astype("M8[us]")).all()
    most = np.datetime64(2**63 - 1, "us").astype(f"M8[{unit}]")
    assert enforce(rules, {"x": np.array([most])})["x"].values.astype(f"M8[{unit}]")[0] == most


@pytest.mark.parametrize("unit", ["ns", "ps", "fs", "as", "3ns", "500ns"])
def test_finer_times_of_numpy_fit_where_they_are_whole(unit):
    rules = only("timestamp")
    least = np.iinfo(np.int64).min + 1
    assert refuse(rules, np.array([0, least], np.int64).view(f"M8[{unit}]")).row == 1
    count = np.datetime_data(f"M8[{unit}]")[1]
    per = {"ns": 10**3, "ps": 10**6, "fs": 10**9, "as": 10**12}[unit.lstrip("0123456789")]
    given_ = np.array([0, -per, 6 * per], np.int64).view(f"M8[{unit}]")
    assert enforce(rules, {"x": given_})["x"].values.astype(np.int64).tolist() == [
        0, -count, 6 * count,
    ]  # fmt: skip


def test_tensors_have_the_shape_of_the_contract():
    rules = only("float32", shape=(2, 3))
    rows = [[[1, 2, 3], [4, 5, 6.5]]]
    assert enforce(rules, {"x": rows})["x"].values.shape == (1, 2, 3)
    assert enforce(rules, {"x": [np.ones((2, 3))] * 4})["x"].values.shape == (4, 2, 3)
    assert enforce(rules, {"x": np.ones((5, 2, 3))})["x"].values.dtype == np.float32
    for bad, row, got in [
        ([[[1, 2, 3], [4, 5]]], 0, "2 entries on axis 1"),
        ([rows[0], [[1, 2, 3]]], 1, "1 entries on axis 0"),
        ([rows[0], [[1, 2, 3], 7]], 1, "7 on axis 1"),
        ([rows[0], 5], 1, "5 on axis 0"),
        ([rows[0], [[1, 2, 3], [4, None, 6]]], 1, "null"),
        ([rows[0], [[1, 2, 3], [4, float("nan"), 6]]], 1, "NaN"),
        ([rows[0], [[1, 2, 3], [4, "5", 6]]], 1, "'5'"),
        ([rows[0], [[1, 2, 3], [4, 1e300, 6]]], 1, "1e+300"),
        (np.ones((4, 3, 2)), None, "an array of shape (4, 3, 2)"),
        (np.ones(4), None, "an array of shape (4,)"),
    ]:
        error = refuse(rules, bad)
        assert (error.row, error.got) == (row, got), bad


def test_a_free_length_is_one_length_for_all_rows():
    rules = only("int64", shape=(None,))
    assert enforce(rules, {"x": [[1, 2], [3, 4]]})["x"].values.tolist() == [[1, 2], [3, 4]]
    assert refuse(rules, [[1, 2], [3]]).row == 1
    refuse(rules, [[], []])


def test_missing_and_unexpected_columns_are_named():
    rules = contract(Column(name="age", dtype="int64"), Column(name="price", dtype="float64"))
    with pytest.raises(ContractError, match="column 'price' is missing") as caught:
        enforce(rules, {"age": [1]})
    assert caught.value.column == "price"
    with pytest.raises(ContractError, match="did you mean 'price'") as caught:
        enforce(rules, {"age": [1], "Price": [1.0]})
    assert caught.value.column == "price"
    with pytest.raises(ContractError, match="unexpected column 'agee'") as caught:
        enforce(rules, {"age": [1], "price": [1.0], "agee": [1]})
    assert caught.value.hint == "did you mean 'age'?"
    with pytest.raises(ContractError, match="the inputs are: age, price"):
        enforce(rules, {"age": [1], "price": [1.0], "zzz": [1]})
    with pytest.raises(ContractError, match="row 1: column 'age' is missing") as caught:
        enforce_rows(rules, [{"age": 1, "price": 1.0}, {"price": 1.0}])
    assert caught.value.row == 1
    with pytest.raises(ContractError, match="unexpected column"):
        enforce(rules, {"age": [1], "price": [1.0], "z" * 10**7: [1]})


def test_several_wrong_names_are_told_at_once():
    rules = contract(*(Column(name=f"c{n}", dtype="int64") for n in range(20)))
    with pytest.raises(ContractError) as caught:
        enforce(rules, {"zebra": [1], **{f"c{n}": [1] for n in range(17)}})
    assert caught.value.message == (
        "columns 'c17', 'c18', 'c19' are missing; unexpected column 'zebra'"
    )
    assert caught.value.column == "c17"
    with pytest.raises(
        ContractError, match=r"^row 0: columns 'c0', .*'c9' and 10 more are missing"
    ):
        enforce_rows(rules, [{}])
    some = contract(Column(name="age", dtype="int64"))
    with pytest.raises(ContractError, match=r"unexpected columns 'yyy', 'zzz'") as caught:
        enforce(some, {"yyy": [1], "age": [1], "zzz": [1]})
    assert caught.value.column == "yyy"
    for name in ("", "Unnamed: 0"):
        with pytest.raises(ContractError, match=f"unexpected column '{name}'") as caught:
            enforce(some, {name: [0], "age": [1]})
        assert "index column" in caught.value.hint


def test_limits_of_64_bits_are_not_spelled_out():
    assert refuse(only("int64"), ["x"]).expected == "an integer (int64)"
    assert refuse(only("int64"), [2**63]).expected == "an integer (int64)"
    assert refuse(only("uint64"), [-1]).expected == "an integer from 0 (uint64)"
    assert refuse(only("int64", minimum=3), [1]).expected == "an integer from 3 (int64)"
    assert refuse(only("int64", maximum=3), [4]).expected == "an integer up to 3 (int64)"
    assert refuse(only("int32"), [2**31]).expected == (
        "an integer from -2147483648 to 2147483647 (int32)"
    )


@pytest.mark.parametrize(
    "data", [{"x": 5}, {"x": "abc"}, {"x": {"a": 1}}, {"x": None}, {"x": b"a"}]
)
def test_a_column_is_a_list(data):
    with pytest.raises(ContractError, match="a list with one value a row"):
        enforce(only("int64"), data)


def test_no_rows_and_no_table_are_refused():
    rules = only("int64")
    for empty in ([], np.array([], np.int64)):
        with pytest.raises(ContractError, match="no rows"):
            enforce(rules, {"x": empty})
    with pytest.raises(ContractError, match="no rows"):
        enforce_rows(rules, [])
    for wrong in (5, "a", None, [1]):
        with pytest.raises(ContractError):
            enforce(rules, wrong)
    for wrong in (5, "a", None, {"x": 1}, [5], [None], [[1]]):
        with pytest.raises(ContractError):
            enforce_rows(rules, wrong)


def test_columns_have_one_length():
    rules = contract(Column(name="a", dtype="int64"), Column(name="b", dtype="int64"))
    with pytest.raises(ContractError, match="column 'b' has 1 rows, column 'a' has 2") as caught:
        enforce(rules, {"a": [1, 2], "b": [1]})
    assert caught.value.column == "b"


def test_a_refusal_leaves_nothing_behind():
    enforcer = Enforcer(only("int64", maximum=5))
    before = content_digest(enforcer.rows([{"x": 3}]))
    for bad in (None, 6, "a", [], {}):
        with pytest.raises(ContractError):
            enforcer.rows([{"x": bad}])
    assert content_digest(enforcer.rows([{"x": 3}])) == before


def test_what_was_given_is_not_changed():
    given_ = np.array([1.0, np.nan])
    series = Series(np.array([300, 7]), np.array([True, False]))
    enforce(only("float64", nullable=True), {"x": given_})
    enforce(only("int8", nullable=True), Table({"x": series}))
    assert np.array_equal(given_, [1.0, np.nan], equal_nan=True)
    assert series.values.tolist() == [300, 7]
