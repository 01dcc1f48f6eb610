"""What a gate answers."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Status = Literal["pass", "fail", "inconclusive"]

_CHAMPION = "champion"


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer of one gate about one bundle, with its evidence.

    Args:
        gate: The gate's name, as in ``modelyard.toml``.
        status: ``inconclusive`` where the data cannot tell; no data is never a pass.
        summary: One sentence for a person, figures included.
        evidence: The figures behind it; plain JSON values.  A gate that compares with the champion
            tells its digest as ``champion``, or None where there was none.

    Example:
        >>> Verdict(gate="size", status="pass", summary="1.2 MB, at most 50 MB").passed
        True
    """

    gate: str
    status: Status
    summary: str
    evidence: dict[str, Any] = {}

    @property
    def passed(self) -> bool:
        """Whether the gate said pass."""
        return self.status == "pass"

    def compares_with_another(self, champion: str | None) -> bool:
        """Whether it was judged against another champion than this one.

        Args:
            champion: The digest of today's champion, or None where there is none.

        Example:
            >>> seen = {"champion": "a"}
            >>> old = Verdict(gate="champion", status="pass", summary="better", evidence=seen)
            >>> old.compares_with_another("a"), old.compares_with_another("b")
            (False, True)
        """
        return self.evidence.get(_CHAMPION, champion) != champion
