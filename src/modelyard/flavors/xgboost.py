"""XGBoost: scikit-learn wrappers and plain boosters, as ONNX in float32 or in UBJSON."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import xgboost

from modelyard.conversion import ubjson, xgboost_trees
from modelyard.conversion.tree_graph import Answer, Quirks, tree_graph
from modelyard.conversion.xgboost_trees import Linear
from modelyard.core import features as core_features
from modelyard.core.manifest import Tolerance
from modelyard.errors import ExportError
from modelyard.flavors._boosted import Layout, Library, contract, lay_out, plain_parameters
from modelyard.flavors.base import Candidate, Export, Flavor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelyard.conversion.xgboost_trees import Boosted, Categories
    from modelyard.core.features import Codes
    from modelyard.core.table import Array, Table
    from modelyard.tables.frame import Frame

FLAVOR = "xgboost"
ONNX = "model/model.onnx"
NATIVE = "model/model.ubj"
FEATURES = "model/features.json"
_TOLERANCE = Tolerance(absolute=2e-6, relative=1e-5)


class _Fitted(NamedTuple):
    """A model, read.

    Args:
        booster: Exactly the rounds that the model predicts with.
        boosted: What its JSON says.
        answer: What becomes of the sums.
        missing: The number that stands for a missing one, or None.
    """

    booster: xgboost.Booster
    boosted: Boosted
    answer: Answer
    missing: float | None

    @property
    def outputs(self) -> int:
        """How many sums there are."""
        model = self.boosted.model
        return len(model.bias) if isinstance(model, Linear) else model.outputs


class XGBoost(Flavor):
    """``XGBClassifier``, ``XGBRegressor``, ``XGBRanker``, their forests, and ``Booster``."""

    suffixes: ClassVar[tuple[str, ...]] = (".ubj", ".json")
    libraries: ClassVar[tuple[str, ...]] = ("xgboost",)

    def candidates(self, model: Any, frame: Frame) -> Iterator[Candidate]:
        """Offer ONNX, and then XGBoost's own format."""
        fitted = _fitted(model)
        _check_names(fitted.booster, frame)
        layout = _layout(fitted, frame)
        return iter(
            (
                Candidate(
                    "onnxruntime",
                    "ONNX computes these trees in float32 as XGBoost does",
                    partial(_portable, fitted, layout),
                ),
                Candidate(
                    "xgboost",
                    "XGBoost's own format; ONNX does not give its answers",
                    partial(_native, fitted, layout),
                ),
            )
        )

    def answer(self, model: Any, frame: Frame, table: Table) -> dict[str, Array]:
        """Ask the model itself."""
        rows = frame.restore(table)
        if isinstance(model, xgboost.XGBClassifier):
            label = np.asarray(model.predict(rows)).astype(np.int64)
            return {"label": label, "probabilities": np.asarray(model.predict_proba(rows))}
        if isinstance(model, xgboost.XGBModel):
            return {"prediction": np.asarray(model.predict(rows))}
        named = {} if hasattr(rows, "columns") else {"feature_names": model.feature_names}
        if frame.kind == "numpy":
            named["feature_types"] = model.feature_types
        data = xgboost.DMatrix(rows, enable_categorical=True, **named)
        return {"prediction": np.asarray(model.predict(data))}

    def parameters(self, model: Any) -> dict[str, Any]:
        """Give the settings of a wrapper; a plain booster does not keep its own."""
        return plain_parameters(model.get_params()) if hasattr(model, "get_params") else {}

    def read(self, path: Path) -> Any:
        """Read a model file; what a classifier saved comes back as a classifier."""
        try:
            booster = xgboost.Booster(model_file=path)
            kept = json.loads(booster.attr("scikit_learn") or "{}").get("_estimator_type", "")
            wrapper = {"classifier": xgboost.XGBClassifier, "regressor": xgboost.XGBRegressor}
            if kept not in wrapper:
                return booster
            model = wrapper[kept]()
            model.load_model(path)
        except (xgboost.core.XGBoostError, ValueError, UnicodeDecodeError) as e:
            raise ExportError(f"{path.name} holds no XGBoost model", flavor=FLAVOR) from e
        return model


def _fitted(model: Any) -> _Fitted:
    missing = None
    if isinstance(model, xgboost.XGBModel):
        booster = _booster_of(model)
        if model.missing is not None and not math.isnan(model.missing):
            missing = float(model.missing)
    elif isinstance(model, xgboost.Booster):
        booster = model
    else:
        raise ExportError(f"{type(model).__name__} is no XGBoost model", flavor=FLAVOR)
    boosted = _read(booster)
    fitted = _Fitted(booster, boosted, Answer(boosted.link or "identity", "values"), missing)
    return fitted._replace(answer=_answer(model, fitted))


def _read(booster: xgboost.Booster) -> Boosted:
    try:
        rounds = booster.num_boosted_rounds()
    except xgboost.core.XGBoostError:  # a booster that never saw data does not even know its size
        rounds = 0
    if rounds == 0:
        raise ExportError("the model is not fitted: it has no rounds", flavor=FLAVOR)
    try:
        return xgboost_trees.read(ubjson.decode(bytes(booster.save_raw("ubj"))))
    except (LookupError, TypeError, ValueError) as e:
        raise ExportError(f"the model cannot be read: {e}", flavor=FLAVOR) from e


