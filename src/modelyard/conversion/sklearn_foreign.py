"""Single steps that skl2onnx converts exactly in doubles: their graphs are taken over whole."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType
from sklearn import gaussian_process, kernel_approximation, mixture, neighbors

from modelyard.conversion.sklearn_conversion import Classified, Predicted
from modelyard.conversion.sklearn_graph import OPSETS, Matrix, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import GraphProto

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
    x = c.dense(matrix)
    graph = converted.graph
    names = _Names(c.fresh("step"), {graph.input[0].name: x})
    _rename(graph, names)
    c.initializers.extend(graph.initializer)
    c.add(list(graph.node))
    return [output.name for output in graph.output]


class _Names(dict[str, str]):
    """Names in the order in which they are met: skl2onnx numbers them by what it did before."""

    def __init__(self, prefix: str, given: dict[str, str]) -> None:
        super().__init__({"": "", **given})
        self.prefix = prefix

    def __missing__(self, name: str) -> str:
        self[name] = f"{self.prefix}_{len(self)}"
        return self[name]


def _rename(graph: GraphProto, names: _Names) -> None:
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    for info in (*graph.input, *graph.output):
        info.name = names[info.name]
    for node in graph.node:
        node.name = ""
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                attribute.g.name = "body"
                _rename(attribute.g, names)
    del graph.value_info[:]


def _regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    y, *_ = _taken(c, model, matrix, zipmap=False)
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
    # The component under which the row is likeliest.
    x = c.dense(matrix)
    width = len(matrix)
    ranks = []
    for place, (mean, weight) in enumerate(zip(model.means_, model.weights_, strict=True)):
        root = _root(model, place, width)
        y = c.linear(x, root, -(mean @ root))
        bias = np.log(weight) + np.linalg.slogdet(root)[1]
        half = c.op("Mul", c.total(c.op("Mul", y, y), width), c.constant(-0.5))
        ranks.append(c.op("Add", half, c.constant(bias)))
    rank = c.op("Concat", *ranks, axis=1)
    return Predicted(c.op("ArgMax", rank, axis=1, keepdims=1), integer=True)


def _root(model: Any, place: int, width: int) -> Any:
    """The Cholesky factor of a component's precision."""
    roots = model.precisions_cholesky_
    if model.covariance_type == "tied":
        return roots
    root = roots[place]
    if model.covariance_type == "full":
        return root
    return np.diag(np.broadcast_to(root, (width,)))


def _sampler(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    count = model.random_weights_.shape[1]
    angles = c.linear(c.dense(matrix), model.random_weights_, model.random_offset_)
    angles = c.smooth("Cos", angles, count)
    scale = c.constant(np.sqrt(2.0 / count))
    return c.columns(c.op("Mul", angles, scale), count)


TRANSFORMS: dict[type, Callable[[Conversion, Any, Matrix], Matrix]] = {
    kernel_approximation.RBFSampler: _sampler,
}
PREDICTS: dict[type, Callable[[Conversion, Any, Matrix], Answer]] = {
    neighbors.KNeighborsRegressor: _regressor,
    neighbors.RadiusNeighborsRegressor: _regressor,
    neighbors.KNeighborsClassifier: _classifier,
    neighbors.RadiusNeighborsClassifier: _classifier,
    gaussian_process.GaussianProcessRegressor: _regressor,
    gaussian_process.GaussianProcessClassifier: _classifier,
    mixture.GaussianMixture: _mixture,
}
