"""SIMULATED stock: what a forecast would do to the shelf.

The data hold no stock on hand.  So a simple rule is played over the real demand of the test
weeks: each week every series begins with ``multiplier`` times its forecast, ordered two or three
weeks ahead; what is asked for beyond that is lost, and what is left over counts as stock and
leaves the shelf when the next delivery comes.  The multiplier is chosen for each model so that
all models fill the same share of demand; then the stock that they need for it can be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


WEEKS_A_YEAR = 52
FILL_RATE = 0.90


class Stock(NamedTuple):
    """What the simulation says of one model.

    Args:
        multiplier: Stock per forecast carton.
        fill_rate: Share of the demanded cartons that were there, 0 to 1.
        turns: Inventory turnover: cartons sold in a year / average cartons in stock.
    """

    multiplier: float
    fill_rate: float
    turns: float


def simulate(demand: NDArray[np.float64], stock: NDArray[np.float64]) -> tuple[float, float]:
    """Play the weeks.

    Args:
        demand: Cartons asked for in each series and week.
        stock: Cartons on hand when the week begins, same shape.

    Returns:
        Fill rate, and turns a year: sales of a year over the mean of the stock at the beginning
        and the end of each week.

    Example:
        >>> simulate(np.array([10.0, 10.0]), np.array([5.0, 20.0]))
        (0.75, 44.57142857142857)
    """
    sold = np.minimum(demand, stock)
    held = stock - sold / 2
    return float(sold.sum() / demand.sum()), float(WEEKS_A_YEAR * sold.sum() / held.sum())


def at_fill_rate(
    demand: NDArray[np.float64], forecast: NDArray[np.float64], fill_rate: float = FILL_RATE
) -> Stock:
    """The least stock, as a multiple of the forecast, that fills a share of demand.

    Args:
        demand: Cartons asked for.
        forecast: Cartons forecast, above 0, same shape.
        fill_rate: The share, above 0 and below 1.
    """
    low, high = 0.0, 1.0
    while simulate(demand, high * forecast)[0] < fill_rate:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        if simulate(demand, middle * forecast)[0] < fill_rate:
            low = middle
        else:
            high = middle
    filled, turns = simulate(demand, high * forecast)
    return Stock(high, filled, turns)
