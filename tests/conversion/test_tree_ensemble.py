from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from modelyard.conversion.tree_ensemble import ML_DOMAIN, ML_OPSET, tree_ensemble
from modelyard.core.trees import Mode, Trees, evaluate, join, single_tree

KINDS = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}
FEATURES = 4
CATEGORIES = 3  # the last feature holds whole numbers


def session(trees, dtype="float64", threads=1):
    nodes = tree_ensemble(trees, input="x", output="y", prefix="t", dtype=dtype)
    kind = KINDS[dtype]
    graph = helper.make_graph(
        nodes,
        "trees",
        [helper.make_tensor_value_info("x", kind, [None, trees.features])],
        [helper.make_tensor_value_info("y", kind, [None, trees.outputs])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def run(trees, x, dtype="float64"):
    return session(trees, dtype).run(None, {"x": x.astype(dtype)})[0]


def grow(rng, *, depth, width, modes):
    """A random tree: thresholds on a coarse grid, so that values hit them exactly."""
    rows, leaves, codes = [], [], []

    def add(level):
        if level == depth or rng.random() < 0.2:
            leaves.append(rng.normal(size=width))
            return -len(leaves)
        at = len(rows)
        mode = rng.choice(modes)
        feature = CATEGORIES if mode == Mode.MEMBER else rng.integers(FEATURES)
        rows.append([feature, mode, rng.integers(-8, 9) / 4 + rng.choice([0, 1e-12]), 0, 0])
        picked = rng.choice(90, size=rng.integers(0, 12), replace=False) if mode == 6 else []
        codes.append(np.sort(np.asarray(picked, np.float64)))
        rows[at][3], rows[at][4] = add(level + 1), add(level + 1)
        return at

    root = add(0)
    feature, mode, threshold, left, right = (
        [row[at] for row in rows] if rows else [] for at in range(5)
    )
    values = np.array(leaves)
    return Trees(
        features=FEATURES,
        roots=np.array([root]),
        feature=np.array(feature, np.int64),
        mode=np.array(mode, np.uint8),
        threshold=np.array(threshold, np.float64),
        members=np.concatenate([np.zeros(0), *codes]),
        member_start=np.cumsum([0, *(len(part) for part in codes)]),
        missing_left=rng.random(len(rows)) < 0.5,
        left=np.array(left, np.int64),
        right=np.array(right, np.int64),
        leaves=values,
        target=np.zeros(len(values), np.int64),
        base=np.zeros(width),
    )


def rows_for(rng, count):
    x = rng.integers(-9, 10, size=(count, FEATURES)) / 4 + rng.choice(
        [0, 0, 1e-12, -1e-12], size=(count, FEATURES)
    )
    x[:, CATEGORIES] = rng.integers(-1, 92, size=count)
    x[rng.random(x.shape) < 0.15] = np.nan
    x[rng.random(count) < 0.03, 0] = np.inf
    x[rng.random(count) < 0.03, 1] = -np.inf
    x[rng.random(count) < 0.03, 2] = 1e300
    return x


@st.composite
def ensembles(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    modes = draw(st.sampled_from([[0], [1], [6], [0, 1], [0, 6], [1, 6], [0, 1, 6]]))
    outputs = draw(st.sampled_from([1, 2, 3]))
    vector = draw(st.booleans())
    depth = draw(st.integers(0, 5))
    parts = [
        grow(rng, depth=depth, width=outputs if vector else 1, modes=modes)
        for _ in range(draw(st.sampled_from([1, 2, 7, 90])))
    ]
    if not vector:
        parts = [
            part._replace(target=np.full(len(part.leaves), at % outputs), base=np.zeros(outputs))
            for at, part in enumerate(parts)
        ]
    base = rng.normal(size=outputs) * draw(st.sampled_from([0, 1]))
    return join(parts, base=base, divisor=draw(st.sampled_from([1.0, float(len(parts))]))), rng


@settings(max_examples=60, deadline=None)
@given(ensembles())
def test_a_double_graph_answers_as_the_trees_do(drawn):
    trees, rng = drawn
    x = rows_for(rng, 60)
    want = evaluate(trees, x)
    got = run(trees, x)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


@settings(max_examples=60, deadline=None)
@given(ensembles())
def test_a_float_graph_takes_every_turn_that_the_double_thresholds_take(drawn):
    trees, rng = drawn
    with np.errstate(over="ignore"):
        x = rows_for(rng, 60).astype(np.float32)
    want = evaluate(trees, x.astype(np.float64))
    np.testing.assert_allclose(run(trees, x, "float32"), want, rtol=2e-5, atol=2e-5)


@settings(max_examples=15, deadline=None)
@given(ensembles(), st.sampled_from(["float32", "float64"]))
def test_one_row_at_a_time_gives_the_very_bits_of_a_batch(drawn, dtype):
    trees, rng = drawn
    with np.errstate(over="ignore"):
        x = rows_for(rng, 70).astype(dtype)
    runner = session(trees, dtype)
    batch = runner.run(None, {"x": x})[0]
    single = np.concatenate(
        [runner.run(None, {"x": x[at : at + 1].copy()})[0] for at in range(len(x))]
    )
    assert batch.tobytes() == single.tobytes()


@given(threshold=st.floats(allow_nan=False), value=st.floats(width=32, allow_nan=False))
@example(threshold=0.1, value=float(np.float32(0.1)))
@example(threshold=1e300, value=float("inf"))
@example(threshold=-1e300, value=float("-inf"))
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("mode", [Mode.LEQ, Mode.LT])
def test_a_rounded_threshold_answers_every_float_alike(mode, threshold, value):
    around = np.float32([-np.inf, value, np.inf])
    with np.errstate(over="ignore"):
        near = np.float32(threshold)
        steps = [np.nextafter(near, np.float32(way)) for way in (-np.inf, np.inf)]
    x = np.array([*around, near, *steps], np.float32).reshape(-1, 1)
    trees = single_tree(
        feature=[0], threshold=[threshold], left=[-1], right=[-2], leaves=[[1.0], [2.0]], mode=mode
    )
    assert run(trees, x, "float32").tolist() == evaluate(trees, x.astype(np.float64)).tolist()


def test_a_model_without_any_split_answers_its_leaves_and_base():
    one = single_tree(
        feature=[], threshold=[], left=[], right=[], leaves=[[0.25]], features=FEATURES
    )
    trees = join([one, one], base=[1.5], divisor=2.0)
    assert run(trees, np.full((3, FEATURES), np.nan)).tolist() == [[1.0]] * 3


def test_a_model_without_any_tree_answers_its_base():
    one = single_tree(feature=[], threshold=[], left=[], right=[], leaves=[[0.0]], features=2)
    trees = one._replace(roots=np.zeros(0, np.int64), base=np.array([0.75]))
    assert run(trees, np.zeros((2, 2))).tolist() == [[0.75]] * 2
    assert run(trees._replace(base=np.array([0.0])), np.zeros((2, 2))).tolist() == [[0.0]] * 2


def test_no_rows_give_no_answers():
    trees = single_tree(feature=[0], threshold=[0], left=[-1], right=[-2], leaves=[[1, 2], [3, 4]])
    assert run(trees, np.zeros((0, 1))).shape == (0, 2)


def test_the_nodes_are_the_same_bytes_each_time():
    rng = np.random.default_rng(0)
    trees = join([grow(rng, depth=4, width=2, modes=[0, 6]) for _ in range(3)])
    once, again = (
        [
            node.SerializeToString()
            for node in tree_ensemble(trees, input="x", output="y", prefix="p")
        ]
        for _ in range(2)
    )
    assert once == again


STUMP = single_tree(feature=[0], threshold=[0.0], left=[-1], right=[-2], leaves=[[1.0], [2.0]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"left": np.array([7])}, "leads out"),
        ({"roots": np.array([-9])}, "leads out"),
        ({"left": np.array([0])}, "circle"),
        ({"feature": np.array([3])}, "outside 0..0"),
        ({"target": np.array([0, 1])}, "outside 0..0"),
        ({"threshold": np.zeros(2)}, "differ in length"),
        ({"member_start": np.zeros(1, np.int64)}, "wrong length"),
        ({"leaves": np.array([[1.0], [np.nan]])}, "not finite"),
        ({"leaves": np.ones((2, 2)), "base": np.zeros(3)}, "2 values for 3 outputs"),
    ],
)
def test_trees_that_do_not_fit_together_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        tree_ensemble(STUMP._replace(**change), input="x", output="y", prefix="t")
