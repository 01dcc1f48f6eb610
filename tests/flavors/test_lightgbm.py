from __future__ import annotations

import json

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest

from modelyard.conversion import lightgbm_trees
from modelyard.core.trees import evaluate
from modelyard.errors import ExportError
from modelyard.flavors.lightgbm import LightGBM
from modelyard.tables.read import read_frame

FLAVOR = LightGBM()
RNG = np.random.default_rng(6)
ROWS = 300
X = RNG.normal(size=(ROWS, 6))
X[:, 5] = np.round(X[:, 5] * 2)
X[RNG.random(X.shape) < 0.1] = np.nan
X[:, 4] = np.nan_to_num(X[:, 4])  # nothing is missing here in training
SCORE = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) * 2 + RNG.normal(size=ROWS) / 2
POSITIVE = np.exp(SCORE / 3)
CLASSES = np.digitize(SCORE, [-1, 0, 1])
NAMES = np.array(["no", "perhaps", "très", "yes"])

FAST = {"n_estimators": 9, "n_jobs": 1, "verbose": -1, "min_child_samples": 5}
QUICK = {"num_threads": 1, "verbose": -1, "min_data_in_leaf": 5}


def booster(settings, labels, rounds=8, x=X, **data):
    data = lightgbm.Dataset(x, labels, params=settings, **data)
    return lightgbm.train({**QUICK, **settings}, data, num_boost_round=rounds)


def read(model):
    model = getattr(model, "booster_", model)
    return lightgbm_trees.read_trees(model.model_to_string()).trees


