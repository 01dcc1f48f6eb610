"""Estimators over estimators: votes, stacks, bags, calibration, searches, several outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import calibration, ensemble, frozen, model_selection, multiclass, multioutput
from sklearn.compose import TransformedTargetRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from modelyard.conversion.sklearn_conversion import Classified, Marked, Predicted
from modelyard.conversion.sklearn_graph import Matrix, Number, refuse
from modelyard.conversion.sklearn_linear import normalised
from modelyard.conversion.sklearn_scalers import apply_function, clipped, interpolate

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Answer, Conversion
    from modelyard.core.table import Array

_PAIR = 2


def _live(model: Any) -> list[Any]:
    return [each for each in model.estimators_ if each != "drop"]


def _weights(model: Any) -> Array | None:
    weights = model._weights_not_none  # noqa: SLF001 - those of the estimators not dropped
    return None if weights is None else np.asarray(weights, np.float64)


def _votes(c: Conversion, answers: list[Classified], weights: Array | None, count: int) -> str:
    numbers = c.integers(np.arange(count))
    total = ""
    for place, answer in enumerate(answers):
        chosen = c.op("Unsqueeze", answer.choice, c.integers([1]))
        vote = c.double(c.op("Equal", chosen, numbers))
        if weights is not None:
            vote = c.op("Mul", vote, c.constant(weights[place]))
        total = c.op("Add", total, vote) if total else vote
    return total


def _probabilities(answer: Classified) -> str:
    if answer.probabilities is None:
        raise refuse("a member of the model has no probabilities")
    return answer.probabilities


def _voting_classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    classes = np.asarray(model.classes_)
    answers = [c.classify(each, matrix) for each in _live(model)]
    if any(len(answer.classes) != len(classes) for answer in answers):
        raise refuse("a voter knows other classes than the whole")
    if model.voting == "hard":
        return Classified(classes, c.largest(_votes(c, answers, _weights(model), len(classes))))
    mean = c.mean([_probabilities(answer) for answer in answers], _weights(model))
    return Classified(classes, c.largest(mean), mean)


def _voting_regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    answers = [c.regress(each, matrix).tensor for each in _live(model)]
    return Predicted(c.mean(answers, _weights(model)))


def _stacked(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    parts: list[Any] = []
    methods = list(model.stack_method_)
    for each, method in zip(_live(model), methods, strict=True):
        answer = c.predict(each, matrix)
        if isinstance(answer, Predicted):
            parts.extend(c.columns(answer.tensor, answer.width or 1))
        elif isinstance(answer, Marked):
            raise refuse("there is no rule for a stack over several labels at once")
        elif method == "predict_proba":
            columns = c.columns(_probabilities(answer), len(answer.classes))
            parts.extend(columns[1:] if len(columns) == _PAIR else columns)
        elif method == "decision_function" and answer.scores is not None:
            count = len(answer.classes)
            parts.extend(c.columns(answer.scores, 1 if count == _PAIR else count))
        else:
            raise refuse(f"there is no rule for a stack over {method} of {type(each).__name__}")
    return (*parts, *matrix) if model.passthrough else tuple(parts)


def _stacking_classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    answer = c.classify(model.final_estimator_, _stacked(c, model, matrix))
    classes = model.classes_
    if isinstance(classes, list):
        raise refuse("there is no rule for a stack that answers several labels at once")
    return answer._replace(classes=np.asarray(classes))


def _stacking_regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    return c.regress(model.final_estimator_, _stacked(c, model, matrix))


def _bags(model: Any, matrix: Matrix) -> list[Matrix]:
    return [tuple(matrix[place] for place in found) for found in model.estimators_features_]


def _bagging_classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    classes = np.asarray(model.classes_)
    bags = zip(model.estimators_, _bags(model, matrix), strict=True)
    answers = [c.classify(each, bag) for each, bag in bags]
    if any(len(answer.classes) != len(classes) for answer in answers):
        raise refuse("a bag knows other classes than the whole")
    if all(answer.probabilities is not None for answer in answers):
        mean = c.mean([_probabilities(answer) for answer in answers])
    else:
        total = _votes(c, answers, None, len(classes))
        mean = c.op("Div", total, c.constant(float(len(answers))))
    return Classified(classes, c.largest(mean), mean)


def _bagging_regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    bags = zip(model.estimators_, _bags(model, matrix), strict=True)
    answers = [c.regress(each, bag) for each, bag in bags]
    return Predicted(c.mean([answer.tensor for answer in answers]), answers[0].width)


def _calibrated(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    classes = np.asarray(model.classes_)
    means = [_calibrate(c, each, matrix, classes) for each in model.calibrated_classifiers_]
    mean = c.mean(means)
    return Classified(classes, c.largest(mean), mean)


def _calibrate(c: Conversion, model: Any, matrix: Matrix, classes: Array) -> str:
    answer = c.classify(model.estimator, matrix)
    if model.method not in ("sigmoid", "isotonic") or len(answer.classes) != len(classes):
        raise refuse(f"there is no rule for calibration by {model.method!r} here")
    if hasattr(model.estimator, "decision_function"):
        if answer.scores is None:
            raise refuse(f"no rule gives the scores of {type(model.estimator).__name__}")
        columns = c.columns(answer.scores, 1 if len(classes) == _PAIR else len(classes))
    else:
        columns = c.columns(_probabilities(answer), len(classes))
        columns = columns[1:] if len(classes) == _PAIR else columns
    done = [
        _calibrator(c, each, c.dense((column,)))
        for each, column in zip(model.calibrators, columns, strict=True)
    ]
    if len(classes) == _PAIR:
        return c.both(done[0])
    return normalised(c, c.op("Concat", *done, axis=1), len(classes))


def _calibrator(c: Conversion, model: Any, score: str) -> str:
    if isinstance(model, IsotonicRegression):
        return _isotonic(c, model, score)
    line = c.op("Add", c.op("Mul", score, c.constant(-model.a_)), c.constant(-model.b_))
    return c.smooth("Sigmoid", line, 1)


def _isotonic(c: Conversion, model: Any, x: str) -> str:
    if model.out_of_bounds != "clip":
        raise refuse("there is a rule for isotonic regression with out_of_bounds='clip' only")
    knots = np.asarray(model.X_thresholds_, np.float64)
    inside = clipped(c, x, float(model.X_min_), float(model.X_max_))
    if len(knots) == 1:
        return c.op("Add", c.op("Mul", x, c.constant(0.0)), c.constant(model.y_thresholds_[0]))
    return interpolate(c, inside, knots, np.asarray(model.y_thresholds_, np.float64))


def _isotonic_regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    return Predicted(_isotonic(c, model, c.dense(matrix)))


def _transformed(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    answer = c.regress(model.regressor_, matrix)
    back, y = model.transformer_, answer.tensor
    if isinstance(back, FunctionTransformer):
        if back.inverse_func is not None:
            y = apply_function(c, back.inverse_func, y, answer.width or 1)
    elif type(back) is StandardScaler:
        if back.with_std:
            y = c.op("Mul", y, c.constant(back.scale_))
        if back.with_mean:
            y = c.op("Add", y, c.constant(back.mean_))
    else:
        raise refuse(f"there is no rule for the inverse of {type(back).__name__}")
    one = model._training_dim == 1  # noqa: SLF001 - whether predict squeezes
    return Predicted(y, None if one else answer.width or 1)


def _searched(c: Conversion, model: Any, matrix: Matrix) -> Answer:
    return c.predict(model.best_estimator_, matrix)


def _frozen(c: Conversion, model: Any, matrix: Matrix) -> Answer:
    return c.predict(model.estimator, matrix)


def _frozen_transform(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    return c.transform(model.estimator, matrix)


def _thresholded(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    answer = c.classify(model.estimator_, matrix)
    threshold = getattr(model, "best_threshold_", None)
    if threshold is None:
        threshold = model.threshold
    method = model.response_method
    by_score = method == "decision_function"
    if method == "auto":
        by_score = answer.probabilities is None
    if threshold == "auto":
        threshold = 0.0 if by_score else 0.5
    positive = getattr(model, "pos_label", None)
    if positive is not None and positive != answer.classes[1]:
        raise refuse("there is a rule for a threshold on the second class only")
    if by_score:
        if answer.scores is None:
            raise refuse("no rule gives the scores that the threshold is for")
        return answer._replace(choice=c.above(answer.scores, float(threshold), strict=False))
    second = c.op("Gather", _probabilities(answer), c.integers([1]), axis=1)
    return answer._replace(choice=c.above(second, float(threshold), strict=False))


def _one_vs_rest(c: Conversion, model: Any, matrix: Matrix) -> Classified | Marked:
    classes = np.asarray(model.classes_)
    answers = [c.classify(each, matrix) for each in model.estimators_]
    probabilities = None
    if all(answer.probabilities is not None for answer in answers):
        seconds = [c.columns(_probabilities(answer), _PAIR)[1] for answer in answers]
        positive = c.dense(tuple(seconds))
        probabilities = positive
        if not model.multilabel_:
            pair = len(seconds) == 1
            probabilities = c.both(positive) if pair else normalised(c, positive, len(classes))
    scored = all(answer.scores is not None for answer in answers)
    if scored:
        ranks = c.dense(tuple(Number(str(answer.scores), 0, 1) for answer in answers))
    elif probabilities is not None and not hasattr(model.estimators_[0], "decision_function"):
        ranks = positive
    else:
        raise refuse("no rule gives the scores of the members")
    if model.multilabel_:
        marks = c.marks(ranks, 0.0 if scored else 0.5)
        return Marked(marks, len(answers), probabilities)
    one = len(answers) == 1
    choice = c.above(ranks, 0.0 if scored else 0.5) if one else c.largest(ranks)
    return Classified(classes, choice, probabilities, ranks if scored else None)


def _each_output(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    answers = [c.regress(each, matrix).tensor for each in model.estimators_]
    joined = answers[0] if len(answers) == 1 else c.op("Concat", *answers, axis=1)
    return Predicted(joined, len(answers))


def _each_label(c: Conversion, model: Any, matrix: Matrix) -> Marked:
    answers = [c.classify(each, matrix) for each in model.estimators_]
    return c.chosen([each.classes for each in answers], [each.choice for each in answers])


def _chain(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    done: list[Any] = []
    for each in model.estimators_:
        done.extend(c.columns(c.regress(each, (*matrix, *done)).tensor, 1))
    order = np.argsort(model.order_)
    return Predicted(c.dense(tuple(done[place] for place in order)), len(done))


PREDICTS: dict[type, Callable[[Conversion, Any, Matrix], Answer]] = {
    ensemble.VotingClassifier: _voting_classifier,
    ensemble.VotingRegressor: _voting_regressor,
    ensemble.StackingClassifier: _stacking_classifier,
    ensemble.StackingRegressor: _stacking_regressor,
    ensemble.BaggingClassifier: _bagging_classifier,
    ensemble.BaggingRegressor: _bagging_regressor,
    calibration.CalibratedClassifierCV: _calibrated,
    IsotonicRegression: _isotonic_regressor,
    TransformedTargetRegressor: _transformed,
    model_selection.GridSearchCV: _searched,
    model_selection.RandomizedSearchCV: _searched,
    model_selection.TunedThresholdClassifierCV: _thresholded,
    model_selection.FixedThresholdClassifier: _thresholded,
    frozen.FrozenEstimator: _frozen,
    multiclass.OneVsRestClassifier: _one_vs_rest,
    multioutput.MultiOutputClassifier: _each_label,
    multioutput.MultiOutputRegressor: _each_output,
    multioutput.RegressorChain: _chain,
}
TRANSFORMS: dict[type, Callable[[Conversion, Any, Matrix], Matrix]] = {
    frozen.FrozenEstimator: _frozen_transform,
}
