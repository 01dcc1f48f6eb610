"""scikit-learn itself, from a skops file: for models that have no exact ONNX form.

No type is trusted beyond those that skops trusts by itself and a few that are as harmless, so that
reading the file runs no code that it brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.conversion import sklearn_rows, sklearn_skops
from modelyard.conversion.sklearn_answers import answers
from modelyard.errors import BundleError
from modelyard.runtime.engines.base import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from modelyard.core.manifest import Manifest
    from modelyard.core.table import Array

_ROWS = "model/rows.json"


class Sklearn(Engine):
    """A scikit-learn model that is given the rows it was trained on.

    Args:
        model: The model.
        shape: What its rows look like.
        outputs: The outputs to answer.
    """

    requires = ("scikit-learn", "skops")

    def __init__(self, model: Any, shape: sklearn_rows.Shape, outputs: list[str]) -> None:
        self._model = model
        self._shape = shape
        self._outputs = outputs

    @classmethod
    def load(cls, read: Callable[[str], bytes], manifest: Manifest) -> Self:
        """See ``Engine.load``."""
        content = read(manifest.model)
        try:
            shape = sklearn_rows.decode(read(_ROWS))
        except ValueError as e:
            raise BundleError(f"{_ROWS} is malformed: {e}", file=_ROWS) from e
        if shape.names != tuple(manifest.contract.names):
            raise BundleError(f"{_ROWS} names other columns than the contract", file=_ROWS)
        try:
            sklearn_skops.check_stored(content)
            model = sklearn_skops.load(content)
        except Exception as e:  # skops raises whatever a malformed file leads it to
            raise BundleError(
                f"{manifest.model} is no skops file of types that are trusted",
                file=manifest.model,
                hint="build the bundle anew, with the versions that its requirements.lock names",
            ) from e
        return cls(model, shape, [output.name for output in manifest.contract.outputs])

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See ``Engine.run``."""
        found = answers(self._model, sklearn_rows.rebuild(self._shape, feeds))
        return {name: found[name] for name in self._outputs}
