"""The final table, and how to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from demand import models

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demand.evaluate import Held, Result
    from demand.inventory import Stock
    from demand.serving import Swap

RESAMPLES = 2000
READING = (
    "How to read it: the gain over the incumbent is the gain of knowing the price and promotion"
    " plan, which exponential smoothing does not look at.\nAgainst a regression that knows the"
    " same plan, the trees win nothing that these twelve weeks could show."
)


class Line(NamedTuple):
    """A model's results."""

    result: Result
    stock: Stock


def table(lines: list[Line]) -> Table:
    """WAPE, reduction of error, and simulated stock of every model."""
    error = {line.result.model.name: line.result.wape for line in lines}
    out = Table(title="Weeks 137-148, two and three weeks ahead, six rounds", title_style="bold")
    out.add_column("model")
    for column in (
        "WAPE %",
        "error vs exponential smoothing",
        "error vs promotion regression",
        "turns a year (simulated)",
        "fill rate (simulated)",
    ):
        out.add_column(column, justify="right")
    for result, stock in lines:
        out.add_row(
            result.model.name,
            f"{result.wape:.1f}",
            change(result.wape, error[models.SMOOTHING.name]),
            change(result.wape, error[models.REGRESSION.name]),
            f"{stock.turns:.1f}",
            f"{100 * stock.fill_rate:.0f} %",
        )
    return out


def change(error: float, reference: float) -> str:
    """How much more or less error than another model's.

    Example:
        >>> change(40.0, 50.0), change(50.0, 50.0)
        ('-20.0 %', '-')
    """
    return "-" if error == reference else f"{100 * (error / reference - 1):+.1f} %"


def difference(
    held: Held, first: NDArray[np.float64], second: NDArray[np.float64], group: NDArray[np.generic]
) -> tuple[float, float, float]:
    """WAPE of the first forecast less that of the second, in points, with its 95 % interval.

    A paired bootstrap: whole groups of rows are drawn, the same for both forecasts.
    """
    units = held.rows.units
    gap = np.abs(units - first) - np.abs(units - second)
    _, of_row = np.unique(group, return_inverse=True)
    gaps, sums = np.bincount(of_row, gap), np.bincount(of_row, units)
    draw = np.random.default_rng(models.SEED).integers(0, len(sums), (RESAMPLES, len(sums)))
    drawn = 100 * gaps[draw].sum(axis=1) / sums[draw].sum(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(100 * gap.sum() / units.sum()), float(low), float(high)


def verdict(name: str, found: tuple[float, float, float], unit: str) -> str:
    """One line on a difference."""
    points, low, high = found
    sure = "significant" if low > 0 or high < 0 else "not significant"
    return f"{name}: {points:+.1f} points of WAPE [{low:+.1f}, {high:+.1f}], drawing {unit}: {sure}"


def show(lines: list[Line], held: Held, swap: Swap) -> None:
    """Print the table, how sure it is, the figures of the swap, and how to read them."""
    console = Console(width=110, highlight=False)
    console.print(table(lines))
    console.print("Turns and fill rate are simulated: the data hold no stock. Demand is real.\n")
    forecast = {line.result.model.name: line.result.forecast for line in lines}
    candidate = forecast[models.BOOSTED_PLAN.name]
    for other in (models.SMOOTHING, models.REGRESSION):
        for unit, group in (
            ("stores", held.rows.features["store"].to_numpy()),
            ("weeks", held.rows.week),
        ):
            found = difference(held, candidate, forecast[other.name], group)
            console.print(verdict(f"candidate against {other.name}", found, unit))
    counts = swap.counts
    console.print(
        f"\nrequests served {counts.sent - counts.failed}, failed {counts.failed}, wrong"
        f" {counts.wrong}; version 1 answered {counts.answered.get('1', 0)}, version 2"
        f" {counts.answered.get('2', 0)}; version 2 answered {swap.seconds:.2f} s after its"
        " promotion\n"
    )
    console.print(READING)
