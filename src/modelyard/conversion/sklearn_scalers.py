"""Transformers that work on numbers alone: scaling, powers, bins, projections, selections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto
from sklearn import decomposition, feature_selection, preprocessing
from sklearn.random_projection import GaussianRandomProjection

from modelyard.conversion.sklearn_graph import Matrix, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Conversion
    from modelyard.core.table import Array


def _standard(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.dense(matrix)
    if model.with_mean and model.mean_ is not None:
        x = c.op("Sub", x, c.constant(model.mean_))
    if model.with_std and model.scale_ is not None:
        x = c.op("Div", x, c.constant(model.scale_))
    return c.columns(x, len(matrix))


def _min_max(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.op("Mul", c.dense(matrix), c.constant(model.scale_))
    x = c.op("Add", x, c.constant(model.min_))
    if model.clip:
        low, high = model.feature_range
        x = clipped(c, x, low, high)
    return c.columns(x, len(matrix))


def clipped(c: Conversion, x: str, low: Any, high: Any) -> str:
    """``numpy.clip``, which lets NaN through."""
    # Max and Min of onnxruntime may drop NaN; comparisons keep it.
    low_, high_ = c.constant(low), c.constant(high)
    x = c.op("Where", c.op("Less", x, low_), low_, x)
    return c.op("Where", c.op("Greater", x, high_), high_, x)


def _max_abs(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.op("Div", c.dense(matrix), c.constant(model.scale_))
    if getattr(model, "clip", False):
        x = clipped(c, x, -1.0, 1.0)
    return c.columns(x, len(matrix))


def _robust(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.dense(matrix)
    if model.with_centering:
        x = c.op("Sub", x, c.constant(model.center_))
    if model.with_scaling:
        x = c.op("Div", x, c.constant(model.scale_))
    return c.columns(x, len(matrix))


def _normalizer(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.dense(matrix)
    size = c.op("Abs", x)
    if model.norm == "l1":
        norm = c.total(size, len(matrix))
    elif model.norm == "l2":
        norm = c.op("Sqrt", c.total(c.op("Mul", x, x), len(matrix)))
    else:
        norm = c.op("ReduceMax", size, c.integers([1]))
    zero = c.op("Equal", norm, c.constant(0.0))
    norm = c.op("Where", zero, c.constant(1.0), norm)
    return c.columns(c.op("Div", x, norm), len(matrix))


def _binarizer(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    above = c.op("Greater", c.dense(matrix), c.constant(model.threshold))
    return c.columns(c.double(above), len(matrix))


def _polynomial(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.dense(matrix)
    powers = model.powers_
    degree = int(powers.sum(axis=1).max(initial=0))
    # Each term is a product of at most ``degree`` columns; a column of ones fills up the rest.
    ones = c.op("Add", c.op("Mul", _column(c, x, 0), c.constant(0.0)), c.constant(1.0))
    padded = c.op("Concat", x, ones, axis=1)
    picks = np.full((degree, len(powers)), len(matrix))
    for term, power in enumerate(powers):
        factors = np.repeat(np.arange(len(power)), power)
        picks[: len(factors), term] = factors
    product = c.op("Gather", padded, c.integers(picks[0]), axis=1)
    for pick in picks[1:]:
        product = c.op("Mul", product, c.op("Gather", padded, c.integers(pick), axis=1))
    return c.columns(product, len(powers))


def _column(c: Conversion, x: str, index: int) -> str:
    return c.op("Gather", x, c.integers([index]), axis=1)


def _bins(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.dense(matrix)
    codes = []
    for index, edges in enumerate(model.bin_edges_):
        inner = np.asarray(edges[1:-1], np.float64)
        column = _column(c, x, index)
        reached = c.op("GreaterOrEqual", column, c.constant(inner.reshape(1, -1)))
        codes.append(c.count(c.double(reached)) if len(inner) else None)
    if model.encode == "ordinal":
        zero = c.op("Mul", _column(c, x, 0), c.constant(0.0))
        return tuple(
            column for code in codes for column in c.columns(zero if code is None else code, 1)
        )
    parts: list[Any] = []
    for index, (code, count) in enumerate(zip(codes, model.n_bins_, strict=True)):
        if code is None:
            column = _column(c, x, index)
            code = c.op("Mul", column, c.constant(0.0))  # noqa: PLW2901 - the only bin is bin 0
        hit = c.op("Equal", code, c.constant(np.arange(count, dtype=np.float64).reshape(1, -1)))
        parts.extend(c.columns(c.double(hit), int(count)))
    return tuple(parts)


def _power(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.dense(matrix)
    lambdas = np.asarray(model.lambdas_, np.float64)
    if not np.all(np.isfinite(lambdas)):
        raise refuse("PowerTransformer learnt a lambda that is not finite")
    y = _yeo_johnson(c, x, lambdas) if model.method == "yeo-johnson" else _box_cox(c, x, lambdas)
    out = c.columns(y, len(matrix))
    return c.transform(model._scaler, out) if model.standardize else out  # noqa: SLF001 - it is


def _box_cox(c: Conversion, x: str, lambdas: Array) -> str:
    safe = np.where(lambdas == 0, 1.0, lambdas)
    log = c.smooth("Log", x, len(lambdas))
    # expm1(l * log(x)) / l, as scipy computes it; ONNX has no expm1.
    raised = c.op("Sub", c.op("Pow", x, c.constant(safe)), c.constant(1.0))
    raised = c.op("Div", raised, c.constant(safe))
    return c.op("Where", c.constant(lambdas == 0, np.bool_), log, raised)


def _yeo_johnson(c: Conversion, x: str, lambdas: Array) -> str:
    zero, one = c.constant(0.0), c.constant(1.0)
    negative = c.op("Less", x, zero)
    up = np.where(np.abs(lambdas) < np.spacing(1.0), 0.0, lambdas)
    down = np.where(np.abs(lambdas - 2) <= np.spacing(1.0), 2.0, lambdas)
    # Each branch sees only numbers of its own sign, so that no NaN or infinity is born in it.
    above = c.op("Add", c.op("Where", negative, zero, x), one)
    below = c.op("Sub", one, c.op("Where", negative, x, zero))
    right = _raised(c, above, up)
    left = c.op("Neg", _raised(c, below, 2 - down))
    return c.op("Where", negative, left, right)


def _raised(c: Conversion, x: str, lambdas: Array) -> str:
    safe = np.where(lambdas == 0, 1.0, lambdas)
    raised = c.op("Sub", c.op("Pow", x, c.constant(safe)), c.constant(1.0))
    raised = c.op("Div", raised, c.constant(safe))
    if not np.any(lambdas == 0):
        return raised
    return c.op("Where", c.constant(lambdas == 0, np.bool_), c.op("Log", x), raised)


def _projection(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.dense(matrix)
    components = np.asarray(model.components_, np.float64)
    offset: Array | float = 0.0
    mean = getattr(model, "mean_", None)
    if mean is not None:
        offset = -(np.asarray(mean, np.float64).reshape(1, -1) @ components.T).ravel()
    y = c.linear(x, components.T, offset)
    if getattr(model, "whiten", False):
        scale = np.sqrt(model.explained_variance_)
        least = np.finfo(scale.dtype).eps
        y = c.op("Div", y, c.constant(np.where(scale < least, least, scale)))
    return c.columns(y, len(components))


def _independent(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    x = c.dense(matrix)
    if model.whiten:
        x = c.op("Sub", x, c.constant(model.mean_))
    return c.columns(c.linear(x, model.components_.T, 0.0), len(model.components_))


def _factors(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    centred = c.op("Sub", c.dense(matrix), c.constant(model.mean_))
    weights = model.components_ / model.noise_variance_
    inverse = np.linalg.inv(np.eye(len(model.components_)) + weights @ model.components_.T)
    return c.columns(c.linear(centred, weights.T @ inverse, 0.0), len(model.components_))


def _selection(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    del c
    return tuple(column for column, kept in zip(matrix, model.get_support(), strict=True) if kept)


_EXACT: dict[Any, str] = {
    np.sqrt: "Sqrt",
    np.abs: "Abs",
    np.negative: "Neg",
    np.floor: "Floor",
    np.ceil: "Ceil",
    np.sign: "Sign",
    np.reciprocal: "Reciprocal",
}
_SMOOTH: dict[Any, str] = {
    np.exp: "Exp",
    np.log: "Log",
    np.tanh: "Tanh",
    np.sin: "Sin",
    np.cos: "Cos",
}
_LOGARITHMS: dict[Any, float] = {np.log2: np.log(2.0), np.log10: np.log(10.0)}


def apply_function(  # noqa: PLR0911 - a table of functions
    c: Conversion, function: Any, x: str, width: int
) -> str:
    """Apply a numpy function that ONNX has too to each number of (rows, width)."""
    one = c.constant(1.0)
    if function in _EXACT:
        return c.op(_EXACT[function], x)
    if function in _SMOOTH:
        return c.smooth(_SMOOTH[function], x, width)
    if function in _LOGARITHMS:
        return c.op("Div", c.smooth("Log", x, width), c.constant(_LOGARITHMS[function]))
    if function is np.log1p:
        return c.smooth("Log", c.op("Add", x, one), width)
    if function is np.expm1:
        return c.op("Sub", c.smooth("Exp", x, width), one)
    if function is np.square:
        return c.op("Mul", x, x)
    if function is np.sinh:
        grown, shrunk = c.smooth("Exp", x, width), c.smooth("Exp", c.op("Neg", x), width)
        return c.op("Mul", c.op("Sub", grown, shrunk), c.constant(0.5))
    raise refuse(f"there is no ONNX form of the function {getattr(function, '__name__', function)}")


def _function(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    if model.func is None:
        return matrix
    if model.kw_args:
        raise refuse("there is no ONNX form of a FunctionTransformer with kw_args")
    return c.columns(apply_function(c, model.func, c.dense(matrix), len(matrix)), len(matrix))


def _quantile(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    if model.output_distribution != "uniform":
        raise refuse("ONNX has no inverse of the normal distribution for QuantileTransformer")
    x = c.dense(matrix)
    parts: list[Any] = []
    for index in range(len(matrix)):
        knots = np.asarray(model.quantiles_[:, index], np.float64)
        parts.extend(c.columns(_interpolated(c, _column(c, x, index), knots, model.references_), 1))
    return tuple(parts)


def _interpolated(c: Conversion, x: str, knots: Array, values: Array) -> str:
    """The mean of interpolating up and down, as scikit-learn does where knots are equal."""
    up = interpolate(c, x, knots, values)
    minus = c.op("Neg", interpolate(c, c.op("Neg", x), -knots[::-1], -values[::-1]))
    y = c.op("Mul", c.constant(0.5), c.op("Add", up, minus))
    y = c.op("Where", c.op("Equal", x, c.constant(knots[-1])), c.constant(1.0), y)
    return c.op("Where", c.op("Equal", x, c.constant(knots[0])), c.constant(0.0), y)


def interpolate(c: Conversion, x: str, knots: Array, values: Array) -> str:
    """``numpy.interp`` of a column (rows, 1)."""
    reached = c.op("GreaterOrEqual", x, c.constant(knots.reshape(1, -1)))
    # The last knot that is reached; numpy goes by the same one where knots are equal.
    place = c.op("Sub", c.count(c.op("Cast", reached, to=TensorProto.INT64)), c.integers(1))
    last = len(knots) - 1
    step = np.diff(knots)
    slope = np.append(np.divide(np.diff(values), step, where=step > 0, out=np.zeros(last)), 0.0)
    inside = c.op("Max", place, c.integers(0))

    def at(table: Array) -> str:
        return c.op("Gather", c.constant(table), inside, axis=0)

    y = c.op("Add", c.op("Mul", at(slope), c.op("Sub", x, at(knots))), at(values))
    y = c.op("Where", c.op("Less", place, c.integers(0)), c.constant(values[0]), y)
    return c.op("Where", c.op("IsNaN", x), x, y)


TRANSFORMS: dict[type, Callable[[Conversion, Any, Matrix], Matrix]] = {
    preprocessing.StandardScaler: _standard,
    preprocessing.MinMaxScaler: _min_max,
    preprocessing.MaxAbsScaler: _max_abs,
    preprocessing.RobustScaler: _robust,
    preprocessing.Normalizer: _normalizer,
    preprocessing.Binarizer: _binarizer,
    preprocessing.PolynomialFeatures: _polynomial,
    preprocessing.KBinsDiscretizer: _bins,
    preprocessing.PowerTransformer: _power,
    preprocessing.QuantileTransformer: _quantile,
    preprocessing.FunctionTransformer: _function,
    decomposition.PCA: _projection,
    decomposition.IncrementalPCA: _projection,
    decomposition.TruncatedSVD: _projection,
    decomposition.FastICA: _independent,
    decomposition.FactorAnalysis: _factors,
    GaussianRandomProjection: _projection,
    feature_selection.SelectKBest: _selection,
    feature_selection.SelectPercentile: _selection,
    feature_selection.SelectFpr: _selection,
    feature_selection.SelectFdr: _selection,
    feature_selection.SelectFwe: _selection,
    feature_selection.GenericUnivariateSelect: _selection,
    feature_selection.SelectFromModel: _selection,
    feature_selection.VarianceThreshold: _selection,
    feature_selection.RFE: _selection,
    feature_selection.RFECV: _selection,
    feature_selection.SequentialFeatureSelector: _selection,
}
