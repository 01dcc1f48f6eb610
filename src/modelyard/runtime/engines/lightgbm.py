"""LightGBM's own predictor, for models in its text format."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import lightgbm
import numpy as np

from modelyard.conversion import lightgbm_text
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


class LightGBMEngine(Engine):
    """Predicts with one thread for few rows.

    Args:
        booster: The model.
        columns: How the feeds become its features.
        contract: Says which outputs to answer.
    """

    requires: ClassVar[tuple[str, ...]] = ("lightgbm",)

    def __init__(self, booster: lightgbm.Booster, columns: Features, contract: Contract) -> None:
        self._booster = booster
        self._features = columns
        self._outputs = {output.name: output for output in contract.outputs}
        self._classes = self._read_classes()

    @classmethod
    def load(cls, read: Callable[[str], bytes], manifest: Manifest) -> Self:
        """Read the booster and its features; neither can carry code."""
        try:
            columns = features.decode(read(FEATURES))
            text = lightgbm_text.checked(read(manifest.model).decode())
            booster = lightgbm.Booster(model_str=text)
        except (ValueError, LookupError, lightgbm.basic.LightGBMError) as e:
            raise BundleError("the model is no LightGBM model", file=manifest.model) from e
        return cls(booster, columns, manifest.contract)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Predict some rows."""
        x = self._features.matrix(feeds)
        threads = 1 if len(x) <= _FEW else 0
        found = np.asarray(self._booster.predict(x, num_threads=threads))
        if self._classes is None:
            return {"prediction": found}
        if found.ndim == 1:
            found = np.stack([1.0 - found, found], axis=1)
        return {"label": self._classes[np.argmax(found, axis=1)], "probabilities": found}

    def _read_classes(self) -> Array | None:
        if "label" not in self._outputs:
            return None
        dtype = self._outputs["label"].dtype
        classes = self._outputs["probabilities"].labels
        return np.array(classes, object if dtype == "string" else dtype)
