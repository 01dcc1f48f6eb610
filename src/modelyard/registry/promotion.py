"""Which version may go live where, and which one was live before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from modelyard.core.reference import check_name
from modelyard.errors import NotFoundError, PolicyError
from modelyard.registry.version import Move

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from modelyard.core.verdict import Verdict
    from modelyard.registry.events import Event


CHAMPION = "champion"
"""The alias of the version that gates compare a candidate with."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an environment asks of a version before it goes live there.

    Args:
        requires: The gates that must have said pass; the latest verdict of each counts, and one
            that compares with the champion must have compared with today's.
        alias: The alias that moves with the environment, or "" for none.

    Example:
        >>> Policy(requires=("parity", "champion")).alias
        'champion'
    """

    requires: tuple[str, ...] = ()
    alias: str = CHAMPION

    def check(
        self,
        subject: str,
        environment: str,
        verdicts: Mapping[str, Verdict],
        stale: Container[str] = (),
    ) -> None:
        """Refuse a version for whose bundle a required gate did not say pass.

        Args:
            subject: The version, e.g. ``fraud:3``.
            environment: Where it would go live.
            verdicts: gate -> its latest verdict.
            stale: The gates that compared with another champion than today's.

        Raises:
            PolicyError: lists what lacks, fails or is inconclusive; no data is never a pass.
        """
        lacking = {
            gate: reason
            for gate in self.requires
            if (reason := _reason(gate, verdicts.get(gate), stale=gate in stale))
        }
        if lacking:
            raise PolicyError(
                f"{subject} may not go to {environment!r}: {'; '.join(lacking.values())}",
                subject=subject,
                lacking=lacking,
                hint=f"judge it anew with `modelyard check`, or mend the model: {environment!r}"
                f" requires {', '.join(self.requires)}",
            )

    def check_alias(self) -> str:
        """Return the alias, if it is a fit name or empty."""
        return check_name(self.alias, what="alias") if self.alias else ""


def moves(events: Iterable[Event], environment: str) -> tuple[Move, ...]:
    """The history of one environment, oldest first, from the events of one model."""
    return tuple(
        Move(
            seq=event.seq,
            time=event.time,
            actor=event.actor,
            act="promoted" if event.kind == "promoted" else "rolled_back",
            version=details["version"],
            previous=details["previous"],
            alias=details["alias"],
        )
        for event in events
        if (details := event.details)["environment"] == environment
    )


def standing(history: Iterable[Move]) -> list[int]:
    """The versions that a rollback can walk back to, oldest first; the last one is live.

    A promotion puts its version on top; a rollback takes versions away down to its own.

    Example:
        >>> def move(act, version):
        ...     return Move(seq=0, time="", actor="", act=act, version=version, previous=None)
        >>> standing([move("promoted", 1), move("promoted", 2), move("rolled_back", 1)])
        [1]
    """
    stack: list[int] = []
    for move in history:
        if move.act == "promoted":
            stack.append(move.version)
            continue
        while stack and stack[-1] != move.version:
            stack.pop()
    return stack


def target(history: Iterable[Move], subject: str, to: int | None) -> int:
    """The version that a rollback goes to.

    Args:
        history: Of the environment, oldest first.
        subject: What errors name, e.g. ``fraud in production``.
        to: The version that is asked for, or None for the one before.

    Raises:
        NotFoundError: if there is no such version to go back to.
    """
    *earlier, live = standing(history) or [0]
    if to is None:
        before = [version for version in earlier if version != live]
        if not before:
            raise NotFoundError(
                f"{subject} has no version to go back to",
                subject=subject,
                hint="promote another version instead",
            )
        return before[-1]
    if to == live or to not in earlier:
        known = sorted(set(earlier) - {live})
        raise NotFoundError(
            f"{subject} cannot go back to version {to}",
            subject=subject,
            hint=f"it can go back to {', '.join(map(str, known))}" if known else "promote it",
        )
    return to


def _reason(gate: str, verdict: Verdict | None, *, stale: bool) -> str:
    """Why a verdict does not do; "" where it does."""
    if verdict is None:
        return f"no verdict of {gate!r}"
    if verdict.passed:
        return f"{gate!r} compared with a version that is not champion now" if stale else ""
    says = "says fail" if verdict.status == "fail" else "is inconclusive"
    return f"{gate!r} {says} ({verdict.summary})"
