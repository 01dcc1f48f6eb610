"""Rolling evaluation: fit on what each round knows, forecast its weeks, measure the error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from demand.protocol import HORIZONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from demand.features import FeatureMaker, Rows
    from demand.models import Model
    from demand.protocol import Round

FIRST_TRAINED_WEEK = 48  # before, a row would have too little past
SIDE_BY_SIDE = 2


class Result(NamedTuple):
    """What one model forecast over all rounds.

    Args:
        name: The model's.
        forecast: Cartons, shape (rows,).
        rounds: Error per round: number -> WAPE in per cent.
        wape: Error over all rounds in per cent.
    """

    name: str
    forecast: NDArray[np.float64]
    rounds: dict[int, float]
    wape: float


class Held(NamedTuple):
    """The rows that the rounds forecast.

    Args:
        rows: Features and true sales.
        round: The round that each row belongs to, shape (rows,).
    """

    rows: Rows
    round: NDArray[np.int64]


def wape(units: NDArray[np.float64], forecast: NDArray[np.float64]) -> float:
    """Absolute error in per cent of all that was sold: sum |units - forecast| / sum units.

    Example:
        >>> wape(np.array([10.0, 30.0]), np.array([12.0, 28.0]))
        10.0
    """
    return float(100 * np.abs(units - forecast).sum() / units.sum())


def training_rows(maker: FeatureMaker, until: int) -> Rows:
    """All rows whose outcome is known at the end of week ``until``.

    Each series and week comes once, with the horizons by turns, so that the two horizons share
    the cost of one.
    """
    pairs = [(week, ahead) for week in range(FIRST_TRAINED_WEEK, until + 1) for ahead in HORIZONS]
    rows = maker.rows(pairs)
    codes = rows.features["store"].cat.codes + rows.features["brand"].cat.codes
    turn = (codes.to_numpy().astype(int) + rows.week) % len(HORIZONS)
    return rows.take(turn == rows.features["horizon"].to_numpy() - HORIZONS[0])


def held_out(maker: FeatureMaker, rounds: Iterable[Round]) -> Held:
    """The rows that the rounds forecast, each with the sales known at its origin."""
    rounds = tuple(rounds)
    rows = maker.rows([pair for one in rounds for pair in one.targets])
    number = {week: one.number for one in rounds for week, _ in one.targets}
    return Held(rows, np.array([number[week] for week in rows.week]))


def roll(model: Model, maker: FeatureMaker, rounds: Iterable[Round], training: Rows) -> Result:
    """Fit a model anew in every round and forecast that round's weeks.

    Args:
        model: The model.
        maker: Makes the forecast rows.
        rounds: The rounds.
        training: All training rows; a round takes those whose outcome it knows.
    """
    rounds = tuple(rounds)
    held = held_out(maker, rounds)
    forecast = np.empty(len(held.round))

    def play(one: Round) -> None:
        asked = held.round == one.number
        answer = model.fit(training.take(training.week <= one.origin))
        forecast[asked] = answer(held.rows.features[asked])

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(play, rounds))
    return measure(model.name, held, forecast)


def measure(name: str, held: Held, forecast: NDArray[np.float64]) -> Result:
    """The errors of forecasts."""
    units = held.rows.units
    errors = {
        int(number): wape(units[held.round == number], forecast[held.round == number])
        for number in np.unique(held.round)
    }
    return Result(name, forecast, errors, wape(units, forecast))
