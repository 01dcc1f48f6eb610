"""What differs between two manifests."""

from __future__ import annotations

import hashlib

import msgspec

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.difference import Change, difference
from modelyard.core.manifest import Feed, File, Lineage, Manifest, Metric, Tolerance

BASE = Manifest(
    name="fraud",
    flavor="onnx",
    runtime="onnxruntime",
    model="model/model.onnx",
    why="a test",
    contract=Contract(
        inputs=(
            Column(name="age", dtype="int64", maximum=130),
            Column(name="pay", dtype="float64"),
        ),
        outputs=(Output(name="prediction", dtype="float64"),),
    ),
    feeds=(Feed(name="input", columns=("age", "pay"), dtype="float64"),),
    files=(File(path="model/model.onnx", size=1, sha256=hashlib.sha256(b"a").hexdigest()),),
    tolerance=Tolerance(),
    lineage=Lineage(parameters={"depth": 3}),
    metrics=(Metric(name="auc", value=0.8),),
)


def changed(**fields):
    return msgspec.structs.replace(BASE, **fields)


def with_inputs(*inputs):
    contract = msgspec.structs.replace(BASE.contract, inputs=inputs)
    return changed(contract=contract)


def test_nothing_differs_from_itself():
    assert difference(BASE, BASE) == []


def test_values_are_named_from_the_outside_in():
    other = changed(runtime="xgboost", tolerance=Tolerance(absolute=0.5))
    assert difference(BASE, other) == [
        Change(path="runtime", before="onnxruntime", after="xgboost"),
        Change(path="tolerance.absolute", before=1e-6, after=0.5),
    ]


def test_columns_are_compared_by_name():
    age, pay = BASE.contract.inputs
    older = msgspec.structs.replace(age, maximum=120)
    assert difference(BASE, with_inputs(older, pay)) == [
        Change(path="contract.inputs.age.maximum", before=130, after=120)
    ]
    new = Column(name="city", dtype="string", categories=("a", "b"))
    found = difference(BASE, with_inputs(age, new, pay))
    assert [change.path for change in found] == ["contract.inputs.city"]
    assert found[0].before is None
    assert found[0].after == {"dtype": "string", "categories": ["a", "b"]}
    gone = difference(BASE, with_inputs(pay))
    assert [(change.path, change.after) for change in gone] == [("contract.inputs.age", None)]


def test_an_order_that_differs_is_one_change():
    age, pay = BASE.contract.inputs
    assert difference(BASE, with_inputs(pay, age)) == [
        Change(path="contract.inputs (order)", before=["age", "pay"], after=["pay", "age"])
    ]


def test_metrics_files_parameters_and_feeds():
    other = changed(
        metrics=(Metric(name="auc", value=0.9), Metric(name="ece", value=0.1)),
        files=(File(path="model/model.onnx", size=2, sha256="0" * 64),),
        lineage=Lineage(parameters={"depth": 3.5, "eta": None}),
        feeds=(Feed(name="input", columns=("pay", "age"), dtype="float64"),),
    )
    assert {change.path for change in difference(BASE, other)} == {
        "metrics.auc.value",
        "metrics.ece",
        "files.model/model.onnx.size",
        "files.model/model.onnx.sha256",
        "lineage.parameters.depth",
        "feeds.input.columns",
    }


def test_true_is_not_one_and_null_is_nothing():
    one = changed(lineage=Lineage(parameters={"a": True, "b": None, "c": [1, {}]}))
    two = changed(lineage=Lineage(parameters={"a": 1, "c": [1, []]}))
    assert {change.path for change in difference(one, two)} == {
        "lineage.parameters.a",
        "lineage.parameters.c",
    }


def test_it_is_the_same_from_both_sides():
    other = changed(metrics=(), runtime="xgboost", lineage=Lineage(data={"sample": "x"}))
    there = {(c.path, repr(c.before), repr(c.after)) for c in difference(BASE, other)}
    back = {(c.path, repr(c.after), repr(c.before)) for c in difference(other, BASE)}
    assert there == back
    assert len(there) == 4


def test_the_contract_comes_first_and_the_files_last():
    other = changed(
        name="other",
        why="Another.",
        files=(File(path="model/model.onnx", size=2, sha256="0" * 64),),
        lineage=Lineage(parameters={"eta": 1}),
        metrics=(Metric(name="auc", value=0.5),),
        contract=with_inputs(BASE.contract.inputs[0]).contract,
        feeds=(Feed(name="input", columns=("age",), dtype="float64"),),
    )
    order = dict.fromkeys(change.path.split(".")[0] for change in difference(BASE, other))
    assert list(order) == ["contract", "feeds", "why", "lineage", "metrics", "name", "files"]
