"""Thirty real models: each builds, passes parity and answers over HTTP as the original does.

The table of runtimes and largest differences is printed.
"""

from __future__ import annotations

import warnings

import httpx
import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost
from sklearn import datasets, ensemble, linear_model, naive_bayes, neighbors, neural_network, svm
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from modelyard import build
from modelyard.app.checking import CheckOptions, check
from modelyard.app.yard import open_yard
from modelyard.core.parity import compare
from modelyard.core.route import make_route
from modelyard.errors import ModelyardError
from modelyard.serve.server import Server
from modelyard.serve.settings import ServeSettings

pytestmark = pytest.mark.slow

IRIS = datasets.load_iris(return_X_y=True, as_frame=True)
WINE = datasets.load_wine(return_X_y=True)
CANCER = datasets.load_breast_cancer(return_X_y=True, as_frame=True)
DIABETES = datasets.load_diabetes(return_X_y=True, as_frame=True)
DIGITS = datasets.load_digits(return_X_y=True)
LINNERUD = datasets.load_linnerud(return_X_y=True)


def mixed():
    """Real people of the diabetes study, with strings, missing values, integers and booleans."""
    rows, progression = datasets.load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    age = rows["age"].astype(int)
    frame = pd.DataFrame(
        {
            "age": age,
            "sex": np.where(rows["sex"] > 1, "female", "male"),
            "bmi": rows["bmi"].where(rows.index % 7 != 0),
            "pressure": np.digitize(rows["bp"], [85, 100]).astype(str),
            "band": pd.cut(age, [0, 35, 50, 100], labels=["young", "middle", "old"]).astype(object),
            "high": rows["s5"] > rows["s5"].median(),
            "s6": rows["s6"],
        }
    )
    frame.loc[frame.index % 11 == 0, "pressure"] = None
    return frame, progression


def columns(encoder, final, numbers=None):
    return make_pipeline(
        ColumnTransformer(
            [
                (
                    "numbers",
                    numbers or make_pipeline(SimpleImputer(), StandardScaler()),
                    ["age", "bmi", "s6"],
                ),
                ("words", encoder, ["sex", "pressure", "band"]),
            ]
        ),
        final,
    )


def onehot():
    return OneHotEncoder(handle_unknown="ignore")


def ordinal():
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


def filled(encoder):
    return make_pipeline(SimpleImputer(strategy="most_frequent"), encoder)


FRAME, PROGRESSION = mixed()
SICK = (PROGRESSION.median() < PROGRESSION).astype(int)
WORDS = np.where(SICK == 1, "severe", "mild")


def as_categories(frame):
    return frame.astype(dict.fromkeys(["sex", "pressure", "band"], "category"))


MODELS = {
    "logistic, frame": (linear_model.LogisticRegression(max_iter=5000), *CANCER),
    "logistic, matrix, 3 classes": (linear_model.LogisticRegression(max_iter=5000), *WINE),
    "ridge": (linear_model.Ridge(), *DIABETES),
    "lasso, polars": (linear_model.Lasso(alpha=0.1), pl.from_pandas(DIABETES[0]), DIABETES[1]),
    "poisson": (linear_model.PoissonRegressor(max_iter=500), *DIABETES),
    "multi-output linear": (linear_model.LinearRegression(), *LINNERUD),
    "random forest classifier": (ensemble.RandomForestClassifier(60, random_state=0), *CANCER),
    "random forest regressor": (ensemble.RandomForestRegressor(60, random_state=0), *DIABETES),
    "extra trees, float32": (
        ensemble.ExtraTreesClassifier(40, random_state=0),
        WINE[0].astype("f4"),
        WINE[1],
    ),
    "gradient boosting": (ensemble.GradientBoostingClassifier(random_state=0), *IRIS),
    "hist gradient boosting, missing": (
        ensemble.HistGradientBoostingRegressor(),
        FRAME[["age", "bmi", "s6"]],
        PROGRESSION,
    ),
    "hist gradient boosting, 3 classes": (ensemble.HistGradientBoostingClassifier(), *IRIS),
    "decision tree, string classes": (
        DecisionTreeClassifier(max_depth=4),
        FRAME[["age", "s6"]],
        WORDS,
    ),
    "adaboost": (ensemble.AdaBoostClassifier(random_state=0), *CANCER),
    "bagging": (ensemble.BaggingRegressor(random_state=0), *DIABETES),
    "voting": (
        ensemble.VotingClassifier(
            [
                ("a", linear_model.LogisticRegression(max_iter=5000)),
                ("b", DecisionTreeClassifier(max_depth=3)),
            ],
            voting="soft",
        ),
        *IRIS,
    ),
    "stacking": (
        ensemble.StackingRegressor(
            [("a", linear_model.Ridge()), ("b", ensemble.RandomForestRegressor(20, random_state=0))]
        ),
        *DIABETES,
    ),
    "support vectors": (make_pipeline(StandardScaler(), svm.SVC()), *CANCER),
    "nearest neighbours": (make_pipeline(MinMaxScaler(), neighbors.KNeighborsClassifier()), *WINE),
    "neural network, digits": (
        make_pipeline(
            MinMaxScaler(), neural_network.MLPClassifier((32,), max_iter=60, random_state=0)
        ),
        *DIGITS,
    ),
    "naive bayes": (naive_bayes.GaussianNB(), *IRIS),
    "discriminant analysis": (LinearDiscriminantAnalysis(), *WINE),
    "gaussian process": (GaussianProcessRegressor(alpha=1.0), *DIABETES),
    "pca and polynomials": (
        make_pipeline(RobustScaler(), PCA(4), PolynomialFeatures(2), linear_model.Ridge()),
        *DIABETES,
    ),
    "bins and quantiles": (
        make_pipeline(
            QuantileTransformer(n_quantiles=50),
            KBinsDiscretizer(encode="onehot-dense", quantile_method="averaged_inverted_cdf"),
            linear_model.Ridge(),
        ),
        *DIABETES,
    ),
    "pipeline, strings, one-hot": (
        columns(filled(onehot()), linear_model.LogisticRegression(max_iter=500)),
        FRAME,
        SICK,
    ),
    "pipeline, strings missing": (
        columns(onehot(), ensemble.RandomForestClassifier(30, random_state=0)),
        FRAME,
        WORDS,
    ),
    "pipeline, ordinal, boosting": (
        columns(filled(ordinal()), ensemble.HistGradientBoostingRegressor(), "passthrough"),
        FRAME,
        PROGRESSION,
    ),
    "pipeline, lightgbm inside": (
        columns(
            filled(ordinal()), lightgbm.LGBMClassifier(n_estimators=30, verbose=-1), "passthrough"
        ),
        FRAME,
        SICK,
    ),
    "xgboost, missing": (
        xgboost.XGBClassifier(n_estimators=60, max_depth=4),
        FRAME[["age", "bmi", "s6"]],
        SICK,
    ),
    "xgboost regressor, matrix": (
        xgboost.XGBRegressor(n_estimators=60),
        DIABETES[0].to_numpy(),
        DIABETES[1],
    ),
    "xgboost, 10 classes": (xgboost.XGBClassifier(n_estimators=20), *DIGITS),
    "lightgbm, categories": (
        lightgbm.LGBMRegressor(n_estimators=60, verbose=-1, min_child_samples=5),
        as_categories(FRAME),
        PROGRESSION,
    ),
    "lightgbm, 3 classes, polars": (
        lightgbm.LGBMClassifier(n_estimators=40, verbose=-1),
        pl.from_pandas(IRIS[0]).to_pandas(),
        IRIS[1],
    ),
    "lightgbm poisson": (
        lightgbm.LGBMRegressor(objective="poisson", n_estimators=60, verbose=-1),
        *DIABETES,
    ),
}


