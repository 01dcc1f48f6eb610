"""A contract that changed: which callers break, and which changes are compatible."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.enforce import enforce
from modelyard.core.golden import Golden
from modelyard.core.table import Series, Table
from modelyard.errors import ContractError
from modelyard.gates._contracts import changes
from modelyard.gates.base import Evidence, Labelled
from modelyard.gates.checks import plain_subject
from modelyard.gates.schema import SchemaGate

AGE = Column(name="age", dtype="int32", minimum=0, maximum=100)
SEX = Column(name="sex", dtype="string", categories=("f", "m"))
PAY = Column(name="pay", dtype="float64", nullable=True)
LABEL = Output(name="label", dtype="string", labels=("no", "yes"))
CHANCE = Output(name="probabilities", dtype="float32", shape=(2,), labels=("no", "yes"))
OLD = Contract(inputs=(AGE, SEX, PAY), outputs=(LABEL, CHANCE), task="classification")


def with_input(name, /, **rules):
    inputs = tuple(
        msgspec.structs.replace(column, **rules) if column.name == name else column
        for column in OLD.inputs
    )
    return msgspec.structs.replace(OLD, inputs=inputs)


def with_outputs(*outputs):
    return msgspec.structs.replace(OLD, outputs=outputs)


@pytest.mark.parametrize(
    ("new", "name", "breaks"),
    [
        (msgspec.structs.replace(OLD, inputs=(AGE, SEX)), "input pay removed", True),
        (
            msgspec.structs.replace(OLD, inputs=(*OLD.inputs, Column(name="job", dtype="bool"))),
            "input job added",
            True,
        ),
        (with_input("age", dtype="int64"), "input age retyped", False),
        (with_input("age", dtype="float64"), "input age retyped", False),
        (with_input("age", dtype="int16"), "input age retyped", True),
        (with_input("age", dtype="float32"), "input age retyped", True),
        (with_input("pay", nullable=False), "input pay not nullable", True),
        (with_input("age", nullable=True), "input age nullable", False),
        (with_input("sex", categories=("f",)), "input sex categories narrowed", True),
        (with_input("sex", categories=("f", "m", "x")), "input sex categories widened", False),
        (with_input("sex", categories=None), "input sex categories widened", False),
        (with_input("sex", unknown="model"), "input sex categories widened", False),
        (with_input("age", maximum=90), "input age range narrowed", True),
        (with_input("age", maximum=None), "input age range widened", False),
        (with_input("pay", minimum=0.0), "input pay range narrowed", True),
        (with_input("pay", shape=(2,), nullable=False), "input pay reshaped", True),
        (with_outputs(LABEL), "output probabilities removed", True),
        (
            with_outputs(LABEL, CHANCE, Output(name="score", dtype="float64")),
            "output score added",
            False,
        ),
        (
            with_outputs(LABEL, msgspec.structs.replace(CHANCE, dtype="float64")),
            "output probabilities retyped",
            False,
        ),
        (
            with_outputs(msgspec.structs.replace(LABEL, dtype="int64", labels=None), CHANCE),
            "output label retyped",
            True,
        ),
        (
            with_outputs(LABEL, msgspec.structs.replace(CHANCE, labels=("yes", "no"))),
            "output probabilities labels changed",
            True,
        ),
    ],
)
def test_each_change_is_named_and_known_to_break_or_not(new, name, breaks):
    found = {change.name: change.breaks for change in changes(OLD, new)}
    assert found[name] is breaks


def test_nothing_changed():
    assert changes(OLD, OLD) == []


def test_a_renamed_column_is_suspected():
    renamed = with_input("pay", name="salary")
    removed = next(change for change in changes(OLD, renamed) if change.what == "removed")
    assert "renamed to 'salary'" in removed.why


NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float32", "float64")


@given(
    st.tuples(st.sampled_from(NUMBERS), st.booleans(), st.integers(-3, 3)),
    st.tuples(st.sampled_from(NUMBERS), st.booleans(), st.integers(-3, 3)),
    st.integers(-2, 2),
)
def test_a_compatible_change_refuses_nothing_that_was_let_in(was, now, value):
    """The law behind the table: what the old contract lets in, a compatible one lets in too."""

    def contract(dtype, nullable, minimum):
        column = Column(name="a", dtype=dtype, nullable=nullable, minimum=minimum)
        return Contract(inputs=(column,), outputs=(LABEL,))

    old, new = contract(*was), contract(*now)
    if any(change.breaks for change in changes(old, new)):
        return
    for given_value in (value, np.iinfo(was[0]).max if "int" in was[0] else 0.1, None):
        sent = {"a": [given_value]}
        try:
            enforce(old, sent)
        except ContractError:
            continue
        enforce(new, sent)


def subject(contract, rows=None, name="new"):
    rows = rows or ROWS
    outputs = {
        "label": np.array(["no"] * rows.rows, object),
        "probabilities": np.tile([0.6, 0.4], (rows.rows, 1)),
    }
    return plain_subject(contract, lambda _: outputs, rows, name)


ROWS = Table(
    {
        "age": Series(np.array([20, 30], np.int32)),
        "sex": Series(np.array(["f", "m"], object)),
        "pay": Series(np.array([1.0, np.nan])),
    }
)


def test_a_change_that_is_meant_is_allowed_by_name_or_by_column():
    shorter = msgspec.structs.replace(OLD, inputs=(AGE, SEX))
    candidate = subject(shorter, ROWS.select(["age", "sex"]))
    evidence = Evidence(candidate, champion=subject(OLD))
    refused = SchemaGate().judge(evidence)
    assert refused.status == "fail"
    assert "input pay removed" in refused.summary
    for allow in ("input pay removed", "input pay"):
        allowed = SchemaGate(allow=(allow,)).judge(evidence)
        assert allowed.passed
        assert allowed.evidence["changes"][0]["allowed"] is True
    assert SchemaGate(allow=("input age",)).judge(evidence).status == "fail"


def test_rows_that_do_not_fit_the_contract_fail_it():
    narrow = with_input("age", maximum=25)
    verdict = SchemaGate().judge(Evidence(subject(narrow)))
    assert verdict.status == "fail"
    assert "golden" in verdict.summary
    labelled = Labelled(ROWS, np.zeros(2), {})
    candidate = subject(narrow, ROWS.take(np.array([0])))
    verdict = SchemaGate().judge(Evidence(candidate, labelled))
    misfits = verdict.evidence["misfits"]["labelled"]
    assert (misfits["number"], misfits["rows"]) == (1, 2)
    assert "'age', row 1: got 30" in misfits["reasons"][0]
    extra = Labelled(Table({**ROWS.columns, "job": ROWS["sex"]}), np.zeros(2), {})
    assert SchemaGate().judge(Evidence(subject(OLD), extra)).status == "fail"


def test_changes_are_named():
    wider = with_input("age", maximum=200, nullable=True)
    said = SchemaGate().judge(Evidence(subject(wider), champion=subject(OLD, name="old"))).summary
    assert said.endswith("2 changes (input age nullable, input age range widened)")
    same = SchemaGate().judge(Evidence(subject(OLD), champion=subject(OLD, name="old")))
    assert same.summary.endswith("nothing changed")


def test_without_a_champion_and_without_rows_the_contract_stands_alone():
    candidate = subject(OLD)._replace(golden=Golden(ROWS.take(np.zeros(0, int)), {}, ()))
    verdict = SchemaGate().judge(Evidence(candidate))
    assert verdict.passed
    assert "no champion" in verdict.summary


def test_missing_values_survive_the_check():
    rows = Table(
        {**ROWS.columns, "age": Series(np.array([1, 0], np.int32), np.array([0, 1], bool))}
    )
    assert SchemaGate().judge(Evidence(subject(with_input("age", nullable=True), rows))).passed
    assert SchemaGate().judge(Evidence(subject(OLD, rows))).status == "fail"
