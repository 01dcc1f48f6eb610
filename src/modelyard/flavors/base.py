"""What a flavor must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from modelyard.core.manifest import Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from modelyard.core.contract import Contract
    from modelyard.core.manifest import Feed
    from modelyard.core.table import Array, Table
    from modelyard.tables.frame import Frame


class Export(NamedTuple):
    """A model in the form in which it will run.

    Args:
        contract: Inputs as inferred from the sample and, where the model knows better, changed by
            the flavor (policy for unknown categories, say); outputs and task.
        feeds: How the contract's columns become the model's tensors.
        files: path under the bundle, ``model/...`` -> bytes.
        model: The one of them that the runtime loads.
        tolerance: What parity allows for this form.
    """

    contract: Contract
    feeds: tuple[Feed, ...]
    files: Mapping[str, bytes]
    model: str
    tolerance: Tolerance = Tolerance()


class Candidate(NamedTuple):
    """One form that a model could take.

    Args:
        runtime: The engine that would run it, a file of runtime/engines.
        why: One sentence that speaks for it.
        make: Makes it; ExportError if it cannot be made.
    """

    runtime: str
    why: str
    make: Callable[[], Export]


class Flavor(ABC):
    """How the models of one framework become bundles."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    """File suffixes that hold a model of this framework safely, e.g. ``.onnx``."""

    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions the manifest records with every model."""

    @abstractmethod
    def candidates(self, model: Any, frame: Frame) -> Iterator[Candidate]:
        """Offer the forms that a fitted model could take, best first.

        Args:
            model: The fitted model.
            frame: A sample of its inputs.

        Raises:
            ExportError: if the model is none of this framework's, not fitted, or does not fit the
                sample.
        """

    @abstractmethod
    def answer(self, model: Any, frame: Frame, table: Table) -> dict[str, Array]:
        """What the original model itself answers: output name -> array, first axis the rows.

        Args:
            model: The fitted model.
            frame: The sample, which knows the kind of table that the model was trained on.
            table: Rows that fit the frame's columns.
        """

    def used(self, model: Any) -> tuple[str, ...]:
        """Distributions whose versions the manifest records with this model."""
        del model
        return self.libraries

    @abstractmethod
    def parameters(self, model: Any) -> dict[str, Any]:
        """The model's own settings, as JSON values, for the lineage; {} where it has none."""

    def read(self, path: Path) -> Any:
        """Read a model file of one of ``suffixes``.

        Raises:
            ExportError: if it holds no such model.
        """
        raise NotImplementedError(path)
