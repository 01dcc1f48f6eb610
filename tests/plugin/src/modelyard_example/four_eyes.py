"""A gate that asks for two named people."""

from __future__ import annotations

from modelyard.core.verdict import Verdict
from modelyard.gates.base import Evidence, Gate


class FourEyes(Gate, frozen=True, kw_only=True):
    """Passes when two different people are named.

    Args:
        people: Who looked at the model.
    """

    people: tuple[str, ...] = ()

    def judge(self, evidence: Evidence) -> Verdict:
        """Count the people."""
        count = len(set(self.people))
        return Verdict(
            gate="four_eyes",
            status="pass" if count > 1 else "fail",
            summary=f"{count} people looked at {evidence.candidate.manifest.name}",
        )
