"""The bootstrap: how far a figure could lie off, by drawing the rows again and again.

A statistic is a function of weights: ``statistic(weights of shape (resamples, units)) ->
(resamples, figures)``.  A resample counts how often each unit was drawn; that is its weight.  A
unit is a row, or a whole group of rows that depend on each other (one store, one customer, one
week): groups are drawn whole (the cluster bootstrap), for rows of one group say the same thing
twice, and an interval that counts them as independent is too narrow.  Figures of one call see the
same resamples, so a difference of two of them is paired.

Intervals are bias-corrected and accelerated (BCa): second-order accurate where the plain
percentile interval is first-order, which shows in skewed figures (errors of sales, rare classes),
and equal to the percentile interval where there is no skew.  The acceleration comes from a
delete-a-block jackknife of at most 200 blocks, so it needs no formula for a metric and costs
little.  Where BCa is not defined (the estimate lies outside all resamples) the percentile
interval stands in.  Either is expanded for few units: resamples of n units vary by a factor
sqrt((n - 1) / n) too little, and n units call for Student's t, not for the normal law; with ten
stores that is the difference between covering 90 times of 100 and 95.

References:
    B. Efron, Better bootstrap confidence intervals, JASA 82 (1987) 171-185.
    T. DiCiccio, B. Efron, Bootstrap confidence intervals, Statistical Science 11 (1996) 189-228.
    T. Hesterberg, What teachers should know about the bootstrap, The American Statistician 69
    (2015) 371-386 (the expanded percentile interval).
    C. Field, A. Welsh, Bootstrapping clustered data, JRSS B 69 (2007) 369-390.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from modelyard.core.table import Array

Statistic = Callable[[Array], Array]

CHUNK = 2**18  # weights made at once: 2 MiB of doubles stay in a core's cache
_BLOCKS = 200
_SURE = 10  # resamples beyond a point that make a tail probability trustworthy
_LEAST_TAIL = 1e-12  # two units call for more than any number of resamples can show
_FEWEST = 2  # units below which nothing can be said of their spread
_ROUNDING = 1e-9  # of a standard error
_NORMAL = NormalDist()


class Plan(NamedTuple):
    """How to draw: two-sided ``confidence``, number of ``resamples``, ``seed``."""

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0


class Interval(NamedTuple):
    """A figure with its confidence interval.

    Args:
        estimate: The figure on the rows as they are.
        low: The lower end.
        high: The upper end.
        error: The standard error: the deviation of the resampled figures.
        method: ``bca``, ``percentile`` or ``exact`` (see ``widen``).
        undefined: The share of resamples in which the figure is not defined.
        below: The probability, seen from the data, of a true figure of 0 or less: the one-sided
            p-value of the hypothesis that it is 0 or less.
    """

    estimate: float
    low: float
    high: float
    error: float
    method: str
    undefined: float
    below: float

    @property
    def above(self) -> float:
        """The one-sided p-value of the hypothesis that the true figure is 0 or more."""
        return 1 - self.below


def seed_of(*parts: str) -> int:
    """Make a seed of texts, so that the same data always give the same verdict.

    Example:
        >>> seed_of("sha256:00", "auc") == seed_of("sha256:00", "auc")
        True
    """
    text = "\n".join(parts).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def bootstrap(statistic: Statistic, units: int, plan: Plan) -> list[Interval]:
    """Estimate every figure of a statistic, with its interval.

    Args:
        statistic: (resamples, units) weights -> (resamples, figures).
        units: How many rows or groups there are to draw from; at least 1.
        plan: How to draw.

    Example:
        >>> data = np.array([1.0, 2.0, 3.0, 4.0])
        >>> mean = lambda weights: (weights @ data / weights.sum(axis=1))[:, None]
        >>> bootstrap(mean, 4, Plan())[0].estimate
        2.5
    """
    observed = statistic(np.ones((1, units)))[0]
    drawn = resample(statistic, units, plan)
    left_out = jackknife(statistic, units, plan.seed) if units > 1 else observed[None]
    tail = _expanded((1 - plan.confidence) / 2, units)
    return [
        _interval(float(observed[i]), drawn[:, i], left_out[:, i], _Tails(tail, units))
        for i in range(len(observed))
    ]


def resample(statistic: Statistic, units: int, plan: Plan) -> Array:
    """The statistic on resamples: shape (resamples, figures)."""
    random = np.random.default_rng(plan.seed)
    step = max(1, min(plan.resamples, CHUNK // units))
    parts = []
    for start in range(0, plan.resamples, step):
        count = min(step, plan.resamples - start)
        drawn = random.integers(0, units, (count, units))
        drawn += np.arange(count)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=count * units)
        parts.append(statistic(counts.reshape(count, units).astype(np.float64)))
    return np.concatenate(parts)


def jackknife(statistic: Statistic, units: int, seed: int) -> Array:
    """The statistic with each of at most 200 random blocks left out: shape (blocks, figures)."""
    blocks = min(units, _BLOCKS)
    member = np.arange(units) % blocks
    if units > blocks:
        np.random.default_rng(seed).shuffle(member)
    step = max(1, min(blocks, CHUNK // units))
    parts = []
    for start in range(0, blocks, step):
        block = np.arange(start, min(start + step, blocks))
        parts.append(statistic((member[None, :] != block[:, None]).astype(np.float64)))
    return np.concatenate(parts)


def widen(
    interval: Interval, support: int, bounds: tuple[float, float], confidence: float
) -> Interval:
    """Widen an interval that resamples call certain: no row differs, so no resample does.

    ``support`` rows without one exception leave room, at that confidence, for a share
    ``1 - (alpha / 2) ** (1 / support)`` of rows that differ (Clopper and Pearson 1934; about
    ``3 / support``, "the rule of three").  A figure that lies between bounds can differ by no more
    than that share of the way to each bound.

    Example:
        >>> sure = Interval(1.0, 1.0, 1.0, 0.0, "percentile", 0.0, 0.0)
        >>> round(widen(sure, 100, (0.0, 1.0), 0.95).low, 3)
        0.964
    """
    if interval.error > 0 or support < 1:
        return interval
    share = 1 - ((1 - confidence) / 2) ** (1 / support)
    low = interval.estimate - share * (interval.estimate - bounds[0])
    high = interval.estimate + share * (bounds[1] - interval.estimate)
    return interval._replace(low=low, high=high, method="exact")


def more_units(interval: Interval, units: int, distance: float, confidence: float) -> int | None:
    """How many more units (rows, groups) would decide, or None where none would.

    The sample size at which a true distance like the one seen is found, at the gate's confidence,
    with a power of 80 %::

        n = variance * ((z(1 - alpha/2) + z(0.8)) / distance) ** 2

    with the variance of one unit taken from the bootstrap (for a champion it is that of the
    paired difference), ``variance = n_now * error ** 2``.

    References:
        S.-C. Chow, J. Shao, H. Wang, Sample Size Calculations in Clinical Research, 2nd ed.
        (2008), section 3.1 (tests of non-inferiority).
    """
    if not distance or not math.isfinite(interval.error):
        return None
    z = _NORMAL.inv_cdf((1 + confidence) / 2) + _NORMAL.inv_cdf(0.8)
    error = interval.error or (interval.high - interval.low) / 2 / z
    needed = units * (z * error / distance) ** 2
    return None if needed > _ENDLESS else max(1, math.ceil(needed - units))


_ENDLESS = 1e12


class _Tails(NamedTuple):
    """The share of resamples outside the interval on each side, and how many units there are."""

    share: float
    units: int


def _expanded(tail: float, units: int) -> float:
    """The tail at which an interval of so few units must be read to mean ``tail``."""
    if units < _FEWEST:
        return tail
    t = float(stdtrit(units - 1, tail))
    return max(_NORMAL.cdf(t * math.sqrt(units / (units - 1))), _LEAST_TAIL)


def _narrowed(z: float, units: int) -> float:
    """The inverse: the probability that a normal deviate of resamples means."""
    if units < _FEWEST:
        return _NORMAL.cdf(z)
    return float(stdtr(units - 1, z * math.sqrt((units - 1) / units)))


def _interval(estimate: float, drawn: Array, left_out: Array, outside: _Tails) -> Interval:
    defined = np.sort(drawn[np.isfinite(drawn)])
    undefined = 1 - len(defined) / len(drawn)
    if not math.isfinite(estimate) or not len(defined):
        return Interval(estimate, math.nan, math.nan, math.nan, "percentile", undefined, math.nan)
    error = float(defined.std()) if defined[0] < defined[-1] else 0.0
    if error <= 1e-12 * max(1.0, abs(estimate)):  # what rounding alone makes
        below = 0.5 if estimate == 0 else float(estimate < 0)
        return Interval(estimate, estimate, estimate, 0.0, "percentile", undefined, below)
    shift = _bias(estimate, defined, error)
    speed = _acceleration(left_out[np.isfinite(left_out)])
    tails = [outside.share, 1 - outside.share]
    corrected = [_corrected(tail, shift, speed) for tail in tails]
    method = "bca"
    if any(math.isnan(tail) for tail in corrected):
        method, shift, speed, corrected = "percentile", 0.0, 0.0, tails
    low, high = np.quantile(defined, corrected)
    z = _deviate(defined, estimate, error, (shift, speed))
    below = min(max(_narrowed(z, outside.units), 1e-300), 1.0)
    return Interval(estimate, float(low), float(high), error, method, undefined, below)


def _share_below(defined: Array, point: float, error: float) -> float:
    """The share of sorted values below a point; those that only rounding parts count half."""
    near = _ROUNDING * error
    left = np.searchsorted(defined, point - near, "left")
    right = np.searchsorted(defined, point + near, "right")
    return float(left + right) / 2 / len(defined)


def _bias(estimate: float, defined: Array, error: float) -> float:
    share = _share_below(defined, estimate, error)
    return _NORMAL.inv_cdf(share) if 0 < share < 1 else math.nan


def _acceleration(left_out: Array) -> float:
    if len(left_out) < 2:  # noqa: PLR2004 - one block has no deviation
        return 0.0
    influence = left_out.mean() - left_out
    square = float((influence**2).sum())
    return float((influence**3).sum()) / (6 * square**1.5) if square > 0 else 0.0


def _corrected(tail: float, shift: float, speed: float) -> float:
    """The share of resamples that BCa puts a tail at; NaN where it has none."""
    moved = shift + _NORMAL.inv_cdf(tail)
    if math.isnan(moved) or speed * moved >= 1:
        return math.nan
    return _NORMAL.cdf(shift + moved / (1 - speed * moved))


def _deviate(defined: Array, estimate: float, error: float, bca: tuple[float, float]) -> float:
    """Invert the interval at 0: the normal deviate of a true figure of 0 or less.

    Where fewer than 10 resamples lie on one side of 0 the resamples cannot resolve the tail;
    there the normal approximation says how small it is.
    """
    shift, speed = bca
    share = _share_below(defined, 0.0, error)
    if min(share, 1 - share) * len(defined) < _SURE:
        return -estimate / error
    moved = _NORMAL.inv_cdf(share) - shift
    if 1 + speed * moved <= 0:
        return -estimate / error
    return moved / (1 + speed * moved) - shift