REGRESSIONS = {
    "l2": ({}, SCORE),
    "sqrt": ({"reg_sqrt": True}, SCORE),
    "l1": ({"objective": "l1"}, SCORE),
    "huber": ({"objective": "huber"}, SCORE),
    "fair": ({"objective": "fair"}, SCORE),
    "poisson": ({"objective": "poisson"}, np.round(POSITIVE)),
    "quantile": ({"objective": "quantile", "alpha": 0.8}, SCORE),
    "mape": ({"objective": "mape"}, SCORE),
    "gamma": ({"objective": "gamma"}, POSITIVE),
    "tweedie": ({"objective": "tweedie", "tweedie_variance_power": 1.3}, POSITIVE),
    "cross entropy": ({"objective": "cross_entropy"}, 1 / (1 + np.exp(-SCORE))),
    "cross entropy lambda": ({"objective": "cross_entropy_lambda"}, 1 / (1 + np.exp(-SCORE))),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_booster_of_any_objective_answers_alike(name, parity, edges):
    settings, labels = REGRESSIONS[name]
    model = booster(settings, labels)
    probe = edges(read(model), X)
    assert parity(FLAVOR, model, X, probe) < 1e-12
    assert parity(FLAVOR, model, X, probe, runtime="lightgbm") == 0


MISSING = {
    "as they are": {},
    "zero too": {"zero_as_missing": True},
    "not handled": {"use_missing": False},
}


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("leaves", [2, 8, 63])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_classifier_answers_alike(missing, leaves, count, parity, edges):
    labels = NAMES[CLASSES % count if count < 4 else CLASSES]
    model = lightgbm.LGBMClassifier(num_leaves=leaves, **MISSING[missing], **FAST).fit(X, labels)
    probe = edges(read(model), X)
    assert parity(FLAVOR, model, X, probe) < 1e-14
    assert parity(FLAVOR, model, X, probe, runtime="lightgbm") == 0


OTHERS = {
    "forest": lambda: booster(
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, SCORE, rounds=7
    ),
    "forest classes": lambda: lightgbm.LGBMClassifier(
        boosting_type="rf", subsample_freq=1, subsample=0.5, **FAST
    ).fit(X, CLASSES),
    "dart": lambda: lightgbm.LGBMRegressor(boosting_type="dart", drop_rate=0.5, **FAST).fit(
        X, SCORE
    ),
    "goss": lambda: lightgbm.LGBMRegressor(data_sample_strategy="goss", **FAST).fit(X, SCORE),
    "extra trees": lambda: lightgbm.LGBMRegressor(extra_trees=True, **FAST).fit(X, SCORE),
    "one against all": lambda: lightgbm.LGBMClassifier(
        objective="multiclassova", sigmoid=0.7, **FAST
    ).fit(X, CLASSES),
    "sigmoid": lambda: lightgbm.LGBMClassifier(sigmoid=2.5, **FAST).fit(X, CLASSES > 1),
    "whole classes": lambda: lightgbm.LGBMClassifier(**FAST).fit(X, CLASSES * 10 - 10),
    "true or false": lambda: lightgbm.LGBMClassifier(**FAST).fit(X, CLASSES > 1),
    "float classes": lambda: lightgbm.LGBMClassifier(**FAST).fit(X, CLASSES * 2.0),
    "ranker": lambda: lightgbm.LGBMRanker(**FAST).fit(X, CLASSES, group=[10] * 30),
    "booster classes": lambda: booster({"objective": "multiclass", "num_class": 4}, CLASSES),
    "booster binary": lambda: booster({"objective": "binary"}, CLASSES > 1),
    "own objective": lambda: booster(
        {"objective": lambda p, data: (p - data.get_label(), np.ones(len(p)))}, SCORE
    ),
    "one leaf": lambda: lightgbm.LGBMRegressor(**{**FAST, "min_child_samples": 999}).fit(X, SCORE),
    "one leaf classes": lambda: lightgbm.LGBMClassifier(**{**FAST, "min_child_samples": 999}).fit(
        X, CLASSES
    ),
    "many classes": lambda: lightgbm.LGBMClassifier(**FAST).fit(X, np.arange(ROWS) % 17),
    "twelve deep": lambda: lightgbm.LGBMRegressor(
        **{**FAST, "min_child_samples": 1, "num_leaves": 200, "max_depth": 12}
    ).fit(X, SCORE),
    "float32 inputs": lambda: lightgbm.LGBMRegressor(**FAST).fit(X.astype(np.float32), SCORE),
}


@pytest.mark.filterwarnings("ignore:.*fitted without feature names.*")
@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_of_models_answer_alike(name, parity, edges):
    model = OTHERS[name]()
    sample = X.astype(np.float32) if name == "float32 inputs" else X
    probe = edges(read(model), sample)
    assert parity(FLAVOR, model, sample, probe) < 1e-13
    assert parity(FLAVOR, model, sample, probe, runtime="lightgbm") == 0


def test_a_row_alone_gives_the_bits_that_it_gives_in_a_batch(exporting, edges, run):
    for model in (OTHERS["many classes"](), OTHERS["sigmoid"](), booster({}, SCORE)):
        from_batch = exporting(FLAVOR, model, X)
        frame = read_frame(edges(read(model), X))
        batch = run("onnxruntime", from_batch, frame.table)
        for row in range(40):
            one = run("onnxruntime", from_batch, frame.table.take(np.array([row])))
            for name, values in one.items():
                assert values[0].tobytes() == batch[name][row].tobytes()


def test_the_trees_read_are_those_of_the_model():
    model = booster({"max_depth": 5}, SCORE)
    np.testing.assert_allclose(
        evaluate(read(model), X)[:, 0], model.predict(X, raw_score=True), atol=1e-14
    )


def test_a_model_stops_at_its_best_round(parity):
    stop = lightgbm.early_stopping(3, verbose=False)
    model = lightgbm.LGBMRegressor(**{**FAST, "n_estimators": 80, "learning_rate": 0.9})
    model.fit(X[:150], SCORE[:150], eval_X=X[150:], eval_y=SCORE[150:], callbacks=[stop])
    assert model.best_iteration_ < 70
    for either in (model, model.booster_):
        for runtime in ("onnxruntime", "lightgbm"):
            parity(FLAVOR, either, X, runtime=runtime)


def test_linear_leaves_keep_the_native_form(parity, exporting):
    model = booster({"linear_tree": True}, SCORE)
    with pytest.raises(ExportError, match="linear"):
        exporting(FLAVOR, model, X)
    assert parity(FLAVOR, model, X, runtime="lightgbm") == 0


def categorical(strings=("red", "green", "blue", "grey", "größe", "teal", "gold")):
    rng = np.random.default_rng(2)
    colour = pd.Categorical(rng.choice(strings, ROWS), categories=strings)
    frame = pd.DataFrame(
        {
            "x": X[:, 0],
            "colour of it": colour,
            "many": pd.Categorical(rng.integers(0, 120, ROWS).astype(str)),
            "y": X[:, 1],
        }
    )
    effect = rng.normal(size=len(strings))[colour.codes]
    more = rng.normal(size=len(frame["many"].cat.categories))[frame["many"].cat.codes]
    return frame, effect + more + SCORE / 3


CATEGORY = {"min_data_per_group": 2, "cat_smooth": 1.0}


@pytest.mark.parametrize("onehot", [1, 500])
def test_categories_are_strings_outside_and_codes_inside(onehot, parity, exporting):
    frame, labels = categorical()
    frame.loc[:20, "many"] = None
    model = lightgbm.LGBMRegressor(max_cat_to_onehot=onehot, **CATEGORY, **FAST)
    model.fit(frame, labels)
    assert (read(model).mode == 6).any()
    for runtime in ("onnxruntime", "lightgbm"):
        assert parity(FLAVOR, model, frame, runtime=runtime) < 1e-13
    export = exporting(FLAVOR, model, frame)
    assert export.contract.column("colour of it").unknown == "model"
    assert export.contract.column("colour of it").categories[4] == "größe"
    assert [feed.columns for feed in export.feeds] == [("x", "y"), ("colour of it",), ("many",)]


@pytest.mark.parametrize("runtime", ["onnxruntime", "lightgbm"])
def test_an_unknown_category_is_taken_as_lightgbm_takes_it(runtime, exporting, run):
    frame, labels = categorical()
    model = lightgbm.LGBMRegressor(**CATEGORY, **FAST).fit(frame, labels)
    strange = frame.iloc[:20].copy()
    strange["many"] = pd.Categorical(["never seen"] * 20)
    want = model.predict(strange)
    table = read_frame(strange).table
    got = run(runtime, exporting(FLAVOR, model, frame, runtime), table)
    np.testing.assert_allclose(got["prediction"], want, atol=1e-14)


def test_codes_that_come_as_numbers_are_cut_to_whole_ones(parity):
    rng = np.random.default_rng(8)
    x = np.column_stack([rng.integers(0, 70, ROWS), X[:, 0]]).astype(np.float64)
    labels = rng.normal(size=70)[x[:, 0].astype(int)] + SCORE / 5
    model = booster(CATEGORY, labels, x=x, categorical_feature=[0])
    assert (read(model).mode == 6).any()
    probe = x.copy()
    probe[:100, 0] += 0.75
    probe[100:110, 0] = -0.5
    probe[110:120, 0] = -7
    probe[:20, 0] = np.nan
    probe[20:40, 0] = 1000
    for runtime in ("onnxruntime", "lightgbm"):
        parity(FLAVOR, model, x, probe, runtime=runtime)


def test_whole_numbers_as_pandas_categories(parity, exporting):
    frame, labels = categorical()
    frame["many"] = pd.Categorical(frame["many"].astype(str).astype(int) + 5)
    model = lightgbm.LGBMRegressor(**CATEGORY, **FAST).fit(frame, labels)
    for runtime in ("onnxruntime", "lightgbm"):
        parity(FLAVOR, model, frame, runtime=runtime)
    assert exporting(FLAVOR, model, frame).contract.column("many").dtype == "int64"


def test_a_sample_without_the_categorical_columns_is_refused(exporting):
    frame, labels = categorical()
    model = lightgbm.LGBMRegressor(**FAST).fit(frame, labels)
    with pytest.raises(ExportError, match="2 categorical columns, the sample has 1"):
        exporting(FLAVOR, model, frame.assign(many=frame["many"].astype(str)))


def test_mixed_rules_for_zero_keep_the_native_form(parity, exporting):
    first = booster({"zero_as_missing": True}, SCORE)
    settings = {**QUICK, "zero_as_missing": False}
    data = lightgbm.Dataset(X, SCORE, params=settings, free_raw_data=False)
    model = lightgbm.train(settings, data, num_boost_round=4, init_model=first)
    with pytest.raises(ExportError, match="zero for missing"):
        exporting(FLAVOR, model, X)
    assert parity(FLAVOR, model, X, runtime="lightgbm") == 0


def test_polars_frames_work_too(parity):
    frame = pl.DataFrame({f"f{at}": X[:, at] for at in range(6)})
    model = lightgbm.LGBMClassifier(**FAST).fit(frame, CLASSES)
    parity(FLAVOR, model, frame)


def test_integers_and_booleans_are_fed_as_float64(parity, exporting):
    frame = pd.DataFrame(
        {"i": RNG.integers(-5, 5, ROWS), "b": RNG.random(ROWS) < 0.5, "f": X[:, 0]}
    )
    model = lightgbm.LGBMRegressor(**FAST).fit(frame, SCORE)
    parity(FLAVOR, model, frame)
    export = exporting(FLAVOR, model, frame)
    assert [column.dtype for column in export.contract.inputs] == ["int64", "bool", "float64"]
    assert [(feed.dtype, feed.columns) for feed in export.feeds] == [("float64", ("i", "b", "f"))]


def test_odd_column_names_do_no_harm(parity):
    names = ["a b", "é'", "%s", "日", "a/b.c", "d=e"]
    frame = pd.DataFrame(X, columns=names)
    model = lightgbm.LGBMRegressor(**FAST).fit(frame, SCORE)
    for runtime in ("onnxruntime", "lightgbm"):
        parity(FLAVOR, model, frame, runtime=runtime)


def test_a_model_file_comes_back(tmp_path, parity):
    frame, labels = categorical()
    path = tmp_path / "model.txt"
    model = lightgbm.LGBMRegressor(**CATEGORY, **FAST).fit(frame, labels)
    model.booster_.save_model(path)
    again = FLAVOR.read(path)
    assert np.array_equal(again.predict(frame), model.predict(frame))
    parity(FLAVOR, again, frame)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04pickle", b"tree\nversion=v4\n", b"\xff"])
def test_a_file_that_holds_no_model_is_refused(content, tmp_path):
    path = tmp_path / "model.txt"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"model\.txt holds no LightGBM model"):
        FLAVOR.read(path)


