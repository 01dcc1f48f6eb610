"""One case or more for every gate: options, and evidence for each of its answers."""

from __future__ import annotations

import time

import msgspec
import numpy as np

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.golden import Golden
from modelyard.core.table import Series, Table
from modelyard.gates.base import Evidence, Labelled
from modelyard.gates.checks import GateCase, plain_subject

CLASSES = ("no", "yes")
CLASSIFIER = Contract(
    inputs=(
        Column(name="x", dtype="float64"),
        Column(name="sex", dtype="string", categories=("f", "m")),
        Column(name="age", dtype="int64", minimum=0, maximum=120),
    ),
    outputs=(
        Output(name="label", dtype="string", labels=CLASSES),
        Output(name="probabilities", dtype="float64", shape=(2,), labels=CLASSES),
    ),
    task="classification",
)
REGRESSOR = Contract(
    inputs=(Column(name="price", dtype="float64"),),
    outputs=(Output(name="prediction", dtype="float64"),),
    task="regression",
)
RANDOM = np.random.default_rng(7)
ROWS = 600
X = RANDOM.normal(size=ROWS)
TABLE = Table(
    {
        "x": Series(X),
        "sex": Series(np.array([("f", "m")[i] for i in RANDOM.integers(0, 2, ROWS)], object)),
        "age": Series(RANDOM.integers(18, 90, ROWS)),
    }
)
HAPPENS = 1 / (1 + np.exp(-3 * X)) > RANDOM.random(ROWS)
LABELLED = Labelled(
    TABLE,
    np.where(HAPPENS, "yes", "no").astype(object),
    {"shop": RANDOM.integers(0, 3, ROWS)},
    digest="sha256:case",
)


def classifier(slope=3.0, *, sexist=0.0, old=0.0, noise=0.0):
    """P(yes) by x; what it should not look at, it looks at by ``sexist`` and ``old``."""

    def answers(rows):
        score = slope * rows["x"].values + sexist * (rows["sex"].values == "m")
        score = score - old * rows["age"].values
        if noise:
            score = score + noise * np.random.default_rng(3).normal(size=rows.rows)
        chance = 1 / (1 + np.exp(-score))
        labels = np.where(chance > 0.5, "yes", "no").astype(object)
        return {"label": labels, "probabilities": np.column_stack([1 - chance, chance])}

    name = f"classifier {slope} {sexist} {old} {noise}"
    return plain_subject(CLASSIFIER, answers, TABLE.take(np.arange(20)), name)


PRICES = Table({"price": Series(RANDOM.uniform(1, 5, ROWS))})
SOLD = Labelled(PRICES, 100 / PRICES["price"].values * RANDOM.lognormal(0, 0.3, ROWS), {})


def regressor(bias=1.0):
    def answers(rows):
        return {"prediction": 100 * bias / rows["price"].values}

    return plain_subject(REGRESSOR, answers, PRICES.take(np.arange(5)), f"regressor {bias}")


def slow(milliseconds):
    subject = regressor()

    def answers(rows):
        time.sleep(milliseconds / 1000)
        return subject.predict(rows)

    return subject._replace(predict=answers)


def first(rows):
    """The labelled data cut down to its first rows."""
    picked = np.arange(rows)
    return LABELLED._replace(
        rows=TABLE.take(picked),
        labels=LABELLED.labels[picked],
        extra={name: values[picked] for name, values in LABELLED.extra.items()},
    )


GOOD = Evidence(classifier(), LABELLED)
BAD = Evidence(classifier(-3.0), LABELLED)
FEW = Evidence(classifier(), first(40))
NO_GOLDEN = classifier()._replace(golden=Golden(TABLE.take(np.zeros(0, np.int64)), {}, ()))
AGED = classifier()._replace(replay=lambda: classifier(2.9).golden.outputs)
NARROWER = Contract(
    inputs=(Column(name="x", dtype="float64"), *CLASSIFIER.inputs[1:2]),
    outputs=CLASSIFIER.outputs,
    task="classification",
)


def before(contract):
    """A champion that had another contract."""
    subject = classifier(1.0)
    manifest = msgspec.structs.replace(subject.manifest, contract=contract)
    return subject._replace(manifest=manifest)


CASES = {
    "parity": GateCase(
        kind="parity",
        options={},
        passes=GOOD,
        fails=Evidence(AGED),
        cannot_tell=Evidence(NO_GOLDEN),
    ),
    "schema": GateCase(
        kind="schema",
        options={},
        passes=GOOD._replace(champion=classifier(1.0)),
        fails=GOOD._replace(champion=before(NARROWER)),
        predicts=False,
    ),
    "metric": [
        GateCase(
            kind="metric",
            options={"metric": "roc_auc", "minimum": 0.8, "positive": "yes", "resamples": 400},
            passes=GOOD,
            fails=BAD,
            cannot_tell=GOOD._replace(candidate=classifier(noise=2.9)),
        ),
        GateCase(
            kind="metric",
            options={"metric": "wape", "maximum": 0.3, "resamples": 400},
            passes=Evidence(regressor(), SOLD),
            fails=Evidence(regressor(2.0), SOLD),
            cannot_tell=Evidence(regressor(1.2), SOLD),
        ),
    ],
    "champion": GateCase(
        kind="champion",
        options={"metric": "log_loss", "margin": 0.02, "resamples": 400},
        passes=GOOD._replace(champion=classifier(0.5)),
        fails=BAD._replace(champion=classifier()),
        cannot_tell=FEW._replace(champion=classifier(4.0)),
    ),
    "slices": [
        GateCase(
            kind="slices",
            options={
                "metric": "accuracy",
                "minimum": 0.7,
                "columns": ["sex", "age", "shop"],
                "resamples": 400,
            },
            passes=GOOD,
            fails=GOOD._replace(candidate=classifier(sexist=8.0)),
            cannot_tell=FEW._replace(labelled=first(50)),
        ),
        GateCase(
            kind="slices",
            options={"metric": "brier", "margin": 0.1, "columns": ["sex"], "resamples": 400},
            passes=GOOD._replace(champion=classifier(0.5)),
            fails=GOOD._replace(candidate=classifier(sexist=8.0), champion=classifier()),
            cannot_tell=FEW._replace(champion=classifier(2.5)),
        ),
    ],
    "behaviour": GateCase(
        kind="behaviour",
        options={
            "invariance": [{"column": "sex", "values": ["f", "m"], "tolerance": 0.01}],
            "direction": [{"column": "x", "delta": 0.5, "expect": "up", "positive": "yes"}],
            "examples": [
                {"inputs": {"x": 4.0, "sex": "f", "age": 30}, "label": "yes", "minimum": 0.9}
            ],
        },
        passes=GOOD,
        fails=GOOD._replace(candidate=classifier(sexist=1.0)),
        cannot_tell=Evidence(NO_GOLDEN),
    ),
    "latency": GateCase(
        kind="latency",
        options={"maximum_ms": 5.0, "quantile": 0.5, "calls": 30, "rounds": 2, "seconds": 0.3},
        passes=Evidence(regressor(), SOLD),
        fails=Evidence(slow(6)),
        cannot_tell=Evidence(NO_GOLDEN),
        repeats=False,
    ),
    "size": GateCase(
        kind="size",
        options={"maximum_mb": 0.5},
        passes=GOOD,
        fails=Evidence(classifier()._replace(size=500_001)),
        predicts=False,
    ),
}
