"""Wrong rows through ``modelyard predict``: one clear error each, and the next good rows answer."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelyard import build

GOOD = {"age": 31, "income": 1200.5, "city": "Bern", "visits": 2}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": draw.integers(18, 90, 200),
            "income": draw.normal(1000, 300, 200),
            "city": draw.choice(["Bern", "Oslo", "Rome"], 200),
            "visits": draw.integers(0, 9, 200).astype("int8"),
        }
    )
    steps = ColumnTransformer(
        [("n", StandardScaler(), ["age", "income", "visits"]), ("c", OneHotEncoder(), ["city"])]
    )
    model = make_pipeline(steps, LogisticRegression()).fit(frame, frame["income"] > 1000)
    return build(model, frame, name="people", directory=tmp_path_factory.mktemp("b") / "people")


@pytest.fixture
def predict(bundle, modelyard, monkeypatch):
    def call(body):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
        return modelyard("predict", bundle.directory, "-")

    return call


def row(**changes):
    return json.dumps([GOOD | changes]).encode()


WRONG = {
    "missing column": (json.dumps([{k: v for k, v in GOOD.items() if k != "city"}]), "'city'"),
    "near miss": (
        json.dumps([{"aeg" if k == "age" else k: v for k, v in GOOD.items()}]),
        "did you",
    ),
    "wrong type": (row(age="old"), "'age', row 0"),
    "number as text": (row(age="31"), "'age', row 0"),
    "decimal for an integer": (row(age=3.5), "3.5"),
    "unknown category": (row(city="Paris"), "'Paris'"),
    "null where not nullable": (row(income=None), "'income', row 0"),
    "NaN": (row(income=float("nan")), "NaN"),
    "integer overflow": (row(visits=300), "300"),
    "int64 overflow": (row(age=2**63), str(2**63)),
    "1e999": (row().replace(b"1200.5", b"1e999"), "1e999"),
    "empty": (b"", "standard input"),
    "no rows": (b"[]", "no rows"),
    "deep nesting": (b"[" * 10_000 + b"]" * 10_000, "deep"),
    "not UTF-8": (b'[{"city": "\xff"}]', "UTF-8"),
    "the same key twice": (b'[{"age": 1, "age": 2}]', "twice"),
    "64 MiB": (b'[{"age": "' + b"x" * 2**26 + b'"}]', "missing"),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_wrong_rows_get_one_clear_error(what, predict):
    body, says = WRONG[what]
    done = predict(body if isinstance(body, bytes) else body.encode())
    said = done.err
    assert done.code == 2, said
    assert says in said
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert len(said) < 1000
    assert not done.out


def test_good_rows_answer_in_any_order_of_columns(predict):
    first = predict(row())
    assert first.code == 0
    turned = dict(reversed(GOOD.items()))
    assert predict(json.dumps([turned]).encode()).out == first.out
    assert json.loads(first.out)["label"] is True
