"""From a grocery chain's raw sales to a served, gated, hot-swapped demand forecast.

Run it with ``make demo``.  It needs no network and writes to ``examples/retail/.work`` only.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from demand import models, report
from demand.data import lay_out, read_sales
from demand.evaluate import Held, Result, held_out, measure, roll, training_rows
from demand.features import FEATURES, FeatureMaker, Rows
from demand.inventory import at_fill_rate
from demand.protocol import FIRST_ORIGIN, ROUNDS
from demand.serving import Candidate, GateError, Live, Swap, Yard, lines
from demand.smoothing import ALPHA, fit_smoothing
from threadpoolctl import threadpool_limits

STARTED = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


def step(text: str) -> None:
    say("")
    say(f"== {text}")


def compare(maker: FeatureMaker, training: Rows, held: Held) -> list[report.Line]:
    """Every model, refitted in every round."""
    found = []
    for model in models.MODELS:
        found.append(roll(model, maker, ROUNDS, training))
        tell(found[-1])
    regression, trees = found[-2:]
    average = np.sqrt(regression.forecast * trees.forecast)
    found.append(measure(models.AVERAGE, held, average))
    tell(found[-1])
    return [report.Line(one, at_fill_rate(held.rows.units, one.forecast)) for one in found]


def tell(result: Result) -> None:
    by_round = " ".join(f"{error:5.1f}" for error in result.rounds.values())
    say(f"{result.name:<32} WAPE {result.wape:5.1f} %   by round {by_round}")


def live(yard: Yard, training: Rows, held: Held) -> Swap:
    """Version 1 is built, gated, promoted and served; version 2 replaces it under requests."""
    features = held.rows.features

    step(f"version 1: {models.SMOOTHING.name} (alpha {ALPHA}), the incumbent")
    incumbent = Candidate("incumbent", fit_smoothing(training.features), {"alpha": ALPHA})
    first = yard.build(incumbent, training)
    yard.gate(first, held)
    yard.promote(yard.register(first))
    say("promoted to production")

    step("serve the champion from a process of its own")
    with yard.serve() as server:
        say(f"serving at {server.url}")

        step(f"version 2: {models.BOOSTED_PLAN.name}, the candidate")
        settings = {"trained_until_week": FIRST_ORIGIN, "seed": models.SEED}
        candidate = Candidate("candidate", models.fit_candidate(training), settings)
        say(f"trained once, on {len(training.units):,} rows of weeks up to {FIRST_ORIGIN}")
        second = yard.build(candidate, training)
        once = measure(models.BOOSTED_PLAN.name, held, yard.predict(second, features))
        say(f"WAPE of the served model on weeks 137-148, never refitted: {once.wape:.1f} %")
        yard.gate(second, held)
        yard.register(second)

        step("live requests; the new version is promoted under them")
        swap = Live(yard, features, say).swap(server.url, first, second)
        for line in lines(swap.counts):
            say(line)
    return swap


def main() -> int:
    step("raw sales -> features")
    panel = lay_out(read_sales())
    maker = FeatureMaker(panel)
    training = training_rows(maker, ROUNDS[-1].origin)
    held = held_out(maker, ROUNDS)
    say(
        f"{len(panel.stores)} stores x {len(panel.brands)} brands x {len(panel.weeks)} weeks;"
        f" {len(training.units):,} training and {len(held.round):,} test rows of"
        f" {len(FEATURES)} features"
    )

    step("six rounds: fit on what each knows, forecast two and three weeks ahead")
    found = compare(maker, training, held)

    try:
        swap = live(Yard(say), training.take(training.week <= FIRST_ORIGIN), held)
    except GateError as e:
        say(f"NOT PROMOTED: {e}")
        return 1

    step("result")
    report.show(found, held, swap)
    say(f"done in {time.monotonic() - STARTED:.0f} s")
    return 0 if swap.counts.failed == swap.counts.wrong == 0 else 1


if __name__ == "__main__":
    with threadpool_limits(1):  # two fits run side by side; more threads would only get in the way
        sys.exit(main())
