"""What a gate must do."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelyard.core.golden import Golden
    from modelyard.core.manifest import Manifest
    from modelyard.core.table import Array, Table
    from modelyard.core.verdict import Verdict

Need = Literal["labels", "champion"]


class Labelled(NamedTuple):
    """Held-out rows with their true answers.

    Args:
        rows: Rows that fit the candidate's contract.
        labels: shape (rows,).
        extra: Further columns that are no inputs, for slices: name -> array of shape (rows,).
        weights: shape (rows,), or None.
        digest: The digest of the data's content.
    """

    rows: Table
    labels: Array
    extra: Mapping[str, Array]
    weights: Array | None = None
    digest: str = ""


class Subject(NamedTuple):
    """A bundle as a gate sees it.

    Args:
        name: How a person calls it, e.g. ``fraud:3``.
        digest: Its digest.
        manifest: Its manifest.
        predict: Rows -> outputs, through the packed bundle in this process.
        golden: Its golden rows.
        replay: Golden rows through the packed bundle in a fresh process -> outputs.
        size: Bytes of the whole bundle.
    """

    name: str
    digest: str
    manifest: Manifest
    predict: Callable[[Table], Mapping[str, Array]]
    golden: Golden
    replay: Callable[[], Mapping[str, Array]]
    size: int


class Evidence(NamedTuple):
    """All that gates may look at.

    Args:
        candidate: The bundle that is judged.
        labelled: Held-out rows with labels, or None where there are none.
        champion: The bundle that is champion now, or None; its contract may differ, so its rows
            come from ``champion_rows``.
        champion_rows: The same held-out rows in the champion's contract, or None.
    """

    candidate: Subject
    labelled: Labelled | None = None
    champion: Subject | None = None
    champion_rows: Table | None = None


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One check; its fields are its thresholds."""

    needs: ClassVar[frozenset[Need]] = frozenset()
    """What it cannot judge without; where that is missing it answers inconclusive."""

    @abstractmethod
    def judge(self, evidence: Evidence) -> Verdict:
        """Judge the candidate.

        A gate never raises for what the data hold: data that cannot tell are ``inconclusive``.
        """
