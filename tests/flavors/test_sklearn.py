"""The sweep over scikit-learn: every model takes the form it should, and answers the same."""

from __future__ import annotations

import importlib.util
import io
import json
import pickle
import re
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from sklearn import compose, dummy, linear_model, neighbors, pipeline, preprocessing, tree

from modelyard.conversion import sklearn_rows, sklearn_skops
from modelyard.core.contract import MISSING_STRING
from modelyard.core.table import Series, Table
from modelyard.errors import BundleError, ExportError, PickleRefusedError
from modelyard.flavors._pickle import refuse_pickle
from modelyard.flavors.sklearn import Sklearn
from modelyard.tables.read import read_frame

_spec = importlib.util.spec_from_file_location(
    "sklearn_zoo", Path(__file__).parent.parent / "conversion" / "sklearn_zoo.py"
)
zoo = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(zoo)

SLOW = [name for name in zoo.FORM if name not in zoo.FAST and name not in zoo.NOWHERE]


def chosen(model, sample):
    """The first form that can be made, as ``build`` would take it."""
    for candidate in Sklearn().candidates(model, read_frame(sample)):
        try:
            return candidate.runtime, candidate.make()
        except ExportError:
            continue
    raise AssertionError("no form could be made")


def swept(name, parity, dtype=np.float64):
    model, sample = zoo.fitted(name, dtype)
    runtime, _ = chosen(model, sample)
    assert runtime == ("sklearn" if name in zoo.NATIVE else "onnxruntime")
    return runtime, parity(Sklearn(), model, sample, runtime=runtime)


def allowed(name):
    """XGBoost adds in float32; ``sinh`` makes answers of a million, to 15 digits."""
    if "xgboost" in name or name == "table_stacked_boosters":
        return 1e-6
    return 1e-8 if name == "log_target" else 1e-9


@pytest.mark.parametrize("name", zoo.FAST)
def test_sweep(name, parity):
    _, largest = swept(name, parity)
    assert largest < allowed(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_whole_sweep(name, parity):
    _, largest = swept(name, parity)
    assert largest < allowed(name)


def test_the_sweep_is_wide():
    assert len(zoo.FAST) >= 50
    assert not zoo.NATIVE & set(zoo.FAST)
    assert set(zoo.FAST) <= set(zoo.FORM)


@pytest.mark.parametrize("name", ["logistic_three", "random_forest_three", "svr", "mlp_regressor"])
def test_models_of_float32_agree_as_far_as_float32_goes(name, parity):
    swept(name, parity, np.float32)


@pytest.mark.parametrize("name", sorted(zoo.NOWHERE)[:1])
def test_what_has_no_form_says_so_twice(name):
    model, sample = zoo.fitted(name)
    for candidate in Sklearn().candidates(model, read_frame(sample)):
        with pytest.raises(ExportError, match=r"starts from another model|_tree\.Tree"):
            candidate.make()


@pytest.mark.parametrize("name", sorted(zoo.NATIVE))
def test_skops_answers_as_the_model(name, parity):
    assert swept(name, parity) == ("sklearn", 0.0)


@pytest.mark.parametrize("name", ["table_flags", "table_knn_imputer", "voting_regressor", "svc"])
def test_skops_is_a_second_form(name, parity):
    model, sample = zoo.fitted(name)
    candidates = list(Sklearn().candidates(model, read_frame(sample)))
    assert [candidate.runtime for candidate in candidates] == ["onnxruntime", "sklearn"]
    assert "slower" in candidates[1].why
    if name == "voting_regressor":
        with pytest.raises(ExportError, match=r"sklearn\.tree\._tree\.Tree"):
            candidates[1].make()
        return
    assert parity(Sklearn(), model, sample, runtime="sklearn") == 0.0


@pytest.mark.parametrize("kind", [neighbors.KNeighborsClassifier, neighbors.KNeighborsRegressor])
@pytest.mark.parametrize("algorithm", ["auto", "kd_tree", "ball_tree"])
def test_neighbours_that_tie_keep_their_order_with_brute_force(kind, algorithm, parity):
    rng = np.random.default_rng(0)
    sample = pd.DataFrame(rng.integers(0, 9, (500, 2)), columns=["a", "b"])
    labels = rng.integers(0, 2, 500)
    model = kind(algorithm=algorithm).fit(sample, labels)
    with pytest.raises(AssertionError):
        parity(Sklearn(), model, sample)
    native = list(Sklearn().candidates(model, read_frame(sample)))[-1]
    with pytest.raises(ExportError, match=r"ties between neighbours .* algorithm='brute'"):
        native.make()
    model = kind(algorithm="brute").fit(sample, labels)
    assert parity(Sklearn(), model, sample, runtime="sklearn") == 0


# The contract.


def test_the_contract_tells_outputs_and_policies():
    model, sample = zoo.fitted("table_logistic")
    _, export = chosen(model, sample)
    contract = export.contract
    assert contract.task == "classification"
    label, probabilities = contract.outputs
    assert (label.name, label.dtype, label.shape) == ("label", "int64", ())
    assert (probabilities.shape, probabilities.labels) == ((2,), (0, 1))
    city = contract.column("city")
    assert (city.unknown, city.categories) == ("model", ("Graz", "Oslo", "Paris", "Rome", "Łódź"))
    assert contract.column("plan").nullable
    assert contract.column("since").dtype == "timestamp"
    assert {"since", "member"} & {name for feed in export.feeds for name in feed.columns} == set()


def test_a_strict_encoder_makes_a_strict_contract():
    model, sample = zoo.fitted("table_strict")
    _, export = chosen(model, sample)
    assert export.contract.column("city").unknown == "reject"


def test_a_strict_encoder_knows_more_than_a_small_sample():
    model, sample = zoo.fitted("table_strict")
    few = sample[sample["city"] == "Rome"].head(12)
    _, export = chosen(model, few)
    assert "Oslo" in export.contract.column("city").categories


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        (np.array(["no", "yes"]), "string"),
        (np.array(["no", "yes"], object), "string"),
        (np.array([False, True]), "bool"),
        (np.array([3, 8], np.int8), "int64"),
        (np.array([-1.0, 0.5]), "float64"),
    ],
)
def test_labels_keep_their_type(labels, dtype, parity):
    x, y = zoo.numeric("classes")
    if dtype == "float64":
        labels = np.array([-1.0, 2.0])
    model = linear_model.LogisticRegression().fit(x, labels[y])
    _, export = chosen(model, x)
    assert export.contract.outputs[0].dtype == dtype
    assert export.contract.outputs[1].labels == tuple(labels.tolist())
    parity(Sklearn(), model, x)


