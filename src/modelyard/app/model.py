"""``load``: a bundle to predict with, for Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard import runtime
from modelyard.app.opening import open_reference
from modelyard.tables.convert import convert

if TYPE_CHECKING:
    from pathlib import Path

    from modelyard.bundle.opened import Bundle
    from modelyard.core.contract import Contract
    from modelyard.core.manifest import Manifest
    from modelyard.core.table import Array


class Model:
    """A loaded model.

    Args:
        bundle: The bundle; every byte of it that is used is verified.

    Example:
        ``modelyard.load("fraud@champion").predict(frame)["label"]``
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._predictor = runtime.load(bundle)

    @property
    def manifest(self) -> Manifest:
        """What ``bundle.json`` says."""
        return self.bundle.manifest

    @property
    def contract(self) -> Contract:
        """What the model takes and answers."""
        return self.bundle.manifest.contract

    @property
    def digest(self) -> str:
        """The identity of the bundle."""
        return self.bundle.digest

    def predict(self, data: Any) -> dict[str, Array]:
        """Answer rows.

        Args:
            data: pandas, polars, Arrow, a dict of columns or a list of records, columns in any
                order; or a numpy matrix, its columns in the order of the contract.

        Returns:
            Output name -> array; the first axis is the rows.

        Raises:
            ContractError: if the rows do not fit the contract.
        """
        return self._predictor.run(convert(data, self.contract))

    def __repr__(self) -> str:
        return f"<Model {self.manifest.name} {self.digest[:19]} on {self.manifest.runtime}>"


def load(reference: str | Path | Bundle) -> Model:
    """Load a model by reference (``fraud``, ``fraud:3``, ``fraud@champion``), path or bundle.

    Raises:
        NotFoundError: if there is no such version.
        BundleError: if the bundle cannot be read or a byte of it differs.
    """
    return Model(open_reference(reference))
