"""The gates that try, time and replay: behaviour, latency, parity, size."""

from __future__ import annotations

import gc
import time

import numpy as np
import pytest

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.golden import Golden
from modelyard.core.table import Series, Table
from modelyard.errors import BundleError, ContractError
from modelyard.gates import latency as latency_file
from modelyard.gates.base import Evidence, Labelled
from modelyard.gates.behaviour import BehaviourGate
from modelyard.gates.checks import plain_subject
from modelyard.gates.latency import LatencyGate
from modelyard.gates.making import make_gate
from modelyard.gates.parity import ParityGate
from modelyard.gates.size import SizeGate

FIT = Contract(
    inputs=(
        Column(name="price", dtype="float32", minimum=0.0, maximum=10.0, nullable=True),
        Column(name="deal", dtype="int8", minimum=0, maximum=1),
        Column(name="brand", dtype="string", categories=("a", "b")),
    ),
    outputs=(Output(name="prediction", dtype="float64"),),
    task="regression",
)


def rows(count=100):
    random = np.random.default_rng(0)
    price = random.uniform(1, 9, count).astype(np.float32)
    price[::10] = np.nan
    return Table(
        {
            "price": Series(price),
            "deal": Series(random.integers(0, 2, count).astype(np.int8)),
            "brand": Series(np.array([("a", "b")[i % 2] for i in range(count)], object)),
        }
    )


def model(function, given=None):
    return plain_subject(FIT, lambda table: {"prediction": function(table)}, given or rows(30))


def demand(table):
    return 100 - 8 * np.nan_to_num(table["price"].values, nan=5.0) + 20 * table["deal"].values


def biased(table):
    return demand(table) + 3 * (table["brand"].values == "a")


def behave(subject, labelled=None, **cases):
    return make_gate("behaviour", cases).judge(Evidence(subject, labelled))


def held(count=200):
    return Labelled(rows(count), np.zeros(count), {})


def test_what_does_not_matter_does_not_move_the_answer():
    case = {"column": "brand", "values": ["a", "b"], "tolerance": 0.5}
    assert behave(model(demand), invariance=[case]).passed
    verdict = behave(model(biased), invariance=[case])
    assert verdict.status == "fail"
    told = verdict.evidence["cases"][0]
    # Each row moves under the brand that it does not have.
    assert (told["tried"], told["failed"]) == (60, 30)
    failure = told["failures"][0]
    assert failure["change"] == "brand = 'a'"
    assert failure["after"] - failure["before"] == pytest.approx(3)
    assert failure["inputs"]["brand"] == "b"
    assert len(told["failures"]) <= 20
    assert behave(model(biased), invariance=[case | {"tolerance": 3}]).passed
    assert behave(model(biased), invariance=[case | {"allowed": 0.5}]).passed


def test_a_price_that_rises_does_not_raise_demand():
    down = {"column": "price", "delta": 0.5, "expect": "down"}
    assert behave(model(demand), direction=[down]).passed
    verdict = behave(model(lambda table: -demand(table)), direction=[down])
    assert verdict.status == "fail"
    told = verdict.evidence["cases"][0]
    assert told["tried"] < 30  # rows without a price are not tried
    assert told["failed"] == told["tried"]
    share = down | {"delta": 0.1, "relative": True}
    assert behave(model(demand), direction=[share]).passed
    assert behave(model(demand), direction=[down | {"delta": -0.5, "expect": "up"}]).passed
    assert behave(model(demand), direction=[down | {"expect": "up"}]).status == "fail"


def test_rows_that_would_leave_the_contract_are_not_tried():
    table = rows(30)
    case = {"column": "deal", "delta": 1, "expect": "up"}
    verdict = behave(model(demand), direction=[case])
    assert verdict.passed
    assert verdict.evidence["cases"][0]["tried"] == int((table["deal"].values == 0).sum())
    far = behave(model(demand), direction=[case | {"delta": 1000}])
    assert far.status == "inconclusive"
    assert "in no row" in far.summary


