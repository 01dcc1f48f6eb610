"""Proving that a packed bundle answers as the model that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard import runtime
from modelyard.core.golden import Golden, golden_rows
from modelyard.core.parity import compare
from modelyard.errors import ModelyardError, PredictError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.bundle.opened import Bundle
    from modelyard.core.contract import Contract
    from modelyard.core.table import Array, Table
    from modelyard.flavors.base import Flavor
    from modelyard.tables.frame import Frame

_PROOF_ROWS = 10_000


class Original(NamedTuple):
    """The model as it was given, and what it answers on the sample."""

    flavor: Flavor
    flavor_name: str
    model: Any
    frame: Frame
    answers: Mapping[str, Array]


class DisagreesError(ModelyardError):
    """A candidate does not give the original's answers."""


def make_golden(original: Original, contract: Contract) -> Golden:
    """Make golden rows with the original's answers; rows that it cannot answer are left out.

    Args:
        original: The model as it was given.
        contract: What the rows must fit.
    """
    rows, kinds = golden_rows(original.frame.table, contract)
    try:
        outputs = original.flavor.answer(original.model, original.frame, rows)
    except Exception:  # noqa: BLE001  # a user's model may raise anything on a made-up row
        keep = [n for n, kind in enumerate(kinds) if _answers(original, rows, n) or kind == "real"]
        rows, kinds = rows.take(np.array(keep)), tuple(kinds[n] for n in keep)
        outputs = original.flavor.answer(original.model, original.frame, rows)
    return Golden(rows, outputs, kinds)


def _answers(original: Original, rows: Table, row: int) -> bool:
    try:
        original.flavor.answer(original.model, original.frame, rows.take(np.array([row])))
    except Exception:  # noqa: BLE001  # a user's model may raise anything on a made-up row
        return False
    return True


def prove(trial: Bundle, original: Original) -> None:
    """Run golden rows and sample through the packed bundle.

    Raises:
        DisagreesError: if an answer is further from the original's than the tolerance allows.
    """
    predictor = runtime.load(trial)
    golden = trial.golden()
    head = np.arange(min(original.frame.table.rows, _PROOF_ROWS))
    pairs = (
        ("golden rows", golden.rows, golden.outputs),
        (
            "the sample",
            original.frame.table.take(head),
            {name: values[head] for name, values in original.answers.items()},
        ),
    )
    for what, rows, want in pairs:
        try:
            got = predictor.run(rows)
        except PredictError as e:
            raise DisagreesError(f"on {what}: {e.message}") from e
        difference = compare(want, got, trial.manifest.tolerance)
        if not difference.within:
            raise DisagreesError(f"on {what}: {difference}")
