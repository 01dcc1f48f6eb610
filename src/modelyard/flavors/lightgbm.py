"""LightGBM: scikit-learn wrappers and plain boosters, as ONNX in float64 or in its own text."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import lightgbm
import numpy as np

from modelyard.conversion import lightgbm_trees
from modelyard.conversion.tree_graph import Answer, Quirks, label_dtype, tree_graph
from modelyard.core import features as core_features
from modelyard.core.manifest import Tolerance
from modelyard.errors import ExportError
from modelyard.flavors._boosted import Layout, Library, contract, lay_out, plain_parameters
from modelyard.flavors.base import Candidate, Export, Flavor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelyard.conversion.lightgbm_trees import Header
    from modelyard.core.features import Codes
    from modelyard.core.table import Array, Table
    from modelyard.tables.frame import Frame

FLAVOR = "lightgbm"
ONNX = "model/model.onnx"
NATIVE = "model/model.txt"
FEATURES = "model/features.json"
_TOLERANCE = Tolerance(absolute=1e-12, relative=1e-11)


class _Fitted(NamedTuple):
    """A model, read.

    Args:
        booster: The model itself.
        text: Its text, with exactly the rounds that it predicts with.
        header: What the text says before the trees.
        answer: What becomes of the sums.
    """

    booster: lightgbm.Booster
    text: str
    header: Header
    answer: Answer


class LightGBM(Flavor):
    """``LGBMClassifier``, ``LGBMRegressor``, ``LGBMRanker`` and ``Booster``."""

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)
    libraries: ClassVar[tuple[str, ...]] = ("lightgbm",)

    def candidates(self, model: Any, frame: Frame) -> Iterator[Candidate]:
        """Offer ONNX, and then LightGBM's own format."""
        fitted = _fitted(model)
        _check_names(fitted.header, frame)
        layout = lay_out(
            frame.columns, _codes(fitted.booster, frame), Library(FLAVOR, "float64", "model")
        )
        return iter(
            (
                Candidate(
                    "onnxruntime",
                    "ONNX holds these trees with their double thresholds",
                    partial(_portable, fitted, layout),
                ),
                Candidate(
                    "lightgbm",
                    "LightGBM's own format; ONNX does not give its answers",
                    partial(_native, fitted, layout),
                ),
            )
        )

    def answer(self, model: Any, frame: Frame, table: Table) -> dict[str, Array]:
        """Ask the model itself."""
        rows = frame.restore(table)
        if isinstance(model, lightgbm.LGBMClassifier):
            label = np.asarray(model.predict(rows))
            dtype = label_dtype(tuple(model.classes_.tolist()))
            label = label.astype(object if dtype == "string" else dtype)
            return {"label": label, "probabilities": np.asarray(model.predict_proba(rows))}
        return {"prediction": np.asarray(model.predict(rows), np.float64)}

    def parameters(self, model: Any) -> dict[str, Any]:
        """Give the settings that the model was trained with."""
        return plain_parameters(
            model.get_params() if hasattr(model, "get_params") else model.params
        )

    def read(self, path: Path) -> Any:
        """Read a model file as a booster."""
        try:
            return lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))
        except (lightgbm.basic.LightGBMError, ValueError) as e:
            raise ExportError(f"{path.name} holds no LightGBM model", flavor=FLAVOR) from e


def _fitted(model: Any) -> _Fitted:
    if isinstance(model, lightgbm.LGBMModel):
        if not model.__sklearn_is_fitted__():
            raise ExportError("the model is not fitted", flavor=FLAVOR, hint="call fit first")
        booster = model.booster_
    elif isinstance(model, lightgbm.Booster):
        booster = model
    else:
        raise ExportError(f"{type(model).__name__} is no LightGBM model", flavor=FLAVOR)
    if booster.num_trees() == 0:
        raise ExportError("the model is not fitted: it has no trees", flavor=FLAVOR)
    # By default the text holds the rounds up to the best one, with which the model predicts too.
    text = booster.model_to_string()
    try:
        header = lightgbm_trees.read_header(text)
    except ValueError as e:
        raise ExportError(f"the model cannot be read: {e}", flavor=FLAVOR) from e
    return _Fitted(booster, text, header, _answer(model, header))


