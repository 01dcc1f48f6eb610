from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.core.manifest import Tolerance
from modelyard.core.parity import compare

EXACT = Tolerance(absolute=0, relative=0)
FLOATS = arrays.arrays(
    st.sampled_from([np.float32, np.float64]), arrays.array_shapes(max_dims=2), unique=False
)


@given(FLOATS)
def test_everything_equals_itself(values):
    assert compare({"y": values}, {"y": values.copy()}, EXACT) == (0.0, "", None, True, "")


@given(FLOATS, st.data())
def test_any_number_moved_out_of_tolerance_is_found(values, data):
    at = tuple(data.draw(st.integers(0, size - 1)) for size in values.shape)
    tolerance = Tolerance(absolute=0.1, relative=0.01)
    moved = values.copy()
    old = float(values[at])
    moved[at] = data.draw(st.sampled_from([math.nan, math.inf, -math.inf, 1e30, -7e30]))
    new = float(moved[at])
    same = old == new or (math.isnan(old) and math.isnan(new))
    near = math.isfinite(old) and abs(new - old) <= 0.1 + 0.01 * abs(old)
    found = compare({"y": values}, {"y": moved}, tolerance)
    assert found.within == (same or near)
    if not found.within:
        assert found.output == "y"
        assert found.row == at[0]
        assert "row" in str(found)


def test_the_worst_is_told():
    want = {"a": np.zeros(3), "b": np.zeros((3, 2))}
    got = {"a": np.array([0, 0.5, 0]), "b": np.array([[0, 0], [0, 0], [0, 2.0]])}
    found = compare(want, got, Tolerance(absolute=10, relative=0))
    assert (found.largest, found.output, found.row, found.within) == (2.0, "b", 2, True)
    found = compare(want, got, Tolerance(absolute=1, relative=0))
    assert (found.largest, found.output, found.row, found.within) == (2.0, "b", 2, False)
    # 1000 apart where 2000 are allowed is no worse than 2 apart where none are
    want, got = {"a": np.array([1e6, 0.0])}, {"a": np.array([1e6 + 1000, 2.0])}
    found = compare(want, got, Tolerance(absolute=0, relative=0.002))
    assert (found.row, found.within, found.largest) == (1, False, 2.0)


@pytest.mark.parametrize(
    ("want", "got"),
    [
        (np.array(["a", "b"], object), np.array(["a", "c"], object)),
        (np.array([1, 2]), np.array([1, 3])),
        (np.array([True, False]), np.array([True, True])),
        (np.array([1, 2]), np.array(["1", "2"], object)),
        (np.array(["1", "2"]), np.array([1, 2])),
        (np.zeros(2), np.zeros((2, 1))),
        (np.zeros(2), np.zeros(3)),
        (np.array([2**53]), np.array([2**53 + 1])),
    ],
)
def test_all_else_is_exact(want, got):
    wide = Tolerance(absolute=1e9, relative=1e9)
    found = compare({"y": want}, {"y": got}, wide)
    assert not found.within
    assert found.largest == math.inf
    assert "'y'" in str(found)


def test_same_strings_in_another_form_are_the_same():
    assert compare({"y": np.array(["a"])}, {"y": np.array(["a"], object)}, EXACT).within


@pytest.mark.parametrize(("want", "got"), [(["a"], ["a", "b"]), (["a", "b"], ["a"])])
def test_outputs_must_be_the_same(want, got):
    found = compare(dict.fromkeys(want, np.ones(1)), dict.fromkeys(got, np.ones(1)), EXACT)
    assert not found.within
    assert found.output == "b"


def test_no_rows():
    assert compare({"y": np.empty(0)}, {"y": np.empty(0)}, EXACT).within
    assert compare({"y": np.empty((0, 3))}, {"y": np.empty((0, 3))}, EXACT).within
