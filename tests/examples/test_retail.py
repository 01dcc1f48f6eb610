"""The retail example: no feature leaks, models are what they say, figures are the known ones."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "retail"
sys.path.insert(0, str(FOLDER))

from demand import data, evaluate, features, inventory, models, protocol, report, smoothing  # noqa: E402

WEEKS = 60
STORES = 4
BRANDS = 3


def small_panel(seed: int = 0) -> data.Panel:
    """A made-up chain with closed weeks and a store that opens late."""
    rng = np.random.default_rng(seed)
    shape = (STORES, BRANDS, WEEKS)
    closed = rng.random((STORES, 1, WEEKS)) < 0.05
    closed[1, 0, :20] = True

    def grid(values: np.ndarray) -> np.ndarray:
        return np.where(np.broadcast_to(closed, shape), np.nan, values.astype(float))

    return data.Panel(
        stores=tuple(range(2, 2 + STORES)),
        brands=tuple(f"brand {number}" for number in range(BRANDS)),
        ounces=np.array([64.0, 96.0, 64.0]),
        first_week=40,
        units=grid(rng.integers(1, 500, shape)),
        price=grid(rng.choice([1.29, 1.99, 2.49], shape)),
        deal=grid(rng.integers(0, 2, shape)),
        feat=grid(rng.integers(0, 2, shape)),
    )


@pytest.fixture(scope="module")
def sales() -> pd.DataFrame:
    return data.read_sales()


@pytest.fixture(scope="module")
def maker(sales: pd.DataFrame) -> features.FeatureMaker:
    return features.FeatureMaker(data.lay_out(sales))


# --- data


def test_the_data_are_the_real_ones(sales: pd.DataFrame) -> None:
    assert sales.shape == (95_700, 25)
    assert (sales["week"].min(), sales["week"].max()) == (40, 148)


@pytest.mark.parametrize("name", sorted(data.SHA256))
def test_a_file_with_one_differing_bit_is_refused(tmp_path: Path, name: str) -> None:
    for each in data.SHA256:
        shutil.copy(data.FOLDER / each, tmp_path / each)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(data.WrongDataError, match=rf"{name} has sha256 [0-9a-f]{{64}}"):
        data.read_sales(tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(data.WrongDataError, match=r"NOTICE\.md"):
        data.read_sales(tmp_path)


def test_the_notice_names_the_checksums() -> None:
    notice = (data.FOLDER / "NOTICE.md").read_text(encoding="utf-8")
    for digest in data.SHA256.values():
        assert digest in notice
    assert "academic research" in notice


def test_every_raw_row_is_at_its_place(sales: pd.DataFrame) -> None:
    panel = data.lay_out(sales)
    row = sales.sample(1, random_state=3).iloc[0]
    at = (panel.stores.index(row["store"]), row["brand"] - 1, row["week"] - panel.first_week)
    assert panel.units[at] == row["units"]
    assert panel.price[at] == row["price"]
    assert panel.brands[at[1]] == row["brand_name"]
    assert np.isfinite(panel.units).sum() == len(sales)


# --- protocol


def test_the_rounds_are_the_published_ones() -> None:
    assert [one.origin for one in protocol.ROUNDS] == [135, 137, 139, 141, 143, 145]
    forecast = [week for one in protocol.ROUNDS for week, _ in one.targets]
    assert forecast == list(range(137, 149))


def test_settings_were_chosen_before_the_first_test_week() -> None:
    assert max(week for one in protocol.TUNING for week, _ in one.targets) < 137


# --- features


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 20),
    week=st.integers(50, 40 + WEEKS - 1),
    horizon=st.sampled_from(protocol.HORIZONS),
    noise=st.integers(0, 1000),
)
def test_no_feature_knows_what_is_sold_after_the_origin(
    seed: int, week: int, horizon: int, noise: int
) -> None:
    panel = small_panel(seed)
    origin = week - horizon - panel.first_week
    units = panel.units.copy()
    rng = np.random.default_rng(noise)
    units[:, :, origin + 1 :] = rng.integers(1, 10_000, units[:, :, origin + 1 :].shape)
    before = features.FeatureMaker(panel).columns(week, horizon)
    after = features.FeatureMaker(panel._replace(units=units)).columns(week, horizon)
    assert set(before) == set(features.FEATURES)
    for name in features.FEATURES:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


@settings(max_examples=20, deadline=None)
@given(week=st.integers(50, 90), horizon=st.sampled_from(protocol.HORIZONS))
def test_no_feature_knows_plans_beyond_the_target_week(week: int, horizon: int) -> None:
    panel = small_panel()
    later = week - panel.first_week + 1
    changed = {}
    for name in ("price", "deal", "feat"):
        values = getattr(panel, name).copy()
        values[:, :, later:] = 7.0
        changed[name] = values
    before = features.FeatureMaker(panel).columns(week, horizon)
    after = features.FeatureMaker(panel._replace(**changed)).columns(week, horizon)
    for name in features.FEATURES:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


def test_features_do_know_the_last_known_week_and_the_plan() -> None:
    panel = small_panel()
    week, horizon = 90, 2
    target = week - panel.first_week
    before = features.FeatureMaker(panel).columns(week, horizon)
    units, price = panel.units.copy(), panel.price.copy()
    units[:, :, target - horizon] += 1
    price[:, :, target] *= 1.1
    after = features.FeatureMaker(panel._replace(units=units, price=price)).columns(week, horizon)
    there = np.isfinite(panel.units[:, :, target]) & np.isfinite(
        panel.units[:, :, target - horizon]
    )
    assert there.any()
    assert (before["log_units_1"] != after["log_units_1"])[there].all()
    assert (before["log_price"] != after["log_price"])[there].all()


def test_rows_of_one_week_are_the_same_whatever_is_asked_with_it() -> None:
    maker = features.FeatureMaker(small_panel())
    alone = maker.rows([(80, 2)])
    together = maker.rows([(79, 3), (80, 2), (81, 2)])
    pd.testing.assert_frame_equal(alone.features, together.take(together.week == 80).features)


def test_a_store_without_a_past_has_no_row() -> None:
    panel = small_panel()
    rows = features.FeatureMaker(panel).rows([(week, 2) for week in range(48, 65)])
    late = rows.week[(rows.features["store"] == "3").to_numpy()]
    opened = int(np.flatnonzero(np.isfinite(panel.units[1, 0]))[0]) + panel.first_week
    assert late.min() >= opened + 2
    assert rows.features[list(features.SALES)].notna().to_numpy().all()


def test_carrying_fills_forward_and_then_the_beginning() -> None:
    nan = np.nan
    filled = features.carry(np.array([[nan, 2, nan, nan, 5], [nan] * 5]))
    np.testing.assert_array_equal(filled, [[2, 2, 2, 2, 5], [nan] * 5])


# --- models


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lags=npst.arrays(float, (7, features.LAGS), elements=st.floats(0, 12)),
    alpha=st.floats(0.01, 0.99),
)
def test_the_filter_answers_as_the_recursion(lags: np.ndarray, alpha: float) -> None:
    written_out = np.exp(lags @ smoothing.weights(alpha))
    np.testing.assert_allclose(written_out, smoothing.smooth(lags, alpha), rtol=1e-12)
    assert smoothing.weights(alpha).sum() == pytest.approx(1)


def test_the_served_incumbent_answers_as_the_recursion(maker: features.FeatureMaker) -> None:
    rows = maker.rows([(140, 2), (141, 3)]).features
    served = smoothing.fit_smoothing(rows).predict(rows)
    defined = smoothing.smooth(rows[list(features.SALES)].to_numpy())
    np.testing.assert_allclose(served, defined, rtol=1e-12)


def test_smoothing_a_steady_demand_gives_that_demand() -> None:
    steady = np.log(np.full((1, features.LAGS), 42.0))
    np.testing.assert_allclose(smoothing.smooth(steady), [42.0])


def test_the_booster_answers_in_cartons(maker: features.FeatureMaker) -> None:
    rows = maker.rows([(week, 2) for week in range(126, 136)])
    booster = models.boost(rows, features.FEATURES, trees=20)
    cartons = booster.predict(rows.features)
    sums = booster.predict(rows.features, raw_score=True)
    np.testing.assert_allclose(cartons, np.exp(sums), rtol=1e-12)
    assert evaluate.wape(rows.units, cartons) < 60


def test_the_regression_finds_a_planted_elasticity() -> None:
    maker = features.FeatureMaker(small_panel())
    rows = maker.rows([(week, 2) for week in range(50, 95)])
    planted = np.exp(5 - 2 * rows.features["log_price"] + 0.5 * rows.features["feat"]).to_numpy()
    forecast = models.REGRESSION.fit(rows._replace(units=planted))
    np.testing.assert_allclose(forecast(rows.features), planted, rtol=1e-3)


# --- evaluation


def test_wape_of_a_perfect_and_of_an_empty_forecast() -> None:
    units = np.array([3.0, 1.0, 6.0])
    assert evaluate.wape(units, units) == 0
    assert evaluate.wape(units, np.zeros(3)) == 100


def test_a_round_learns_only_from_weeks_that_it_knows(maker: features.FeatureMaker) -> None:
    training = maker.rows([(week, 2) for week in range(130, 149)])
    seen = []

    def fit(rows: features.Rows) -> models.Forecast:
        seen.append(int(rows.week.max()))
        return models.fit_naive(rows)

    evaluate.roll(models.Model("spy", plan=False, fit=fit), maker, protocol.ROUNDS, training)
    assert sorted(seen) == [one.origin for one in protocol.ROUNDS]


def test_simple_models_come_to_the_known_figures(maker: features.FeatureMaker) -> None:
    training = maker.rows([(week, 2) for week in range(120, 136)])
    known = {models.NAIVE: 93.1, models.EIGHT_WEEKS: 88.7, models.SMOOTHING: 66.4}
    for model, error in known.items():
        result = evaluate.roll(model, maker, protocol.ROUNDS, training)
        assert result.wape == pytest.approx(error, abs=0.1), model.name


@pytest.mark.slow
def test_fitted_models_come_near_the_known_figures(maker: features.FeatureMaker) -> None:
    training = evaluate.training_rows(maker, protocol.ROUNDS[-1].origin)
    results = {
        model.name: evaluate.roll(model, maker, protocol.ROUNDS, training)
        for model in (models.REGRESSION, models.BOOSTED_PLAN)
    }
    assert results[models.REGRESSION.name].wape == pytest.approx(40.6, abs=0.5)
    assert results[models.BOOSTED_PLAN.name].wape == pytest.approx(42, abs=2)


# --- inventory


DEMAND = npst.arrays(float, 20, elements=st.floats(1, 1000))


@given(demand=DEMAND, forecast=DEMAND, more=st.floats(1, 5))
def test_more_stock_never_fills_less(demand: np.ndarray, forecast: np.ndarray, more: float) -> None:
    few, _ = inventory.simulate(demand, forecast)
    many, _ = inventory.simulate(demand, more * forecast)
    assert 0 < few <= many <= 1


@given(demand=DEMAND, forecast=DEMAND, scale=st.floats(0.01, 100))
def test_turns_do_not_depend_on_the_scale_of_the_forecast(
    demand: np.ndarray, forecast: np.ndarray, scale: float
) -> None:
    one = inventory.at_fill_rate(demand, forecast)
    other = inventory.at_fill_rate(demand, scale * forecast)
    assert one.fill_rate == pytest.approx(inventory.FILL_RATE, abs=1e-6)
    assert other.turns == pytest.approx(one.turns, rel=1e-6)


@given(demand=DEMAND, forecast=DEMAND)
def test_no_forecast_turns_faster_than_the_truth(demand: np.ndarray, forecast: np.ndarray) -> None:
    truth = inventory.at_fill_rate(demand, demand)
    assert inventory.at_fill_rate(demand, forecast).turns <= truth.turns * (1 + 1e-6)


# --- report


def test_the_difference_of_a_forecast_with_itself_is_nothing(
    maker: features.FeatureMaker,
) -> None:
    held = evaluate.held_out(maker, protocol.ROUNDS)
    same = held.rows.units * 1.1
    assert report.difference(held, same, same, held.rows.week) == (0, 0, 0)
    better = report.difference(held, held.rows.units, same, held.rows.week)
    assert better == pytest.approx((-10, -10, -10))
    assert report.is_sure(better)
    assert not report.is_sure((1.0, -1.0, 2.0))
