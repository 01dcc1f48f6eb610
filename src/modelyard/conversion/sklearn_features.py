"""Transformers that stretch few columns into many: splines and approximate kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto
from scipy.interpolate import PPoly
from sklearn import kernel_approximation, preprocessing

from modelyard.conversion.sklearn_graph import Matrix, refuse
from modelyard.conversion.sklearn_kernels import kernel_values
from modelyard.conversion.sklearn_scalers import clipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Conversion
    from modelyard.core.table import Array


def _fourier(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    count = model.random_weights_.shape[1]
    angles = c.linear(c.dense(matrix), model.random_weights_, model.random_offset_)
    waves = c.smooth("Cos", angles, count)
    return c.columns(c.op("Mul", waves, c.constant(np.sqrt(2.0 / count))), count)


def _nystroem(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    points = np.asarray(model.components_, np.float64)
    gamma = 1.0 / points.shape[1] if model.gamma is None else model.gamma
    if model.kernel not in ("rbf", "linear"):
        raise refuse(f"there is no rule for Nystroem with the kernel {model.kernel!r}")
    values = kernel_values(c, model, gamma, c.dense(matrix), points)
    weights = np.asarray(model.normalization_, np.float64).T
    return c.columns(c.linear(values, weights, 0.0), weights.shape[1])


def _splines(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    if model.extrapolation not in ("constant", "continue"):
        raise refuse(f"there is no rule for splines with extrapolation {model.extrapolation!r}")
    if getattr(model, "handle_missing", "error") != "error":
        raise refuse("there is no rule for splines of missing values")
    x = c.dense(matrix)
    parts: list[Any] = []
    for index, spline in enumerate(model.bsplines_):
        column = c.op("Gather", x, c.integers([index]), axis=1)
        low, high = spline.t[spline.k], spline.t[-spline.k - 1]
        if model.extrapolation == "constant":
            column = clipped(c, column, float(low), float(high))
        made = c.columns(_spline(c, spline, column), spline.c.shape[1])
        parts.extend(made if model.include_bias else made[:-1])
    return tuple(parts)


def _spline(c: Conversion, spline: Any, x: str) -> str:
    """All basis functions at once: the polynomials of the interval that x lies in."""
    first, last = spline.k, len(spline.t) - spline.k - 1
    basis = [PPoly.from_spline((spline.t, each, spline.k)).c for each in spline.c.T]
    polynomials: Array = np.stack(basis, axis=-1)[:, first:last]
    starts = np.asarray(spline.t[first:last], np.float64)
    reached = c.op("GreaterOrEqual", x, c.constant(starts[1:].reshape(1, -1)))
    if len(starts) == 1:
        raise refuse("there is no rule for splines of one interval")
    place = c.count(c.op("Cast", reached, to=TensorProto.INT64), keep=0)
    offset = c.op("Sub", x, c.op("Gather", c.constant(starts.reshape(-1, 1)), place, axis=0))
    value = c.op("Gather", c.constant(polynomials[0]), place, axis=0)
    for coefficients in polynomials[1:]:
        higher = c.op("Mul", value, offset)
        value = c.op("Add", higher, c.op("Gather", c.constant(coefficients), place, axis=0))
    return value


TRANSFORMS: dict[type, Callable[[Conversion, Any, Matrix], Matrix]] = {
    kernel_approximation.RBFSampler: _fourier,
    kernel_approximation.Nystroem: _nystroem,
    preprocessing.SplineTransformer: _splines,
}
