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
PAIRS = {
    "LightGBM - smoothing": (models.BOOSTED_PLAN.name, models.SMOOTHING.name),
    "LightGBM - regression": (models.BOOSTED_PLAN.name, models.REGRESSION.name),
    "average - regression": (models.AVERAGE, models.REGRESSION.name),
}


class Line(NamedTuple):
    """A model's results."""

    result: Result
    stock: Stock


def table(lines: list[Line]) -> Table:
    """WAPE, reduction of error, and simulated stock of every model."""
    error = {line.result.name: line.result.wape for line in lines}
    out = Table(title="Weeks 137-148, two and three weeks ahead, six rounds", title_style="bold")
    out.add_column("model", no_wrap=True)
    for column in (
        "WAPE %",
        "error vs smoothing",
        "error vs regression",
        "simulated turns a year",
        "simulated fill rate",
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


def differences(lines: list[Line], held: Held) -> Table:
    """How sure the differences are: drawing stores, and drawing weeks.

    All stores share a week's promotion, so the weeks are what really is independent, and their
    intervals are the honest ones.
    """
    forecast = {line.result.name: line.result.forecast for line in lines}
    out = Table(title="Difference in points of WAPE, with 95 % intervals", title_style="bold")
    for column in ("", "drawing stores", "drawing weeks"):
        out.add_column(column, no_wrap=True)
    for title, (first, second) in PAIRS.items():
        cells = []
        for group in (held.rows.features["store"].to_numpy(), held.rows.week):
            found = difference(held, forecast[first], forecast[second], group)
            points, low, high = found
            sure = "" if is_sure(found) else " not significant"
            cells.append(f"{points:+.1f} ({low:+.1f} to {high:+.1f}){sure}")
        out.add_row(title, *cells)
    return out


def reading(against_incumbent: float, against_regression: tuple[float, float, float]) -> str:
    """Two sentences for who has no time.

    Args:
        against_incumbent: Change of the error in per cent.
        against_regression: The difference in points with its interval, drawing weeks.
    """
    if is_sure(against_regression):
        trees = f"the trees differ by {against_regression[0]:+.1f} points"
    else:
        trees = (
            f"the trees' {against_regression[0]:+.1f} points are within what twelve weeks can tell"
        )
    return (
        f"The candidate's error is {abs(against_incumbent):.0f} %"
        f" {'less' if against_incumbent < 0 else 'more'} than the incumbent's, because it knows the"
        " price and promotion plan,\nwhich exponential smoothing does not look at. It is the plan"
        f" and not the algorithm: against a\nregression that knows the same plan, {trees}."
    )


def show(lines: list[Line], held: Held, swap: Swap) -> None:
    """Print the tables, the figures of the swap, and how to read them."""
    console = Console(width=118, highlight=False)
    console.print(table(lines))
    print(
        "Turns and fill rate are SIMULATED: the data hold no stock on hand. The demand is real.\n"
    )
    console.print(differences(lines, held))
    counts, seconds = swap
    answered = ", ".join(f"{n} by version {name}" for name, n in sorted(counts.answered.items()))
    print(
        f"\nlive: requests served {counts.sent - counts.failed} ({answered}), failed"
        f" {counts.failed}, wrong {counts.wrong};\nthe first answer of version 2 came"
        f" {seconds:.2f} s after its promotion\n"
    )
    result = {line.result.name: line.result for line in lines}
    candidate, incumbent = result[models.BOOSTED_PLAN.name], result[models.SMOOTHING.name]
    regression = result[models.REGRESSION.name]
    change_of_error = 100 * (candidate.wape / incumbent.wape - 1)
    print(
        reading(
            change_of_error,
            difference(held, candidate.forecast, regression.forecast, held.rows.week),
        )
    )
