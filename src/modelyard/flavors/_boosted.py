"""What the libraries of boosted trees share: columns become features, sums become outputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.conversion.tree_graph import label_dtype
from modelyard.core.contract import Contract, Output
from modelyard.core.features import Feature, Features, Float
from modelyard.core.manifest import Feed
from modelyard.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelyard.conversion.tree_graph import Answer
    from modelyard.core.contract import Column, Task, Unknown
    from modelyard.core.features import Codes

NUMBERS = "numbers"


class Layout(NamedTuple):
    """How columns reach a model.

    Args:
        columns: The input columns, with the categories that the model knows.
        feeds: The tensors made of them: one of all numbers, and one for each category column.
        features: The tensors as the model's features.
    """

    columns: tuple[Column, ...]
    feeds: tuple[Feed, ...]
    features: Features


class Library(NamedTuple):
    """What distinguishes one library's inputs from another's.

    Args:
        flavor: The name for errors.
        dtype: What it computes with.
        unknown: What it does with a category that it does not know.
        missing: A number that stands for a missing one, or None.
    """

    flavor: str
    dtype: Float
    unknown: Unknown
    missing: float | None = None


def lay_out(columns: Sequence[Column], codes: Mapping[str, Codes], library: Library) -> Layout:
    """Decide how columns become tensors and tensors features.

    Args:
        columns: The sample's columns, in the order of training.
        codes: column -> its categories in the order of their codes.
        library: How the library reads inputs.

    Raises:
        ExportError: if a column is nothing that the model could have been trained on.
    """
    numbers: list[str] = []
    feeds: list[Feed] = []
    features: list[Feature] = []
    known: list[Column] = []
    for column in columns:
        mine = codes.get(column.name)
        _refuse_unfit(column, mine, library)
        if mine is None:
            features.append(Feature(feed=NUMBERS, position=len(numbers)))
            numbers.append(column.name)
            known.append(column)
            continue
        name = f"category_{len(feeds)}"
        strings = column.dtype == "string"
        features.append(Feature(feed=name, codes=mine))
        feeds.append(
            Feed(name=name, columns=(column.name,), dtype="string" if strings else "int64")
        )
        known.append(_with_categories(column, mine, library.unknown) if strings else column)
    if numbers:
        feeds.insert(0, Feed(name=NUMBERS, columns=tuple(numbers), dtype=library.dtype))
    return Layout(
        tuple(known),
        tuple(feeds),
        Features(dtype=library.dtype, columns=tuple(features), missing=library.missing),
    )


def contract(layout: Layout, answer: Answer, outputs: int) -> Contract:
    """Write down what goes in and what comes out.

    Args:
        layout: How the columns reach the model.
        answer: What becomes of the model's sums.
        outputs: How many sums there are.
    """
    dtype = layout.features.dtype
    task: Task = "classification"
    if answer.kind in ("values", "argmax"):
        flat = outputs == 1 or answer.kind == "argmax"
        shape = () if flat else (outputs,)
        found = [Output(name="prediction", dtype=dtype, shape=shape)]
        task = "regression" if flat else "other"
    elif answer.kind == "multilabel":
        found = [
            Output(name="label", dtype="int64", shape=(outputs,)),
            Output(name="probabilities", dtype=dtype, shape=(outputs,)),
        ]
        task = "other"
    else:
        classes = answer.classes
        found = [
            Output(name="label", dtype=label_dtype(classes)),
            Output(name="probabilities", dtype=dtype, shape=(len(classes),), labels=classes),
        ]
    return Contract(inputs=layout.columns, outputs=tuple(found), task=task)


def plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a model's settings what JSON can hold; a function is named, not kept.

    Example:
        >>> plain_parameters({"depth": np.int64(3), "missing": float("nan"), "seed": None})
        {'depth': 3}
    """
    plain = {name: _plain(value) for name, value in parameters.items()}
    return {name: value for name, value in sorted(plain.items()) if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return None if None in items else items
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return getattr(value, "__qualname__", None) if callable(value) else None


def _with_categories(column: Column, codes: Codes, unknown: Unknown) -> Column:
    names = tuple(str(code) for code in codes)
    return type(column)(
        name=column.name,
        dtype="string",
        nullable=column.nullable,
        categories=names,
        unknown=unknown,
    )


def _refuse_unfit(column: Column, codes: Codes | None, library: Library) -> None:
    reason = ""
    if column.shape:
        reason = "has a shape of its own"
    elif column.dtype == "timestamp":
        reason = "holds timestamps"
    elif codes is None and column.dtype == "string":
        reason = "holds strings, and the model knows no categories for it"
    elif codes is not None and (column.dtype == "string") != _of_strings(codes):
        reason = f"holds {column.dtype}, unlike the categories that the model was trained on"
    elif codes is not None and column.dtype != "string" and column.nullable:
        reason = "holds whole numbers as categories, with some missing"
    if reason:
        raise ExportError(
            f"column {column.name!r} {reason}; {library.flavor} models take numbers, and strings"
            " as categories",
            flavor=library.flavor,
            hint="give the sample that the model was trained on",
        )


def _of_strings(codes: Codes) -> bool:
    return all(isinstance(code, str) for code in codes)
