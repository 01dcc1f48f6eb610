"""A whole scikit-learn model as ONNX, with what its encoders say of the input contract."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.conversion import (
    sklearn_boosted,
    sklearn_compose,
    sklearn_encoders,
    sklearn_features,
    sklearn_imputers,
    sklearn_kernels,
    sklearn_linear,
    sklearn_meta,
    sklearn_neighbors,
    sklearn_scalers,
    sklearn_trees,
)
from modelyard.conversion.sklearn_conversion import Classified, Conversion, Marked, Policy
from modelyard.conversion.sklearn_graph import (
    NUMBERS,
    STRINGS,
    Column,
    Source,
    Text,
    Unusable,
    refuse,
)
from modelyard.core.manifest import Feed, Tolerance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.core import contract
    from modelyard.core.table import Array

_TRANSFORMS = {
    **sklearn_scalers.TRANSFORMS,
    **sklearn_encoders.TRANSFORMS,
    **sklearn_imputers.TRANSFORMS,
    **sklearn_compose.TRANSFORMS,
    **sklearn_features.TRANSFORMS,
    **sklearn_neighbors.TRANSFORMS,
    **sklearn_meta.TRANSFORMS,
}
_PREDICTS = {
    **sklearn_neighbors.PREDICTS,
    **sklearn_linear.PREDICTS,
    **sklearn_trees.PREDICTS,
    **sklearn_kernels.PREDICTS,
    **sklearn_meta.PREDICTS,
    **sklearn_compose.PREDICTS,
}


class Converted(NamedTuple):
    """A model as ONNX.

    Args:
        content: The model file.
        feeds: How it is fed.
        policies: What its encoders know of string columns: column -> policy.
        tolerance: How far its answers may lie off.
    """

    content: bytes
    feeds: tuple[Feed, ...]
    policies: dict[str, Policy]
    tolerance: Tolerance


def convert(model: Any, columns: Sequence[contract.Column]) -> Converted:
    """Convert a fitted estimator or pipeline.

    Args:
        model: The model.
        columns: Its input columns, in the order of the sample.

    Raises:
        ExportError: says which part of it has no exact ONNX form.
    """
    conversion = _conversion()
    answer = conversion.predict(model, _sources(columns))
    if isinstance(answer, Classified):
        outputs = _classifier_outputs(conversion, answer)
    elif isinstance(answer, Marked):
        outputs = {"label": (answer.labels, "int64", (answer.width,))}
        if answer.probabilities is not None:
            outputs["probabilities"] = (answer.probabilities, "float64", (answer.width,))
    else:
        width = answer.width
        tensor = conversion.flat(answer.tensor) if width is None else answer.tensor
        dtype = "int64" if answer.integer else "float64"
        outputs = {"prediction": (tensor, dtype, () if width is None else (width,))}
    content = conversion.finish(outputs)
    return Converted(content, _feeds(conversion), conversion.policies, conversion.tolerance)


def policies(model: Any, columns: Sequence[contract.Column]) -> dict[str, Policy]:
    """What the encoders of a model know of string columns, as far as a conversion comes."""
    conversion = _conversion()
    # Whatever stops it, what it has seen till then counts.
    with suppress(Exception):
        conversion.predict(model, _sources(columns))
    return conversion.policies


def _conversion() -> Conversion:
    return Conversion(_TRANSFORMS, _PREDICTS, sklearn_boosted.PREDICTS)


def _sources(columns: Sequence[contract.Column]) -> tuple[Column, ...]:
    return tuple(_source(column) for column in columns)


def _source(column: contract.Column) -> Column:
    if column.shape:
        return Unusable(column.name, "tensor")
    if column.dtype == "string":
        return Text(column.name)
    if column.dtype == "timestamp":
        return Unusable(column.name, "timestamp")
    return Source(column.name)


def _classifier_outputs(
    c: Conversion, answer: Classified
) -> dict[str, tuple[str, str, tuple[int, ...]]]:
    classes, dtype = label_type(answer.classes)
    label = c.op("Gather", c.constant(classes, classes.dtype), answer.choice, axis=0)
    outputs: dict[str, tuple[str, str, tuple[int, ...]]] = {"label": (label, dtype, ())}
    if answer.probabilities is not None:
        outputs["probabilities"] = (answer.probabilities, "float64", (len(classes),))
    return outputs


def label_type(classes: Array) -> tuple[Array, str]:
    """A classifier's classes as the contract holds them, with their dtype there."""
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64), "int64"
    if classes.dtype.kind == "b":
        return classes, "bool"
    if classes.dtype.kind == "f":
        return classes.astype(np.float64), "float64"
    if all(isinstance(label, str) for label in classes.tolist()):
        return classes.astype(object), "string"
    raise refuse("the classes of the model are neither numbers nor strings")


def _feeds(c: Conversion) -> tuple[Feed, ...]:
    feeds = []
    if c.numbers:
        feeds.append(Feed(name=NUMBERS, columns=tuple(c.numbers), dtype="float64"))
    if c.strings:
        feeds.append(Feed(name=STRINGS, columns=tuple(c.strings), dtype="string"))
    return tuple(feeds)