@pytest.mark.parametrize(
    ("name", "shape"), [("linear", ()), ("several_linear", (3,)), ("k_means", ())]
)
def test_predictions_keep_their_shape(name, shape):
    model, sample = zoo.fitted(name)
    _, export = chosen(model, sample)
    (output,) = export.contract.outputs
    assert (output.name, output.shape) == ("prediction", shape)
    assert export.contract.task == ("other" if name == "k_means" else "regression")


def test_numbers_are_one_tensor():
    model, sample = zoo.fitted("linear")
    _, export = chosen(model, sample)
    (feed,) = export.feeds
    assert (feed.name, feed.dtype, len(feed.columns)) == ("numbers", "float64", 8)


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "object", "category"])
def test_any_dataframe_will_do(kind, parity):
    model, sample = zoo.fitted("table_flags")
    if kind == "polars":
        sample = pl.from_pandas(sample)
    elif kind == "pyarrow":
        sample = pl.from_pandas(sample).to_arrow()
    else:
        sample = sample.astype({"city": kind})
    assert parity(Sklearn(), model, sample) < 1e-9


def test_columns_may_come_in_another_order(parity):
    model, sample = zoo.fitted("table_logistic")
    assert parity(Sklearn(), model, sample[sample.columns[::-1]]) < 1e-9


def test_unknown_strings_are_answered_as_trained(parity):
    model, sample = zoo.fitted("table_infrequent")
    probe = sample.copy()
    probe.loc[:50, "city"] = "Atlantis"
    assert parity(Sklearn(), model, sample, probe=probe) < 1e-9


# What is refused.


def test_a_model_that_does_not_fit_the_sample_is_refused():
    model, sample = zoo.fitted("linear")
    with pytest.raises(ExportError, match="does not take the sample's rows"):
        Sklearn().candidates(model, read_frame(sample[:, :3]))


def test_a_transformer_is_no_model():
    scaler = preprocessing.StandardScaler().fit(np.eye(3))
    with pytest.raises(ExportError, match="no predict"):
        Sklearn().candidates(scaler, read_frame(np.eye(3)))


