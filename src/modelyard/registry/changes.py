"""Changes of the registry, each inside a writer's transaction that somebody else began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from modelyard.core.reference import Reference
from modelyard.errors import ConflictError, NotFoundError, UsageError
from modelyard.registry import events, promotion, queries
from modelyard.registry.projection import record
from modelyard.registry.version import Version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from modelyard.core.verdict import Verdict
    from modelyard.registry.events import Stamp
    from modelyard.registry.promotion import Policy
    from modelyard.registry.version import Move, Placement

MAX_GATE = 200
MOVES = ("promoted", "rolled_back")


def register(
    connection: Connection, stamp: Stamp, name: str, digest: str, contents: Sequence[str]
) -> Version:
    """Give a bundle the next version of a name, or the one that it has there already."""
    known = queries.by_digest(connection, name, digest)
    if known is not None:
        return known
    version = queries.newest(connection, name) + 1
    details = {"version": version, "digest": digest, "contents": sorted({*contents, digest})}
    record(connection, stamp, "registered", name, details)
    return Version(
        name=name, version=version, digest=digest, registered=stamp.time, actor=stamp.actor
    )


def set_alias(
    connection: Connection, stamp: Stamp, alias: str, version: Version, expected: int | None
) -> None:
    """Point an alias at a version, if it stands where it is expected."""
    name = version.name
    now = queries.aliases_of(connection, name).get(alias)
    _compare(f"{name}@{alias}", now, expected)
    if now != version.version:
        details = {"alias": alias, "version": version.version, "previous": now}
        record(connection, stamp, "alias_set", name, details)


def remove_alias(
    connection: Connection, stamp: Stamp, alias: str, name: str, expected: int | None
) -> None:
    """Take an alias away, if it stands where it is expected."""
    # Resolving gives the right error where there is no such model or alias.
    now = queries.resolve(connection, Reference(name=name, alias=alias)).version
    _compare(f"{name}@{alias}", now, expected)
    record(connection, stamp, "alias_removed", name, {"alias": alias, "previous": now})


def check_gates(gates: Sequence[str]) -> None:
    """Refuse names that are none, and a gate that says two things at once.

    Raises:
        UsageError: names the gate.
    """
    for gate in gates:
        if not gate.isprintable() or not 0 < len(gate) <= MAX_GATE:
            raise UsageError(f"{gate[:80]!r} names no gate")
        if gates.count(gate) > 1:
            raise UsageError(
                f"the gate {gate!r} cannot say two things at once",
                hint="give the gates in modelyard.toml names of their own",
            )


def judge(connection: Connection, stamp: Stamp, digest: str, verdicts: Sequence[Verdict]) -> None:
    """Add verdicts about a bundle."""
    details = {"verdicts": [msgspec.structs.asdict(verdict) for verdict in verdicts]}
    record(connection, stamp, "judged", digest, details)


def promote(
    connection: Connection,
    stamp: Stamp,
    environment: str,
    version: Version,
    policy: Policy,
    expected: int | None,
) -> None:
    """Make a version live in an environment, if its policy allows and it stands as expected."""
    name = version.name
    judged = queries.in_force(queries.verdicts_of(connection, version.digest))
    verdicts = {gate: recorded.verdict for gate, recorded in judged.items()}
    policy.check(str(version), environment, verdicts, _stale(connection, version, verdicts))
    now = queries.placements(connection, name).get(environment)
    _compare(f"{name} in {environment}", now.version if now else None, expected)
    if now and _stands(connection, now, version, policy.alias):
        return
    details = {
        "environment": environment,
        "version": version.version,
        "digest": version.digest,
        "previous": now.version if now else None,
        "alias": policy.alias,
        "required": {gate: judged[gate].seq for gate in policy.requires},
    }
    record(connection, stamp, "promoted", name, details)


def rollback(
    connection: Connection, stamp: Stamp, environment: str, name: str, to: int | None
) -> Version:
    """Make the version live that was live before, or ``to``, and its alias with it."""
    version = back_to(connection, environment, name, to)
    now = queries.placements(connection, name)[environment]
    # The alias goes back too, unless somebody has pointed it elsewhere since.
    standing = queries.aliases_of(connection, name).get(now.alias)
    details = {
        "environment": environment,
        "version": version.version,
        "previous": now.version,
        "alias": now.alias if standing == now.version else "",
    }
    record(connection, stamp, "rolled_back", name, details)
    return version


def back_to(connection: Connection, environment: str, name: str, to: int | None) -> Version:
    """The version that a rollback goes to: the one that was live before, or ``to``.

    Raises:
        NotFoundError: if there is none.
    """
    if environment not in queries.placements(connection, name):
        raise _never_live(connection, name, environment)
    history = moves(connection, name, environment)
    number = promotion.target(history, f"{name} in {environment}", to)
    return queries.resolve(connection, Reference(name=name, version=number))


def moves(connection: Connection, name: str, environment: str) -> tuple[Move, ...]:
    """The history of an environment of a model, oldest first."""
    return promotion.moves(events.about(connection, name, MOVES), environment)


def _stale(
    connection: Connection, version: Version, verdicts: Mapping[str, Verdict]
) -> frozenset[str]:
    """The gates that compared a version with another champion than today's."""
    number = queries.aliases_of(connection, version.name).get(promotion.CHAMPION)
    if number == version.version:
        # What has become champion was compared with the one before, and stays proved.
        return frozenset()
    champion = None
    if number is not None:
        reference = Reference(name=version.name, version=number)
        champion = queries.resolve(connection, reference).digest
    return frozenset(
        gate for gate, verdict in verdicts.items() if verdict.compares_with_another(champion)
    )


def _stands(connection: Connection, now: Placement, version: Version, alias: str) -> bool:
    """Whether a promotion would change nothing."""
    if now.version != version.version or now.alias != alias:
        return False
    return not alias or queries.aliases_of(connection, now.name).get(alias) == version.version


def _compare(subject: str, now: int | None, expected: int | None) -> None:
    if expected is None or expected == (now or 0):
        return
    stands = f"stands at version {now}" if now else "is not set"
    wanted = f"version {expected}" if expected else "none"
    raise ConflictError(
        f"{subject} {stands}, not at {wanted} as expected: somebody else moved it first",
        subject=subject,
        hint="look what happened, then decide anew",
    )


def _never_live(connection: Connection, name: str, environment: str) -> NotFoundError:
    # Resolving gives the right error where there is no such model at all.
    queries.resolve(connection, Reference(name=name))
    known = tuple(queries.placements(connection, name))
    return NotFoundError(
        f"no version of {name!r} was ever live in {environment!r}",
        subject=f"{name} in {environment}",
        hint=f"it is live in: {', '.join(known)}" if known else "promote one first",
    )
