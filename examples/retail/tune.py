"""Compare settings on the twenty forecast occasions before the test weeks: no test week is used."""

from __future__ import annotations

import sys

import numpy as np
from demand import models
from demand.data import lay_out, read_sales
from demand.evaluate import held_out, roll, training_rows, wape
from demand.features import SALES, FeatureMaker
from demand.protocol import TUNING
from demand.smoothing import smooth
from threadpoolctl import threadpool_limits

ALPHAS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
SHARES = (0.3, 0.5, 0.7)


def main() -> int:
    maker = FeatureMaker(lay_out(read_sales()))
    held = held_out(maker, TUNING)
    lags = held.rows.features[list(SALES)].to_numpy()
    for alpha in ALPHAS:
        error = wape(held.rows.units, smooth(lags, alpha))
        print(f"exponential smoothing, alpha {alpha:4.2f}: {error:.2f}")
    training = training_rows(maker, TUNING[-1].origin)
    regression, trees = (
        roll(model, maker, TUNING, training) for model in (models.REGRESSION, models.BOOSTED_PLAN)
    )
    for result in (regression, trees):
        print(f"{result.name}: {result.wape:.2f}")
    for share in SHARES:
        mixed = np.exp(share * np.log(trees.forecast) + (1 - share) * np.log(regression.forecast))
        print(f"{share:.0%} trees, {1 - share:.0%} regression: {wape(held.rows.units, mixed):.2f}")
    return 0


if __name__ == "__main__":
    with threadpool_limits(1):
        sys.exit(main())