def _booster_of(model: xgboost.XGBModel) -> xgboost.Booster:
    if not model.__sklearn_is_fitted__():
        raise ExportError("the model is not fitted", flavor=FLAVOR, hint="call fit first")
    booster = model.get_booster()
    best = booster.attr("best_iteration")
    if best is None or model.booster == "gblinear":
        return booster
    # The wrapper predicts with the best round and those before it; a plain booster with all.
    return _with_categories(booster[: int(best) + 1], booster)


def _with_categories(some: xgboost.Booster, whole: xgboost.Booster) -> xgboost.Booster:
    """Give some rounds the categories of the whole; up to 3.3 XGBoost forgets them as it cuts."""
    if "c" not in (whole.feature_types or []):
        return some
    cut, full = (json.loads(bytes(booster.save_raw("json"))) for booster in (some, whole))
    mine, all_of_it = (
        xgboost_trees.trees_of(document["learner"]["gradient_booster"])[0]
        for document in (cut, full)
    )
    if "cats" not in all_of_it or mine.get("cats") == all_of_it["cats"]:
        return some
    mine["cats"] = all_of_it["cats"]
    return xgboost.Booster(model_file=bytearray(json.dumps(cut).encode()))


def _answer(model: Any, fitted: _Fitted) -> Answer:
    link, objective = fitted.answer.link, fitted.boosted.objective
    if isinstance(model, xgboost.XGBClassifier):
        classes = tuple(range(int(model.n_classes_)))
        if objective.startswith("multi:"):
            return Answer(link, "classes", classes=classes)
        if fitted.outputs > 1:
            return Answer(link, "multilabel")
        return Answer(link, "binary", classes=classes)
    return Answer(link, "argmax" if objective == "multi:softmax" else "values")


def _check_names(booster: xgboost.Booster, frame: Frame) -> None:
    names = [column.name for column in frame.columns]
    if len(names) != booster.num_features():
        raise ExportError(
            f"the model takes {booster.num_features()} features, the sample has {len(names)}",
            flavor=FLAVOR,
        )
    if booster.feature_names is None or frame.kind == "numpy" or booster.feature_names == names:
        return
    first = next(at for at, name in enumerate(booster.feature_names) if names[at] != name)
    raise ExportError(
        f"feature {first} of the model is {booster.feature_names[first]!r}, column {first} of the"
        f" sample is {names[first]!r}",
        flavor=FLAVOR,
        hint="give the sample's columns in the order of training",
    )


def _layout(fitted: _Fitted, frame: Frame) -> Layout:
    codes: dict[str, Codes] = {}
    for column, known in zip(frame.columns, fitted.boosted.categories, strict=True):
        if known.numbers:
            codes[column.name] = known.numbers
        elif known.strings:
            codes[column.name] = _strings(column.name, known, frame)
    library = Library(FLAVOR, "float32", "reject", fitted.missing)
    return lay_out(frame.columns, codes, library)


def _strings(name: str, known: Categories, frame: Frame) -> tuple[str, ...]:
    content = b"".join(known.strings)
    if content.isascii():
        return tuple(value.decode() for value in known.strings)
    # XGBoost 3 counts characters where it should count bytes, so it cuts such categories short.
    # Those of the sample are the ones it was trained on if, cut alike, they give the same bytes.
    native = frame.restore(frame.table)[name]
    mine = getattr(getattr(native, "cat", None), "categories", None)
    if mine is not None:
        names = tuple(str(value) for value in mine)
        cut = "".join(names).encode()[: len(content)]
        if cut == content and len(names) == len(known.strings):
            return names
    raise ExportError(
        f"XGBoost cut the categories of column {name!r} short, for they are not ASCII",
        flavor=FLAVOR,
        hint="give the very DataFrame that the model was trained on, or train on ASCII categories",
    )


def _portable(fitted: _Fitted, layout: Layout) -> Export:
    if fitted.boosted.link is None:
        raise ExportError(
            f"no ONNX is known for the objective {fitted.boosted.objective!r}", flavor=FLAVOR
        )
    quirks = Quirks(whole=_cut_off(fitted, layout))
    content = tree_graph(layout.features, fitted.boosted.model, fitted.answer, quirks)
    return _export(fitted, layout, {ONNX: content}, ONNX)


def _cut_off(fitted: _Fitted, layout: Layout) -> tuple[int, ...]:
    types = fitted.booster.feature_types or []
    return tuple(at for at, kind in enumerate(types) if kind == "c" and layout.columns[at].is_float)


def _native(fitted: _Fitted, layout: Layout) -> Export:
    booster = fitted.booster
    if fitted.answer.kind == "classes" and fitted.boosted.objective == "multi:softmax":
        booster = booster.copy()
        booster.set_param({"objective": "multi:softprob"})
    files = {
        NATIVE: bytes(booster.save_raw("ubj")),
        FEATURES: core_features.encode(layout.features),
    }
    return _export(fitted, layout, files, NATIVE)


def _export(fitted: _Fitted, layout: Layout, files: dict[str, bytes], model: str) -> Export:
    promised = contract(layout, fitted.answer, fitted.outputs)
    return Export(promised, layout.feeds, files, model, _TOLERANCE)
