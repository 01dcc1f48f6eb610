"""What a scikit-learn model answers, in the names and dtypes of the contract."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier

from modelyard.core.contract import Output, numpy_dtype

if TYPE_CHECKING:
    from modelyard.core.contract import DType
    from modelyard.core.table import Array


def answers(model: Any, rows: Any) -> dict[str, Array]:
    """Ask the model itself.

    Args:
        model: A fitted model.
        rows: Rows as it was trained on.

    Returns:
        ``label`` and, where it has them, ``probabilities`` of a classifier; else ``prediction``.
    """
    with warnings.catch_warnings():
        # Of unknown categories, or of names that the model was not trained with.
        warnings.simplefilter("ignore")
        predicted = np.asarray(model.predict(rows))
        if not is_classifier(model):
            return {"prediction": _plain(predicted)}
        found = {"label": _plain(predicted, label=True)}
        if hasattr(model, "predict_proba"):
            probabilities = model.predict_proba(rows)
            if not isinstance(probabilities, list):
                found["probabilities"] = _plain(np.asarray(probabilities))
        return found


def _plain(values: Array, *, label: bool = False) -> Array:
    return values.astype(numpy_dtype(_dtype(values, label=label)))


def _dtype(values: Array, *, label: bool) -> DType:
    kind = values.dtype.kind
    if kind in "iu":
        return "int64"
    if kind == "b":
        return "bool"
    if kind in "OU" and label:
        return "string"
    return "float64"


def outputs(model: Any, found: dict[str, Array]) -> tuple[Output, ...]:
    """The outputs of a contract, from some answers."""
    made = []
    for name, values in found.items():
        dtype = _dtype(values, label=name == "label")
        labels = None
        # Of several labels at once, each has classes of its own.
        if name == "probabilities" and found["label"].ndim == 1:
            labels = tuple(np.asarray(model.classes_).tolist())
        made.append(Output(name=name, dtype=dtype, shape=values.shape[1:], labels=labels))
    return tuple(made)
