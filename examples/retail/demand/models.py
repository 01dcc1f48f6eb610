"""The models that are compared: three that look at sales alone, and two that know the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import lightgbm as lgb
import numpy as np

from demand.features import FEATURES, HISTORY, SALES
from demand.regression import fit_regression
from demand.smoothing import fit_smoothing

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from demand.features import Rows

    Forecast = Callable[[pd.DataFrame], NDArray[np.float64]]

SEED = 20260101
THREADS = 1
"""Of one fit: the rounds run side by side, and OpenMP's threads wait badly for a busy core."""

MEMORY = 0.985
"""How much less the week before counts in training: promotions of two years ago tell less."""


class Model(NamedTuple):
    """A way to forecast.

    Args:
        name: As the tables print it.
        plan: Whether it knows the price and promotion plan of the target week.
        fit: Training rows -> a forecast: feature rows -> cartons.
    """

    name: str
    plan: bool
    fit: Callable[[Rows], Forecast]


def fit_naive(_: Rows) -> Forecast:
    """As many as in the last known week."""
    return lambda features: np.exp(features[SALES[0]].to_numpy())


def fit_eight_weeks(_: Rows) -> Forecast:
    """The mean of the last eight known weeks, in cartons."""
    return lambda features: np.exp(features[list(SALES[:8])].to_numpy()).mean(axis=1)


def fit_smoothed(rows: Rows) -> Forecast:
    """Simple exponential smoothing, as the estimator that is served."""
    return fit_smoothing(rows.features).predict


def fit_history(rows: Rows) -> Forecast:
    """LightGBM on past sales alone."""
    return on_columns(boost(rows, HISTORY, trees=80), HISTORY)


def fit_plan(rows: Rows) -> Forecast:
    """LightGBM on past sales and the plan: the candidate."""
    return on_columns(fit_candidate(rows), FEATURES)


def fit_candidate(rows: Rows) -> lgb.Booster:
    """The booster that is served as the candidate."""
    return boost(rows, FEATURES, trees=150)


def boost(rows: Rows, columns: tuple[str, ...], *, trees: int) -> lgb.Booster:
    """Fit trees to log cartons by least squares; the booster answers in cartons.

    Errors of sales are multiplicative, so they are fitted in logs; exp of the expected log is
    about the median, and the median is what makes the absolute error least.
    """
    weights = MEMORY ** (rows.week.max() - rows.week)
    data = lgb.Dataset(
        rows.features[list(columns)], np.log(rows.units), weight=weights, params={"verbose": -1}
    )
    settings = {
        "objective": "regression",
        "learning_rate": 0.08,
        "num_leaves": 31,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "num_threads": THREADS,
        "deterministic": True,
        "force_row_wise": True,
        "seed": SEED,
        "verbose": -1,
    }
    return answer_in_cartons(lgb.train(settings, data, trees))


def answer_in_cartons(booster: lgb.Booster) -> lgb.Booster:
    """Let a booster that was fitted to logs answer exp of what it sums.

    LightGBM has no objective "least squares of logs".  Poisson's link is exp, and a trained
    booster keeps nothing else of its objective than the link.
    """
    text = booster.model_to_string()
    return lgb.Booster(model_str=text.replace("\nobjective=regression\n", "\nobjective=poisson\n"))


def on_columns(booster: lgb.Booster, columns: tuple[str, ...]) -> Forecast:
    """A booster as a forecast."""
    return lambda features: np.asarray(
        booster.predict(features[list(columns)], num_threads=THREADS)
    )


NAIVE = Model("naive: last known week", plan=False, fit=fit_naive)
EIGHT_WEEKS = Model("8-week mean", plan=False, fit=fit_eight_weeks)
SMOOTHING = Model("exponential smoothing", plan=False, fit=fit_smoothed)
BOOSTED_HISTORY = Model("LightGBM, sales alone", plan=False, fit=fit_history)
REGRESSION = Model("promotion regression per brand", plan=True, fit=fit_regression)
BOOSTED_PLAN = Model("LightGBM with the plan", plan=True, fit=fit_plan)

AVERAGE = "average of those two"

MODELS = (NAIVE, EIGHT_WEEKS, SMOOTHING, BOOSTED_HISTORY, REGRESSION, BOOSTED_PLAN)
