"""Every metric is scikit-learn's, or has its definition; its form for resamples agrees with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from modelyard.gates._forms import Sample
from modelyard.gates._metrics import METRICS
from modelyard.gates._own import ECE_BINS, brier, expected_calibration_error, wape


def make(metric, seed, classes=2, positive=None, *, weighted=False, ties=False):
    random, rows = np.random.default_rng(seed), 60
    weights = random.uniform(0.5, 3, rows) if weighted else np.ones(rows)
    if metric.reads == "prediction":
        truth = random.normal(5, 2, rows)
        return Sample(truth, truth + random.normal(size=rows), weights, alpha=0.7)
    truth = np.r_[np.arange(classes).repeat(3), random.integers(0, classes, rows - 3 * classes)]
    if metric.reads == "label":
        answer = np.where(random.random(rows) < 0.6, truth, random.integers(0, classes, rows))
    else:
        answer = random.dirichlet(np.ones(classes), rows)
        answer[np.arange(rows), truth] += 0.7
        answer /= answer.sum(axis=1, keepdims=True)
        if ties:
            answer = np.round(answer, 1)
            answer[:, 0] = 1 - answer[:, 1:].sum(axis=1)
            answer = np.clip(answer, 0, 1)
            answer /= answer.sum(axis=1, keepdims=True)
    if positive is None:
        positive = 1 if classes == 2 else -1
    return Sample(truth, answer, weights, classes, positive)


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    classes=st.sampled_from([2, 3, 5]),
    weighted=st.booleans(),
    ties=st.booleans(),
    one=st.booleans(),
)
def test_the_fast_form_is_the_metric_on_the_rows_drawn(name, seed, classes, weighted, ties, one):
    """For weights that count how often a row was drawn it is the metric on those very rows."""
    metric = METRICS[name]
    positive = classes - 1 if one else None
    sample = make(metric, seed, classes, positive, weighted=weighted, ties=ties)
    fast = metric.fast(sample)
    counts = np.random.default_rng(seed).integers(0, 3, (4, 60)).astype(np.float64)
    counts[:, : 3 * classes] += 1  # every class stays
    assert np.allclose(fast(np.ones((1, 60)))[0], metric.score(sample), rtol=1e-9)
    for row, got in zip(counts, fast(counts), strict=True):
        drawn = sample.take(np.repeat(np.arange(60), row.astype(int)))
        assert got == pytest.approx(metric.score(drawn), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("accuracy", sk.accuracy_score),
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("f1", sk.f1_score),
        ("precision", sk.precision_score),
        ("recall", sk.recall_score),
        ("matthews", sk.matthews_corrcoef),
    ],
)
def test_label_metrics_are_those_of_scikit_learn(name, function):
    sample = make(METRICS[name], 1)
    assert METRICS[name].score(sample) == function(sample.truth, sample.answer)


def test_probability_metrics_are_those_of_scikit_learn():
    two = make(METRICS["roc_auc"], 2)
    p = two.answer[:, 1]
    assert METRICS["roc_auc"].score(two) == sk.roc_auc_score(two.truth, p)
    assert METRICS["average_precision"].score(two) == sk.average_precision_score(two.truth, p)
    assert METRICS["brier"].score(two) == sk.brier_score_loss(two.truth, p)
    three = make(METRICS["roc_auc"], 2, classes=3)
    assert METRICS["roc_auc"].score(three) == pytest.approx(
        sk.roc_auc_score(three.truth, three.answer, multi_class="ovr")
    )
    assert METRICS["log_loss"].score(three) == sk.log_loss(three.truth, three.answer)
    assert brier(three) == pytest.approx(sk.brier_score_loss(three.truth, three.answer))


def test_number_metrics_are_those_of_scikit_learn():
    sample = make(METRICS["mae"], 3)
    y, p = sample.truth, sample.answer
    for name, want in {
        "mae": sk.mean_absolute_error(y, p),
        "mse": sk.mean_squared_error(y, p),
        "rmse": sk.root_mean_squared_error(y, p),
        "mape": sk.mean_absolute_percentage_error(y, p),
        "r2": sk.r2_score(y, p),
        "pinball": sk.mean_pinball_loss(y, p, alpha=0.7),
    }.items():
        assert METRICS[name].score(sample) == want


def test_wape_weighs_an_error_by_its_size():
    sample = Sample(np.array([0.0, 10.0]), np.array([1.0, 9.0]), np.ones(2))
    assert wape(sample) == pytest.approx(0.2)
    assert wape(sample._replace(weights=np.array([3.0, 1.0]))) == pytest.approx(0.4)


def test_calibration_error_by_hand():
    # Two bins: 0.8 said and half true (off by 0.3), 0.2 said and none true (off by 0.2).
    p = np.array([0.8, 0.8, 0.2, 0.2])
    sample = Sample(np.array([1, 0, 0, 0]), np.column_stack([1 - p, p]), np.ones(4), 2, 1)
    assert expected_calibration_error(sample) == pytest.approx(0.25)
    # Signs cancel within a bin, never between bins.
    p = np.array([0.9, 0.1])
    sample = Sample(np.array([0, 1]), np.column_stack([1 - p, p]), np.ones(2), 2, 1)
    assert expected_calibration_error(sample) == pytest.approx(0.9)


def test_calibration_error_is_near_0_for_a_calibrated_model_and_1_is_in_the_last_bin():
    random = np.random.default_rng(0)
    p = random.random(200_000)
    truth = (random.random(200_000) < p).astype(np.int64)
    sample = Sample(truth, np.column_stack([1 - p, p]), np.ones(len(p)), 2, 1)
    assert expected_calibration_error(sample) < 0.5 * np.sqrt(ECE_BINS / len(p)) * 2
    sure = Sample(np.array([1]), np.array([[0.0, 1.0]]), np.ones(1), 2, 1)
    assert expected_calibration_error(sure) == 0


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_knows_which_way_is_better(name):
    metric = METRICS[name]
    sample = make(metric, 5)
    if metric.reads == "prediction":
        best = sample._replace(answer=sample.truth, alpha=0.5)
    elif metric.reads == "label":
        best = sample._replace(answer=sample.truth)
    else:
        best = sample._replace(answer=np.eye(2)[sample.truth])
    assert (metric.score(best) > metric.score(sample)) == metric.higher
    if metric.bounds is not None:
        assert metric.bounds[0] <= metric.score(best) <= metric.bounds[1]


def test_undefined_metrics_say_why():
    ones = np.ones(4)
    one_class = Sample(np.ones(4, np.int64), np.ones((4, 2)) / 2, ones, 2, 1)
    for name in ("roc_auc", "average_precision"):
        assert "one class" in METRICS[name].undefined(one_class)
    never = Sample(np.array([0, 1, 0, 1]), np.zeros(4, np.int64), ones, 2, 1)
    assert "for no labelled row" in METRICS["precision"].undefined(never)
    assert METRICS["recall"].undefined(never) == ""
    assert METRICS["f1"].score(never) == 0
    flat = Sample(np.full(4, 2.0), np.arange(4.0), ones)
    assert "equal" in METRICS["r2"].undefined(flat)
    assert "wape" in METRICS["mape"].undefined(flat._replace(truth=np.array([0.0, 1, 2, 3])))
    assert METRICS["wape"].undefined(flat._replace(truth=np.zeros(4)))
