"""The incumbent: simple exponential smoothing, and the same as an estimator over a feature row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import PoissonRegressor
from sklearn.pipeline import Pipeline

from demand.features import LAGS, SALES

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

ALPHA = 0.15
"""The best of 0.05, 0.1 ... 0.3 on the weeks 97-136; ``tune.py`` prints them."""

_ENOUGH = 1000


def smooth(log_units: NDArray[np.float64], alpha: float = ALPHA) -> NDArray[np.float64]:
    """The textbook's recursion: level = alpha * newest + (1 - alpha) * level before.

    Args:
        log_units: Log cartons of the last ``LAGS`` known weeks, newest first: shape (rows, LAGS).
            Sales are smoothed in logs, so that one promotion does not carry the level away.
        alpha: How much the newest week counts.

    Returns:
        Cartons, shape (rows,): the forecast of every week to come.
    """
    level = log_units[:, -1]
    for lag in range(log_units.shape[1] - 2, -1, -1):
        level = alpha * log_units[:, lag] + (1 - alpha) * level
    return np.exp(level)


def weights(alpha: float = ALPHA, lags: int = LAGS) -> NDArray[np.float64]:
    """How much each lag counts once the recursion is written out; they sum to 1."""
    counts = alpha * (1 - alpha) ** np.arange(lags)
    counts[-1] = (1 - alpha) ** (lags - 1)
    return counts


def fit_smoothing(features: pd.DataFrame, alpha: float = ALPHA) -> Pipeline:
    """Exponential smoothing as a pipeline over a feature row, of which it takes the lags alone.

    The recursion is a fixed linear filter of the lags, and exp of a linear sum is what a
    generalised linear model with a log link answers.  Fitted to the recursion's own answers it
    finds the filter's weights; they are then set to the last digit.

    Args:
        features: Feature rows without missing lags; the last thousand are used.
        alpha: How much the newest week counts.
    """
    pick = ColumnTransformer([("sales", "passthrough", list(SALES))], remainder="drop")
    linear = PoissonRegressor(alpha=0, fit_intercept=False, solver="newton-cholesky")
    pipeline = Pipeline([("lags", pick), ("filter", linear)])
    some = features.tail(_ENOUGH)
    pipeline.fit(some, smooth(some[list(SALES)].to_numpy(), alpha))
    linear.coef_ = weights(alpha)
    return pipeline
