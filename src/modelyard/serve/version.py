"""One version in service: loaded, warmed, proved, and counted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from modelyard.core.enforce import Enforcer
from modelyard.core.parity import compare
from modelyard.errors import IntegrityError, PredictError
from modelyard.runtime.predictor import load
from modelyard.serve.log import now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelyard.core.contract import Contract
    from modelyard.core.table import Array, Table
    from modelyard.runtime.predictor import Predictor
    from modelyard.serve.source import Found


class Question(NamedTuple):
    """What is asked of a model, whatever the protocol.

    Args:
        rows: How many rows.
        columns: Columns by name; or
        records: a list of rows.
        outputs: The outputs that are wanted, in order; () for all.
    """

    rows: int
    columns: Mapping[str, Any] | None = None
    records: Sequence[Mapping[str, Any]] | None = None
    outputs: tuple[str, ...] = ()


class Tally:
    """Counts what a version did; whole numbers only ever grow, so a reader needs no lock."""

    __slots__ = ("_lock", "failures", "requests", "rows")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.rows = 0
        self.failures = 0

    def count(self, rows: int, *, failed: bool) -> None:
        """Count one request."""
        with self._lock:
            self.requests += 1
            self.rows += rows
            self.failures += failed


class ServedVersion:
    """A version that answers.

    Args:
        name: The model's name in the URL.
        found: Which version it is.
        reference: How the route called it.
        predictor: Answers rows.
    """

    __slots__ = (
        "_enforcer",
        "digest",
        "in_flight",
        "name",
        "predictor",
        "reference",
        "since",
        "tally",
        "version",
    )

    def __init__(self, name: str, found: Found, reference: str, predictor: Predictor) -> None:
        self.name = name
        self.version = found.version
        self.digest = found.digest
        self.reference = reference
        self.predictor = predictor
        self.since = now()
        self.tally = Tally()
        # Changed on the event loop only.
        self.in_flight = 0
        self._enforcer = Enforcer(predictor.contract)

    def __repr__(self) -> str:
        return f"<{self.name}:{self.version} {self.digest[:19]}>"

    @property
    def contract(self) -> Contract:
        """What the model takes and answers."""
        return self.predictor.contract

    def answer(self, question: Question) -> dict[str, Array]:
        """Enforce the contract and compute; may be called by several threads at once.

        Raises:
            ContractError: if the rows do not fit the contract.
            PredictError: if the model fails on rows that do.
        """
        answers = self.predictor.run(self._enforced(question))
        if question.outputs:
            return {name: answers[name] for name in question.outputs}
        return answers

    def _enforced(self, question: Question) -> Table:
        if question.records is not None:
            return self._enforcer.rows(question.records)
        columns = question.columns or {}
        if question.rows == 1 and all(
            type(values) is list and len(values) == 1 for values in columns.values()
        ):
            # The short way for a single row; it judges alike.
            return self._enforcer.rows([{name: values[0] for name, values in columns.items()}])
        return self._enforcer.columns(columns)


def load_version(name: str, reference: str, found: Found) -> ServedVersion:
    """Load a version, warm it on its golden rows, and prove that it answers as the original did.

    Raises:
        BundleError: if a byte of the bundle differs.
        PredictError: if an answer for a golden row is out of tolerance.
    """
    bundle = found.open()
    if bundle.digest != found.digest:
        raise IntegrityError(f"{name} is {bundle.digest}; {found.digest} was meant")
    golden = bundle.golden()
    loaded = ServedVersion(name, found, reference, load(bundle))
    answers = loaded.predictor.run(golden.rows)
    difference = compare(golden.outputs, answers, bundle.manifest.tolerance)
    if not difference.within:
        raise PredictError(
            f"{name}:{loaded.version} does not answer its golden rows as the original model did:"
            f" {difference}",
            model=name,
            hint="it was not put into service; see `modelyard verify` and `modelyard doctor`",
        )
    # A lone row takes another path through the engines than a batch: warm that one as well.
    loaded.predictor.run(golden.rows.take(slice(0, 1)))  # type: ignore[arg-type]
    return loaded
