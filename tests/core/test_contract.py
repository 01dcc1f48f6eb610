"""Contracts hold only rules that can hold."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from modelyard.core import canonical
from modelyard.core.contract import MISSING_STRING, Column, Contract, Output
from modelyard.errors import ConfigError

OUTPUTS = (Output(name="label", dtype="int64"),)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"dtype": "int64", "categories": ("a",)}, "only a column of single strings"),
        ({"dtype": "string", "shape": (2,), "categories": ("a",)}, "only a column of single"),
        ({"dtype": "string", "categories": ()}, "at least one"),
        ({"dtype": "string", "categories": ("a", "a")}, "each stands once"),
        ({"dtype": "string", "categories": (MISSING_STRING,)}, "mark of a missing"),
        ({"dtype": "string", "categories": ("\ud800",)}, "whole Unicode"),
        ({"dtype": "string", "minimum": 1}, "a string column has no range"),
        ({"dtype": "bool", "maximum": 1}, "a bool column has no range"),
        ({"dtype": "int64", "minimum": 2, "maximum": 1}, "lies above"),
        ({"dtype": "float64", "minimum": float("nan")}, "finite number"),
        ({"dtype": "float64", "maximum": float("inf")}, "finite number"),
        ({"dtype": "int64", "maximum": 2**65}, "64 bits"),
        ({"dtype": "int64", "maximum": True}, "finite number"),
        ({"dtype": "timestamp", "maximum": 1.5}, "whole number of microseconds"),
        ({"dtype": "float64", "shape": (2,), "nullable": True}, "never null as a whole"),
        ({"dtype": "float64", "shape": (2, 0)}, "at least 1"),
        ({"dtype": "float64", "name": ""}, "1 to 200 characters"),
        ({"dtype": "float64", "name": "x" * 201}, "1 to 200 characters"),
        ({"dtype": "float64", "name": "\udfff"}, "whole Unicode"),
    ],
)
def test_a_rule_that_could_never_hold_is_refused(rules, words):
    with pytest.raises(ValueError, match=words):
        Column(**({"name": "x"} | rules))


def test_a_contract_has_inputs_and_outputs_of_different_names():
    column = Column(name="x", dtype="int64")
    with pytest.raises(ValueError, match="input 'x' stands twice"):
        Contract(inputs=(column, column), outputs=OUTPUTS)
    with pytest.raises(ValueError, match="output 'label' stands twice"):
        Contract(inputs=(column,), outputs=OUTPUTS * 2)
    with pytest.raises(ValueError, match="at least one input"):
        Contract(inputs=(), outputs=OUTPUTS)
    with pytest.raises(ValueError, match="at least one output"):
        Contract(inputs=(column,), outputs=())


def test_a_contract_survives_json():
    contract = Contract(
        inputs=(
            Column(name="a", dtype="int64", nullable=True, minimum=-(2**63), maximum=2**63 - 1),
            Column(name="b", dtype="string", categories=("x", "é"), unknown="model"),
            Column(name="c", dtype="float32", shape=(None, 3)),
            Column(name="d", dtype="timestamp", minimum=0),
            Column(name="e", dtype="float64", minimum=0.1),
        ),
        outputs=(Output(name="probabilities", dtype="float32", shape=(2,), labels=(True, "b")),),
        task="classification",
    )
    content = canonical.encode(contract)
    again = msgspec.convert(canonical.decode(content), Contract)
    assert again == contract
    assert canonical.encode(again) == content


def test_a_contract_in_json_is_read_strictly():
    column = {"name": "x", "dtype": "int64"}
    for changes in (
        {"nulable": True},
        {"dtype": "int128"},
        {"dtype": None},
        {"unknown": "ignore"},
        {"minimum": "1"},
        {"minimum": 3, "maximum": 2},
        {"shape": ["3"]},
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(column | changes, Column)


def test_edit_changes_rules_and_nothing_else():
    contract = Contract(
        inputs=(Column(name="age", dtype="int64"), Column(name="city", dtype="string")),
        outputs=OUTPUTS,
    )
    edited = contract.edit(
        {"age": {"minimum": 0, "nullable": True}, "city": {"categories": ["a", "b"]}}
    )
    assert edited.column("age") == Column(name="age", dtype="int64", minimum=0, nullable=True)
    assert edited.column("city").categories == ("a", "b")
    assert contract.column("age").minimum is None
    assert contract.edit({}) == contract


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"agee": {"minimum": 0}}, "contract.agee", "its inputs are: age"),
        ({"age": {"dtype": "int8"}}, "contract.age.dtype", "cannot be changed"),
        ({"age": {"name": "b"}}, "contract.age.name", "cannot be changed"),
        ({"age": {"minimum": "0"}}, "contract.age", "Expected"),
        ({"age": {"categories": ["a"]}}, "contract.age", "single strings"),
    ],
)
def test_an_edit_that_does_not_fit_names_its_key(changes, key, words):
    contract = Contract(inputs=(Column(name="age", dtype="int64"),), outputs=OUTPUTS)
    with pytest.raises(ConfigError, match=words) as caught:
        contract.edit(changes)
    assert caught.value.key == key


def test_names_and_columns():
    contract = Contract(
        inputs=(Column(name="b", dtype="string"), Column(name="a", dtype="timestamp")),
        outputs=OUTPUTS,
    )
    assert contract.names == ["b", "a"]
    assert contract.column("a").numpy == np.dtype("datetime64[us]")
    assert contract.column("b").numpy == np.dtype(object)
    with pytest.raises(KeyError):
        contract.column("c")
