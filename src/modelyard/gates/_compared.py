"""Figures that say on which side of a limit a model is: above 0 is the right side.

Two kinds of limit: a threshold, and the champion with a margin.  A champion is compared on the
same rows and in the same resamples, so what makes a row hard for both falls out of the difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from modelyard.core.table import Array
    from modelyard.gates._forms import Sample
    from modelyard.gates._measured import Figures
    from modelyard.gates._metrics import Metric

VALUE, SLACK, CHAMPION, GAIN = range(4)
"""The columns of figures; a threshold has the first two."""


class Threshold(NamedTuple):
    """A bound that the metric must not pass: a least value, or a greatest."""

    bound: float
    least: bool


class Margin(NamedTuple):
    """How much worse than the champion is still no worse: in units of the metric, or as a share."""

    amount: float
    relative: bool


def against_threshold(metric: Metric, candidate: Sample, threshold: Threshold) -> Figures:
    """Figures (value, slack): how far the metric is on the right side of a threshold."""
    fast = metric.fast(candidate)
    sign = 1.0 if threshold.least else -1.0

    def figures(weights: Array) -> Array:
        value = fast(weights)
        return np.column_stack([value, sign * (value - threshold.bound)])

    return figures


def against_champion(
    metric: Metric, candidate: Sample, champion: Sample, margin: Margin
) -> Figures:
    """Figures (value, slack, champion, gain): ``slack = gain + margin``.

    The gain is above 0 where the candidate is better, whichever way the metric counts.  A relative
    margin is a share of the champion's own figure in the same resample, so that the champion's
    uncertainty is in the interval too.
    """
    fast, other = metric.fast(candidate), metric.fast(champion)
    sign = 1.0 if metric.higher else -1.0

    def figures(weights: Array) -> Array:
        value, champion_value = fast(weights), other(weights)
        gain = sign * (value - champion_value)
        allowed = margin.amount * (np.abs(champion_value) if margin.relative else 1.0)
        return np.column_stack([value, gain + allowed, champion_value, gain])

    return figures