@pytest.mark.parametrize(
    "cases",
    [
        {"invariance": [{"column": "shop", "values": [1]}]},
        {"invariance": [{"column": "brand", "values": ["c"]}]},
        {"invariance": [{"column": "brand", "values": [1]}]},
        {"direction": [{"column": "brand", "delta": 1, "expect": "up"}]},
        {"direction": [{"column": "deal", "delta": 0.5, "expect": "up"}]},
        {"direction": [{"column": "deal", "delta": 1, "expect": "up", "output": "no"}]},
        {"examples": [{"inputs": {"price": 1.0}, "minimum": 0}]},
        {"examples": [{"inputs": {"price": "x", "deal": 0, "brand": "a"}, "minimum": 0}]},
    ],
)
def test_a_case_that_cannot_be_tried_cannot_tell(cases):
    verdict = behave(model(demand), **cases)
    assert verdict.status == "inconclusive", verdict.summary
    assert verdict.evidence["cases"][0]["why_not"]


def test_examples_have_known_answers():
    cheap = {"inputs": {"price": 1.0, "deal": 1, "brand": "a"}, "minimum": 110, "maximum": 115}
    assert behave(model(demand), examples=[cheap]).summary == "the case holds"
    assert behave(model(demand), examples=[cheap, cheap]).summary == "all 2 cases hold"
    verdict = behave(model(demand), examples=[cheap | {"minimum": 113, "name": "cheap"}])
    assert verdict.status == "fail"
    assert "cheap" in verdict.summary
    failure = verdict.evidence["cases"][0]["failures"][0]
    assert failure["after"] == pytest.approx(112)
    assert failure["before"] == [113, 115]


def test_one_case_that_fails_outweighs_one_that_cannot_be_tried():
    verdict = behave(
        model(biased),
        invariance=[
            {"column": "shop", "values": [1]},
            {"column": "brand", "values": ["a"]},
        ],
    )
    assert verdict.status == "fail"


def test_held_out_rows_are_tried_first_and_no_more_than_asked():
    case = {"column": "brand", "values": ["a"]}
    verdict = behave(model(demand), held(), invariance=[case], rows=50)
    assert verdict.evidence["rows"] == 50
    assert verdict.evidence["cases"][0]["tried"] == 50


def test_an_answer_that_is_not_a_number_has_moved():
    def broken(table):
        return np.where(table["brand"].values == "a", np.nan, 1.0)

    verdict = behave(model(broken), invariance=[{"column": "brand", "values": ["a"]}])
    assert verdict.status == "fail"


def labels_only(table):
    return {"label": np.where(table["price"].values > 5, "high", "low").astype(object)}


CLASSES = Contract(
    inputs=FIT.inputs,
    outputs=(Output(name="label", dtype="string", labels=("high", "low")),),
    task="classification",
)


def test_labels_can_be_watched_but_have_no_direction():
    subject = plain_subject(CLASSES, labels_only, rows(30))
    moved = behave(subject, invariance=[{"column": "price", "values": [9.0]}])
    assert moved.status == "fail"
    assert moved.evidence["cases"][0]["failures"][0]["after"] == "high"
    assert behave(subject, invariance=[{"column": "brand", "values": ["a"]}]).passed
    way = behave(subject, direction=[{"column": "price", "delta": 1, "expect": "up"}])
    assert way.status == "inconclusive"
    dear = {"price": 9.0, "deal": 0, "brand": "a"}
    assert behave(subject, examples=[{"inputs": dear, "label": "high"}]).passed
    assert behave(subject, examples=[{"inputs": dear, "label": "low"}]).status == "fail"


# Latency


QUICK = {"calls": 20, "rounds": 2, "seconds": 0.3}


def sleepy(seconds):
    def answer(table):
        time.sleep(seconds)
        return demand(table)

    return answer


def test_a_slow_model_fails_and_a_quick_one_passes():
    quick = LatencyGate(maximum_ms=50, quantile=0.5, **QUICK).judge(Evidence(model(demand)))
    assert quick.passed
    assert quick.evidence["p50_ms"] <= quick.evidence["p99_ms"]
    assert quick.evidence["rows_per_second"] > 20
    slow = LatencyGate(maximum_ms=1, **QUICK).judge(Evidence(model(sleepy(0.003))))
    assert slow.status == "fail"
    assert slow.evidence["p50_ms"] >= 3


def test_a_call_takes_as_many_rows_as_asked_and_time_is_bounded():
    seen = []

    def answer(table):
        seen.append(table.rows)
        time.sleep(0.002)
        return demand(table)

    subject = model(answer)
    seen.clear()
    begin = time.perf_counter()
    gate = LatencyGate(maximum_ms=1000, batch=150, calls=100_000, rounds=50, seconds=0.2)
    verdict = gate.judge(Evidence(subject))
    assert verdict.passed
    assert "for 150 rows a call, at most 1000 ms" in verdict.summary
    assert time.perf_counter() - begin < 5
    assert set(seen) == {150}  # more than there are rows: they are taken again


