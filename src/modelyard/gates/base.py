"""What a gate must do."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np

from modelyard.core.verdict import Status, Verdict
from modelyard.errors import InconclusiveError, PredictError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelyard.core.golden import Golden
    from modelyard.core.manifest import Manifest
    from modelyard.core.misfits import Misfits
    from modelyard.core.table import Array, Table

Need = Literal["labels", "champion"]


class LabelsError(InconclusiveError):
    """The labels are of another kind than the model's answers."""


class Labelled(NamedTuple):
    """Held-out rows with their true answers.

    Args:
        rows: Rows that fit the candidate's contract.
        labels: shape (rows,); a label that is None or NaN is not known yet, and its row is left
            out.
        extra: Further columns that are no inputs, for slices and groups: name -> array of shape
            (rows,).
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
        predict: Rows -> outputs, through the packed bundle in this process.  Asked for the very
            same table again, it may remember its answer, which is not to be changed.
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
        misfits: Set where held-out rows are there and some do not fit the candidate's contract.
            Then ``labelled`` is None: to judge by those that fit would hide the fault.
    """

    candidate: Subject
    labelled: Labelled | None = None
    champion: Subject | None = None
    champion_rows: Table | None = None
    misfits: Misfits | None = None


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One check; its fields are its thresholds.

    A member writes ``examine``; callers call ``judge``, which answers in a member's stead where
    something that it ``needs`` is missing, where the data cannot tell, and where the candidate
    fails to predict.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    """What it cannot judge without; where that is missing it answers inconclusive."""

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge the candidate.

        A gate never raises for what the data hold: data that cannot tell are ``inconclusive``.
        The verdict carries the gate's kind; who knows its name in ``modelyard.toml`` renames it.
        """
        if "labels" in self.needs and (
            evidence.labelled is None or len(evidence.labelled.labels) == 0
        ):
            return self.verdict("inconclusive", why_unlabelled(evidence), {})
        if "champion" in self.needs and evidence.champion is None:
            return self.verdict("inconclusive", "there is no champion to compare with", {})
        try:
            return self.examine(evidence)
        except InconclusiveError as e:
            return self.verdict("inconclusive", e.message, dict(e.evidence))
        except PredictError as e:
            return self.verdict("fail", f"the candidate cannot predict: {e.message}", {})

    @abstractmethod
    def examine(self, evidence: Evidence) -> Verdict:
        """Judge the candidate, given all that the gate needs.

        Raises:
            InconclusiveError: if the data cannot tell.
            PredictError: if the candidate cannot predict rows that fit its contract.
        """

    def verdict(self, status: Status, summary: str, evidence: Mapping[str, Any]) -> Verdict:
        """Make a verdict; the evidence becomes plain JSON, numbers that are not finite null."""
        kind = type(self).__module__.rpartition(".")[2]
        return Verdict(gate=kind, status=status, summary=summary, evidence=plain(dict(evidence)))


def why_unlabelled(evidence: Evidence) -> str:
    """Why there is nothing to judge by."""
    if evidence.misfits is None:
        return "there are no labelled rows to judge by"
    return f"held-out rows cannot be judged by: {evidence.misfits}"


def counted(number: int, what: str) -> str:
    """A number of things, in words.

    Example:
        >>> counted(1, "row"), counted(2, "row")
        ('1 row', '2 rows')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def plain(value: Any) -> Any:
    """Turn numpy values, tuples and numbers that JSON lacks into plain JSON values.

    Example:
        >>> plain({"a": np.float64(0.5), "b": (np.int64(1), float("nan"))})
        {'a': 0.5, 'b': [1, None]}
    """
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)
