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
PAIRS = (
    (models.BOOSTED_PLAN.name, models.SMOOTHING.name),
    (models.BOOSTED_PLAN.name, models.REGRESSION.name),
    (models.AVERAGE, models.REGRESSION.name),
)


class Line(NamedTuple):
    """A model's results."""

    result: Result
    stock: Stock


def table(lines: list[Line]) -> Table:
    """WAPE, reduction of error, and simulated stock of every model."""
    error = {line.result.name: line.result.wape for line in lines}
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
            result.name,
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


def is_sure(found: tuple[float, float, float]) -> bool:
    """Whether the interval of a difference leaves 0 out."""
    return found[1] > 0 or found[2] < 0


def reading(against_incumbent: float, against_regression: tuple[float, float, float]) -> str:
    """Two sentences for who has no time.

    Args:
        against_incumbent: Change of the error in per cent.
        against_regression: The difference in points with its interval, drawing weeks.
    """
    points = against_regression[0]
    if is_sure(against_regression):
        trees = f"the trees differ from it by {points:+.1f} points"
    else:
        trees = f"the trees' {points:+.1f} points are within what twelve weeks can show"
    return (
        f"The error changes by {against_incumbent:+.0f} % because the candidate knows the price and"
        " promotion plan, which exponential smoothing does not look at.\nIt is the plan and not"
        f" the algorithm: against a regression that knows the same plan, {trees}."
    )


def show(lines: list[Line], held: Held, swap: Swap) -> None:
    """Print the table, how sure it is, the figures of the swap, and how to read them."""
    console = Console(width=110, highlight=False)
    console.print(table(lines))
    console.print("Turns and fill rate are simulated: the data hold no stock. Demand is real.\n")
    result = {line.result.name: line.result for line in lines}
    weeks, stores = held.rows.week, held.rows.features["store"].to_numpy()
    for first, second in PAIRS:
        for unit, group in (("stores", stores), ("weeks", weeks)):
            found = difference(held, result[first].forecast, result[second].forecast, group)
            console.print(
                f"{first} less {second}: {found[0]:+.1f} points of WAPE"
                f" [{found[1]:+.1f}, {found[2]:+.1f}], drawing {unit}:"
                f" {'significant' if is_sure(found) else 'not significant'}"
            )
    counts = swap.counts
    console.print(
        f"\nrequests served {counts.sent - counts.failed}, failed {counts.failed}, wrong"
        f" {counts.wrong}; version 1 answered {counts.answered.get('1', 0)}, version 2"
        f" {counts.answered.get('2', 0)}; version 2 answered {swap.seconds:.2f} s after its"
        " promotion\n"
    )
    candidate, incumbent = result[models.BOOSTED_PLAN.name], result[models.SMOOTHING.name]
    regression = result[models.REGRESSION.name]
    console.print(
        reading(
            100 * (candidate.wape / incumbent.wape - 1),
            difference(held, candidate.forecast, regression.forecast, weeks),
        )
    )
