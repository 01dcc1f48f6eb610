"""Metrics by name: scikit-learn's functions, and three of our own.

A metric knows which output it reads, whether more of it is better, between which bounds it lies,
when it is not defined, and a form that answers many resamples at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from sklearn import metrics

from modelyard.gates import _forms as forms
from modelyard.gates import _own as own
from modelyard.gates._forms import Sample, Weighted, ratio

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.core.table import Array

Reads = Literal["label", "probabilities", "prediction"]


class Metric(NamedTuple):
    """One metric.

    Args:
        name: As in ``modelyard.toml``.
        reads: The kind of output it is computed from.
        higher: Whether more is better.
        score: Its value on a sample.
        fast: Its form for resamples, equal to ``score`` for any weights.
        bounds: Between what it lies, where it has bounds on both sides.
        scarce: Whether the rows of the rarest class decide how well it is known.
        undefined: Why it is not defined on a sample; "" where it is.
    """

    name: str
    reads: Reads
    higher: bool
    score: Callable[[Sample], float]
    fast: Callable[[Sample], Weighted]
    bounds: tuple[float, float] | None = None
    scarce: bool = False
    undefined: Callable[[Sample], str] = lambda _: ""


# Labels: figures of the confusion matrix.


def _labels(sample: Sample) -> dict[str, Any]:
    """The arguments of scikit-learn's precision, recall and F1.

    Two classes: those of the positive one.  More: the mean over the classes that occur; a class
    whose figure is 0 / 0 is left out.
    """
    common = {"sample_weight": sample.weights, "zero_division": np.nan}
    if sample.positive >= 0:
        truth, answer = sample.truth == sample.positive, sample.answer == sample.positive
        return {"y_true": truth, "y_pred": answer, **common}
    return {"y_true": sample.truth, "y_pred": sample.answer, "average": "macro", **common}


def _by_class(top: str, bottom: tuple[str, ...]) -> Callable[[Sample], Weighted]:
    """A ratio of sums of the confusion matrix: of the positive class, or the mean over classes."""

    def fast(sample: Sample) -> Weighted:
        def finish(cells: Array) -> Array:
            sums = {
                "hits": np.einsum("rcc->rc", cells),
                "true": cells.sum(axis=2),
                "said": cells.sum(axis=1),
            }
            factor = len(bottom)
            each = ratio(factor * sums[top], sum((sums[name] for name in bottom), np.zeros(1)))
            return each[:, sample.positive] if sample.positive >= 0 else _mean_defined(each)

        return forms.confusion(sample, finish)

    return fast


def _mean_defined(each: Array) -> Array:
    defined = np.isfinite(each)
    return ratio(np.where(defined, each, 0.0).sum(axis=1), defined.sum(axis=1))


def _balanced(cells: Array) -> Array:
    return _mean_defined(ratio(np.einsum("rcc->rc", cells), cells.sum(axis=2)))


def _matthews(cells: Array) -> Array:
    total = cells.sum(axis=(1, 2))
    true, said = cells.sum(axis=2), cells.sum(axis=1)
    top = np.einsum("rcc->r", cells) * total - (true * said).sum(axis=1)
    left = total**2 - (said**2).sum(axis=1)
    right = total**2 - (true**2).sum(axis=1)
    flat = (left <= 0) | (right <= 0)
    return np.where(flat, 0.0, ratio(top, np.sqrt(np.where(flat, 0.0, left * right))))


def _label(name: str, **rest: Any) -> Metric:
    return Metric(name=name, reads="label", higher=True, **({"bounds": (0.0, 1.0)} | rest))


def _positives(sample: Sample) -> str:
    if sample.positive >= 0 and not (sample.truth == sample.positive).any():
        return "no labelled row is of the positive class"
    return ""


def _predicted(sample: Sample) -> str:
    if sample.positive >= 0 and not (sample.answer == sample.positive).any():
        return "the model answers the positive class for no labelled row"
    return ""


def _two_classes(sample: Sample) -> str:
    truth = sample.truth == sample.positive if sample.positive >= 0 else sample.truth
    return "" if len(np.unique(truth)) > 1 else "all labelled rows are of one class"


# Probabilities: figures of the order of scores, or a mean of losses.


def _class_scores(sample: Sample) -> list[tuple[Array, Array]]:
    """(score, whether the row is of the class) of the positive class, or of each that occurs."""
    if sample.positive >= 0:
        codes = [sample.positive]
    else:
        codes = [int(code) for code in np.unique(sample.truth)]
    return [(sample.answer[:, code], sample.truth == code) for code in codes]


def _ranked(order: forms.Order) -> Callable[[Sample], Weighted]:
    def fast(sample: Sample) -> Weighted:
        figures = [
            forms.ranked(score, hit, sample.weights, order) for score, hit in _class_scores(sample)
        ]
        return lambda weights: np.mean([figure(weights) for figure in figures], axis=0)

    return fast


def _over_classes(function: Callable[..., float]) -> Callable[[Sample], float]:
    """The positive class against the rest, or the mean of each class against the rest."""

    def score(sample: Sample) -> float:
        return float(
            np.mean(
                [
                    function(hit, scores, sample_weight=sample.weights)
                    for scores, hit in _class_scores(sample)
                ]
            )
        )

    return score


def _log_loss(sample: Sample) -> float:
    labels = np.arange(sample.answer.shape[1])
    return float(
        metrics.log_loss(sample.truth, sample.answer, labels=labels, sample_weight=sample.weights)
    )


def _log_losses(sample: Sample) -> Array:
    chosen = sample.answer[np.arange(len(sample.truth)), sample.truth]
    tiny = np.finfo(sample.answer.dtype).eps  # scikit-learn clips there
    return np.asarray(-np.log(np.clip(chosen, tiny, 1 - tiny)))


# Numbers.


def _number(name: str, function: Callable[..., float], losses: Callable[[Sample], Array]) -> Metric:
    def score(sample: Sample) -> float:
        return float(function(sample.truth, sample.answer, sample_weight=sample.weights))

    def fast(sample: Sample) -> Weighted:
        return forms.mean(losses(sample), sample.weights)

    return Metric(name, "prediction", higher=False, score=score, fast=fast)


def _absolute(sample: Sample) -> Array:
    return np.asarray(np.abs(sample.truth - sample.answer))


def _square(sample: Sample) -> Array:
    return np.asarray(np.square(sample.truth - sample.answer))


def _percentage(sample: Sample) -> Array:
    return np.asarray(_absolute(sample) / np.abs(sample.truth))


def _pinball(sample: Sample) -> Array:
    over = sample.truth - sample.answer
    return np.asarray(np.maximum(sample.alpha * over, (sample.alpha - 1) * over))


def _pinball_score(sample: Sample) -> float:
    return float(
        metrics.mean_pinball_loss(
            sample.truth, sample.answer, sample_weight=sample.weights, alpha=sample.alpha
        )
    )


def _rmse_fast(sample: Sample) -> Weighted:
    squares = forms.mean(_square(sample), sample.weights)
    return lambda weights: np.sqrt(squares(weights))


def _r2_fast(sample: Sample) -> Weighted:
    centred = sample.truth - sample.truth.mean()  # else the difference of squares loses digits
    terms = np.column_stack([np.ones_like(centred), centred, centred**2, _square(sample)])
    terms *= sample.weights[:, None]

    def finish(sums: Array) -> Array:
        spread = sums[:, 2] - ratio(sums[:, 1] ** 2, sums[:, 0])
        return 1 - ratio(sums[:, 3], np.where(spread > 0, spread, 0.0))

    return forms.moments(terms, finish)


def _constant(sample: Sample) -> str:
    return "" if np.ptp(sample.truth) > 0 else "all labels are equal"


def _some_zero(sample: Sample) -> str:
    return "" if (sample.truth != 0).all() else "some labels are 0; use wape"


def _all_zero(sample: Sample) -> str:
    return "" if (sample.truth != 0).any() else "all labels are 0"


def _accuracy(cells: Array) -> Array:
    return ratio(np.einsum("rcc->r", cells), cells.sum(axis=(1, 2)))


def _prf(function: Callable[..., float]) -> Callable[[Sample], float]:
    return lambda sample: float(function(**_labels(sample)))


def _plain(function: Callable[..., float]) -> Callable[[Sample], float]:
    return lambda s: float(function(s.truth, s.answer, sample_weight=s.weights))


def _confusion(finish: Callable[[Array], Array]) -> Callable[[Sample], Weighted]:
    return lambda sample: forms.confusion(sample, finish)


def _probability(name: str, **rest: Any) -> Metric:
    return Metric(name=name, reads="probabilities", **({"bounds": (0.0, 1.0)} | rest))


_ALL = (
    _label("accuracy", score=_plain(metrics.accuracy_score), fast=_confusion(_accuracy)),
    _label(
        "balanced_accuracy",
        score=_plain(metrics.balanced_accuracy_score),
        fast=_confusion(_balanced),
        scarce=True,
        undefined=_two_classes,
    ),
    _label(
        "f1",
        score=_prf(metrics.f1_score),
        fast=_by_class("hits", ("true", "said")),
        scarce=True,
        undefined=_positives,
    ),
    _label(
        "precision",
        score=_prf(metrics.precision_score),
        fast=_by_class("hits", ("said",)),
        scarce=True,
        undefined=_predicted,
    ),
    _label(
        "recall",
        score=_prf(metrics.recall_score),
        fast=_by_class("hits", ("true",)),
        scarce=True,
        undefined=_positives,
    ),
    _label(
        "matthews",
        score=_plain(metrics.matthews_corrcoef),
        fast=_confusion(_matthews),
        bounds=(-1.0, 1.0),
        scarce=True,
        undefined=_two_classes,
    ),
    _probability(
        "roc_auc",
        higher=True,
        score=_over_classes(metrics.roc_auc_score),
        fast=_ranked(forms.ROC_AREA),
        scarce=True,
        undefined=_two_classes,
    ),
    _probability(
        "average_precision",
        higher=True,
        score=_over_classes(metrics.average_precision_score),
        fast=_ranked(forms.AVERAGE_PRECISION),
        scarce=True,
        undefined=_two_classes,
    ),
    _probability(
        "log_loss",
        higher=False,
        score=_log_loss,
        fast=lambda s: forms.mean(_log_losses(s), s.weights),
        bounds=None,
    ),
    _probability(
        "brier",
        higher=False,
        score=own.brier,
        fast=lambda s: forms.mean(own.brier_losses(s), s.weights),
        bounds=(0.0, 2.0),
    ),
    _probability("ece", higher=False, score=own.expected_calibration_error, fast=own.ece_fast),
    _number("mae", metrics.mean_absolute_error, _absolute),
    _number("mse", metrics.mean_squared_error, _square),
    _number("rmse", metrics.root_mean_squared_error, _square)._replace(fast=_rmse_fast),
    _number("mape", metrics.mean_absolute_percentage_error, _percentage)._replace(
        undefined=_some_zero
    ),
    Metric(
        "pinball",
        "prediction",
        higher=False,
        score=_pinball_score,
        fast=lambda s: forms.mean(_pinball(s), s.weights),
    ),
    Metric(
        "wape", "prediction", higher=False, score=own.wape, fast=own.wape_fast, undefined=_all_zero
    ),
    Metric(
        "r2",
        "prediction",
        higher=True,
        score=_plain(metrics.r2_score),
        fast=_r2_fast,
        undefined=_constant,
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""name -> Metric."""
