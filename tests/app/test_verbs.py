"""The verbs in Python, on a project without settings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import modelyard
from modelyard.errors import ContractError, PolicyError, UsageError

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
    bundle = build(labels=[0] * 40, options=options)
    assert "roc_auc" not in {metric.name for metric in bundle.manifest.metrics}
    assert any(word.startswith("roc_auc is not measured:") for word in told)
    build(labels=[np.nan, 1.0] + [0.0, 1.0] * 19, options=options)
    assert "1 label of 40 missing: measured without their rows" in told
    build(labels=[None] * 40, options=options)
    assert "accuracy is not measured: no row has a label" in told


def test_labels_of_another_kind_are_refused(empty):
    with pytest.raises(UsageError, match=r"no label is one of .*\[0, 1\].* like '0' \(str\)"):
        build(labels=Y.astype(str))
    with pytest.raises(UsageError, match="labels must be numbers"):
        modelyard.build(LinearRegression().fit(X, Y), X, name="line", labels=Y.astype(str))


def test_an_edit_that_the_sample_contradicts_is_refused(empty):
    for changes, words in (
        ({"a": {"maximum": 4}}, r"10 of 40 rows do not fit; .* row 5: got 5.0 .* up to 4 "),
        ({"b": {"minimum": 4}}, r"32 of 40 rows do not fit; .* row 0: got 0.0"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            build(options=modelyard.BuildOptions(contract=changes))
        assert f"widen [contract.{min(changes)}]" in caught.value.hint
    gaps = X.assign(a=X["a"].where(X["a"] > 0))
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(gaps, Y)
    options = modelyard.BuildOptions(contract={"a": {"nullable": False}})
    with pytest.raises(UsageError, match="6 of 40 rows do not fit"):
        modelyard.build(model, gaps, name="toy", options=options)
    assert build(options=modelyard.BuildOptions(contract={"a": {"maximum": 6}}))


def test_no_held_out_rows_are_no_pass(empty):
    bundle = build()
    none = modelyard.Holdout(X.assign(y=Y).head(0), "y")
    (verdict,) = modelyard.check(bundle, none, METRIC)
    assert verdict.status == "inconclusive"
    assert "no labelled rows" in verdict.summary


def test_held_out_rows_that_do_not_fit_are_a_verdict(empty):
    bundle = build(options=modelyard.BuildOptions(contract={"a": {"maximum": 6}}))
    gates = {
        "schema": {},
        "metric": {"metric": "accuracy", "minimum": 0.1},
        "behaviour": {"invariance": [{"column": "a", "values": [1.0]}]},
        "size": {},
    }
    beyond = X.assign(a=X["a"] + 4 * (X.index > 36), y=Y)
    verdicts = modelyard.check(
        bundle, modelyard.Holdout(beyond, "y"), modelyard.CheckOptions(gates=gates)
    )
    by_name = {verdict.gate: verdict for verdict in verdicts}
    assert {name: verdict.status for name, verdict in by_name.items()} == {
        "schema": "fail", "metric": "inconclusive", "behaviour": "inconclusive", "size": "pass",
    }  # fmt: skip
    misfits = by_name["schema"].evidence["misfits"]["labelled"]
    assert (misfits["number"], misfits["rows"]) == (2, 40)
    assert "column 'a', row 38: got 7.0" in misfits["reasons"][0]
    for name in ("schema", "metric", "behaviour"):
        assert "2 of 40 rows do not fit" in by_name[name].summary
    words = modelyard.Holdout(X.assign(a="x", y=Y), "y")
    (verdict,) = modelyard.check(bundle, words, modelyard.CheckOptions(gates={"schema": {}}))
    assert "40 of 40 rows do not fit" in verdict.summary


def test_held_out_rows_without_an_input_are_an_error(empty):
    with pytest.raises(ContractError, match="held-out rows do not fit: column 'a' is missing") as e:
        modelyard.check(build(), modelyard.Holdout(X[["b"]].assign(y=Y), "y"), METRIC)
    assert (e.value.code, e.value.column) == ("contract", "a")


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
