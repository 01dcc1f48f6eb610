"""Metrics of our own where scikit-learn has none: calibration error, WAPE, many-class Brier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn import metrics

from modelyard.gates import _forms as forms
from modelyard.gates._forms import Sample, Weighted, ratio

if TYPE_CHECKING:
    from modelyard.core.table import Array

ECE_BINS = 15


def expected_calibration_error(sample: Sample) -> float:
    """How far probabilities lie from what happens, on average over 15 bins of equal width.

    ``ECE = sum over bins b of (n_b / n) * |mean outcome in b - mean probability in b|``.  With
    two classes the probability is that of the positive class (Naeini et al.); with more it is the
    highest one, and the outcome is whether that class came true (Guo et al.).  Finite samples
    push it up, a perfectly calibrated model shows more than 0, and resamples push again: read its
    interval as cautious.

    References:
        M. Naeini, G. Cooper, M. Hauskrecht, Obtaining well calibrated probabilities using
        Bayesian binning, AAAI 2015.
        C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On calibration of modern neural networks,
        ICML 2017.

    Example:
        >>> sure = np.array([[0.1, 0.9], [0.1, 0.9]])
        >>> sample = Sample(np.array([1, 0]), sure, np.ones(2), classes=2, positive=1)
        >>> round(expected_calibration_error(sample), 3)
        0.4
    """
    probability, outcome = _calibration(sample)
    bins = _bin(probability)
    gaps = np.bincount(bins, weights=(outcome - probability) * sample.weights, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / sample.weights.sum())


def wape(sample: Sample) -> float:
    """Weighted absolute percentage error: ``sum |y - p| / sum |y|``, as a share (0.42, not 42).

    Unlike MAPE it is defined where some y are 0, and it weighs an error by its size.

    References:
        S. Kolassa, W. Schütz, Advantages of the MAD/Mean ratio over the MAPE, Foresight 6 (2007).

    Example:
        >>> wape(Sample(np.array([1.0, 3.0]), np.array([2.0, 3.0]), np.ones(2)))
        0.25
    """
    error = np.abs(sample.truth - sample.answer)
    return float((error * sample.weights).sum() / (np.abs(sample.truth) * sample.weights).sum())


def brier(sample: Sample) -> float:
    """The mean square of probabilities' errors: Brier's, from 0 to 1 for two classes, else to 2.

    With two classes it is scikit-learn's ``brier_score_loss``, with more Brier's original sum
    over all classes.

    References:
        G. Brier, Verification of forecasts expressed in terms of probability, 1950.
    """
    if sample.positive >= 0:
        truth = sample.truth == sample.positive
        score = sample.answer[:, sample.positive]
        return float(metrics.brier_score_loss(truth, score, sample_weight=sample.weights))
    return float(np.average(brier_losses(sample), weights=sample.weights))


def brier_losses(sample: Sample) -> Array:
    """The losses of which ``brier`` is the mean."""
    if sample.positive >= 0:
        truth = sample.truth == sample.positive
        return np.asarray(np.square(sample.answer[:, sample.positive] - truth))
    truth = np.arange(sample.answer.shape[1])[None, :] == sample.truth[:, None]
    return np.asarray(np.square(sample.answer - truth).sum(axis=1))


def _calibration(sample: Sample) -> tuple[Array, Array]:
    if sample.positive >= 0:
        return sample.answer[:, sample.positive], sample.truth == sample.positive
    return sample.answer.max(axis=1), sample.answer.argmax(axis=1) == sample.truth


def _bin(probability: Array) -> Array:
    return np.minimum((probability * ECE_BINS).astype(np.int64), ECE_BINS - 1)


def ece_fast(sample: Sample) -> Weighted:
    """``expected_calibration_error`` for many resamples."""
    probability, outcome = _calibration(sample)
    terms = np.zeros((len(probability), ECE_BINS + 1))
    rows = np.arange(len(probability))
    terms[rows, _bin(probability)] = (outcome - probability) * sample.weights
    terms[:, -1] = sample.weights
    return forms.moments(terms, lambda s: ratio(np.abs(s[:, :-1]).sum(axis=1), s[:, -1]))


def wape_fast(sample: Sample) -> Weighted:
    """``wape`` for many resamples."""
    terms = (
        np.column_stack([np.abs(sample.truth - sample.answer), np.abs(sample.truth)])
        * sample.weights[:, None]
    )
    return forms.moments(terms, lambda sums: ratio(sums[:, 0], sums[:, 1]))
