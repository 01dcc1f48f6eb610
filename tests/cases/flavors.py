"""Cases of every flavor: models of real libraries, fitted anew for each check."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from onnx import TensorProto, helper, numpy_helper
from sklearn import compose, ensemble, linear_model, preprocessing, svm
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from modelyard.core.manifest import File, Manifest
from modelyard.flavors.checks import FlavorCase
from modelyard.flavors.lightgbm import LightGBM
from modelyard.flavors.onnx import Onnx
from modelyard.flavors.sklearn import Sklearn
from modelyard.flavors.xgboost import XGBoost
from modelyard.runtime.predictor import ENGINES, Predictor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.table import Array, Table
    from modelyard.flavors.base import Export


def run(runtime: str, export: Export, table: Table) -> Mapping[str, Array]:
    """Run an export as a bundle's predictor would."""
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
    engine = ENGINES.load(runtime).load(export.files.__getitem__, manifest)
    return Predictor(manifest, "sha256:" + "0" * 64, engine).run(table)


@cache
def shop() -> tuple[pd.DataFrame, Array]:
    """Numbers with gaps, whole numbers, a boolean and strings; and a score that depends on all."""
    rng = np.random.default_rng(11)
    count = 240
    brand = rng.choice(["ash", "birch", "cedar", "oak"], count)
    frame = pd.DataFrame(
        {
            "price": np.where(rng.random(count) < 0.1, np.nan, rng.gamma(4.0, 2.0, count)),
            "brand": pd.Categorical(brand),
            "stock": rng.integers(0, 50, count),
            "feature 1": rng.random(count) < 0.3,
            "share": rng.normal(size=count).astype(np.float32),
        }
    )
    score = (
        np.nan_to_num(frame["price"].to_numpy()) / 4
        + (brand == "cedar")
        + frame["stock"].to_numpy() / 25
        + rng.normal(size=count)
    )
    return frame, score


def _classes(score: Array, count: int) -> Array:
    return np.digitize(score, np.quantile(score, np.arange(1, count) / count))


def _xgb_binary():
    frame, score = shop()
    labels = _classes(score, 2)
    model = xgboost.XGBClassifier(n_estimators=12, max_depth=4, enable_categorical=True, n_jobs=1)
    return model.fit(frame, labels), frame, labels


def _xgb_numpy():
    frame, score = shop()
    sample = frame.drop(columns="brand").to_numpy(np.float32)
    model = xgboost.XGBRegressor(n_estimators=10, max_depth=3, n_jobs=1)
    return model.fit(sample, score), sample, score


def _lgbm_strings():
    frame, score = shop()
    labels = np.array(["low", "mid", "top"])[_classes(score, 3)]
    model = lightgbm.LGBMClassifier(n_estimators=8, verbose=-1, n_jobs=1)
    return model.fit(frame, labels), frame, labels


def _lgbm_numpy():
    frame, score = shop()
    sample = frame.drop(columns="brand").to_numpy(np.float64)
    model = lightgbm.LGBMRegressor(n_estimators=10, verbose=-1, n_jobs=1)
    return model.fit(sample, score), sample, score


def _lgbm_linear():
    frame, score = shop()
    sample = frame.drop(columns="brand").fillna(1.0).to_numpy(np.float64)
    settings = {"linear_tree": True, "verbose": -1, "num_threads": 1}
    data = lightgbm.Dataset(sample, score)
    return lightgbm.train(settings, data, num_boost_round=5), sample, score


def _sklearn_table():
    frame, score = shop()
    labels = np.array(["low", "high"])[_classes(score, 2)]
    model = make_pipeline(
        compose.make_column_transformer(
            (make_pipeline(SimpleImputer(), preprocessing.StandardScaler()), ["price", "stock"]),
            (preprocessing.OneHotEncoder(handle_unknown="ignore"), ["brand"]),
            remainder="passthrough",
        ),
        linear_model.LogisticRegression(),
    )
    return model.fit(frame, labels), frame, labels


def _sklearn_forest():
    frame, score = shop()
    sample = frame.drop(columns="brand").to_numpy(np.float64)
    return ensemble.RandomForestRegressor(9, random_state=0).fit(sample, score), sample, score


def _sklearn_native():
    frame, score = shop()
    sample = frame[["stock", "share"]].to_numpy(np.float64)
    uniform = preprocessing.QuantileTransformer(n_quantiles=20, output_distribution="normal")
    return make_pipeline(uniform, svm.SVR()).fit(sample, score), sample, score


def _onnx_linear():
    frame, score = shop()
    weights = np.array([[0.5], [2.0], [-1.0]], np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["column"]),
        helper.make_node("Squeeze", ["column", "axis"], ["prediction"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["rows"])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.array([1]), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model, frame[["stock", "feature 1", "share"]], score


CASES = {
    "lightgbm": [
        FlavorCase("string classes", LightGBM, _lgbm_strings, run, lightgbm.LGBMClassifier),
        FlavorCase("numpy", LightGBM, _lgbm_numpy, run, lightgbm.LGBMRegressor),
        FlavorCase("linear leaves", LightGBM, _lgbm_linear, run, runtime="lightgbm"),
    ],
    "onnx": FlavorCase("linear", Onnx, _onnx_linear, run),
    "sklearn": [
        FlavorCase("table", Sklearn, _sklearn_table, run, linear_model.LogisticRegression),
        FlavorCase("forest", Sklearn, _sklearn_forest, run, ensemble.RandomForestRegressor),
        FlavorCase("native", Sklearn, _sklearn_native, run, svm.SVR, runtime="sklearn"),
    ],
    "xgboost": [
        FlavorCase("binary with categories", XGBoost, _xgb_binary, run, xgboost.XGBClassifier),
        FlavorCase("numpy", XGBoost, _xgb_numpy, run, xgboost.XGBRegressor),
    ],
}
