"""``parity``: the packed bundle gives the golden outputs in a fresh process."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from modelyard.core.parity import compare
from modelyard.errors import InconclusiveError, ModelyardError
from modelyard.gates.base import Gate, counted

if TYPE_CHECKING:
    from modelyard.core.verdict import Verdict
    from modelyard.gates.base import Evidence


class ParityGate(Gate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Replay the golden rows through the packed bundle and compare with what the model gave.

    The tolerance is the manifest's own, so it cannot be widened here: what a bundle promises
    belongs to its identity.

    In ``modelyard.toml``::

        [gates.parity]

    Example:
        >>> sorted(ParityGate().needs)
        []
    """

    def examine(self, evidence: Evidence) -> Verdict:
        """See ``Gate.examine``."""
        candidate = evidence.candidate
        golden, tolerance = candidate.golden, candidate.manifest.tolerance
        facts = {
            "rows": golden.rows.rows,
            "kinds": dict(sorted(Counter(golden.kinds).items())),
            "tolerance": {"absolute": tolerance.absolute, "relative": tolerance.relative},
        }
        if golden.rows.rows == 0 or not golden.outputs:
            raise InconclusiveError("the bundle has no golden rows", evidence=facts)
        try:
            got = candidate.replay()
        except ModelyardError as e:
            return self.verdict("fail", f"the bundle cannot be replayed: {e.message}", facts)
        difference = compare(golden.outputs, got, tolerance)
        kind = None if difference.row is None else golden.kinds[difference.row]
        facts |= {
            # Answers that are no numbers, and differ, have no size: null.
            "largest_difference": difference.largest,
            "output": difference.output,
            "row": difference.row,
            "kind": kind,
            "what": difference.what,
        }
        if not difference.within:
            where = f" (a {kind} row)" if kind else ""
            return self.verdict("fail", f"parity is broken: {difference}{where}", facts)
        summary = (
            f"{counted(golden.rows.rows, 'golden row')} replayed in a fresh process; the largest"
            f" difference is {difference.largest:.2g}"
        )
        return self.verdict("pass", summary, facts)
