"""A bundle, loaded and ready to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.contract import numpy_dtype
from modelyard.core.enforce import Enforcer
from modelyard.core.plugin import Family
from modelyard.core.table import Table
from modelyard.errors import ModelyardError, PredictError
from modelyard.runtime.engines.base import Engine
from modelyard.runtime.feeds import plan_feeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.bundle.opened import Bundle
    from modelyard.core.contract import Contract, Output
    from modelyard.core.manifest import Manifest
    from modelyard.core.table import Array

ENGINES: Family[Engine] = Family("modelyard.runtime.engines", Engine)  # type: ignore[type-abstract]  # never made


class Predictor:
    """Answers rows; may be used by several threads at once.

    Args:
        manifest: What the bundle says of itself.
        digest: The bundle's digest.
        engine: Runs its model.
    """

    __slots__ = ("_enforcer", "_outputs", "_plans", "digest", "engine", "manifest")

    def __init__(self, manifest: Manifest, digest: str, engine: Engine) -> None:
        self.manifest = manifest
        self.digest = digest
        self.engine = engine
        self._enforcer = Enforcer(manifest.contract)
        self._plans = plan_feeds(manifest.feeds, manifest.contract)
        self._outputs = [_Promise(output) for output in manifest.contract.outputs]

    def __repr__(self) -> str:
        return f"Predictor({self.manifest.name!r}, {self.digest!r})"

    @property
    def contract(self) -> Contract:
        """What the model takes and answers."""
        return self.manifest.contract

    def predict(
        self, data: Mapping[str, Any] | Sequence[Mapping[str, Any]] | Table
    ) -> dict[str, Array]:
        """Answer rows, after enforcing the input contract on them.

        Args:
            data: Columns by name, a list of records, or a Table.

        Returns:
            Output name -> array, first axis the rows.

        Raises:
            ContractError: if the rows do not fit the contract.
            PredictError: if the model fails on rows that do.
        """
        if isinstance(data, (Mapping, Table)):
            return self.run(self._enforcer.columns(data))
        return self.run(self._enforcer.rows(data))

    def run(self, table: Table) -> dict[str, Array]:
        """Answer rows that are known to fit the contract.

        Raises:
            ContractError: if a number is too large for what the model holds it in.
            PredictError: if the model fails.
        """
        rows = table.rows
        if not rows:
            return {promise.name: promise.nothing() for promise in self._outputs}
        feeds = self.feeds(table)
        try:
            answers = self.engine.run(feeds)
        except ModelyardError:
            raise
        except Exception as e:
            raise self._failure("the model failed on these rows") from e
        for promise in self._outputs:
            answer = answers.get(promise.name)
            if promise.is_time and answer is not None and answer.dtype == np.int64:
                answers[promise.name] = answer = answer.view(promise.dtype)
            if answer is None or not promise.kept(answer, rows):
                raise self._failure(f"the model answered {promise.told(answer, rows)}")
        return answers

    def feeds(self, table: Table) -> dict[str, Array]:
        """Put the model's tensors together: tensor name -> array, first axis the rows.

        Raises:
            ContractError: if a number is too large for what the model holds it in.
        """
        return {plan.name: plan.build(table) for plan in self._plans}

    def _failure(self, what: str) -> PredictError:
        return PredictError(f"{self.manifest.name}: {what}", model=self.manifest.name)


class _Promise:
    """One output as the contract promises it."""

    __slots__ = ("dtype", "is_time", "name", "shape", "tail")

    def __init__(self, output: Output) -> None:
        self.name = output.name
        self.dtype = numpy_dtype(output.dtype)
        self.is_time = output.dtype == "timestamp"  # models answer int64 microseconds
        self.shape = output.shape
        self.tail = None if None in output.shape else output.shape

    def nothing(self) -> Array:
        return np.empty((0, *(size or 0 for size in self.shape)), self.dtype)

    def kept(self, answer: Array, rows: int) -> bool:
        shape = answer.shape
        if answer.dtype != self.dtype or not shape or shape[0] != rows:
            return False
        if self.tail is not None:
            return shape[1:] == self.tail
        return len(shape) == 1 + len(self.shape) and all(
            size is None or size == got for size, got in zip(self.shape, shape[1:], strict=True)
        )

    def told(self, answer: Array | None, rows: int) -> str:
        wanted = f"{self.dtype} of shape {(rows, *self.shape)}"
        if answer is None:
            return f"without {self.name!r}, {wanted}"
        return f"{self.name!r} as {answer.dtype} of shape {answer.shape}, not {wanted}"


def load(bundle: Bundle) -> Predictor:
    """Load a bundle: read and verify its model, and make it ready to answer.

    Raises:
        BundleError: if the model's bytes are not those of the manifest, or no such model.
        UnknownPluginError: if there is no engine of that name.
        MissingExtraError: if the engine's library is not installed.
    """
    engine = ENGINES.load(bundle.manifest.runtime)
    return Predictor(bundle.manifest, bundle.digest, engine.load(bundle.read, bundle.manifest))
