"""One row for one store, brand and target week, from what is known when the forecast is made.

Sales are known up to the origin, ``horizon`` weeks before the target week.  The chain's plan -
price, deal and leaflet of every brand - is known up to the target week itself, as in the
published benchmark.  ``profit_pct``, ``revenue`` and ``cogs`` are outcomes and are not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from demand.data import Panel

    Grid = NDArray[np.float64]

LAGS = 16
SALES = tuple(f"log_units_{lag}" for lag in range(1, LAGS + 1))
"""Log cartons of the last known week, the one before, ...; gaps carry the week before forward."""

HISTORY = (
    "store",
    "brand",
    "horizon",
    *SALES,
    "mean_4",
    "mean_8",
    "mean_26",
    "mean_52",
    "median_8",
    "median_26",
)
PLAN = (
    "log_price",
    "deal",
    "feat",
    "price_vs_usual",
    "price_vs_highest",
    "price_rank_in_time",
    "price_vs_market",
    "price_vs_cheapest",
    "price_rank_in_market",
    "market_discount",
    "deals_of_others",
    "feats_of_others",
    *(f"{what}_{weeks}" for weeks in (1, 2, 3) for what in ("price_change", "deal", "feat")),
    "feat_share_8",
    "same_plan_narrow",
    "same_plan_narrow_weight",
    "same_plan_wide",
    "same_plan_wide_weight",
)
FEATURES = HISTORY + PLAN

_USUAL_WEEKS = 26
_NEXT_TO_NOTHING = 1e-9  # a weight of this little means that no past week was like it


class Rows(NamedTuple):
    """Feature rows with their outcomes: every series that has a past and sold in the target week.

    Args:
        features: The columns ``FEATURES``.
        units: Cartons sold in the target week, shape (rows,).
        week: The target week, shape (rows,).
    """

    features: pd.DataFrame
    units: NDArray[np.float64]
    week: NDArray[np.int64]

    def take(self, mask: NDArray[np.bool_]) -> Rows:
        """Some of the rows."""
        return Rows(self.features[mask].reset_index(drop=True), self.units[mask], self.week[mask])


class FeatureMaker:
    """Makes the rows of target weeks.

    Args:
        panel: The raw table.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self._log_units = np.log(panel.units)
        self._log_price = np.log(panel.price)

    def rows(self, targets: Iterable[tuple[int, int]]) -> Rows:
        """The rows of (week, horizon) pairs, series by series within each pair."""
        blocks: list[pd.DataFrame] = []
        units: list[NDArray[np.float64]] = []
        weeks: list[NDArray[np.int64]] = []
        for week, horizon in targets:
            target = week - self.panel.first_week
            sold = self.panel.units[:, :, target]
            columns = self.columns(week, horizon)
            there = ~np.isnan(sold) & ~np.isnan(columns[SALES[0]])
            blocks.append(pd.DataFrame({name: columns[name][there] for name in FEATURES}))
            units.append(sold[there])
            weeks.append(np.full(int(there.sum()), week))
        frame = pd.concat(blocks, ignore_index=True)
        stores = [str(store) for store in self.panel.stores]
        frame["store"] = pd.Categorical.from_codes(frame["store"].astype(int), stores)
        frame["brand"] = pd.Categorical.from_codes(frame["brand"].astype(int), self.panel.brands)
        frame["horizon"] = frame["horizon"].astype("int64")
        return Rows(frame, np.concatenate(units), np.concatenate(weeks))

    def columns(self, week: int, horizon: int) -> dict[str, Grid]:
        """Every feature of one target week as an array of shape (stores, brands)."""
        target = week - self.panel.first_week
        origin = target - horizon
        shape = self.panel.units.shape[:2]
        store, brand = np.indices(shape, dtype=np.float64)
        known = {"store": store, "brand": brand, "horizon": np.full(shape, float(horizon))}
        return known | self._history(origin) | self._plan(target, origin)

    def _history(self, origin: int) -> dict[str, Grid]:
        """What is known of past sales at the origin."""
        sold = self._log_units[:, :, : origin + 1]
        carried = carry(sold)
        columns = {name: carried[:, :, max(origin - lag, 0)] for lag, name in enumerate(SALES)}
        for weeks in (4, 8, 26, 52):
            columns[f"mean_{weeks}"] = _mean(sold[:, :, -weeks:])
        for weeks in (8, 26):
            columns[f"median_{weeks}"] = _median(sold[:, :, -weeks:])
        return columns

    def _plan(self, target: int, origin: int) -> dict[str, Grid]:
        """What is planned for the target week, against past plans and past sales."""
        panel = self.panel
        price = self._log_price[:, :, target]
        deal, feat = panel.deal[:, :, target], panel.feat[:, :, target]
        past = self._log_price[:, :, : origin + 1][:, :, -_USUAL_WEEKS:]
        usual = price - _mean(past)
        columns = {
            "log_price": price,
            "deal": deal,
            "feat": feat,
            "price_vs_usual": usual,
            "price_vs_highest": price - _highest(past),
            "price_rank_in_time": _mean((past < price[:, :, None] - 1e-6).astype(float)),
            "market_discount": np.broadcast_to(_mean(usual)[:, None], price.shape),
            "deals_of_others": np.nansum(deal, axis=1, keepdims=True) - deal,
            "feats_of_others": np.nansum(feat, axis=1, keepdims=True) - feat,
            "feat_share_8": _mean(panel.feat[:, :, max(origin - 7, 0) : origin + 1]),
        }
        for weeks in (1, 2, 3):
            columns[f"price_change_{weeks}"] = price - self._log_price[:, :, target - weeks]
            columns[f"deal_{weeks}"] = panel.deal[:, :, target - weeks]
            columns[f"feat_{weeks}"] = panel.feat[:, :, target - weeks]
        return columns | self._market(price) | self._same_plan(target, origin)

    def _market(self, price: Grid) -> dict[str, Grid]:
        """The price an ounce against those of the other brands in the same store and week."""
        ounce = price - np.log(self.panel.ounces)
        return {
            "price_vs_market": ounce - _mean(ounce)[:, None],
            "price_vs_cheapest": ounce - -_highest(-ounce)[:, None],
            "price_rank_in_market": ounce.argsort(axis=1).argsort(axis=1).astype(float),
        }

    def _same_plan(self, target: int, origin: int) -> dict[str, Grid]:
        """Past sales of the series in weeks whose plan was like the target week's.

        A kernel mean: weeks count more the closer their price, if deal and leaflet were the same,
        and the more recent they are.  Missing where there was no such week.
        """
        panel = self.panel
        known = slice(0, origin + 1)
        sold = self._log_units[:, :, known]
        distance = np.abs(self._log_price[:, :, known] - self._log_price[:, :, target, None])
        alike = (
            0.98 ** np.arange(origin, -1, -1)
            * np.where(panel.feat[:, :, known] == panel.feat[:, :, target, None], 1, 0.2)
            * np.where(panel.deal[:, :, known] == panel.deal[:, :, target, None], 1, 0.5)
        )
        columns = {}
        for name, width in (("same_plan_narrow", 0.03), ("same_plan_wide", 0.10)):
            weight = np.nan_to_num(np.exp(-distance / width) * alike) * ~np.isnan(sold)
            total = weight.sum(axis=2)
            mean = (weight * np.nan_to_num(sold)).sum(axis=2) / np.maximum(total, 1e-300)
            columns[name] = np.where(total > _NEXT_TO_NOTHING, mean, np.nan)
            columns[f"{name}_weight"] = np.log(total + _NEXT_TO_NOTHING)
        return columns


