from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost

from modelyard.conversion import ubjson, xgboost_trees
from modelyard.core.trees import evaluate
from modelyard.errors import ExportError
from modelyard.flavors.xgboost import XGBoost
from modelyard.tables.read import read_frame

FLAVOR = XGBoost()
RNG = np.random.default_rng(5)
ROWS = 300
X = RNG.normal(size=(ROWS, 6)).astype(np.float32)
X[RNG.random(X.shape) < 0.1] = np.nan
SCORE = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) * 2 + RNG.normal(size=ROWS) / 2
POSITIVE = np.exp(SCORE / 3)
CLASSES = np.digitize(SCORE, [-1, 0, 1])

DEPRECATED = (
    "ignore:.*(gblinear|booster=dart).*",
    "ignore:`XGBRF:FutureWarning",
)
"""What newer releases of XGBoost say of models that are still about."""

FAST = {"n_estimators": 9, "n_jobs": 1, "random_state": 0}


def booster(settings, labels, rounds=8, x=X, **data):
    return xgboost.train(
        {"nthread": 1, **settings}, xgboost.DMatrix(x, labels, **data), num_boost_round=rounds
    )


def read(model):
    model = model.get_booster() if hasattr(model, "get_booster") else model
    return xgboost_trees.read(ubjson.decode(bytes(model.save_raw("ubj")))).model


REGRESSIONS = {
    "squared": ("reg:squarederror", SCORE),
    "squared log": ("reg:squaredlogerror", POSITIVE),
    "logistic": ("reg:logistic", 1 / (1 + np.exp(-SCORE))),
    "pseudo huber": ("reg:pseudohubererror", SCORE),
    "absolute": ("reg:absoluteerror", SCORE),
    "poisson": ("count:poisson", np.round(POSITIVE)),
    "gamma": ("reg:gamma", POSITIVE),
    "tweedie": ("reg:tweedie", POSITIVE),
    "cox": ("survival:cox", POSITIVE),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_regressor_of_any_objective_answers_alike(name, parity, edges):
    objective, labels = REGRESSIONS[name]
    model = xgboost.XGBRegressor(objective=objective, **FAST).fit(X, labels)
    parity(FLAVOR, model, X, edges(read(model), X))
    assert parity(FLAVOR, model, X, edges(read(model), X), runtime="xgboost") == 0


@pytest.mark.parametrize("depth", [1, 2, 6, 12])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_classifier_answers_alike(depth, count, parity, edges):
    labels = CLASSES % count if count < 4 else CLASSES
    model = xgboost.XGBClassifier(max_depth=depth, **FAST).fit(X, labels)
    assert parity(FLAVOR, model, X, edges(read(model), X)) < 1e-6
    assert parity(FLAVOR, model, X, runtime="xgboost") == 0


OTHERS = {
    "forest classifier": lambda: xgboost.XGBRFClassifier(n_estimators=20, n_jobs=1).fit(X, CLASSES),
    "forest regressor": lambda: xgboost.XGBRFRegressor(n_estimators=20, n_jobs=1).fit(X, SCORE),
    "boosted forests": lambda: xgboost.XGBRegressor(num_parallel_tree=4, **FAST).fit(X, SCORE),
    "softmax": lambda: xgboost.XGBClassifier(objective="multi:softmax", **FAST).fit(X, CLASSES),
    "hinge": lambda: xgboost.XGBClassifier(objective="binary:hinge", **FAST).fit(X, CLASSES > 1),
    "several labels": lambda: xgboost.XGBClassifier(**FAST).fit(
        X, np.stack([CLASSES > 0, CLASSES > 1, CLASSES > 2], axis=1)
    ),
    "several targets": lambda: xgboost.XGBRegressor(**FAST).fit(X, np.stack([SCORE, POSITIVE], 1)),
    "vector leaves": lambda: xgboost.XGBRegressor(
        multi_strategy="multi_output_tree", tree_method="hist", **FAST
    ).fit(X, np.stack([SCORE, POSITIVE, -SCORE], 1)),
    "quantiles": lambda: xgboost.XGBRegressor(
        objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9], **FAST
    ).fit(X, SCORE),
    "one quantile": lambda: xgboost.XGBRegressor(
        objective="reg:quantileerror", quantile_alpha=0.3, **FAST
    ).fit(X, SCORE),
    "dart": lambda: xgboost.XGBRegressor(booster="dart", rate_drop=0.5, **FAST).fit(X, SCORE),
    "dart classes": lambda: xgboost.XGBClassifier(booster="dart", rate_drop=0.5, **FAST).fit(
        X, CLASSES
    ),
    "linear": lambda: xgboost.XGBRegressor(booster="gblinear", updater="coord_descent", **FAST).fit(
        X, SCORE
    ),
    "linear classes": lambda: xgboost.XGBClassifier(
        booster="gblinear", updater="coord_descent", **FAST
    ).fit(X, CLASSES),
    "leafwise": lambda: xgboost.XGBRegressor(
        grow_policy="lossguide", max_leaves=40, max_depth=0, **FAST
    ).fit(X, SCORE),
    "exact": lambda: xgboost.XGBRegressor(tree_method="exact", **FAST).fit(X, SCORE),
    "pruned": lambda: xgboost.XGBRegressor(tree_method="exact", gamma=3.0, **FAST).fit(X, SCORE),
    "one leaf": lambda: xgboost.XGBRegressor(min_child_weight=1e9, **FAST).fit(X, SCORE),
    "one leaf classes": lambda: xgboost.XGBClassifier(gamma=1e9, **FAST).fit(X, CLASSES),
    "base score": lambda: xgboost.XGBRegressor(base_score=3.5, **FAST).fit(X, SCORE),
    "base probability": lambda: xgboost.XGBClassifier(base_score=0.2, **FAST).fit(X, CLASSES > 1),
    "booster": lambda: booster({"objective": "binary:logistic"}, CLASSES > 1),
    "booster raw": lambda: booster({"objective": "binary:logitraw"}, CLASSES > 1),
    "booster softmax": lambda: booster({"objective": "multi:softmax", "num_class": 4}, CLASSES),
    "booster softprob": lambda: booster({"objective": "multi:softprob", "num_class": 4}, CLASSES),
    "booster 0.5": lambda: booster({"base_score": 0.5}, SCORE),
    "ranker": lambda: xgboost.XGBRanker(objective="rank:ndcg", **FAST).fit(
        X, CLASSES, qid=np.repeat(np.arange(30), 10)
    ),
    "monotone": lambda: xgboost.XGBRegressor(monotone_constraints=(1, 1, 0, 0, 0, 0), **FAST).fit(
        X, SCORE
    ),
}


