"""Timing that holds on noisy machines: rounds in turn, medians, ratios pair by pair."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results"


class Pair(NamedTuple):
    """Ours beside theirs: medians in microseconds, and the median of the ratios theirs / ours."""

    name: str
    ours: float
    theirs: float
    times: float


def measure(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    calls: int,
    rounds: int = 15,
) -> Pair:
    """Time two calls in turn, ``rounds`` times ``calls`` each, after a warm-up."""
    for call in (ours, theirs):
        call()
    mine, other = [], []
    for _ in range(rounds):
        mine.append(_once(ours, calls))
        other.append(_once(theirs, calls))
    ratios = [b / a for a, b in zip(mine, other, strict=True)]
    return Pair(name, statistics.median(mine), statistics.median(other), statistics.median(ratios))


def report(title: str, pairs: list[Pair], head: tuple[str, str]) -> None:
    """Print a table, and write it as JSON beside the benchmark."""
    print(f"\n{title}\n{'':34}{head[0]:>14}{head[1]:>14}{'ratio':>9}")
    for pair in pairs:
        print(f"{pair.name:34}{pair.ours:11.1f} us{pair.theirs:11.1f} us{pair.times:8.1f}x")
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{title.split(':', maxsplit=1)[0].replace(' ', '_')}.json"
    file.write_text(json.dumps([pair._asdict() for pair in pairs], indent=1) + "\n")


def _once(call: Callable[[], object], calls: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return (time.perf_counter_ns() - start) / calls / 1000
