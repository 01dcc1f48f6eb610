"""scikit-learn: estimators and whole pipelines, as ONNX in doubles, else as a skops file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec
import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.utils.validation import NotFittedError, check_is_fitted

from modelyard.conversion import sklearn_boosted, sklearn_rows, sklearn_skops
from modelyard.conversion.sklearn_answers import answers, outputs
from modelyard.conversion.sklearn_conversion import EXACT
from modelyard.conversion.sklearn_model import convert, policies
from modelyard.core.contract import Contract
from modelyard.core.manifest import Tolerance
from modelyard.errors import ExportError
from modelyard.flavors.base import Candidate, Export, Flavor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelyard.conversion.sklearn_conversion import Policy
    from modelyard.core.contract import Column, Output, Task
    from modelyard.core.table import Array, Table
    from modelyard.tables.frame import Frame

FLAVOR = "sklearn"
ONNX = "model/model.onnx"
SKOPS = "model/model.skops"
ROWS = "model/rows.json"
# A model trained on float32 computes in it, and ONNX in doubles: the original is the less exact.
_SINGLE = Tolerance(absolute=1e-5, relative=1e-5)
_ADVICE = (
    "use transformers of scikit-learn itself (a FunctionTransformer of a numpy function, or"
    " none), put your own steps before the model, or export the model to ONNX yourself"
)
_SEARCH_TREES = ("sklearn.neighbors._kd_tree.", "sklearn.neighbors._ball_tree.")
_BRUTE = (
    " (a search tree, which also puts equally near rows in an order of its own: where ties between"
    " neighbours matter, as on integer columns, fit with algorithm='brute')"
)


class _Fitted(NamedTuple):
    """A model with all that is known of it before it takes a form."""

    model: Any
    frame: Frame
    outputs: tuple[Output, ...]
    task: Task

    def contract(self, known: Mapping[str, Policy]) -> Contract:
        """The contract, with what encoders say of string columns."""
        inputs = tuple(_changed(column, known.get(column.name)) for column in self.frame.columns)
        return Contract(inputs=inputs, outputs=self.outputs, task=self.task)


class Sklearn(Flavor):
    """Classifiers, regressors, clusterers and outlier detectors, alone or in pipelines."""

    suffixes: ClassVar[tuple[str, ...]] = (".skops",)
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn", "numpy", "scipy", "skops")

    def candidates(self, model: Any, frame: Frame) -> Iterator[Candidate]:
        """Offer ONNX, and then skops."""
        fitted = _fitted(model, frame)
        return iter(
            (
                Candidate(
                    "onnxruntime",
                    "ONNX in doubles gives scikit-learn's answers, many times faster, and needs no"
                    " scikit-learn on the server",
                    partial(_portable, fitted),
                ),
                Candidate(
                    "sklearn",
                    "a skops file, which runs no code when it is read; slower than ONNX, and the"
                    " server needs scikit-learn in the version of the model",
                    partial(_native, fitted),
                ),
            )
        )

    def answer(self, model: Any, frame: Frame, table: Table) -> dict[str, Array]:
        """Ask the model itself."""
        return answers(model, frame.restore(table))

    def used(self, model: Any) -> tuple[str, ...]:
        """Give scikit-learn and what it needs, and the libraries of models within the model."""
        parts = [model, *model.get_params(deep=True).values()]
        roots = {type(part).__module__.partition(".")[0] for part in parts}
        return (*self.libraries, *sorted(roots & sklearn_boosted.LIBRARIES))

    def parameters(self, model: Any) -> dict[str, Any]:
        """Give the settings of the model and of all its parts."""
        settings = model.get_params(deep=True)
        return {name: _plain(value) for name, value in sorted(settings.items())}

    def read(self, path: Path) -> Any:
        """Read a skops file, as long as it holds nothing but types that are trusted."""
        content = path.read_bytes()
        try:
            refused = sklearn_skops.untrusted(content)
            model = None if refused else sklearn_skops.load(content)
        except Exception as e:  # skops raises whatever a malformed file leads it to
            raise ExportError(f"{path.name} holds no skops model", flavor=FLAVOR) from e
        if refused:
            raise _untrusted(path.name, refused)
        return model


def _fitted(model: Any, frame: Frame) -> _Fitted:
    kind = type(model).__name__
    if not isinstance(model, BaseEstimator):
        raise ExportError(f"{kind} is no scikit-learn model", flavor=FLAVOR)
    if not hasattr(model, "predict"):
        raise ExportError(
            f"{kind} has no predict", flavor=FLAVOR, hint="give an estimator, or a whole pipeline"
        )
    try:
        check_is_fitted(model)
    except NotFittedError as e:
        raise ExportError(
            f"this {kind} is not fitted", flavor=FLAVOR, hint="call fit before it is built"
        ) from e
    some = frame.table.take(np.arange(min(frame.table.rows, 3)))
    try:
        found = answers(model, frame.restore(some))
    except Exception as e:
        # Estimators raise all sorts of errors on rows that they were not trained for.
        raise ExportError(
            f"the model does not take the sample's rows: {e}",
            flavor=FLAVOR,
            hint="give rows as the model was trained on: the same columns, in the same order",
        ) from e
    task: Task = "other"
    if is_classifier(model):
        # No metric here knows several labels at once.
        task = "classification" if found["label"].ndim == 1 else "other"
    elif is_regressor(model):
        task = "regression"
    return _Fitted(model, frame, outputs(model, found), task)


def _portable(fitted: _Fitted) -> Export:
    converted = convert(fitted.model, fitted.frame.columns)
    contract = fitted.contract(converted.policies)
    single = any(column.dtype == "float32" for column in contract.inputs)
    return Export(
        contract,
        converted.feeds,
        {ONNX: converted.content},
        ONNX,
        _SINGLE if single else converted.tolerance,
    )


def _native(fitted: _Fitted) -> Export:
    kind = type(fitted.model).__name__
    try:
        content = sklearn_skops.dump(fitted.model)
        refused = sklearn_skops.untrusted(content)
    except Exception as e:  # skops raises whatever the parts of a model raise
        raise ExportError(
            f"skops cannot write this {kind}: {e}", flavor=FLAVOR, hint=_ADVICE
        ) from e
    if refused:
        raise _untrusted(f"this {kind}", refused)
    columns = fitted.frame.columns
    shape = sklearn_rows.describe(fitted.frame.restore(fitted.frame.table), columns)
    return Export(
        fitted.contract(policies(fitted.model, columns)),
        sklearn_rows.feeds(columns),
        {SKOPS: content, ROWS: sklearn_rows.encode(shape)},
        SKOPS,
        EXACT,
    )


def _untrusted(what: str, refused: list[str]) -> ExportError:
    trees = any(name.startswith(_SEARCH_TREES) for name in refused)
    return ExportError(
        f"{what} holds what cannot be read safely from a skops file: {', '.join(refused)}"
        + (_BRUTE if trees else ""),
        flavor=FLAVOR,
        hint=_ADVICE,
    )


def _changed(column: Column, policy: Policy | None) -> Column:
    if policy is None or column.dtype != "string":
        return column
    # What the encoder was trained on; where it knows none of them as strings, what was seen.
    return msgspec.structs.replace(
        column,
        categories=policy.categories or column.categories,
        unknown="model" if policy.unknown else "reject",
    )


def _plain(value: Any) -> Any:  # noqa: PLR0911 - a table of types
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    # Its name alone: how Python prints it may hold an address, which no two runs share.
    return getattr(value, "__name__", type(value).__name__)
