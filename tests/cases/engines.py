"""One case or more for every engine."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from onnx import TensorProto, helper, numpy_helper
from sklearn import compose, linear_model, pipeline, preprocessing

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.manifest import Feed, File, Manifest, Tolerance
from modelyard.core.table import Series, Table
from modelyard.flavors.base import Export, Flavor
from modelyard.flavors.lightgbm import LightGBM
from modelyard.flavors.sklearn import Sklearn
from modelyard.flavors.xgboost import XGBoost
from modelyard.runtime.engines.checks import Case, Made
from modelyard.tables.read import read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.table import Array


def made(runtime: str, export: Export, rows: Table, outputs: Mapping[str, Array]) -> Made:
    files = tuple(
        File(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for path, content in sorted(export.files.items())
    )
    manifest = Manifest(
        name="case",
        flavor="case",
        runtime=runtime,
        model=export.model,
        why="a case",
        contract=export.contract,
        feeds=export.feeds,
        files=files,
        tolerance=export.tolerance,
    )
    return Made(manifest, export.files, rows, outputs)


def onnx_model(nodes, inputs, outputs, initializers=()) -> bytes:
    graph = helper.make_graph(
        nodes,
        "case",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, name) for name, value in initializers],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


@cache
def _regression() -> Made:
    names = ("a", "b", "c")
    contract = Contract(
        inputs=(
            Column(name="a", dtype="float64", nullable=True),
            Column(name="b", dtype="int32"),
            Column(name="c", dtype="bool"),
        ),
        outputs=(Output(name="prediction", dtype="float32"),),
        task="regression",
    )
    weights = np.array([[0.5], [2.0], [-1.0]], np.float32)
    model = onnx_model(
        [
            helper.make_node("MatMul", ["x", "w"], ["m"]),
            helper.make_node("Squeeze", ["m", "one"], ["prediction"]),
        ],
        [("x", TensorProto.FLOAT, [None, 3])],
        [("prediction", TensorProto.FLOAT, [None])],
        [("w", weights), ("one", np.array([1]))],
    )
    rng = np.random.default_rng(7)
    rows = Table(
        {
            "a": Series(np.append(rng.normal(size=15), np.nan)),
            "b": Series(rng.integers(-9, 9, 16).astype(np.int32)),
            "c": Series(rng.random(16) < 0.5),
        }
    )
    stacked = np.stack([rows[name][0].astype(np.float32) for name in names], axis=1)
    export = Export(
        contract,
        (Feed(name="x", columns=names, dtype="float32"),),
        {"model/model.onnx": model},
        "model/model.onnx",
        Tolerance(),
    )
    return made("onnxruntime", export, rows, {"prediction": (stacked @ weights)[:, 0]})


@cache
def _labels() -> Made:
    """Strings in, strings out, and a tensor beside them."""
    contract = Contract(
        inputs=(
            Column(name="colour", dtype="string", nullable=True, categories=("red", "blue")),
            Column(name="image", dtype="uint8", shape=(2, 2)),
        ),
        outputs=(
            Output(name="label", dtype="string"),
            Output(name="copy", dtype="uint8", shape=(2, 2)),
        ),
    )
    model = onnx_model(
        [
            helper.make_node(
                "LabelEncoder",
                ["colour"],
                ["code"],
                domain="ai.onnx.ml",
                keys_strings=["red", "blue"],
                values_int64s=[1, 2],
                default_int64=0,
            ),
            helper.make_node(
                "LabelEncoder",
                ["code"],
                ["label"],
                domain="ai.onnx.ml",
                keys_int64s=[1, 2],
                values_strings=["rouge", "bleu"],
                default_string="?",
            ),
            helper.make_node("Identity", ["image"], ["copy"]),
        ],
        [("colour", TensorProto.STRING, [None]), ("image", TensorProto.UINT8, [None, 2, 2])],
        [("label", TensorProto.STRING, [None]), ("copy", TensorProto.UINT8, [None, 2, 2])],
    )
    colours = np.array(["red", "blue", "red", "", "blue", "blue", "red", ""], object)
    image = np.arange(32, dtype=np.uint8).reshape(8, 2, 2)
    rows = Table({"colour": Series(colours, colours == ""), "image": Series(image)})
    french = {"red": "rouge", "blue": "bleu", "": "?"}
    export = Export(
        contract,
        (
            Feed(name="colour", columns=("colour",), dtype="string", squeeze=True),
            Feed(name="image", columns=("image",), dtype="uint8"),
        ),
        {"model/model.onnx": model},
        "model/model.onnx",
        Tolerance(absolute=0, relative=0),
    )
    outputs = {"label": np.array([french[colour] for colour in colours], object), "copy": image}
    return made("onnxruntime", export, rows, outputs)


def _trees() -> tuple[pd.DataFrame, Array]:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "price": np.where(rng.random(60) < 0.2, np.nan, rng.normal(size=60)),
            "brand": pd.Categorical(rng.choice(["ash", "birch", "oak"], 60)),
            "stock": rng.integers(0, 9, 60),
        }
    )
    return frame, np.nan_to_num(frame["price"].to_numpy()) + (frame["brand"] == "oak")


def _native(flavor: Flavor, model: object, sample: object, runtime: str) -> Made:
    frame = read_frame(sample)
    (candidate,) = (c for c in flavor.candidates(model, frame) if c.runtime == runtime)
    rows = frame.table.take(np.arange(20))
    return made(runtime, candidate.make(), rows, flavor.answer(model, frame, rows))


@cache
def _xgboost() -> Made:
    frame, score = _trees()
    model = xgboost.XGBClassifier(n_estimators=5, enable_categorical=True, n_jobs=1)
    return _native(XGBoost(), model.fit(frame, score > 0), frame, "xgboost")


@cache
def _xgboost_linear() -> Made:
    frame, score = _trees()
    sample = frame[["price", "stock"]].to_numpy(np.float32)
    settings = {"booster": "gblinear", "updater": "coord_descent", "nthread": 1}
    model = xgboost.train(settings, xgboost.DMatrix(sample, score), num_boost_round=5)
    return _native(XGBoost(), model, sample, "xgboost")


@cache
def _lightgbm() -> Made:
    frame, score = _trees()
    names = np.array(["low", "mid", "top"])[np.digitize(score, [0, 1])]
    model = lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=3, verbose=-1, n_jobs=1)
    return _native(LightGBM(), model.fit(frame, names), frame, "lightgbm")


@cache
def _sklearn() -> Made:
    frame, score = _trees()
    encoder = preprocessing.OneHotEncoder(handle_unknown="ignore")
    model = pipeline.make_pipeline(
        compose.make_column_transformer(
            (encoder, ["brand"]), (preprocessing.StandardScaler(), ["stock"])
        ),
        linear_model.LogisticRegression(),
    )
    return _native(Sklearn(), model.fit(frame, np.asarray(score > 0)), frame, "sklearn")


@cache
def _sklearn_matrix() -> Made:
    frame, score = _trees()
    sample = frame[["stock"]].to_numpy(np.float64)
    return _native(Sklearn(), linear_model.Ridge().fit(sample, score), sample, "sklearn")


CASES = {
    "lightgbm": [Case(_lightgbm)],
    "onnxruntime": [Case(_regression), Case(_labels)],
    "sklearn": [Case(_sklearn), Case(_sklearn_matrix)],
    "xgboost": [Case(_xgboost), Case(_xgboost_linear)],
}
