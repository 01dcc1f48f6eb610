"""Models that somebody tampered with are refused before the library that runs them sees them."""

from __future__ import annotations

import contextlib
import copy
import json
import subprocess
import sys
from functools import cache

import lightgbm
import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.conversion import ubjson, xgboost_document
from modelyard.conversion.lightgbm_text import checked

RNG = np.random.default_rng(9)
X = np.column_stack([RNG.integers(0, 9, 120), RNG.normal(size=(120, 2))])
Y = RNG.normal(size=9)[X[:, 0].astype(int)] + X[:, 1]


@cache
def booster():
    data = xgboost.DMatrix(X, Y, feature_types=["c", "q", "q"], enable_categorical=True)
    settings = {"max_depth": 3, "nthread": 1, "max_cat_to_onehot": 1}
    return xgboost.train(settings, data, num_boost_round=3)


@cache
def text(**extra):
    settings = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 3, **extra}
    cat = "auto" if "linear_tree" in extra else [0]
    settings |= {"min_data_per_group": 2, "cat_smooth": 1.0}
    data = lightgbm.Dataset(X, Y, categorical_feature=cat, params=settings)
    return lightgbm.train(settings, data, num_boost_round=3).model_to_string()


def write(value):
    """Write UBJSON as XGBoost does."""
    if isinstance(value, dict):
        return b"{" + b"".join(_length(k) + write(v) for k, v in value.items()) + b"}"
    if isinstance(value, np.ndarray):
        kind = {"f4": b"d", "f8": b"D", "u1": b"U", "i1": b"i", "i4": b"l", "i8": b"L"}
        kind = kind[value.dtype.str[1:]]
        return (
            b"[$"
            + kind
            + b"#"
            + write(len(value))
            + value.astype(value.dtype.str[1:]).astype(">" + value.dtype.str[1:]).tobytes()
        )
    if isinstance(value, list):
        return b"[#" + write(len(value)) + b"".join(map(write, value))
    if isinstance(value, str):
        return b"S" + _length(value)
    return b"L" + value.to_bytes(8, "big", signed=True)


def _length(text):
    return write(len(text.encode())) + text.encode()


def test_ubjson_is_read_as_it_was_written():
    document = ubjson.decode(bytes(booster().save_raw("ubj")))
    again = ubjson.decode(write(document))
    plain = json.loads(bytes(booster().save_raw("json")))
    assert again.keys() == document.keys() == plain.keys()
    one, other = tree_of(again), tree_of(plain)
    assert one.keys() == other.keys()
    for key, values in other.items():
        if isinstance(values, list):
            assert one[key].tolist() == np.array(values, one[key].dtype).tolist()
        else:
            assert one[key] == values


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=40) | st.lists(st.sampled_from(list(b"{}[]$#SiUlLdDTFZ\0\1\2"))).map(bytes)
)
def test_no_bytes_do_anything_to_ubjson_but_raise_value_error(content):
    with contextlib.suppress(ValueError):
        ubjson.decode(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 9000, "deep"),
        (b"{i\1aTi\1aF}", "stands twice"),
        (b"[#L\x7f\xff\xff\xff\xff\xff\xff\xff", "too soon"),
        (b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff", "too soon"),
        (b"[$d#i\xff", "too soon"),
        (b"Si\x80", "too soon"),
        (b"TT", "follow"),
    ],
)
def test_ubjson_that_lies_is_refused(content, said):
    with pytest.raises(ValueError, match=said):
        ubjson.decode(content)


def tree_of(document):
    return document["learner"]["gradient_booster"]["model"]["trees"][1]


