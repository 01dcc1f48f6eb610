"""One row in process: the packed bundle beside the model that it was made of."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from interleaved import measure, report
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import modelyard
from modelyard import runtime

ROWS = 2000


def models():
    matrix, labels = make_classification(ROWS, 30, n_informative=12, random_state=0)
    frame = pd.DataFrame(matrix[:, :10], columns=[f"n{i}" for i in range(10)])
    for i in range(4):
        frame[f"s{i}"] = np.array(["red", "green", "blue", "grey"])[
            np.digitize(matrix[:, 10 + i], [-1, 0, 1])
        ]
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    pipeline = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", numbers, [f"n{i}" for i in range(10)]),
                ("words", OneHotEncoder(handle_unknown="ignore"), [f"s{i}" for i in range(4)]),
            ]
        ),
        LogisticRegression(max_iter=500),
    )
    yield "pipeline with strings, logistic", pipeline, frame, labels
    yield "random forest, 200 trees", RandomForestClassifier(200, max_depth=8), matrix, labels
    yield (
        "xgboost, 200 trees",
        xgboost.XGBClassifier(n_estimators=200, n_jobs=1),
        matrix.astype("f4"),
        labels,
    )
    yield (
        "lightgbm, 200 trees",
        lightgbm.LGBMClassifier(n_estimators=200, n_jobs=1, verbose=-1),
        matrix,
        labels,
    )


def main() -> None:
    warnings.simplefilter("ignore")
    pairs = []
    for name, model, rows, labels in models():
        model.fit(rows, labels)
        with tempfile.TemporaryDirectory() as folder:
            bundle = modelyard.build(model, rows[:200], name="bench", directory=Path(folder) / "b")
            predictor = runtime.load(bundle)
        one = bundle_row(predictor, rows)
        head = rows[:1]
        pairs.append(
            measure(
                name,
                lambda p=predictor, r=one: p.predict([r]),
                lambda m=model, h=head: m.predict_proba(h),
                50,
            )
        )
    report("one row: named columns in, contract enforced", pairs, ("modelyard", "the model"))


def bundle_row(predictor, rows):
    values = rows.iloc[0].tolist() if isinstance(rows, pd.DataFrame) else rows[0].tolist()
    return dict(zip(predictor.contract.names, values, strict=True))


if __name__ == "__main__":
    main()