def _answer(model: Any, header: Header) -> Answer:
    link = header.link or "identity"
    if not isinstance(model, lightgbm.LGBMClassifier):
        return Answer(link, "values", header.slope)
    if header.objective == "custom":
        raise ExportError(
            "a classifier with an objective of its own answers sums, not probabilities",
            flavor=FLAVOR,
            hint="export model.booster_ instead: it answers the sums as its prediction",
        )
    classes = tuple(model.classes_.tolist())
    if len(classes) != max(2, header.outputs):
        raise ExportError(f"the model knows {len(classes)} class", flavor=FLAVOR)
    return Answer(link, "classes" if header.outputs > 1 else "binary", header.slope, classes)


def _check_names(header: Header, frame: Frame) -> None:
    names = [column.name for column in frame.columns]
    if len(names) != len(header.names):
        raise ExportError(
            f"the model takes {len(header.names)} features, the sample has {len(names)} columns",
            flavor=FLAVOR,
        )
    unnamed = tuple(f"Column_{at}" for at in range(len(names)))
    if header.names == unnamed or frame.kind == "numpy":
        return
    for at, (ours, theirs) in enumerate(zip(names, header.names, strict=True)):
        if ours.replace(" ", "_") != theirs:
            raise ExportError(
                f"feature {at} of the model is {theirs!r}, column {at} of the sample is {ours!r}",
                flavor=FLAVOR,
                hint="give the sample's columns in the order of training",
            )


def _codes(booster: lightgbm.Booster, frame: Frame) -> dict[str, Codes]:
    """Which columns are categories: LightGBM keeps their values, but not whose they are."""
    kept = [tuple(values) for values in booster.pandas_categorical or ()]
    names = _category_columns(frame)
    if len(names) != len(kept):
        raise ExportError(
            f"the model was trained on {len(kept)} categorical columns, the sample has"
            f" {len(names)}",
            flavor=FLAVOR,
            hint="give the DataFrame that the model was trained on, categories and all",
        )
    return dict(zip(names, kept, strict=True))


def _category_columns(frame: Frame) -> list[str]:
    if frame.kind == "pandas":
        types = frame.restore(frame.table).dtypes
        return [str(name) for name, dtype in types.items() if str(dtype) == "category"]
    return [column.name for column in frame.columns if column.dtype == "string"]


def _portable(fitted: _Fitted, layout: Layout) -> Export:
    if fitted.header.link is None:
        raise ExportError(
            f"no ONNX is known for the objective {fitted.header.objective!r}", flavor=FLAVOR
        )
    try:
        boosted = lightgbm_trees.read_trees(fitted.text)
    except ValueError as e:
        raise ExportError(f"the model cannot become ONNX: {e}", flavor=FLAVOR) from e
    whole = tuple(at for at in sorted(boosted.categorical) if layout.columns[at].is_float)
    quirks = Quirks(whole, boosted.zero_missing, lightgbm_trees.SMALLEST_ZERO)
    content = tree_graph(layout.features, boosted.trees, fitted.answer, quirks)
    return _export(fitted, layout, {ONNX: content}, ONNX)


def _native(fitted: _Fitted, layout: Layout) -> Export:
    files = {
        NATIVE: fitted.text.encode(),
        FEATURES: core_features.encode(layout.features),
    }
    return _export(fitted, layout, files, NATIVE)


def _export(fitted: _Fitted, layout: Layout, files: dict[str, bytes], model: str) -> Export:
    promised = contract(layout, fitted.answer, fitted.header.outputs)
    return Export(promised, layout.feeds, files, model, _TOLERANCE)
