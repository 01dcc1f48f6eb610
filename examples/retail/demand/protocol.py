"""The published protocol: which weeks train a round, and which it forecasts.

The retail track (Dominick's orange juice) of Microsoft's forecasting benchmark, TSPerf: every
second week a model may learn from all weeks so far and forecasts the weeks two and three weeks
ahead; one week in between is what it takes to order.  Rounds 1-6 forecast weeks 137-148.
"""

from __future__ import annotations

from typing import NamedTuple

HORIZONS = (2, 3)  # weeks from the last known week to the forecast one
FIRST_ORIGIN = 135


class Round(NamedTuple):
    """One forecast occasion.

    Args:
        number: 1, 2, ...
        origin: The last week whose sales are known.
    """

    number: int
    origin: int

    @property
    def targets(self) -> tuple[tuple[int, int], ...]:
        """The (week, horizon) pairs that are forecast."""
        return tuple((self.origin + ahead, ahead) for ahead in HORIZONS)


ROUNDS = tuple(Round(number, FIRST_ORIGIN + 2 * (number - 1)) for number in range(1, 7))

TUNING = tuple(Round(number, origin) for number, origin in enumerate(range(95, 134, 2), 1))
"""Twenty earlier occasions, weeks 97-136; ``tune.py`` compares settings on them."""