CHANGES = {
    "a child out of range": lambda d: tree_of(d)["left_children"].__setitem__(0, 10**6),
    "a negative child": lambda d: tree_of(d)["right_children"].__setitem__(0, -5),
    "a circle": lambda d: tree_of(d)["left_children"].__setitem__(1, 1),
    "a parent out of range": lambda d: tree_of(d)["parents"].__setitem__(3, 2**30),
    "a feature out of range": lambda d: tree_of(d)["split_indices"].__setitem__(0, 3),
    "a short array": lambda d: tree_of(d).update(sum_hessian=np.zeros(1, np.float32)),
    "a huge tree": lambda d: tree_of(d)["tree_param"].update(num_nodes="1000000000"),
    "a set out of range": lambda d: tree_of(d)["categories_segments"].__setitem__(0, 99),
    "a set too long": lambda d: tree_of(d)["categories_sizes"].__setitem__(0, 10**9),
    "a huge category": lambda d: tree_of(d)["categories"].__setitem__(0, 2**30),
    "a set of no node": lambda d: tree_of(d)["categories_nodes"].__setitem__(0, 10**6),
    "a group out of range": lambda d: d["learner"]["gradient_booster"]["model"][
        "tree_info"
    ].__setitem__(0, 7),
    "too few trees": lambda d: d["learner"]["gradient_booster"]["model"]["trees"].pop(),
    "too few weights": lambda d: d["learner"]["gradient_booster"]["model"].update(
        weight_drop=np.ones(1, np.float32)
    ),
    "too many features": lambda d: d["learner"]["learner_model_param"].update(num_feature="9"),
    "no learner": lambda d: d.clear(),
    "a list for a tree": lambda d: d["learner"]["gradient_booster"]["model"].update(trees=[[]] * 3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_xgboost_model_that_does_not_fit_together_is_refused(change):
    document = copy.deepcopy(ubjson.decode(bytes(booster().save_raw("ubj"))))
    xgboost_document.check(write(document))
    CHANGES[change](document)
    with pytest.raises(ValueError, match=r"XGBoost model|leads out|circle|outside|size|shape"):
        xgboost_document.check(write(document))


def swapped(old, new):
    def change(whole):
        assert old in whole
        return whole.replace(old, new, 1)

    return change


def rewritten(key, at, value):
    def change(whole):
        lines = whole.split("\n")
        number = next(n for n, line in enumerate(lines) if line.startswith(f"{key}="))
        values = lines[number].partition("=")[2].split(" ")
        values[at] = value
        lines[number] = f"{key}={' '.join(values)}"
        return "\n".join(lines)

    return change


TAMPERED = {
    "no end": swapped("end of trees", "end of frees"),
    "no first line": swapped("num_tree_per_iteration", "num_tree_per_itera"),
    "a child out of range": rewritten("left_child", 0, "99999"),
    "a leaf out of range": rewritten("left_child", 0, "-99999"),
    "a circle": rewritten("right_child", 0, "0"),
    "a feature out of range": rewritten("split_feature", 0, "77"),
    "a negative feature": rewritten("split_feature", 0, "-1"),
    "a number with a tail": rewritten("split_feature", 0, "1_0"),
    "a missing line": swapped("\nthreshold=", "\nthreshhold="),
    "a missing number": rewritten("threshold", 0, ""),
    "too many leaves": swapped("\nnum_leaves=", "\nnum_leaves=9"),
    "no leaves": rewritten("num_leaves", 0, "0"),
    "a line twice": swapped("\nnum_cat=", "\nnum_cat=0\nnum_cat="),
    "a set out of range": rewritten("cat_boundaries", 1, "9999"),
    "too few sets": rewritten("num_cat", 0, "0"),
    "another class": swapped("num_class=1", "num_class=5"),
    "a class in the objective": swapped("objective=regression", "objective=regression num_class:9"),
    "more outputs": rewritten("num_tree_per_iteration", 0, "2"),
    "no outputs": rewritten("num_tree_per_iteration", 0, "0"),
    "more features": rewritten("max_feature_idx", 0, "9"),
    "a hidden line": swapped("\nnum_cat=", "\r\nnum_cat="),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_a_lightgbm_text_that_does_not_fit_together_is_refused(change):
    whole = text()
    assert "num_cat=1" in whole
    with pytest.raises((ValueError, LookupError)):
        checked(TAMPERED[change](whole))


@pytest.mark.parametrize(
    "change",
    [
        rewritten("num_features", 0, "99"),
        rewritten("num_features", 0, "-1"),
        rewritten("leaf_features", 0, "8"),
        rewritten("leaf_const", 0, ""),
        swapped("leaf_coeff=", "leaf_coeff=1 "),
    ],
)
def test_linear_leaves_that_do_not_fit_together_are_refused(change):
    with pytest.raises((ValueError, LookupError)):
        checked(change(text(linear_tree=True)))


@pytest.mark.parametrize("extra", [{}, {"linear_tree": True}])
def test_a_checked_text_predicts_as_the_whole(extra):
    again = lightgbm.Booster(model_str=checked(text(**extra)))
    assert np.array_equal(again.predict(X), lightgbm.Booster(model_str=text(**extra)).predict(X))


FUZZ = """
import sys
import numpy as np
from pathlib import Path
from modelyard.core.contract import Column, Contract, Output
from modelyard.core.features import Feature, Features, encode
from modelyard.core.manifest import Feed, File, Manifest, Tolerance
from modelyard.errors import BundleError
from modelyard.runtime.predictor import ENGINES

runtime, path, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
whole = path.read_bytes()
dtype = "float32" if runtime == "xgboost" else "float64"
names = ("a", "b", "c")
features = Features(dtype=dtype, columns=tuple(Feature(feed="x", position=i) for i in range(3)))
manifest = Manifest(
    name="m", flavor="f", runtime=runtime, model="model/m", why="", tolerance=Tolerance(),
    contract=Contract(
        inputs=tuple(Column(name=n, dtype=dtype) for n in names),
        outputs=(Output(name="prediction", dtype=dtype),),
    ),
    feeds=(Feed(name="x", columns=names, dtype=dtype),),
    files=(File(path="model/m", size=0, sha256="0" * 64),),
)
engine = ENGINES.load(runtime)
rng = np.random.default_rng(seed)
rows = rng.normal(size=(50, 3)).astype(dtype)
refused = 0
for _ in range(400):
    content = bytearray(whole)
    for _ in range(rng.integers(1, 4)):
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    files = {"model/m": bytes(content), "model/features.json": encode(features)}
    try:
        loaded = engine.load(files.__getitem__, manifest)
    except BundleError:
        refused += 1
        continue
    try:
        loaded.run({"x": rows})
    except Exception:
        pass
print("refused", refused)
"""


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("seed", range(2))
def test_no_changed_bits_end_the_process(runtime, seed, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(bytes(booster().save_raw("ubj")) if runtime == "xgboost" else text().encode())
    command = [sys.executable, "-c", FUZZ, runtime, str(path), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 20
