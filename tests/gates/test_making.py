"""Gates are made from ``modelyard.toml``, and what is wrong there is said by name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from modelyard.errors import ConfigError, UnknownPluginError
from modelyard.gates.making import FAMILY, make_gate, make_gates
from modelyard.gates.metric import MetricGate

PAGE = Path(__file__).parents[2] / "docs/reference/gates.md"
WHOLE = """
[gates.parity]
[gates.schema]
allow = ["input age removed"]
[gates.ranking]
kind = "metric"
metric = "roc_auc"
minimum = 0.8
group = "customer"
[gates.calibration]
kind = "metric"
metric = "ece"
maximum = 0.05
judge = "point"
[gates.champion]
metric = "average_precision"
margin = 0.02
[gates.slices]
metric = "recall"
minimum = 0.5
columns = ["sex", "age"]
[gates.behaviour]
[[gates.behaviour.invariance]]
column = "sex"
values = ["f", "m"]
tolerance = 0.01
[[gates.behaviour.direction]]
column = "income"
delta = 0.1
relative = true
expect = "down"
[[gates.behaviour.examples]]
name = "a plain case"
inputs = { sex = "f", age = 40, income = 50000.0 }
label = "good"
[gates.latency]
maximum_ms = 2
[gates.size]
maximum_mb = 50
"""


def test_every_gate_can_be_written_and_two_of_one_kind_stand_side_by_side():
    gates = make_gates(tomllib.loads(WHOLE)["gates"])
    assert list(gates) == [
        "parity", "schema", "ranking", "calibration", "champion", "slices", "behaviour",
        "latency", "size",
    ]  # fmt: skip
    assert isinstance(gates["ranking"], MetricGate)
    assert isinstance(gates["calibration"], MetricGate)
    assert gates["calibration"].judge_by == "point"
    kinds = {type(gate).__module__.rpartition(".")[2] for gate in gates.values()}
    assert kinds == set(FAMILY.built_in())


@pytest.mark.parametrize(
    ("name", "options", "key", "words"),
    [
        ("size", {"maximum_md": 5}, "gates.size.maximum_md", "did you mean 'maximum_mb'?"),
        ("size", {"maximum_mb": "5"}, "gates.size.maximum_mb", "Expected `float`"),
        ("size", {"maximum_mb": -5}, "gates.size.maximum_mb", "> 0"),
        ("metric", {"metric": "auc", "minimum": 1}, "gates.metric", "did you mean 'roc_auc'?"),
        ("metric", {"metric": "f1"}, "gates.metric", "give a minimum or a maximum"),
        ("metric", {"metric": "f1", "minimum": 2, "maximum": 1}, "gates.metric", "above"),
        ("metric", {"minimum": 2}, "gates.metric", "metric"),
        ("slices", {"metric": "f1", "columns": ["a"]}, "gates.slices", "give one of"),
        ("slices", {"metric": "f1", "minimum": 0}, "gates.slices", "columns"),
        ("behaviour", {}, "gates.behaviour", "at least one case"),
        ("metric", {"metric": "f1", "minimum": 0, "judge": "x"}, "gates.metric.judge", "'x'"),
        (
            "behaviour",
            {"direction": [{"column": "a", "delta": 1, "expect": "sideways"}]},
            "gates.behaviour.direction[0].expect",
            "sideways",
        ),
        ("champion", {"metric": "f1", "confidence": 1.5}, "gates.champion.confidence", "0.9999"),
        (
            "behaviour",
            {"direction": [{"column": "a", "delta": 1, "expect": "up", "sign": 1}]},
            "gates.behaviour.direction[0].sign",
            "the options are: allowed, column, delta, expect, output, positive, relative,",
        ),
        (
            "behaviour",
            {"examples": [{"input": {"a": 1}, "label": 1}]},
            "gates.behaviour.examples[0].input",
            "did you mean 'inputs'?",
        ),
        ("auc", {"minimum": 1}, "gates.auc.kind", "has no kind"),
        ("auc", {"kind": 3}, "gates.auc.kind", "no text"),
    ],
)
def test_what_is_wrong_is_named(name, options, key, words):
    with pytest.raises(ConfigError) as caught:
        make_gate(name, options)
    assert caught.value.key == key
    assert words in str(caught.value)
    assert f"[gates.{name}]" in str(caught.value)


@pytest.mark.parametrize("kind", FAMILY.built_in())
def test_the_example_of_each_gate_is_read_as_it_stands(kind):
    page = PAGE.read_text()
    section = page[page.index(f"\n## {kind}\n") :].partition("\n## ")[2].partition("\n## ")[0]
    _, _, toml = section.partition("```toml\n")
    gates = make_gates(tomllib.loads(toml.partition("```")[0])["gates"])
    assert type(gates[kind]) is FAMILY.load(kind)


def test_a_gate_is_a_table():
    with pytest.raises(ConfigError, match="write a table") as caught:
        make_gates({"size": 5})
    assert caught.value.key == "gates.size"


def test_an_unknown_kind_is_told_what_there_is():
    with pytest.raises(UnknownPluginError, match="latency"):
        make_gate("fast", {"kind": "latencey"})
