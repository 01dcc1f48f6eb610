"""Rules for single steps: what they make of values that the model never saw."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import compose, ensemble, impute, linear_model, pipeline, preprocessing, tree
from threadpoolctl import threadpool_limits

from modelyard.conversion.sklearn_model import convert, policies
from modelyard.core.contract import MISSING_STRING, Column
from modelyard.errors import ExportError

_spec = importlib.util.spec_from_file_location(
    "sklearn_zoo", Path(__file__).parent / "sklearn_zoo.py"
)
zoo = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(zoo)


def columns_of(x):
    if isinstance(x, np.ndarray):
        return [Column(name=f"x{n}", dtype="float64") for n in range(x.shape[1])]
    kinds = {"f": "float64", "i": "int64", "b": "bool", "M": "timestamp"}
    return [Column(name=name, dtype=kinds.get(x[name].dtype.kind, "string")) for name in x]


def fed(feed, x):
    if isinstance(x, np.ndarray):
        return x[:, [int(name[1:]) for name in feed.columns]].astype(np.float64)
    if feed.dtype == "float64":
        return np.column_stack([x[name].to_numpy(np.float64) for name in feed.columns])
    parts = [x[name].astype(object).where(x[name].notna(), MISSING_STRING) for name in feed.columns]
    return np.column_stack([part.to_numpy(object) for part in parts])


def answer(converted, x):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(converted.content, options)
    names = [node.name for node in session.get_outputs()]
    feeds = {feed.name: fed(feed, x) for feed in converted.feeds}
    return dict(zip(names, session.run(names, feeds), strict=True))


def transformed(step, fit, probe):
    """What a transformer makes of rows: its own answer, and the graph's.

    A linear model with one weight a column, each another power of two, shows every column.
    """
    step = step.fit(fit, np.arange(len(fit)) % 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = step.transform(probe)
    want = want.toarray() if hasattr(want, "toarray") else np.asarray(want, float)
    count = want.shape[1]
    last = linear_model.LinearRegression()
    last.coef_, last.intercept_ = np.eye(count), np.zeros(count)
    model = pipeline.Pipeline([("step", step), ("last", last)])
    converted = convert(model, columns_of(fit))
    return want, answer(converted, probe)["prediction"]


TEXTS = pd.DataFrame({"a": pd.Series(["x", "y", "x", "z", None, "x", "y", "w"] * 3, dtype="str")})
PROBE = pd.DataFrame({"a": pd.Series(["x", "y", "z", "w", None, "new", ""], dtype="str")})
ENCODERS = {
    "ignore": preprocessing.OneHotEncoder(handle_unknown="ignore"),
    "drop first": preprocessing.OneHotEncoder(drop="first", handle_unknown="ignore"),
    "infrequent": preprocessing.OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=4
    ),
    "most three": preprocessing.OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=3, drop="first"
    ),
    "warn": preprocessing.OneHotEncoder(handle_unknown="warn"),
    "ordinal": preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-5, encoded_missing_value=-2
    ),
    "ordinal nan": preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan
    ),
    "ordinal frequent": preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=99, max_categories=3
    ),
    "target": preprocessing.TargetEncoder(random_state=0),
    "imputed": pipeline.make_pipeline(
        impute.SimpleImputer(strategy="most_frequent"),
        preprocessing.OneHotEncoder(handle_unknown="ignore"),
    ),
    "constant": pipeline.make_pipeline(
        impute.SimpleImputer(strategy="constant", fill_value="none", add_indicator=False),
        preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_treat_unknown_and_missing_strings_as_trained(name):
    want, got = transformed(ENCODERS[name], TEXTS, PROBE)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", ["ignore", "drop first", "infrequent", "ordinal", "target"])
def test_encoders_of_numbers_know_nan_and_unknown(name):
    fit = np.array([[1.0], [2.5], [1.0], [-3.0], [np.nan], [1.0], [2.5], [1e9]] * 3)
    probe = np.array([[1.0], [2.5], [-3.0], [1e9], [np.nan], [7.0], [0.0], [2.5000001]])
    want, got = transformed(ENCODERS[name], fit, probe)
    np.testing.assert_array_equal(got, want)


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text(max_size=4), min_size=4, max_size=12),
    probe=st.lists(st.text(max_size=4) | st.none(), min_size=1, max_size=8),
    least=st.integers(1, 3),
)
def test_any_strings_are_encoded_as_the_encoder_does(texts, probe, least):
    clean = [text for text in texts if "\ue000" not in text and "\x00" not in text] or ["a"]
    rows = [text for text in probe if text is None or not ({"\ue000", "\x00"} & set(text))] or ["a"]
    fit = pd.DataFrame({"a": pd.Series(clean, dtype=object)})
    asked = pd.DataFrame({"a": pd.Series(rows, dtype=object)})
    encoder = preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=least)
    want, got = transformed(encoder, fit, asked)
    np.testing.assert_array_equal(got, want)


STEPS = {
    "bins": preprocessing.KBinsDiscretizer(4, encode="onehot", quantile_method="linear"),
    "bins of one edge": preprocessing.KBinsDiscretizer(2, encode="ordinal", strategy="uniform"),
    "box-cox": preprocessing.PowerTransformer(method="box-cox"),
    "yeo-johnson": preprocessing.PowerTransformer(),
    "quantile": preprocessing.QuantileTransformer(n_quantiles=9),
    "clip": preprocessing.MinMaxScaler(clip=True),
    "max abs": preprocessing.MaxAbsScaler(),
    "l1": preprocessing.Normalizer("l1"),
    "max": preprocessing.Normalizer("max"),
    "interactions": preprocessing.PolynomialFeatures(3, interaction_only=True, include_bias=False),
    "splines": preprocessing.SplineTransformer(include_bias=False),
    "splines going on": preprocessing.SplineTransformer(extrapolation="continue"),
    "imputer": impute.SimpleImputer(missing_values=1.0, strategy="mean", add_indicator=True),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_hold_beyond_the_training_range(name):
    rng = np.random.default_rng(3)
    fit = np.abs(rng.normal(2, 1, (40, 3))) + 0.1
    fit[::5, 0] = 1.0
    low, high = fit.min(axis=0), fit.max(axis=0)
    probe = np.vstack([fit, low, high, (low + high) / 2, high * 3, low / 2, fit[:5] + 0.5])
    want, got = transformed(STEPS[name], fit, probe)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), depth=st.integers(1, 8), gaps=st.booleans())
def test_trees_are_exact_at_their_thresholds(seed, depth, gaps):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 3)).round(2)
    if gaps:
        x[rng.random(x.shape) < 0.1] = np.nan
    model = tree.DecisionTreeRegressor(max_depth=depth, random_state=0).fit(x, rng.normal(size=60))
    edges = model.tree_.threshold[model.tree_.feature >= 0]
    edges = edges[np.isfinite(edges)]
    near = np.concatenate([edges, np.nextafter(edges, 9), np.nextafter(edges, -9)])
    probe = np.vstack([x, np.repeat(near[:, None], 3, axis=1)])
    got = answer(convert(model, columns_of(x)), probe)["prediction"]
    assert got.tolist() == model.predict(probe).tolist()


def test_histogram_boosting_takes_categories_and_gaps():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(0, 40, 400), rng.normal(size=400)]).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    y = np.isin(x[:, 0], [3, 9, 11, 30]) * 3 + np.nan_to_num(x[:, 1])
    model = ensemble.HistGradientBoostingRegressor(max_iter=20, categorical_features=[0])
    with threadpool_limits(1):
        model.fit(x, y)
    probe = np.vstack([x, [[77, 0.5], [np.nan, np.nan], [3, np.nan], [-1, 2]]])
    got = answer(convert(model, columns_of(x)), probe)["prediction"]
    np.testing.assert_allclose(got, model.predict(probe), rtol=1e-12)


@pytest.mark.parametrize("name", ["table_logistic", "mlp_three", "svr", "knn_regressor", "poisson"])
def test_a_row_does_not_feel_the_rows_beside_it(name):
    model, x = zoo.fitted(name)
    converted = convert(model, columns_of(x))
    whole = answer(converted, x)
    for start, size in ((0, 1), (1, 3), (2, 5), (9, 17), (100, 101)):
        rows = slice(start, start + size)
        part = answer(converted, x.iloc[rows] if hasattr(x, "iloc") else x[rows])
        for output, values in part.items():
            assert np.array_equal(values, whole[output][rows]), (output, start, size)


def test_columns_that_are_dropped_are_not_fed():
    model, x = zoo.fitted("table_flags")
    feeds = convert(model, columns_of(x)).feeds
    assert {name for feed in feeds for name in feed.columns} == {"member", "city", "visits"}


def test_a_column_that_is_used_but_has_no_place_is_named():
    model = pipeline.make_pipeline(
        compose.ColumnTransformer([("all", "passthrough", ["since"])]),
        linear_model.LinearRegression(),
    )
    frame, *_ = zoo.mixed()
    numbers = frame.assign(since=frame["since"].astype("int64"))
    model.fit(numbers, numbers["visits"])
    with pytest.raises(ExportError, match="timestamp column 'since'"):
        convert(model, columns_of(frame))


def test_subclasses_have_no_rule():
    class Own(linear_model.LinearRegression):
        def predict(self, x):
            return super().predict(x) + 1

    x = np.random.default_rng(0).normal(size=(9, 2))
    with pytest.raises(ExportError, match="Own"):
        convert(Own().fit(x, x[:, 0]), columns_of(x))


def test_functions_of_ones_own_have_no_rule():
    x = np.abs(np.random.default_rng(0).normal(size=(9, 2)))
    step = preprocessing.FunctionTransformer(lambda values: values + 1)
    model = pipeline.make_pipeline(step, linear_model.LinearRegression()).fit(x, x[:, 0])
    with pytest.raises(ExportError, match="lambda"):
        convert(model, columns_of(x))


def test_the_encoders_policies_are_told():
    model, x = zoo.fitted("table_logistic")
    found = policies(model, columns_of(x))
    assert found["city"].unknown
    assert found["city"].categories == ("Graz", "Oslo", "Paris", "Rome", "Łódź")
    strict, _ = zoo.fitted("table_strict")
    assert not policies(strict, columns_of(x))["plan"].unknown


def test_policies_are_told_though_the_model_has_no_form():
    frame, labels, _ = zoo.mixed()

    class Own(linear_model.LogisticRegression):
        pass

    encoder = compose.make_column_transformer((preprocessing.OrdinalEncoder(), ["city"]))
    model = pipeline.make_pipeline(encoder, Own()).fit(frame, labels)
    assert policies(model, columns_of(frame))["city"].unknown is False


def test_graphs_are_plain_onnx():
    for name in ("table_logistic", "random_forest_three", "svc_three"):
        model, x = zoo.fitted(name)
        found = onnx.load_from_string(convert(model, columns_of(x)).content)
        assert {each.domain for each in found.opset_import} <= {"", "ai.onnx.ml"}
        assert not found.metadata_props


FRESH = """
import hashlib, importlib.util, sys
spec = importlib.util.spec_from_file_location("test_sklearn", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
for name in ("table_infrequent", "hist_gradient_boosting_three", "knn_regressor"):
    model, x = tests.zoo.fitted(name)
    print(hashlib.sha256(tests.convert(model, tests.columns_of(x)).content).hexdigest())
"""


@pytest.mark.slow
def test_fresh_processes_write_the_same_bytes(tmp_path):
    found = set()
    for seed, zone in (("0", "UTC"), ("77", "Asia/Tokyo")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        command = [sys.executable, "-c", FRESH, __file__]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert len(found.pop().split()) == 3
