"""Single steps that skl2onnx converts exactly in doubles: their graphs are taken over whole."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import compose
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType
from sklearn import gaussian_process, impute, kernel_approximation, mixture, neighbors

from modelyard.conversion.sklearn_conversion import Classified, Predicted
from modelyard.conversion.sklearn_graph import OPSETS, Matrix, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Answer, Conversion


def _taken(c: Conversion, model: Any, matrix: Matrix, *, zipmap: bool) -> list[str]:
    """The outputs of a step that skl2onnx converts."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converted = convert_sklearn(
                model,
                initial_types=[("x", DoubleTensorType([None, len(matrix)]))],
                target_opset={"": OPSETS[""], "ai.onnx.ml": 3},
                options={id(model): {"zipmap": False}} if zipmap else None,
            )
    except Exception as e:
        # It raises whatever its parts raise; that it could not is all there is to tell.
        raise refuse(f"skl2onnx cannot convert {type(model).__name__}: {e}") from e
    prefix = c.fresh("step") + "_"
    graph = compose.add_prefix(converted, prefix).graph
    x = c.dense(matrix)
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == graph.input[0].name:
                node.input[place] = x
    c.initializers.extend(graph.initializer)
    c.add(list(graph.node))
    return [output.name for output in graph.output]


def _transform(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    (y,) = _taken(c, model, matrix, zipmap=False)
    width = model.transform(np.zeros((1, len(matrix)))).shape[1]
    return c.columns(y, width)


def _regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    (y,) = _taken(c, model, matrix, zipmap=False)
    asked = model.predict(np.zeros((1, len(matrix))))
    return Predicted(
        c.op("Reshape", y, c.integers([-1, asked.size])), asked.size if asked.ndim > 1 else None
    )


def _classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    classes = model.classes_
    if isinstance(classes, list):
        raise refuse("there is no rule for a model that answers several labels at once")
    _, probabilities = _taken(c, model, matrix, zipmap=True)
    probabilities = c.double(probabilities)
    return Classified(np.asarray(classes), c.largest(probabilities), probabilities)


def _mixture(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    label, *_ = _taken(c, model, matrix, zipmap=False)
    return Predicted(c.op("Reshape", label, c.integers([-1, 1])), integer=True)


TRANSFORMS: dict[type, Callable[[Conversion, Any, Matrix], Matrix]] = {
    impute.KNNImputer: _transform,
    kernel_approximation.Nystroem: _transform,
    kernel_approximation.RBFSampler: _transform,
}
PREDICTS: dict[type, Callable[[Conversion, Any, Matrix], Answer]] = {
    neighbors.KNeighborsRegressor: _regressor,
    neighbors.RadiusNeighborsRegressor: _regressor,
    neighbors.KNeighborsClassifier: _classifier,
    neighbors.RadiusNeighborsClassifier: _classifier,
    gaussian_process.GaussianProcessRegressor: _regressor,
    gaussian_process.GaussianProcessClassifier: _classifier,
    mixture.GaussianMixture: _mixture,
    mixture.BayesianGaussianMixture: _mixture,
}