@pytest.mark.filterwarnings(*DEPRECATED)
@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_of_models_answer_alike(name, parity, edges):
    model = OTHERS[name]()
    trees = read(model)
    probe = edges(trees, X) if hasattr(trees, "roots") else None
    assert parity(FLAVOR, model, X, probe) < 2e-6
    assert parity(FLAVOR, model, X, probe, runtime="xgboost") < 2e-6


def document(model):
    return ubjson.decode(bytes(model.get_booster().save_raw("ubj")))


@pytest.mark.filterwarnings(*DEPRECATED)
@pytest.mark.parametrize("newer", [False, True])
def test_the_weights_of_dart_are_found_where_any_release_writes_them(newer):
    model = OTHERS["dart"]()
    found = document(model)
    inner, weights = xgboost_trees.trees_of(found["learner"]["gradient_booster"])
    assert min(weights) < 1
    inner = {key: value for key, value in inner.items() if key != "weight_drop"}
    written = (
        {"name": "gbtree", "model": inner | {"weight_drop": weights}}
        if newer
        else {"name": "dart", "gbtree": {"model": inner}, "weight_drop": weights}
    )
    found["learner"]["gradient_booster"] = written
    sums = evaluate(xgboost_trees.read(found).model, X)[:, 0]
    np.testing.assert_allclose(sums, model.predict(X), atol=1e-5)


