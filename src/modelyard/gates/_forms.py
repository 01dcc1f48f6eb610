"""Forms of metrics that answer thousands of resamples at once.

Each makes, from a sample, a function from weights of shape (resamples, rows) to figures of shape
(resamples,).  The figure for weights of 1 is the one that scikit-learn's function gives, and so is
it for any other weights; the tests hold every metric to that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from modelyard.core.table import Array

Weighted = Callable[[Array], Array]


class Sample(NamedTuple):
    """Truth and answers, row by row, as metrics take them.

    Args:
        truth: shape (rows,): class codes (int64) or numbers (float64).
        answer: shape (rows,): class codes or numbers; or (rows, classes) probabilities.
        weights: shape (rows,), float64, all above 0.
        classes: How many classes there are; 0 where truth is a number.
        positive: The code of the positive class; -1 where there are more than two classes.
        alpha: The quantile that the pinball loss is about.
    """

    truth: Array
    answer: Array
    weights: Array
    classes: int = 0
    positive: int = -1
    alpha: float = 0.5

    def take(self, rows: Array) -> Sample:
        """Pick rows by mask or index."""
        return self._replace(
            truth=self.truth[rows], answer=self.answer[rows], weights=self.weights[rows]
        )


def ratio(top: Array, bottom: Array) -> Array:
    """Divide; 0 / 0 and anything else over 0 is NaN."""
    defined = bottom != 0
    out: Array = np.full(np.shape(top), np.nan)
    return np.divide(top, bottom, out=out, where=defined)


def moments(terms: Array, finish: Callable[[Array], Array]) -> Weighted:
    """A smooth function of weighted sums.

    Args:
        terms: shape (rows, sums).
        finish: (resamples, sums) -> (resamples,).
    """
    return lambda weights: finish(weights @ terms)


def mean(losses: Array, weights: Array) -> Weighted:
    """A weighted mean of one loss a row."""
    terms = np.column_stack([losses * weights, weights])
    return moments(terms, lambda sums: ratio(sums[:, 0], sums[:, 1]))


def confusion(sample: Sample, finish: Callable[[Array], Array]) -> Weighted:
    """A function of the confusion matrix.

    Args:
        sample: Truth and answers are class codes.
        finish: (resamples, classes, classes), truth by answer -> (resamples,).
    """
    size = sample.classes
    cell = sample.truth * size + sample.answer
    sums = _sums(cell, size * size, sample.weights)
    return lambda drawn: finish(sums(drawn).reshape(len(drawn), size, size))


def _sums(cell: Array, cells: int, weights: Array) -> Weighted:
    """Weights summed by cell: (resamples, rows) -> (resamples, cells)."""
    plain = bool((weights == 1).all())

    def sums(drawn: Array) -> Array:
        heavy = drawn if plain else drawn * weights
        out: Array = np.empty((len(drawn), cells))
        for i, row in enumerate(heavy):
            out[i] = np.bincount(cell, weights=row, minlength=cells)
        return out

    return sums


class Curve(NamedTuple):
    """Weights of hits and misses, summed over steps of scores, from the highest score down.

    Args:
        hits: shape (resamples, steps).
        misses: shape (resamples, steps).
    """

    hits: Array
    misses: Array


Steps = Callable[[Array, Array], Array]
"""Which scores begin a step: (has hits, has misses), one entry a score -> bool."""


class Order(NamedTuple):
    """A figure of the order of scores: where its steps begin, and its finish."""

    steps: Steps
    finish: Callable[[Curve], Array]


def ranked(scores: Array, hit: Array, weights: Array, order: Order) -> Weighted:
    """A figure of the order of scores, rows of one score tied.

    Neighbouring scores that the figure cannot tell apart, whatever the weights, are summed into
    one step first: where hits are rare, few steps remain.

    Args:
        scores: shape (rows,).
        hit: shape (rows,), whether the row is of the class that should score high.
        weights: shape (rows,).
        order: The figure.
    """
    _, tie = np.unique(-scores, return_inverse=True)
    ties = int(tie.max()) + 1
    has_hits = np.bincount(tie[hit], minlength=ties) > 0
    has_misses = np.bincount(tie[~hit], minlength=ties) > 0
    begins = order.steps(has_hits, has_misses)
    begins[0] = True
    step = (np.cumsum(begins) - 1)[tie]
    steps = int(begins.sum())
    sums = _sums(np.where(hit, step, step + steps), 2 * steps, weights)

    def figures(drawn: Array) -> Array:
        both = sums(drawn)
        return order.finish(Curve(both[:, :steps], both[:, steps:]))

    return figures


def _area_steps(has_hits: Array, has_misses: Array) -> Array:
    """A run of scores with hits only, or with misses only, is one step of the ROC curve."""
    kind = has_hits * 1 + has_misses * 2
    mixed = has_hits & has_misses
    return np.asarray(np.r_[True, (kind[1:] != kind[:-1]) | mixed[1:]])


def _area(curve: Curve) -> Array:
    below = np.cumsum(curve.hits, axis=1)
    pairs = np.einsum("ij,ij->i", curve.misses, below - curve.hits / 2)
    return ratio(pairs, below[:, -1] * curve.misses.sum(axis=1))


def _precision_steps(has_hits: Array, has_misses: Array) -> Array:  # noqa: ARG001 - hits decide
    """Precision is asked at scores that have hits; misses before such a score belong to it."""
    return np.asarray(np.r_[True, has_hits[:-1]])


def _precision(curve: Curve) -> Array:
    found = np.cumsum(curve.hits, axis=1)
    shown = found + np.cumsum(curve.misses, axis=1)
    precision = np.divide(found, shown, out=np.zeros_like(found), where=shown > 0)
    return ratio(np.einsum("ij,ij->i", curve.hits, precision), found[:, -1])


ROC_AREA = Order(_area_steps, _area)
"""The area under the ROC curve; a tie counts half (Mann and Whitney)."""

AVERAGE_PRECISION = Order(_precision_steps, _precision)
"""The sum of precision over steps of recall, as scikit-learn sums it (no interpolation)."""
