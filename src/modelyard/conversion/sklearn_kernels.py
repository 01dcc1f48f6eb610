"""Support vector machines, kernel ridge, neural networks and clusters, in doubles."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto
from sklearn import cluster, kernel_ridge, neural_network, svm
from sklearn.mixture import GaussianMixture

from modelyard.conversion.sklearn_conversion import CANCELLING, Classified, Marked, Predicted
from modelyard.conversion.sklearn_graph import Matrix, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Answer, Conversion
    from modelyard.core.table import Array


def kernel_values(c: Conversion, model: Any, gamma: float, x: str, points: Array) -> str:
    """Kernel values, shape (rows, points)."""
    if not isinstance(model.kernel, str):
        raise refuse("there is no rule for a kernel that is a function")
    products = c.linear(x, np.asarray(points, np.float64).T, 0.0)
    if model.kernel == "linear":
        return products
    if model.kernel == "rbf":
        sizes = c.total(c.op("Mul", x, x), points.shape[1])
        twice = c.op("Mul", products, c.constant(-2.0))
        distance = c.op("Add", c.op("Add", twice, sizes), c.constant((points**2).sum(axis=1)))
        return c.smooth("Exp", c.op("Mul", distance, c.constant(-float(gamma))), len(points))
    scaled = c.op("Add", c.op("Mul", products, c.constant(gamma)), c.constant(model.coef0))
    if model.kernel in ("poly", "polynomial"):
        return c.op("Pow", scaled, c.constant(float(model.degree)))
    if model.kernel == "sigmoid":
        return c.smooth("Tanh", scaled, len(points))
    raise refuse(f"there is no rule for the kernel {model.kernel!r}")


def _support(c: Conversion, model: Any, matrix: Matrix) -> str:
    gamma = model._gamma  # noqa: SLF001 - what "scale" became when it was fitted
    return kernel_values(c, model, gamma, c.dense(matrix), model.support_vectors_)


def _support_regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    weights = np.asarray(model.dual_coef_).T
    return Predicted(c.linear(_support(c, model, matrix), weights, model.intercept_))


def _one_class(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    score = _support_regressor(c, model, matrix).tensor
    inside = c.op("Greater", score, c.constant(0.0))
    return Predicted(c.op("Where", inside, c.integers(1), c.integers(-1)), integer=True)


def _support_classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    if model.probability is True:
        # libsvm finds them by steps that end when they are near enough, 0.004 off for two classes.
        raise refuse("there is no rule for the probabilities of a support vector machine")
    classes = np.asarray(model.classes_)
    pairs = list(combinations(range(len(classes)), 2))
    raw = c.linear(_support(c, model, matrix), _pair_weights(model, pairs), model._intercept_)
    if len(classes) == 2:  # noqa: PLR2004 - a pair
        return _two_classes(c, model, raw)
    if getattr(model, "break_ties", False):
        raise refuse("there is no rule for break_ties")
    first = np.zeros((len(pairs), len(classes)))
    second = np.zeros((len(pairs), len(classes)))
    for place, (i, j) in enumerate(pairs):
        first[place, i] = second[place, j] = 1.0
    won = c.double(c.op("Greater", raw, c.constant(0.0)))
    lost = c.op("Sub", c.constant(1.0), won)
    votes = c.op("Add", c.linear(won, first, 0.0), c.linear(lost, second, 0.0))
    return Classified(classes, c.largest(votes))


def _pair_weights(model: Any, pairs: list[tuple[int, int]]) -> Array:
    # libsvm keeps, for a vector of class i, its weight against class j in row j, or j - 1 if j > i.
    duals = np.asarray(model._dual_coef_, np.float64)
    ends = np.cumsum([0, *model.n_support_])
    weights = np.zeros((duals.shape[1], len(pairs)))
    for place, (i, j) in enumerate(pairs):
        weights[ends[i] : ends[i + 1], place] = duals[j - 1, ends[i] : ends[i + 1]]
        weights[ends[j] : ends[j + 1], place] = duals[i, ends[j] : ends[j + 1]]
    return weights


def _two_classes(c: Conversion, model: Any, raw: str) -> Classified:
    # libsvm's own decision is positive for the first class.
    turned = c.op("Neg", raw)
    lost = c.op("LessOrEqual", raw, c.constant(0.0))
    index = c.flat(c.op("Cast", lost, to=TensorProto.INT64))
    return Classified(np.asarray(model.classes_), index, None, turned)


def _kernel_ridge(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    c.tolerance = CANCELLING
    points = np.asarray(model.X_fit_, np.float64)
    gamma = 1.0 / points.shape[1] if model.gamma is None else model.gamma
    duals = np.asarray(model.dual_coef_, np.float64)
    values = kernel_values(c, model, gamma, c.dense(matrix), points)
    flat = duals.ndim == 1
    weights = duals.reshape(len(points), -1)
    return Predicted(c.linear(values, weights, 0.0), None if flat else weights.shape[1])


_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def _network(c: Conversion, model: Any, matrix: Matrix) -> str:
    x = c.dense(matrix)
    for layer, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        x = c.linear(x, np.asarray(weights, np.float64), np.asarray(bias, np.float64))
        if layer < len(model.coefs_) - 1 and model.activation != "identity":
            x = c.smooth(_ACTIVATIONS[model.activation], x, weights.shape[1])
    return x


def _network_regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    y = _network(c, model, matrix)
    if model.out_activation_ == "exp":
        y = c.smooth("Exp", y, int(model.n_outputs_))
    elif model.out_activation_ != "identity":
        raise refuse(f"there is no rule for the last activation {model.out_activation_!r}")
    return Predicted(y, None if model.n_outputs_ == 1 else int(model.n_outputs_))


def _network_classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified | Marked:
    classes = np.asarray(model.classes_)
    raw = _network(c, model, matrix)
    if model.out_activation_ == "softmax":
        probabilities = c.softmax(raw, len(classes))
        return Classified(classes, c.largest(probabilities), probabilities)
    width = int(model.n_outputs_)
    if width > 1:
        probabilities = c.smooth("Sigmoid", raw, width)
        return Marked(c.marks(probabilities, 0.5), width, probabilities)
    probability = c.smooth("Sigmoid", raw, 1)
    return Classified(classes, c.above(probability, 0.5), c.both(probability))


def _nearest_centre(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    centres = np.asarray(model.cluster_centers_, np.float64)
    nearness = c.linear(c.dense(matrix), 2 * centres.T, -(centres**2).sum(axis=1))
    return Predicted(c.op("ArgMax", nearness, axis=1, keepdims=1), integer=True)


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


PREDICTS: dict[type, Callable[[Conversion, Any, Matrix], Answer]] = {
    svm.SVR: _support_regressor,
    svm.NuSVR: _support_regressor,
    svm.SVC: _support_classifier,
    svm.NuSVC: _support_classifier,
    svm.OneClassSVM: _one_class,
    kernel_ridge.KernelRidge: _kernel_ridge,
    neural_network.MLPRegressor: _network_regressor,
    neural_network.MLPClassifier: _network_classifier,
    cluster.KMeans: _nearest_centre,
    cluster.MiniBatchKMeans: _nearest_centre,
    GaussianMixture: _mixture,
}
