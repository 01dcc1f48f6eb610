"""What the registry answers with."""

from __future__ import annotations

from typing import Literal

import msgspec

from modelyard.core.verdict import Verdict

Act = Literal["promoted", "rolled_back"]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model; it never changes.

    Args:
        version: 1, 2, 3 ... without gaps.
        digest: The digest of the bundle.
        registered: When, UTC, ISO 8601 with microseconds.
        actor: By whom.

    Example:
        >>> str(Version(name="fraud", version=3, digest="", registered="", actor="ann"))
        'fraud:3'
    """

    name: str
    version: int
    digest: str
    registered: str
    actor: str

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """What is live in one environment, since when and by whom; ``alias`` moved with it, or ""."""

    name: str
    environment: str
    version: int
    digest: str
    alias: str
    time: str
    actor: str


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One step in the history of an environment; ``previous`` is None where it was empty."""

    seq: int
    time: str
    actor: str
    act: Act
    version: int
    previous: int | None
    alias: str = ""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict in the registry: what a gate said, when it was recorded and by whom."""

    verdict: Verdict
    seq: int
    time: str
    actor: str