def fitted(name):
    model, rows, labels = MODELS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, labels), rows, np.asarray(labels)


def original_answers(model, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = np.asarray(model.predict(rows))
        if not hasattr(model, "predict_proba"):
            name = "label" if hasattr(model, "classes_") else "prediction"
            return {name: answer}
        return {"label": answer, "probabilities": np.asarray(model.predict_proba(rows))}


def as_records(rows):
    if isinstance(rows, np.ndarray):
        rows = pd.DataFrame(rows, columns=[f"x{i}" for i in range(rows.shape[1])])
    if isinstance(rows, pl.DataFrame):
        return rows.to_dicts()
    values = rows.astype(object).where(rows.notna(), None)
    return [
        {name: getattr(value, "item", lambda v=value: v)() for name, value in row.items()}
        for row in values.to_dict("records")
    ]


def over_http(url, name, records):
    reply = httpx.post(f"{url}/models/{name}/predict", json={"rows": records}, timeout=30)
    assert reply.status_code == 200, reply.text
    return {key: np.asarray(value) for key, value in reply.json()["outputs"].items()}


def packed(slug, name):
    model, rows, labels = fitted(name)
    bundle = build(model, rows, name=slug, labels=None if labels.ndim > 1 else labels)
    verdict = check(bundle, options=CheckOptions(gates={"parity": {}}), yard=open_yard())[0]
    assert verdict.passed, verdict.summary
    return model, rows, bundle


def test_thirty_models_build_pass_parity_and_serve_equal_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert len(MODELS) >= 25
    made, wrong, table = {}, [], []
    for number, name in enumerate(MODELS):
        try:
            made[f"m{number}"] = (name, *packed(f"m{number}", name))
        except (ModelyardError, AssertionError) as e:
            wrong.append(f"{name}: {e}")
    route = make_route({slug: str(bundle.directory) for slug, (*_, bundle) in made.items()})
    with Server.start(ServeSettings(route=route, port=0), seconds=120) as server:
        for slug, (name, model, rows, bundle) in made.items():
            want = original_answers(model, rows[:40])
            got = over_http(server.url, slug, as_records(rows[:40]))
            # JSON has one kind of number, so dtypes are the original's again.
            got = {key: np.asarray(value, want[key].dtype) for key, value in got.items()}
            difference = compare(want, got, bundle.manifest.tolerance)
            table.append((name, bundle.manifest.runtime, difference.largest))
            if not difference.within:
                wrong.append(f"{name}: {difference}")
    with capsys.disabled():
        print("\n" + "\n".join(f"{n:36} {runtime:12} {far:.2g}" for n, runtime, far in table))
    assert not wrong, "\n".join(wrong)
    assert sum(runtime == "onnxruntime" for _, runtime, _ in table) >= 25
