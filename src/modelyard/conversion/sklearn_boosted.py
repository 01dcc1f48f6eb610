"""LightGBM and XGBoost models as the last step of a scikit-learn pipeline.

Neither library is imported: the fitted model itself writes what is read here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto

from modelyard.conversion import lightgbm_trees, ubjson, xgboost_trees
from modelyard.conversion.sklearn_conversion import Classified, Predicted
from modelyard.conversion.sklearn_graph import Matrix, refuse
from modelyard.conversion.tree_graph import SUMS, Answer, Quirks, tree_graph
from modelyard.core.features import Feature, Features
from modelyard.core.manifest import Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import GraphProto

    from modelyard.conversion import sklearn_conversion
    from modelyard.conversion.sklearn_conversion import Conversion

_FLOAT32 = Tolerance(absolute=2e-6, relative=1e-5)
_FEED = "x"


def _lightgbm(c: Conversion, model: Any, matrix: Matrix) -> sklearn_conversion.Answer:
    booster = model.booster_
    if booster.pandas_categorical:
        raise refuse("LightGBM was fitted on pandas categories within the pipeline")
    text = booster.model_to_string()
    try:
        header = lightgbm_trees.read_header(text)
        boosted = lightgbm_trees.read_trees(text)
    except ValueError as e:
        raise refuse(f"the LightGBM model cannot become ONNX: {e}") from e
    if header.link is None or header.objective == "custom":
        raise refuse(f"no ONNX is known for the objective {header.objective!r}")
    classes = getattr(model, "classes_", None)
    kind = _kind(classes, header.outputs)
    answer = Answer(header.link, kind, header.slope, _codes(classes))
    quirks = Quirks(
        tuple(sorted(boosted.categorical)), boosted.zero_missing, lightgbm_trees.SMALLEST_ZERO
    )
    features = _features(len(matrix), "float64", None)
    content = tree_graph(features, boosted.trees, answer, quirks)
    return _answered(c, model, content, (c.dense(matrix), header.outputs))


def _xgboost(c: Conversion, model: Any, matrix: Matrix) -> sklearn_conversion.Answer:
    booster = model.get_booster()
    best = booster.attr("best_iteration")
    if best is not None and model.booster != "gblinear":
        # The wrapper predicts with the best round and those before it.
        booster = booster[: int(best) + 1]
    try:
        boosted = xgboost_trees.read(ubjson.decode(bytes(booster.save_raw("ubj"))))
    except (LookupError, TypeError, ValueError) as e:
        raise refuse(f"the XGBoost model cannot become ONNX: {e}") from e
    if "c" in (booster.feature_types or []):
        raise refuse("XGBoost was fitted on pandas categories within the pipeline")
    if boosted.link is None:
        raise refuse(f"no ONNX is known for this XGBoost model ({boosted.objective!r})")
    sums = boosted.model
    outputs = len(sums.bias) if isinstance(sums, xgboost_trees.Linear) else sums.outputs
    classes = getattr(model, "classes_", None)
    if classes is not None and outputs > 1 and not boosted.objective.startswith("multi:"):
        raise refuse("there is no rule for a model that answers several labels at once")
    answer = Answer(boosted.link, _kind(classes, outputs), classes=_codes(classes))
    missing = None if math.isnan(model.missing) else float(model.missing)
    x = c.dense(matrix)
    if c.sparse:
        # XGBoost takes the zeros that a sparse matrix leaves out for missing.
        x = c.op("Where", c.op("Equal", x, c.constant(0.0)), c.constant(np.nan), x)
    c.tolerance = _FLOAT32
    x = c.op("Cast", x, to=TensorProto.FLOAT)
    content = tree_graph(_features(len(matrix), "float32", missing), boosted.model, answer)
    return _answered(c, model, content, (x, outputs))


def _kind(classes: Any, outputs: int) -> Any:
    if classes is None:
        return "values"
    return "binary" if outputs == 1 else "classes"


def _codes(classes: Any) -> tuple[int, ...]:
    return () if classes is None else tuple(range(len(classes)))


def _features(width: int, dtype: Any, missing: float | None) -> Features:
    columns = tuple(Feature(feed=_FEED, position=place) for place in range(width))
    return Features(dtype=dtype, columns=columns, missing=missing)


def _answered(
    c: Conversion, model: Any, content: bytes, ends: tuple[str, int]
) -> sklearn_conversion.Answer:
    x, outputs = ends
    classes = getattr(model, "classes_", None)
    names = _taken(c, onnx.load_from_string(content).graph, x)
    if classes is not None:
        probabilities = c.double(names["probabilities"])
        scores = c.double(names[SUMS]) if hasattr(model, "decision_function") else None
        return Classified(np.asarray(classes), names["label"], probabilities, scores)
    prediction = c.double(names["prediction"])
    if outputs > 1:
        return Predicted(prediction, outputs)
    return Predicted(c.op("Unsqueeze", prediction, c.integers([1])))


def _taken(c: Conversion, graph: GraphProto, x: str) -> dict[str, str]:
    """Take over a graph whose constants are nodes; returns what its tensors are called now."""
    prefix = c.fresh("boosted")
    names = {"": "", _FEED: x}
    for node in graph.node:
        node.name = ""
        node.input[:] = [names[name] for name in node.input]
        names.update({name: f"{prefix}_{name}" for name in node.output})
        node.output[:] = [names[name] for name in node.output]
    c.add(list(graph.node))
    return names


PREDICTS: dict[str, Callable[[Conversion, Any, Matrix], sklearn_conversion.Answer]] = {
    "lightgbm.sklearn.LGBMClassifier": _lightgbm,
    "lightgbm.sklearn.LGBMRegressor": _lightgbm,
    "xgboost.sklearn.XGBClassifier": _xgboost,
    "xgboost.sklearn.XGBRegressor": _xgboost,
    "xgboost.sklearn.XGBRFClassifier": _xgboost,
    "xgboost.sklearn.XGBRFRegressor": _xgboost,
}
"""By name, so that neither library is needed for models of the other, or of none."""
LIBRARIES = frozenset(name.partition(".")[0] for name in PREDICTS)
"""The libraries themselves."""