def test_a_sample_with_other_names_or_another_order_is_refused(exporting):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = lightgbm.LGBMRegressor(**FAST).fit(frame, SCORE)
    with pytest.raises(ExportError, match=r"feature 0 of the model is 'a', column 0 .* is 'b'"):
        exporting(FLAVOR, model, frame[list("bacdef")])
    with pytest.raises(ExportError, match="takes 6 features, the sample has 7"):
        exporting(FLAVOR, model, frame.assign(g=1.0))


@pytest.mark.parametrize(
    "model", [lightgbm.LGBMClassifier(), lightgbm.LGBMRegressor(), lightgbm.LGBMRanker()]
)
def test_a_model_that_is_not_fitted_is_refused(model, exporting):
    with pytest.raises(ExportError, match="not fitted"):
        exporting(FLAVOR, model, X)


def test_a_classifier_with_an_objective_of_its_own_is_refused(exporting, parity):
    def objective(truth, raw):
        return 1 / (1 + np.exp(-raw)) - truth, np.ones(len(truth))

    model = lightgbm.LGBMClassifier(objective=objective, **FAST).fit(X, CLASSES > 1)
    with pytest.raises(ExportError, match="of its own"):
        exporting(FLAVOR, model, X)
    parity(FLAVOR, model.booster_, X)


def test_parameters_are_those_of_the_model():
    model = lightgbm.LGBMClassifier(n_estimators=3, num_leaves=np.int64(7), verbose=-1)
    parameters = FLAVOR.parameters(model.fit(X, CLASSES))
    assert parameters["num_leaves"] == 7
    assert json.loads(json.dumps(parameters)) == parameters
    assert FLAVOR.parameters(booster({"num_leaves": 5}, SCORE))["num_leaves"] == 5
