"""The verbs in Python, on a project without settings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import modelyard
from modelyard.errors import PolicyError, UsageError

X = pd.DataFrame({"a": np.arange(40.0) % 7, "b": np.arange(40.0) % 5})
Y = np.arange(40) % 2
METRIC = modelyard.CheckOptions(gates={"metric": {"metric": "accuracy", "minimum": 0.1}})


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def build(columns=("a", "b"), **rest):
    x = X[list(columns)]
    return modelyard.build(LogisticRegression().fit(x, Y), x, name="toy", **rest)


def test_from_a_fitted_model_to_an_answer(empty):
    bundle = build(labels=Y)
    assert {metric.name for metric in bundle.manifest.metrics} >= {"accuracy", "log_loss"}
    verdicts = modelyard.check(bundle)
    assert all(verdict.passed for verdict in verdicts), verdicts
    assert modelyard.register(bundle).version == 1
    assert modelyard.promote("toy:1").version == 1
    answers = modelyard.load("toy@champion").predict(X[["b", "a"]])
    assert answers["label"].tolist() == LogisticRegression().fit(X, Y).predict(X).tolist()
    (listed,) = modelyard.models()
    assert (listed.aliases, listed.environments) == (("champion",), ("production",))
    assert modelyard.show("toy").verdicts == tuple(sorted(verdicts, key=lambda v: v.gate))
    assert modelyard.diff("toy:1", bundle) == []
    assert modelyard.verify("toy").digest == bundle.digest


def test_why_is_told_in_whole_sentences(empty):
    rows = np.random.default_rng(0).normal(size=(60, 2))
    model = make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression()).fit(
        rows, rows[:, 0] > 0
    )
    manifest = modelyard.build(model, rows, name="roots").manifest
    assert manifest.runtime == "sklearn"
    assert ". Not taken: onnxruntime: " in manifest.why
    assert manifest.why.endswith(" cbrt.")


def test_labels_that_measure_nothing_are_told(empty):
    told = []
    options = modelyard.BuildOptions(progress=told.append)
    bundle = build(labels=["neither"] * 40, options=options)
    assert "roc_auc" not in {metric.name for metric in bundle.manifest.metrics}
    assert any(word.startswith("roc_auc is not measured:") for word in told)


def test_no_held_out_rows_are_no_pass(empty):
    bundle = build()
    none = modelyard.Holdout(X.assign(y=Y).head(0), "y")
    (verdict,) = modelyard.check(bundle, none, METRIC)
    assert verdict.status == "inconclusive"
    assert "no labelled rows" in verdict.summary


def test_held_out_rows_that_do_not_fit_are_told_as_such(empty):
    bundle = build()
    with pytest.raises(UsageError, match="held-out rows do not fit: column 'a', row 0: got 'x'"):
        modelyard.check(bundle, modelyard.Holdout(X.assign(a="x", y=Y), "y"), METRIC)


def test_a_champion_with_other_inputs_is_compared_on_the_same_rows(empty):
    first = build()
    modelyard.check(first)
    modelyard.register(first)
    modelyard.promote("toy:1")
    second = build(columns=("a",))
    modelyard.register(second)
    gates = {"schema": {}, "champion": {"metric": "accuracy", "margin": 0.9}}
    options = modelyard.CheckOptions(gates=gates)
    schema, champion = modelyard.check("toy:2", modelyard.Holdout(X.assign(y=Y), "y"), options)
    assert schema.status == "fail"
    assert "input b removed" in schema.summary
    assert champion.passed, champion.summary
    assert champion.evidence["champion"] == first.digest
    fewer = modelyard.Holdout(X[["a"]].assign(y=Y), "y")
    champion = modelyard.check("toy:2", fewer, options)[1]
    assert champion.status == "inconclusive"
    assert "contract differs" in champion.summary
    with pytest.raises(PolicyError, match="'schema' says fail"):
        modelyard.promote("toy:2")