def test_a_subject_that_remembers_its_last_answer_is_timed_all_the_same():
    subject = model(sleepy(0.003))
    one = subject.golden.rows.take(np.arange(1))
    kept = {}

    def answer(table):
        if kept.get("rows") is not table:
            kept.update(rows=table, answer=subject.predict(table))
        return kept["answer"]

    evidence = Evidence(subject._replace(predict=answer, golden=subject.golden._replace(rows=one)))
    verdict = LatencyGate(maximum_ms=1, **QUICK).judge(evidence)
    assert verdict.status == "fail", verdict.summary
    assert "for 1 row a call, at most 1 ms" in verdict.summary
    assert verdict.evidence["p50_ms"] >= 3


def test_a_machine_that_is_too_busy_cannot_tell(monkeypatch):
    """Rounds of 4 ms and of 40 ms, whose usual call is quick: that is not the model."""
    tails = iter([40.0, 4.0])

    def timed(gate, *_):
        times = np.full(100, 0.5)
        times[-5:] = next(tails)
        return latency_file.Round(times)

    monkeypatch.setattr(LatencyGate, "_round", timed)
    verdict = LatencyGate(maximum_ms=2, rounds=2).judge(Evidence(model(demand)))
    assert verdict.status == "inconclusive"
    assert "too busy" in verdict.summary


def test_the_best_round_is_judged(monkeypatch):
    tails = iter([40.0, 1.0, 3.0])
    monkeypatch.setattr(
        LatencyGate, "_round", lambda *_: latency_file.Round(np.full(100, next(tails)))
    )
    verdict = LatencyGate(maximum_ms=2, rounds=3).judge(Evidence(model(demand)))
    assert verdict.passed
    assert verdict.evidence["worst_round_ms"] == 40


def test_garbage_collection_is_left_as_it_was():
    gate = LatencyGate(**QUICK)
    assert gc.isenabled()
    gate.judge(Evidence(model(demand)))
    assert gc.isenabled()


# Parity and size


def test_a_bundle_that_cannot_be_replayed_fails():
    def fail():
        raise BundleError("model/model.onnx is damaged")

    verdict = ParityGate().judge(Evidence(model(demand)._replace(replay=fail)))
    assert verdict.status == "fail"
    assert "damaged" in verdict.summary


def test_parity_tells_where_it_is_broken():
    subject = model(demand)
    want = subject.golden.outputs["prediction"]
    kinds = ("real",) * 29 + ("boundary",)
    golden = Golden(subject.golden.rows, {"prediction": want}, kinds)
    off = want.copy()
    off[29] += 1
    broken = subject._replace(golden=golden, replay=lambda: {"prediction": off})
    verdict = ParityGate().judge(Evidence(broken))
    assert verdict.status == "fail"
    assert verdict.evidence["row"] == 29
    assert verdict.evidence["kind"] == "boundary"
    assert verdict.evidence["output"] == "prediction"
    assert verdict.evidence["largest_difference"] == pytest.approx(1)
    assert verdict.evidence["kinds"] == {"boundary": 1, "real": 29}
    near = subject._replace(golden=golden, replay=lambda: {"prediction": want + 1e-7})
    assert ParityGate().judge(Evidence(near)).passed
    other = subject._replace(golden=golden, replay=lambda: {"score": want})
    assert ParityGate().judge(Evidence(other)).status == "fail"


def test_a_refused_row_is_a_failure_to_predict():
    def refuse(_):
        raise ContractError("column 'price': got 'x'")

    subject = model(demand)._replace(predict=refuse)
    verdict = LatencyGate(**QUICK).judge(Evidence(subject))
    assert verdict.status == "fail"
    assert "column 'price'" in verdict.summary


def test_size_counts_bytes_exactly():
    subject = model(demand)
    assert SizeGate(maximum_mb=0.001).judge(Evidence(subject)).passed
    verdict = SizeGate(maximum_mb=0.001).judge(Evidence(subject._replace(size=1001)))
    assert verdict.status == "fail"
    assert verdict.evidence["largest"] == {"model/model.case": 900}


def test_a_gate_keeps_its_cases():
    gate = make_gate("behaviour", {"invariance": [{"column": "brand", "values": ["a"]}]})
    assert isinstance(gate, BehaviourGate)
    assert gate.invariance[0].values == ("a",)