@pytest.mark.parametrize(("since", "sorts"), [((99,), False), ((1,), True)])
def test_quantiles_are_sorted_if_the_release_sorts_them(since, sorts, exporting, run, monkeypatch):
    monkeypatch.setattr(xgboost_trees, "_SORTS", since)
    near = [0.48, 0.49, 0.5, 0.51, 0.52]
    model = xgboost.XGBRegressor(objective="reg:quantileerror", quantile_alpha=near, **FAST)
    sums = evaluate(read(model.fit(X, SCORE)), X)
    assert np.any(np.diff(sums) < 0)
    export = exporting(FLAVOR, model, X)
    got = run("onnxruntime", export, read_frame(X).table)["prediction"]
    np.testing.assert_allclose(got, np.sort(sums) if sorts else sums, atol=1e-5)


def test_large_sums_stay_within_tolerance(parity):
    model = xgboost.XGBRegressor(n_estimators=300, n_jobs=1).fit(X, 1e6 + SCORE * 1e5)
    parity(FLAVOR, model, X)


def test_the_trees_read_are_those_of_the_model():
    model = booster({"max_depth": 5}, SCORE)
    margin = model.predict(xgboost.DMatrix(X), output_margin=True)
    np.testing.assert_allclose(evaluate(read(model), X)[:, 0], margin, atol=1e-5)


@pytest.mark.parametrize("early", [True, False])
def test_a_wrapper_stops_at_its_best_round_and_a_booster_does_not(early, parity):
    settings = {"n_estimators": 60, "learning_rate": 1.0, "n_jobs": 1}
    stop = {"early_stopping_rounds": 5} if early else {}
    model = xgboost.XGBRegressor(**settings, **stop)
    model.fit(X[:150], SCORE[:150], eval_set=[(X[150:], SCORE[150:])], verbose=False)
    for runtime in ("onnxruntime", "xgboost"):
        parity(FLAVOR, model, X, runtime=runtime)
        parity(FLAVOR, model.get_booster(), X, runtime=runtime)
    different = not np.array_equal(model.predict(X), model.get_booster().inplace_predict(X))
    assert different == early


@pytest.mark.parametrize("mark", [-999.0, 0.0])
def test_a_number_that_stands_for_missing_is_taken_for_missing(mark, parity):
    marked = np.where(np.isnan(X), np.float32(mark), X)
    model = xgboost.XGBRegressor(missing=mark, **FAST).fit(marked, SCORE)
    with_both = marked.copy()
    with_both[:40, 0] = np.nan
    for runtime in ("onnxruntime", "xgboost"):
        parity(FLAVOR, model, marked, with_both, runtime=runtime)


def categorical(strings=("red", "green", "blue", "grey", "pink", "teal", "gold")):
    rng = np.random.default_rng(2)
    colour = rng.choice(strings, ROWS)
    size = rng.choice(["s", "m", "l"], ROWS)
    frame = pd.DataFrame(
        {
            "colour": pd.Categorical(colour, categories=strings),
            "x": X[:, 0],
            "size": pd.Categorical(size),
            "y": X[:, 1],
        }
    )
    effect = rng.normal(size=len(strings))[pd.Categorical(colour, categories=strings).codes]
    return frame, effect + SCORE / 3 + (size == "l")


@pytest.mark.parametrize("onehot", [1, 100])
def test_categories_are_strings_outside_and_codes_inside(onehot, parity, exporting):
    frame, labels = categorical()
    frame.loc[:20, "size"] = None
    model = xgboost.XGBRegressor(enable_categorical=True, max_cat_to_onehot=onehot, **FAST)
    model.fit(frame, labels)
    for runtime in ("onnxruntime", "xgboost"):
        assert parity(FLAVOR, model, frame, runtime=runtime) < 1e-6
    export = exporting(FLAVOR, model, frame)
    colour = export.contract.column("colour")
    assert colour.categories == ("red", "green", "blue", "grey", "pink", "teal", "gold")
    assert colour.unknown == "reject"
    assert [feed.columns for feed in export.feeds] == [("x", "y"), ("colour",), ("size",)]


