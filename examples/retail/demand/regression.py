"""The promotion regression: what a good analyst would fit for each brand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from demand.features import Rows

DRIVERS = (
    "log_price",
    "price_vs_market",
    "deal",
    "feat",
    "deals_of_others",
    "feats_of_others",
)
_RIDGE = 1e-6  # keeps the equations solvable where a driver never varies


def fit_regression(rows: Rows) -> Callable[[pd.DataFrame], NDArray[np.float64]]:
    """Least squares of log cartons, brand by brand, with one level for each store.

    log cartons = level of the store + elasticity * log price + lift of deal, leaflet ...
    """
    brand = rows.features["brand"].to_numpy()
    coefficients = {}
    for name in rows.features["brand"].cat.categories:
        these = brand == name
        design = _design(rows.features[these])
        squares = design.T @ design + _RIDGE * these.sum() * np.eye(design.shape[1])
        coefficients[name] = np.linalg.solve(squares, design.T @ np.log(rows.units[these]))

    def forecast(features: pd.DataFrame) -> NDArray[np.float64]:
        units = np.empty(len(features))
        asked = features["brand"].to_numpy()
        for name, coefficient in coefficients.items():
            these = asked == name
            units[these] = np.exp(_design(features[these]) @ coefficient)
        return units

    return forecast


def _design(features: pd.DataFrame) -> NDArray[np.float64]:
    stores = np.eye(len(features["store"].cat.categories))[features["store"].cat.codes]
    return np.hstack([features[list(DRIVERS)].to_numpy(), stores])
