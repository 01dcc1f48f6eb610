"""The statistics keep what they promise: coverage, power, repetition, agreement with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelyard.gates._bootstrap import (
    Interval,
    Plan,
    bootstrap,
    more_units,
    resample,
    seed_of,
    widen,
)
from modelyard.gates._forms import Sample
from modelyard.gates._measured import Units, drawn
from modelyard.gates._metrics import METRICS


def mean(data):
    return lambda weights: (weights @ data / weights.sum(axis=1))[:, None]


def figure(name, sample):
    fast = METRICS[name].fast(sample)
    return lambda weights: fast(weights)[:, None]


def numbers(truth, answer):
    return Sample(truth, answer, np.ones(len(truth)))


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_is_that_of_scipy(seed):
    data = np.random.default_rng(seed).lognormal(size=400)
    ours = bootstrap(mean(data), 400, Plan(resamples=20_000, seed=seed))[0]
    theirs = stats.bootstrap(
        (data,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1)
    )
    assert ours.method == "bca"
    assert ours.error == pytest.approx(theirs.standard_error, rel=0.03)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.06 * ours.error)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.12 * ours.error)


def test_a_paired_statistic_is_that_of_scipy():
    random = np.random.default_rng(0)
    truth = random.normal(size=50)
    one, other = truth + random.normal(size=50), truth + random.normal(size=50) * 2

    def ratio(a, b, axis=-1):
        return np.abs(a).mean(axis=axis) - np.abs(b).mean(axis=axis)

    fast = [METRICS["mae"].fast(numbers(truth, answer)) for answer in (one, other)]
    ours = bootstrap(
        lambda w: (fast[0](w) - fast[1](w))[:, None], 50, Plan(resamples=20_000, seed=1)
    )[0]
    theirs = stats.bootstrap(
        (truth - one, truth - other),
        ratio,
        paired=True,
        n_resamples=20_000,
        method="BCa",
        rng=np.random.default_rng(1),
    )
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.08 * ours.error)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.08 * ours.error)


def covered(intervals, truth):
    return np.mean([interval.low <= truth <= interval.high for interval in intervals])


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """WAPE of skewed sales, 120 rows: the truth is in a 90 % interval about 90 times of 100."""
    random = np.random.default_rng(11)
    big = random.gamma(2, 10, 10**6)
    # E|y - 15| / E|y| for a forecast that is always 15.
    truth = np.abs(big - 15).mean() / big.mean()
    intervals = []
    for run in range(300):
        y = random.gamma(2, 10, 120)
        sample = numbers(y, np.full(120, 15.0))
        plan = Plan(confidence=0.9, resamples=400, seed=run)
        intervals.append(bootstrap(figure("wape", sample), 120, plan)[0])
    # 300 runs: standard deviation 1.7 %.
    assert 0.85 < covered(intervals, truth) < 0.95


def test_auc_is_covered():
    random = np.random.default_rng(12)
    truth = stats.norm.cdf(1 / np.sqrt(2))  # two normals one deviation apart
    intervals = []
    for run in range(300):
        y = np.r_[np.ones(25, np.int64), np.zeros(75, np.int64)]
        score = random.normal(y)
        p = 1 / (1 + np.exp(-score))
        sample = Sample(y, np.column_stack([1 - p, p]), np.ones(100), 2, 1)
        plan = Plan(confidence=0.9, resamples=300, seed=run)
        intervals.append(bootstrap(figure("roc_auc", sample), 100, plan)[0])
    assert 0.85 < covered(intervals, truth) < 0.95


def test_groups_must_be_drawn_whole():
    """Rows of a group err together: counted as independent the interval is far too narrow."""
    random = np.random.default_rng(13)
    naive, honest = [], []
    group = np.repeat(np.arange(40), 10)
    for run in range(200):
        error = random.normal(size=40)[group] + 0.3 * random.normal(size=400)
        plan = Plan(confidence=0.9, resamples=300, seed=run)
        naive += bootstrap(mean(error), 400, plan)
        honest += bootstrap(drawn(mean(error), Units(group, 40, "groups")), 40, plan)
    assert covered(naive, 0.0) < 0.6
    assert 0.82 < covered(honest, 0.0) < 0.96


def test_few_groups_are_covered_too():
    """Ten stores: a plain percentile interval of 95 % covers 90 times of 100."""
    random = np.random.default_rng(15)
    intervals = [
        bootstrap(mean(random.normal(size=10)), 10, Plan(resamples=400, seed=run))[0]
        for run in range(600)
    ]
    assert 0.925 < covered(intervals, 0.0) < 0.975


def test_pairing_has_more_power():
    """What makes a row hard is common to both models and falls out of the paired difference."""
    random = np.random.default_rng(14)
    hard = random.gamma(1, 5, 300)
    better, worse = hard + random.normal(0, 0.5, 300), hard + 0.4 + random.normal(0, 0.5, 300)
    paired = bootstrap(mean(worse - better), 300, Plan(seed=1))[0]
    alone = [bootstrap(mean(loss), 300, Plan(seed=i))[0] for i, loss in enumerate((better, worse))]
    unpaired = np.hypot(alone[0].error, alone[1].error)
    assert paired.low > 0
    assert paired.error < unpaired / 5


def test_resamples_draw_as_many_rows_as_there_are_and_each_as_often():
    counts = resample(lambda weights: weights, 50, Plan(resamples=4000, seed=3))
    assert (counts.sum(axis=1) == 50).all()
    assert np.allclose(counts.mean(axis=0), 1, atol=0.08)
    assert np.var(counts) == pytest.approx(1 - 1 / 50, rel=0.02)


def test_the_chunks_in_which_resamples_are_made_do_not_matter(monkeypatch):
    data = np.random.default_rng(0).normal(size=500)
    whole = bootstrap(mean(data), 500, Plan(resamples=250, seed=9))[0]
    monkeypatch.setattr("modelyard.gates._bootstrap.CHUNK", 1500)
    pieces = bootstrap(mean(data), 500, Plan(resamples=250, seed=9))[0]
    assert (pieces.low, pieces.high) == pytest.approx((whole.low, whole.high), rel=1e-12)


def test_few_groups_of_many_rows_take_no_more_memory():
    seen = []

    def figures(weights):
        seen.append(weights.size)
        return weights[:, :1]

    group = np.repeat(np.arange(20), 5000)
    found = resample(drawn(figures, Units(group, 20, "groups")), 20, Plan(resamples=300))
    assert found.shape == (300, 1)
    assert max(seen) <= 2**18


def test_seeds_differ_by_data_and_by_question():
    seeds = {seed_of("sha256:a", "auc"), seed_of("sha256:b", "auc"), seed_of("sha256:a", "f1")}
    assert len(seeds) == 3


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3, width=16), min_size=1, max_size=12),
    st.floats(-100, 100),
    st.floats(0.01, 100),
)
def test_the_interval_moves_with_the_data(data, shift, scale):
    """Shifting and stretching the data shifts and stretches the interval: no hidden unit."""
    data = np.array(data)
    one = bootstrap(mean(data), len(data), Plan(resamples=200, seed=4))[0]
    other = bootstrap(mean(shift + scale * data), len(data), Plan(resamples=200, seed=4))[0]
    assert one.low <= one.high
    if one.error > 1e-3 and other.error > 1e-3:
        reach = 1e-5 * (1 + np.abs(data).max()) * scale
        assert other.low == pytest.approx(shift + scale * one.low, abs=reach)
        assert other.high == pytest.approx(shift + scale * one.high, abs=reach)


def test_p_values_agree_with_the_interval_and_with_a_z_test():
    data = np.random.default_rng(5).normal(0.15, 1, 400)
    found = bootstrap(mean(data), 400, Plan(resamples=5000, seed=5))[0]
    z_test = stats.norm.sf(data.mean() / (data.std() / 20))
    assert found.below == pytest.approx(z_test, rel=0.35)
    for confidence in (0.8, 0.9, 0.99, 0.995):
        interval = bootstrap(mean(data), 400, Plan(confidence, 5000, seed=5))[0]
        assert (interval.low > 0) == (found.below < (1 - confidence) / 2)


def test_certainty_from_few_rows_is_widened_by_the_rule_of_three():
    sure = bootstrap(mean(np.ones(100)), 100, Plan())[0]
    assert (sure.low, sure.high, sure.error) == (1, 1, 0)
    wide = widen(sure, 100, (0, 1), 0.95)
    exact = stats.binomtest(100, 100).proportion_ci(0.95, method="exact")
    assert wide.low == pytest.approx(exact.low)
    assert wide.high == 1


def test_one_row_and_nothing_defined_are_answered():
    assert bootstrap(mean(np.array([3.0])), 1, Plan())[0].low == 3
    undefined = bootstrap(lambda w: np.full((len(w), 1), np.nan), 5, Plan())[0]
    assert np.isnan(undefined.low)
    assert undefined.undefined == 1


def test_the_labels_that_are_asked_for_do_decide():
    """With the number of rows it names, about 80 of 100 repetitions are decided."""
    random = np.random.default_rng(6)
    effect, spread = 0.2, 1.0
    pilot = Interval(effect, 0, 0, spread / np.sqrt(50), "bca", 0, 0)
    more = more_units(pilot, 50, effect, 0.95)
    rows = 50 + more
    assert rows == pytest.approx((1.96 + 0.8416) ** 2 / effect**2, rel=0.02)
    decided = 0
    for run in range(200):
        data = random.normal(effect, spread, rows)
        decided += bootstrap(mean(data), rows, Plan(resamples=200, seed=run))[0].low > 0
    assert 0.7 < decided / 200 < 0.9


def test_no_number_of_labels_decides_a_difference_of_nothing():
    pilot = Interval(0.0, -1, 1, 0.5, "bca", 0, 0.5)
    assert more_units(pilot, 50, 0.0, 0.95) is None
    assert more_units(pilot, 50, 1e-9, 0.95) is None