def test_the_sample_may_hold_fewer_categories_than_the_training_data(parity, exporting):
    frame, labels = categorical()
    model = xgboost.XGBClassifier(enable_categorical=True, **FAST).fit(frame, labels > 0)
    some = frame[frame["colour"].isin(["red", "blue"])].copy()
    some["colour"] = some["colour"].cat.remove_unused_categories()
    for runtime in ("onnxruntime", "xgboost"):
        parity(FLAVOR, model, some, runtime=runtime)
    assert len(exporting(FLAVOR, model, some).contract.column("colour").categories) == 7


def test_categories_that_xgboost_cuts_short_come_whole_from_the_sample(parity, exporting):
    frame, labels = categorical(("größe", "naïve", "crème", "日本"))
    model = xgboost.XGBRegressor(enable_categorical=True, **FAST).fit(frame, labels)
    parity(FLAVOR, model, frame)
    contract = exporting(FLAVOR, model, frame).contract
    assert contract.column("colour").categories == ("größe", "naïve", "crème", "日本")
    other = frame.assign(colour=pd.Categorical(["größe"] * ROWS))
    with pytest.raises(ExportError, match="ASCII"):
        exporting(FLAVOR, model, other)


@pytest.mark.filterwarnings(*DEPRECATED)
@pytest.mark.parametrize("settings", [{}, {"booster": "dart", "rate_drop": 0.3}], ids=str)
@pytest.mark.parametrize("kind", [xgboost.XGBClassifier, xgboost.XGBRegressor])
@pytest.mark.parametrize("numbers", [False, True])
def test_a_model_that_stopped_early_knows_its_categories(
    numbers, kind, settings, parity, exporting
):
    frame, labels = categorical()
    if numbers:
        frame["colour"] = frame["colour"].cat.rename_categories([7, 3, 40, 1, 2, 9, 11])
    labels = (labels > 0).astype(int) if kind is xgboost.XGBClassifier else labels
    model = kind(
        n_estimators=90, early_stopping_rounds=4, enable_categorical=True, n_jobs=1, **settings
    )
    seen, rest = slice(0, 200), slice(200, None)
    model.fit(frame[seen], labels[seen], eval_set=[(frame[rest], labels[rest])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    # What codes a model knows of whole numbers is no matter of the contract.
    categories = None if numbers else tuple(frame["colour"].cat.categories)
    for runtime in ("onnxruntime", "xgboost"):
        assert parity(FLAVOR, model, frame, runtime=runtime) < 2e-6
        parity(FLAVOR, model.get_booster(), frame, runtime=runtime)
        contract = exporting(FLAVOR, model, frame, runtime).contract
        assert contract.column("colour").categories == categories
        assert contract.column("size").categories == ("l", "m", "s")


def test_codes_that_come_as_numbers_are_cut_to_whole_ones(parity):
    rng = np.random.default_rng(8)
    x = np.column_stack([rng.integers(0, 40, ROWS), X[:, 0]]).astype(np.float32)
    labels = rng.normal(size=40)[x[:, 0].astype(int)] + SCORE / 5
    model = xgboost.XGBRegressor(
        enable_categorical=True, feature_types=["c", "q"], max_cat_to_onehot=1, **FAST
    ).fit(x, labels)
    probe = x.copy()
    probe[:100, 0] += np.float32(0.75)
    probe[:20, 0] = np.nan
    probe[20:40, 0] = 1000
    for runtime in ("onnxruntime", "xgboost"):
        parity(FLAVOR, model, x, probe, runtime=runtime)


def test_polars_frames_work_too(parity):
    frame = pl.DataFrame({f"f{at}": X[:, at] for at in range(6)})
    model = xgboost.XGBClassifier(**FAST).fit(frame, CLASSES)
    parity(FLAVOR, model, frame)


def test_integers_and_booleans_are_fed_as_float32(parity, exporting):
    frame = pd.DataFrame(
        {"i": RNG.integers(-5, 5, ROWS), "b": RNG.random(ROWS) < 0.5, "f": X[:, 0].astype(float)}
    )
    model = xgboost.XGBRegressor(**FAST).fit(frame, SCORE)
    parity(FLAVOR, model, frame)
    export = exporting(FLAVOR, model, frame)
    assert [column.dtype for column in export.contract.inputs] == ["int64", "bool", "float64"]
    assert [(feed.dtype, feed.columns) for feed in export.feeds] == [("float32", ("i", "b", "f"))]


def test_odd_column_names_do_no_harm(parity):
    names = ["a b", "é\"'", "{x}", "%s", "日", "a/b.c"]
    frame = pd.DataFrame(X, columns=names)
    model = xgboost.XGBRegressor(**FAST).fit(frame, SCORE)
    parity(FLAVOR, model, frame)
    parity(FLAVOR, model.get_booster(), frame, runtime="xgboost")


@pytest.mark.parametrize("suffix", [".ubj", ".json"])
def test_a_model_file_comes_back_as_what_was_saved(suffix, tmp_path, parity):
    path = tmp_path / f"model{suffix}"
    for model in (
        xgboost.XGBClassifier(**FAST).fit(X, CLASSES),
        xgboost.XGBRegressor(**FAST).fit(X, SCORE),
        booster({}, SCORE),
    ):
        model.save_model(path)
        again = FLAVOR.read(path)
        assert type(again) is type(model)
        frame = read_frame(X)
        for name, values in FLAVOR.answer(model, frame, frame.table).items():
            assert np.array_equal(FLAVOR.answer(again, frame, frame.table)[name], values)
        parity(FLAVOR, again, X)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\x80\x04pickle", b'{"learner": {}}', b"\xff" * 9]
)
@pytest.mark.parametrize("suffix", [".ubj", ".json"])
def test_a_file_that_holds_no_model_is_refused(content, suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=f"model{suffix} holds no XGBoost model"):
        FLAVOR.read(path)


def test_a_sample_with_other_names_or_another_order_is_refused(exporting):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = xgboost.XGBRegressor(**FAST).fit(frame, SCORE)
    with pytest.raises(ExportError, match=r"feature 0 of the model is 'a', column 0 .* is 'b'"):
        exporting(FLAVOR, model, frame[list("bacdef")])
    with pytest.raises(ExportError, match="takes 6 features, the sample has 7"):
        exporting(FLAVOR, model, frame.assign(g=1.0))


@pytest.mark.parametrize(
    "column", [["a"] * ROWS, pd.date_range("2026-01-01", periods=ROWS)], ids=["text", "time"]
)
def test_a_column_that_no_trees_take_is_refused(column, exporting):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = xgboost.XGBRegressor(**FAST).fit(frame, SCORE)
    with pytest.raises(ExportError, match="column 'b' holds"):
        exporting(FLAVOR, model, frame.assign(b=column))


@pytest.mark.parametrize(
    "model",
    [xgboost.XGBClassifier(), xgboost.XGBRegressor(), xgboost.XGBRanker(), xgboost.Booster()],
)
def test_a_model_that_is_not_fitted_is_refused(model, exporting):
    with pytest.raises(ExportError, match="not fitted"):
        exporting(FLAVOR, model, X)


def test_an_objective_not_known_here_keeps_the_native_form(exporting, monkeypatch, parity):
    model = xgboost.XGBRegressor(**FAST).fit(X, SCORE)
    monkeypatch.setattr(xgboost_trees, "_IDENTITY", frozenset())
    with pytest.raises(ExportError, match="reg:squarederror"):
        exporting(FLAVOR, model, X)
    assert parity(FLAVOR, model, X, runtime="xgboost") == 0


def test_parameters_are_those_of_the_wrapper():
    model = xgboost.XGBClassifier(n_estimators=3, max_depth=np.int64(2)).fit(X, CLASSES)
    parameters = FLAVOR.parameters(model)
    assert parameters["max_depth"] == 2
    assert parameters["objective"] == "multi:softprob"
    assert json.loads(json.dumps(parameters)) == parameters
