"""Estimators that are a matrix product and a link: linear models, discriminants, Bayes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import cross_decomposition, discriminant_analysis, linear_model, naive_bayes, svm
from sklearn._loss.link import IdentityLink, LogLink

from modelyard.conversion.sklearn_conversion import Classified, Conversion, Predicted
from modelyard.conversion.sklearn_graph import Matrix, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Answer


def regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    """Any model whose prediction is ``x @ coef_.T + intercept_``."""
    coefficients = np.asarray(model.coef_, np.float64)
    flat = coefficients.ndim == 1
    weights = np.atleast_2d(coefficients).T
    y = c.linear(c.dense(matrix), weights, model.intercept_)
    return Predicted(y, None if flat else weights.shape[1])


def _generalised(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    raw = regressor(c, model, matrix)
    return Predicted(unlinked(c, model._base_loss.link, raw.tensor))  # noqa: SLF001 - its link


def unlinked(c: Conversion, link: Any, raw: str) -> str:
    """From the linear scale to that of the answer."""
    if isinstance(link, IdentityLink):
        return raw
    if isinstance(link, LogLink):
        return c.smooth("Exp", raw, 1)
    raise refuse(f"there is no rule for the link {type(link).__name__}")


def _ransac(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    return c.regress(model.estimator_, matrix)


def _partial_least_squares(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    centred = c.op("Sub", c.dense(matrix), c.constant(model._x_mean))  # noqa: SLF001 - predict's
    y = c.linear(centred, np.asarray(model.coef_).T, model.intercept_)
    width = np.asarray(model.coef_).shape[0]
    return Predicted(y, None if getattr(model, "_predict_1d", False) else width)


def scores(c: Conversion, model: Any, matrix: Matrix) -> str:
    """The decision function of a linear classifier: (rows, 1) for two classes."""
    weights = np.atleast_2d(np.asarray(model.coef_, np.float64)).T
    return c.linear(c.dense(matrix), weights, model.intercept_)


def choose(c: Conversion, model: Any, raw: str, probabilities: str | None) -> Classified:
    """What a linear classifier chooses by its decision function."""
    two = len(model.classes_) == 2  # noqa: PLR2004 - a pair
    index = c.above(raw, 0.0) if two else c.largest(raw)
    return Classified(np.asarray(model.classes_), index, probabilities, raw)


def normalised(c: Conversion, values: str, count: int) -> str:
    """Rows divided by their sums; a row of zeros becomes uniform."""
    total = c.total(values, count)
    zero = c.op("Equal", total, c.constant(0.0))
    safe = c.op("Where", zero, c.constant(1.0), total)
    return c.op("Where", zero, c.constant(1.0 / count), c.op("Div", values, safe))


def _one_against_rest(c: Conversion, model: Any, raw: str) -> str:
    count = len(model.classes_)
    probability = c.smooth("Sigmoid", raw, 1 if count == 2 else count)  # noqa: PLR2004 - a pair
    if count == 2:  # noqa: PLR2004 - a pair
        return c.both(probability)
    return normalised(c, probability, len(model.classes_))


def _softmax(c: Conversion, model: Any, raw: str) -> str:
    if len(model.classes_) == 2:  # noqa: PLR2004 - a pair
        return c.both(c.smooth("Sigmoid", raw, 1))
    return c.softmax(raw, len(model.classes_))


def _without_probabilities(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    return choose(c, model, scores(c, model, matrix), None)


def _softmaxed(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    raw = scores(c, model, matrix)
    return choose(c, model, raw, _softmax(c, model, raw))


def _logistic(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    if getattr(model, "multi_class", "auto") == "ovr":  # before scikit-learn 1.8
        raw = scores(c, model, matrix)
        return choose(c, model, raw, _one_against_rest(c, model, raw))
    return _softmaxed(c, model, matrix)


def _stochastic(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    raw = scores(c, model, matrix)
    if model.loss == "log_loss":
        return choose(c, model, raw, _one_against_rest(c, model, raw))
    if model.loss != "modified_huber":
        return choose(c, model, raw, None)
    clipped = c.op("Min", c.op("Max", raw, c.constant(-1.0)), c.constant(1.0))
    probability = c.op("Div", c.op("Add", clipped, c.constant(1.0)), c.constant(2.0))
    if len(model.classes_) == 2:  # noqa: PLR2004 - a pair
        return choose(c, model, raw, c.both(probability))
    return choose(c, model, raw, normalised(c, probability, len(model.classes_)))


def _bayes(c: Conversion, model: Any, likelihood: str) -> Classified:
    probabilities = c.softmax(likelihood, len(model.classes_))
    return Classified(np.asarray(model.classes_), c.largest(likelihood), probabilities)


def _gaussian(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    x = c.dense(matrix)
    totals = []
    for mean, variance in zip(model.theta_, model.var_, strict=True):
        distance = c.op("Sub", x, c.constant(mean))
        squares = c.op("Div", c.op("Mul", distance, distance), c.constant(variance))
        totals.append(c.total(squares, len(mean)))
    total = c.op("Concat", *totals, axis=1)
    with np.errstate(divide="ignore"):
        prior = np.log(model.class_prior_) - 0.5 * np.log(2.0 * np.pi * model.var_).sum(axis=1)
    half = c.op("Mul", total, c.constant(-0.5))
    return _bayes(c, model, c.op("Add", half, c.constant(prior)))


def _multinomial(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    weights = model.feature_log_prob_.T
    return _bayes(c, model, c.linear(c.dense(matrix), weights, model.class_log_prior_))


def _complement(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    weights = model.feature_log_prob_.T
    bias = model.class_log_prior_ if len(model.classes_) == 1 else 0.0
    return _bayes(c, model, c.linear(c.dense(matrix), weights, bias))


def _bernoulli(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    x = c.dense(matrix)
    if model.binarize is not None:
        x = c.double(c.op("Greater", x, c.constant(float(model.binarize))))
    absent = np.log(1 - np.exp(model.feature_log_prob_))
    weights = (model.feature_log_prob_ - absent).T
    return _bayes(c, model, c.linear(x, weights, model.class_log_prior_ + absent.sum(axis=1)))


def _quadratic(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    if not hasattr(model, "rotations_") or len(model.classes_) < 2:  # noqa: PLR2004 - a pair
        raise refuse("there is a rule for QuadraticDiscriminantAnalysis by solver 'svd' only")
    x = c.dense(matrix)
    columns = []
    for place, prior in enumerate(model.priors_):
        scaling = np.asarray(model.scalings_[place])
        turned = model.rotations_[place] * scaling**-0.5
        y = c.linear(c.op("Sub", x, c.constant(model.means_[place])), turned, 0.0)
        norm = c.total(c.op("Mul", y, y), len(scaling))
        half = c.op("Mul", c.op("Add", norm, c.constant(np.log(scaling).sum())), c.constant(-0.5))
        columns.append(c.op("Add", half, c.constant(np.log(prior))))
    return _bayes(c, model, c.op("Concat", *columns, axis=1))


_REGRESSORS = (
    linear_model.LinearRegression,
    linear_model.Ridge,
    linear_model.RidgeCV,
    linear_model.Lasso,
    linear_model.LassoCV,
    linear_model.LassoLars,
    linear_model.LassoLarsCV,
    linear_model.LassoLarsIC,
    linear_model.Lars,
    linear_model.LarsCV,
    linear_model.ElasticNet,
    linear_model.ElasticNetCV,
    linear_model.BayesianRidge,
    linear_model.ARDRegression,
    linear_model.HuberRegressor,
    linear_model.QuantileRegressor,
    linear_model.SGDRegressor,
    linear_model.TheilSenRegressor,
    linear_model.OrthogonalMatchingPursuit,
    linear_model.OrthogonalMatchingPursuitCV,
    linear_model.MultiTaskLasso,
    linear_model.MultiTaskLassoCV,
    linear_model.MultiTaskElasticNet,
    linear_model.MultiTaskElasticNetCV,
    svm.LinearSVR,
)

PREDICTS: dict[type, Callable[[Conversion, Any, Matrix], Answer]] = {
    **dict.fromkeys(_REGRESSORS, regressor),
    linear_model.PoissonRegressor: _generalised,
    linear_model.GammaRegressor: _generalised,
    linear_model.TweedieRegressor: _generalised,
    linear_model.RANSACRegressor: _ransac,
    cross_decomposition.PLSRegression: _partial_least_squares,
    linear_model.LogisticRegression: _logistic,
    linear_model.LogisticRegressionCV: _logistic,
    linear_model.SGDClassifier: _stochastic,
    linear_model.RidgeClassifier: _without_probabilities,
    linear_model.RidgeClassifierCV: _without_probabilities,
    linear_model.Perceptron: _without_probabilities,
    svm.LinearSVC: _without_probabilities,
    discriminant_analysis.LinearDiscriminantAnalysis: _softmaxed,
    discriminant_analysis.QuadraticDiscriminantAnalysis: _quadratic,
    naive_bayes.GaussianNB: _gaussian,
    naive_bayes.MultinomialNB: _multinomial,
    naive_bayes.ComplementNB: _complement,
    naive_bayes.BernoulliNB: _bernoulli,
}