def carry(values: Grid) -> Grid:
    """Fill gaps in time (the last axis) with the week before; before the first, with the first."""
    weeks = values.shape[-1]
    there = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(there, np.arange(weeks), -1), axis=-1)
    first = there.argmax(axis=-1)[..., None]
    return np.take_along_axis(values, np.where(last < 0, first, last), axis=-1)


def _mean(values: Grid) -> Grid:
    """The mean of what is there along the last axis; NaN where nothing is."""
    count = (~np.isnan(values)).sum(axis=-1)
    mean: Grid = np.where(count > 0, np.nansum(values, axis=-1) / np.maximum(count, 1), np.nan)
    return mean


def _median(values: Grid) -> Grid:
    """The median of what is there along the last axis; NaN where nothing is."""
    ranked = np.sort(values, axis=-1)  # NaN last
    count = (~np.isnan(values)).sum(axis=-1)
    middle = np.maximum(np.stack([(count - 1) // 2, count // 2], axis=-1), 0)
    return np.take_along_axis(ranked, middle, axis=-1).mean(axis=-1)


def _highest(values: Grid) -> Grid:
    """The highest along the last axis; NaN where nothing is."""
    highest = np.where(np.isnan(values), -np.inf, values).max(axis=-1)
    return np.where(np.isinf(highest), np.nan, highest)