def own_step(values):
    return values * 2


class OwnModel(linear_model.LinearRegression):
    def predict(self, x):
        return super().predict(x) + 1


@pytest.mark.parametrize("step", [own_step, lambda values: values + 1, eval])
def test_functions_of_ones_own_are_never_shipped(step):
    x, y = zoo.numeric("values")
    function = preprocessing.FunctionTransformer(own_step)
    model = pipeline.make_pipeline(function, linear_model.Ridge()).fit(x, y)
    function.func = step
    for candidate in Sklearn().candidates(_answers_anything(model), read_frame(x)):
        with pytest.raises(ExportError) as caught:
            candidate.make()
        if candidate.runtime == "sklearn":
            assert "numpy function" in caught.value.hint


def _answers_anything(model):
    model.steps[0][1].check_inverse = False
    if model.steps[0][1].func is eval:
        # eval would fail on rows; the shape of the answer is not what is asked here.
        model.steps[0][1].func = np.abs
        model.steps[0][1].inverse_func = eval
        model.steps[0][1].kw_args = {"where": True}
    return model


def test_classes_of_ones_own_are_never_shipped():
    x, y = zoo.numeric("values")
    model = OwnModel().fit(x, y)
    for candidate in Sklearn().candidates(model, read_frame(x)):
        with pytest.raises(ExportError, match="OwnModel"):
            candidate.make()


def test_several_labels_at_once_are_no_plain_classification():
    _, export = chosen(*zoo.fitted("labels_forest"))
    (label,) = export.contract.outputs
    assert (label.dtype, label.shape) == ("int64", (3,))
    assert export.contract.task == "other"


def test_several_labels_at_once_that_are_words_are_refused():
    x, y = zoo.numeric("classes")
    words = np.array(["one", "two", "three"])
    model = tree.DecisionTreeClassifier().fit(x, words[np.column_stack([y, 1 - y])])
    for candidate in Sklearn().candidates(model, read_frame(x)):
        with pytest.raises(ExportError):
            candidate.make()


def test_the_libraries_of_models_within_the_model_are_told():
    flavor = Sklearn()
    model, _ = zoo.fitted("table_stacked_boosters")
    assert flavor.used(model) == (*flavor.libraries, "lightgbm", "xgboost")
    assert flavor.used(zoo.fitted("dummy")[0]) == flavor.libraries


# skops files.


def test_a_skops_file_is_read(tmp_path):
    model, sample = zoo.fitted("logistic")
    path = tmp_path / "model.skops"
    skops.io.dump(model, path)
    read = Sklearn().read(path)
    assert read.predict(sample).tolist() == model.predict(sample).tolist()


def test_a_skops_file_with_foreign_types_is_refused(tmp_path):
    x, y = zoo.numeric("values")
    path = tmp_path / "model.skops"
    skops.io.dump(OwnModel().fit(x, y), path)
    with pytest.raises(ExportError, match="OwnModel"):
        Sklearn().read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"{}"])
def test_a_file_that_is_no_skops_file_is_refused(tmp_path, content):
    path = tmp_path / "model.skops"
    path.write_bytes(content)
    with pytest.raises(ExportError, match="no skops model"):
        Sklearn().read(path)


def test_a_skops_file_holds_no_address_and_no_time():
    model, _ = zoo.fitted("dummy")
    content = sklearn_skops.dump(model)
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes, to get other addresses
    assert sklearn_skops.dump(copy) == content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        schema = archive.read("schema.json").decode()
    numbers = [int(found) for found in re.findall(r'"__id__": (-?\d+)', schema)]
    assert max(map(abs, numbers)) < 999


def test_the_engine_trusts_no_new_type(exporting, run):
    model, sample = zoo.fitted("dummy")
    export = exporting(Sklearn(), model, sample, "sklearn")
    x, y = zoo.numeric("values")
    foreign = sklearn_skops.dump(OwnModel().fit(x, y))
    table = read_frame(sample).table
    with pytest.raises(BundleError, match="types that are trusted"):
        run("sklearn", export._replace(files={**export.files, export.model: foreign}), table)


