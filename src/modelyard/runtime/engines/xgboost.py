"""XGBoost's own predictor, for models in UBJSON."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import xgboost

from modelyard.conversion import xgboost_document
from modelyard.core import features
from modelyard.errors import BundleError
from modelyard.runtime.engines.base import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from modelyard.core.contract import Contract
    from modelyard.core.features import Features
    from modelyard.core.manifest import Manifest
    from modelyard.core.table import Array

FEATURES = "model/features.json"
_FEW = 256
"""Up to so many rows, starting threads costs more than they save."""


class XGBoostEngine(Engine):
    """Predicts in place, with one thread for few rows.

    Args:
        content: A model in UBJSON.
        columns: How the feeds become its features.
        contract: Says which outputs to answer.
    """

    requires: ClassVar[tuple[str, ...]] = ("xgboost",)

    def __init__(self, content: bytes, columns: Features, contract: Contract) -> None:
        self._content = content
        self._features = columns
        self._outputs = {output.name: output for output in contract.outputs}
        self._lock = threading.Lock()
        self._few = _booster(content, threads=1)
        self._many: xgboost.Booster | None = None
        # A linear booster predicts neither in place nor in two threads at once.
        settings = json.loads(self._few.save_config())["learner"]["learner_train_param"]
        self._is_linear = settings["booster"] == "gblinear"

    @classmethod
    def load(cls, read: Callable[[str], bytes], manifest: Manifest) -> Self:
        """Read the booster and its features; neither can carry code."""
        try:
            columns = features.decode(read(FEATURES))
            content = read(manifest.model)
            xgboost_document.check(content)
            return cls(content, columns, manifest.contract)
        except (ValueError, LookupError, xgboost.core.XGBoostError) as e:
            raise BundleError("the model is no XGBoost model", file=manifest.model) from e

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Predict some rows."""
        found = self._predict(self._features.matrix(feeds))
        if "prediction" in self._outputs:
            return {"prediction": found}
        if found.ndim == 1:
            found = np.stack([1 - found, found], axis=1)
        if self._outputs["label"].shape:
            label = (found > 0.5).astype(np.int64)  # noqa: PLR2004 - more likely than not
        else:
            label = np.argmax(found, axis=1).astype(np.int64)
        return {"label": label, "probabilities": found}

    def _predict(self, x: Array) -> Array:
        if not self._is_linear:
            booster = self._booster_for(len(x))
            return np.asarray(booster.inplace_predict(x, validate_features=False))
        data = xgboost.DMatrix(x, feature_types=self._few.feature_types, nthread=1)
        with self._lock:
            return np.asarray(self._few.predict(data, validate_features=False))

    def _booster_for(self, rows: int) -> xgboost.Booster:
        if rows <= _FEW:
            return self._few
        with self._lock:
            if self._many is None:
                self._many = _booster(self._content, threads=0)
            return self._many


def _booster(content: bytes, *, threads: int) -> xgboost.Booster:
    booster = xgboost.Booster(model_file=bytearray(content))
    booster.set_param({"nthread": threads})
    return booster
