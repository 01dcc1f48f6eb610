"""A bundle as gates see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard import runtime
from modelyard.bundle.writing import copy_bundle
from modelyard.gates.base import Subject
from modelyard.runtime.replay import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modelyard.bundle.opened import Bundle
    from modelyard.core.table import Array, Table


class Remembering:
    """Predicts, and remembers the last answer: several gates ask for the same rows.

    Args:
        predict: Rows -> outputs.
    """

    def __init__(self, predict: Callable[[Table], Mapping[str, Array]]) -> None:
        self._predict = predict
        self._rows: Table | None = None
        self._answer: Mapping[str, Array] = {}

    def __call__(self, rows: Table) -> Mapping[str, Array]:
        """Answer rows; the very same table is computed once, and its answer is read-only."""
        if rows is not self._rows:
            self._answer = self._predict(rows)
            self._rows = rows
            for values in self._answer.values():
                values.setflags(write=False)
        return self._answer


def make_subject(bundle: Bundle, scratch: Path) -> Subject:
    """Load a bundle for gates.

    Args:
        bundle: The bundle.
        scratch: A folder, not there yet, for the copy that a fresh process replays.
    """

    def replay_packed() -> Mapping[str, Array]:
        copy_bundle(bundle, scratch)
        return replay(scratch)

    return Subject(
        name=bundle.manifest.name,
        digest=bundle.digest,
        manifest=bundle.manifest,
        predict=Remembering(runtime.load(bundle).run),
        golden=bundle.golden(),
        replay=replay_packed,
        size=bundle.size,
    )