@pytest.mark.parametrize("change", [{"kind": "pickle"}, {"names": ["a"]}, {"extra": 1}, None])
def test_the_engine_refuses_a_wrong_description_of_rows(change, exporting, run):
    model, sample = zoo.fitted("dummy")
    export = exporting(Sklearn(), model, sample, "sklearn")
    rows = json.loads(export.files["model/rows.json"])
    wrong = b"[1" if change is None else json.dumps({**rows, **change}).encode()
    files = {**export.files, "model/rows.json": wrong}
    with pytest.raises(BundleError, match=r"rows\.json"):
        run("sklearn", export._replace(files=files), read_frame(sample).table)


def test_rows_come_back_as_the_model_knows_them(exporting, run):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3] * 10, dtype="Int64"),
            "flag": pd.array([True, False, None] * 10, dtype="boolean"),
            "when": pd.to_datetime(["2024-01-01", None, "2025-06-01"] * 10).tz_localize(
                "Asia/Tokyo"
            ),
            "kind": pd.Categorical(["a", "b", None] * 10, categories=["b", "a", "c"]),
            "text": pd.Series(["x", None, "y"] * 10, dtype=object),
            "number": rng.normal(size=30).astype(np.float32),
        }
    )
    read = read_frame(frame)
    shape = sklearn_rows.decode(
        sklearn_rows.encode(sklearn_rows.describe(read.restore(read.table), read.columns))
    )
    feeds = {
        feed.name: _fed(feed.dtype, read.table[feed.name])
        for feed in sklearn_rows.feeds(read.columns)
    }
    pd.testing.assert_frame_equal(sklearn_rows.rebuild(shape, feeds), frame, check_freq=False)


def _fed(dtype, series: Series):
    values, missing = series
    if dtype == "string":
        return values if missing is None else np.where(missing, MISSING_STRING, values)
    values = (values.view(np.int64) if values.dtype.kind == "M" else values).astype(dtype)
    if missing is not None:
        values[missing] = np.nan
    return values


# Parameters.


def test_parameters_are_names_and_numbers():
    model, _ = zoo.fitted("table_searched")
    found = Sklearn().parameters(model)
    assert json.loads(json.dumps(found)) == found
    assert found["estimator__logisticregression__C"] == 1.0
    assert "0x" not in json.dumps(found)


# Pickles.


@pytest.mark.parametrize("name", ["model.pkl", "model.pickle", "model.joblib", "model.PKL"])
def test_a_pickles_name_is_enough(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"whatever")
    with pytest.raises(PickleRefusedError) as caught:
        refuse_pickle(path)
    assert "joblib.load" in caught.value.hint


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_is_told_by_its_bytes(tmp_path, protocol):
    model, _ = zoo.fitted("linear")
    path = tmp_path / "model.bin"
    path.write_bytes(pickle.dumps(model, protocol=protocol))
    with pytest.raises(PickleRefusedError):
        refuse_pickle(path)


@pytest.mark.parametrize(
    "compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)]
)
def test_joblib_files_are_told_by_their_bytes(tmp_path, compress):
    model, _ = zoo.fitted("linear")
    path = tmp_path / "model.onnx"
    joblib.dump(model, path, compress=compress)
    with pytest.raises(PickleRefusedError):
        refuse_pickle(path)


def test_other_files_are_let_through(tmp_path):
    model, x = zoo.fitted("linear")
    _, export = chosen(model, x)
    contents = {
        "model.onnx": export.files[export.model],
        "model.skops": skops.io.dumps(model),
        "model.json": b'{"learner": {}}',
        "model.txt": b"tree\nversion=v4",
        "empty": b"",
    }
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        refuse_pickle(path)


def test_a_constant_model_reads_its_rows_but_not_their_values(run, exporting):
    x, y = zoo.numeric("classes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = dummy.DummyClassifier(strategy="prior").fit(x, y)
    export = exporting(Sklearn(), model, x, "sklearn")
    table = Table({f"x{n}": Series(np.full(2, np.nan)) for n in range(8)})
    assert len(run("sklearn", export, table)["label"]) == 2


def test_a_column_transformer_may_go_by_place(parity):
    x, y = zoo.numeric("classes")
    model = pipeline.make_pipeline(
        compose.make_column_transformer(
            (preprocessing.StandardScaler(), [0, 3]),
            (preprocessing.MinMaxScaler(), slice(4, 6)),
            ("drop", [1]),
            remainder="passthrough",
        ),
        linear_model.LogisticRegression(),
    ).fit(x, y)
    assert parity(Sklearn(), model, x) < 1e-9
