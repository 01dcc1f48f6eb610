"""Nearest neighbours and Gaussian processes: models that keep their training rows.

Neighbours are found by a product of matrices, which is quick and rounds; so a few more than are
asked for are kept, measured exactly, and put in order by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import impute, neighbors
from sklearn.gaussian_process import GaussianProcessRegressor, kernels

from modelyard.conversion.sklearn_conversion import CANCELLING, Classified, Predicted
from modelyard.conversion.sklearn_graph import Matrix, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Answer, Conversion
    from modelyard.core.table import Array

_SPARE = 4


def _nearest(c: Conversion, model: Any, matrix: Matrix) -> tuple[str, str]:
    """The nearest training rows: their places, and their distances; (rows, n_neighbors)."""
    metric = model.effective_metric_
    if metric != "euclidean" or not isinstance(model._fit_X, np.ndarray):  # noqa: SLF001 - its rows
        raise refuse(f"there is no rule for neighbours by the metric {metric!r}")
    points = np.asarray(model._fit_X, np.float64)  # noqa: SLF001 - its rows
    wanted = int(model.n_neighbors)
    kept = min(wanted + _SPARE, len(points))
    x = c.dense(matrix)
    centre = points.mean(axis=0)
    near = points - centre
    moved = c.op("Sub", x, c.constant(centre))
    rank = c.linear(moved, -2.0 * near.T, (near**2).sum(axis=1))
    rough = c.fresh("rough")
    c.topk(rank, kept, rough)
    apart = c.op(
        "Sub",
        c.op("Gather", c.constant(points), f"{rough}_places", axis=0),
        c.op("Unsqueeze", x, c.integers([1])),
    )
    ones = c.constant(np.ones((points.shape[1], 1)))
    squares = c.op("MatMul", c.op("Mul", apart, apart), ones)
    exact = c.fresh("exact")
    c.topk(c.op("Squeeze", squares, c.integers([2])), wanted, exact)
    places = c.op("GatherElements", f"{rough}_places", f"{exact}_places", axis=1)
    return places, c.op("Sqrt", exact)


def _weights(c: Conversion, model: Any, distances: str) -> str | None:
    if model.weights in ("uniform", None):
        return None
    if model.weights != "distance":
        raise refuse("there is no rule for weights that are a function")
    # Where a row lies on training rows, those count alone.
    on = c.double(c.op("Equal", distances, c.constant(0.0)))
    any_on = c.op("Greater", c.op("ReduceMax", on, c.integers([1])), c.constant(0.0))
    return c.op("Where", any_on, on, c.op("Reciprocal", distances))


def _averaged(c: Conversion, model: Any, matrix: Matrix, table: Array) -> str:
    """The mean over the neighbours of ``table``, shape (training rows, width)."""
    places, distances = _nearest(c, model, matrix)
    weights = _weights(c, model, distances)
    count = int(model.n_neighbors)
    values = c.op("Gather", c.constant(table), places, axis=0)
    if weights is None:
        weights = c.op("Add", c.op("Mul", distances, c.constant(0.0)), c.constant(1.0))
    row = c.op("Unsqueeze", weights, c.integers([1]))
    total = c.op("Squeeze", c.op("MatMul", row, values), c.integers([1]))
    return c.op("Div", total, c.total(weights, count))


def _regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    targets = np.asarray(model._y, np.float64)  # noqa: SLF001 - what it averages
    flat = targets.ndim == 1
    table = targets.reshape(len(targets), -1)
    return Predicted(_averaged(c, model, matrix, table), None if flat else table.shape[1])


def _classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    if isinstance(model.classes_, list):
        raise refuse("there is no rule for a model that answers several labels at once")
    classes = np.asarray(model.classes_)
    own = np.asarray(model._y).reshape(-1, 1) == np.arange(len(classes))  # noqa: SLF001 - codes
    probabilities = _averaged(c, model, matrix, own.astype(np.float64))
    return Classified(classes, c.largest(probabilities), probabilities)


def _imputer(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    """Each missing number becomes the mean of the nearest training rows that have one."""
    plain = isinstance(model.missing_values, float) and np.isnan(model.missing_values)
    if model.metric != "nan_euclidean" or not plain or model.weights != "uniform":
        raise refuse("there is a rule for KNNImputer with its usual metric and weights only")
    if model.add_indicator or not np.all(model._valid_mask):  # noqa: SLF001 - columns it keeps
        raise refuse("there is no rule for KNNImputer with an indicator or empty columns")
    points = np.asarray(model._fit_X, np.float64)  # noqa: SLF001 - its rows
    x = c.dense(matrix)
    gone = c.op("IsNaN", x)
    present = c.double(c.op("Not", gone))
    rank = _partial_distances(c, x, gone, present, points)
    columns = [
        _filled(c, model, (x, gone, rank), points[:, column], column)
        for column in range(len(matrix))
    ]
    return tuple(done for column in columns for done in c.columns(column, 1))


def _partial_distances(c: Conversion, x: str, gone: str, present: str, points: Array) -> str:
    """Squared distances over the columns that both have, scaled up; NaN where there are none."""
    known = ~np.isnan(points)
    zeroed = np.where(known, points, 0.0)
    filled = c.op("Where", gone, c.constant(0.0), x)
    squares = c.linear(c.op("Mul", filled, filled), known.T.astype(np.float64), 0.0)
    cross = c.linear(filled, -2.0 * zeroed.T, 0.0)
    own = c.linear(present, (zeroed**2).T, 0.0)
    shared = c.linear(present, known.T.astype(np.float64), 0.0)
    total = c.op("Add", c.op("Add", squares, cross), own)
    return c.op("Div", total, c.op("Div", shared, c.constant(float(points.shape[1]))))


def _filled(
    c: Conversion, model: Any, state: tuple[str, str, str], donors: Array, column: int
) -> str:
    x, gone, rank = state
    places = c.integers([column])
    own = c.op("Gather", x, places, axis=1)
    usable = np.flatnonzero(~np.isnan(donors))
    count = min(int(model.n_neighbors), len(usable))
    ranks = c.op("Gather", rank, c.integers(usable), axis=1)
    # A row that shares no column with any donor gets the column's mean.
    lost = c.op("IsNaN", ranks)
    far = c.op("Where", lost, c.constant(np.inf), ranks)
    nearest = c.fresh("near")
    c.topk(far, count, nearest)
    values = c.op("Gather", c.constant(donors[usable]), f"{nearest}_places", axis=0)
    reached = c.double(c.op("Less", nearest, c.constant(np.inf)))
    some = c.total(reached, count)
    mean = c.op("Div", c.total(c.op("Mul", values, reached), count), some)
    none = c.op("Equal", some, c.constant(0.0))
    mean = c.op("Where", none, c.constant(float(np.mean(donors[usable]))), mean)
    return c.op("Where", c.op("Gather", gone, places, axis=1), mean, own)


def _process(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    if not hasattr(model, "X_train_"):
        raise refuse("there is no rule for a Gaussian process that was not fitted")
    c.tolerance = CANCELLING
    points = np.asarray(model.X_train_, np.float64)
    covariance = _kernel(c, model.kernel_, c.dense(matrix), points)
    weights = np.asarray(model.alpha_, np.float64)
    flat = weights.ndim == 1
    scale = np.asarray(model._y_train_std)  # noqa: SLF001 - what it turns its answer back with
    offset = np.asarray(model._y_train_mean)  # noqa: SLF001
    y = c.linear(covariance, weights.reshape(len(points), -1), 0.0)
    y = c.op("Add", c.op("Mul", y, c.constant(scale.reshape(-1))), c.constant(offset.reshape(-1)))
    return Predicted(y, None if flat else weights.shape[1])


def _kernel(c: Conversion, kernel: Any, x: str, points: Array) -> str:
    if isinstance(kernel, (kernels.Sum, kernels.Product)):
        kind = "Add" if isinstance(kernel, kernels.Sum) else "Mul"
        return c.op(kind, _kernel(c, kernel.k1, x, points), _kernel(c, kernel.k2, x, points))
    if isinstance(kernel, (kernels.ConstantKernel, kernels.WhiteKernel)):
        # White noise is between a row and itself only, and these are never the same rows.
        value = kernel.constant_value if isinstance(kernel, kernels.ConstantKernel) else 0.0
        nothing = c.linear(x, np.zeros((points.shape[1], len(points))), 0.0)
        return c.op("Add", nothing, c.constant(float(value)))
    if isinstance(kernel, kernels.DotProduct):
        return c.linear(x, points.T, kernel.sigma_0**2)
    if type(kernel) is kernels.RBF:
        squares = _squares(c, x, points, kernel.length_scale)
        return c.smooth("Exp", c.op("Mul", squares, c.constant(-0.5)), len(points))
    if type(kernel) is kernels.RationalQuadratic:
        squares = _squares(c, x, points, kernel.length_scale)
        base = c.op("Div", squares, c.constant(2 * kernel.alpha))
        base = c.op("Add", base, c.constant(1.0))
        return c.op("Pow", base, c.constant(-float(kernel.alpha)))
    if type(kernel) is kernels.Matern:
        return _matern(c, kernel, x, points)
    raise refuse(f"there is no rule for the kernel {type(kernel).__name__}")


def _squares(c: Conversion, x: str, points: Array, length: Any) -> str:
    near = points / length
    scaled = c.op("Div", x, c.constant(np.broadcast_to(length, (points.shape[1],))))
    centre = near.mean(axis=0)
    scaled, near = c.op("Sub", scaled, c.constant(centre)), near - centre
    own = c.total(c.op("Mul", scaled, scaled), points.shape[1])
    cross = c.linear(scaled, -2.0 * near.T, (near**2).sum(axis=1))
    return c.op("Max", c.op("Add", cross, own), c.constant(0.0))


def _matern(c: Conversion, kernel: Any, x: str, points: Array) -> str:
    distance = c.op("Sqrt", _squares(c, x, points, kernel.length_scale))
    steps = {0.5: 1.0, 1.5: np.sqrt(3.0), 2.5: np.sqrt(5.0)}
    if kernel.nu not in steps:
        raise refuse(f"there is no rule for the Matern kernel with nu={kernel.nu}")
    scaled = c.op("Mul", distance, c.constant(steps[kernel.nu]))
    fading = c.smooth("Exp", c.op("Neg", scaled), len(points))
    if kernel.nu == 0.5:  # noqa: PLR2004 - a case of its own
        return fading
    factor = c.op("Add", scaled, c.constant(1.0))
    if kernel.nu == 2.5:  # noqa: PLR2004 - a case of its own
        third = c.op("Div", c.op("Mul", scaled, scaled), c.constant(3.0))
        factor = c.op("Add", factor, third)
    return c.op("Mul", factor, fading)


TRANSFORMS: dict[type, Callable[[Conversion, Any, Matrix], Matrix]] = {
    impute.KNNImputer: _imputer,
}
PREDICTS: dict[type, Callable[[Conversion, Any, Matrix], Answer]] = {
    neighbors.KNeighborsRegressor: _regressor,
    neighbors.KNeighborsClassifier: _classifier,
    GaussianProcessRegressor: _process,
}
