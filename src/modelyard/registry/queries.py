"""Questions to the registry's tables, each inside a transaction that somebody else began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from modelyard.core import canonical
from modelyard.core.verdict import Verdict
from modelyard.errors import NotFoundError
from modelyard.registry.schema import aliases, environments, verdicts, versions
from modelyard.registry.version import Placement, Recorded, Version

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

    from modelyard.core.reference import Reference


def resolve(connection: Connection, reference: Reference) -> Version:
    """Find the version that a reference means.

    Raises:
        NotFoundError: says what there is instead.
    """
    number: ColumnElement[int] | int
    if reference.version is not None:
        number = reference.version
    elif reference.alias is not None:
        number = (
            sa.select(aliases.c.version)
            .where(aliases.c.name == reference.name, aliases.c.alias == reference.alias)
            .scalar_subquery()
        )
    else:
        newest = sa.select(sa.func.max(versions.c.version)).where(versions.c.name == reference.name)
        if reference.digest is not None:
            newest = newest.where(versions.c.digest == reference.digest)
        number = newest.scalar_subquery()
    found = connection.execute(
        sa.select(versions).where(versions.c.name == reference.name, versions.c.version == number)
    ).one_or_none()
    if found is None:
        raise _not_found(connection, reference)
    return _version(found)


def by_digest(connection: Connection, name: str, digest: str) -> Version | None:
    """The version of a model that is a certain bundle, or None."""
    found = connection.execute(
        sa.select(versions).where(versions.c.name == name, versions.c.digest == digest)
    ).one_or_none()
    return None if found is None else _version(found)


def newest(connection: Connection, name: str) -> int:
    """The number of the newest version of a model; 0 where there is none."""
    query = sa.select(sa.func.max(versions.c.version)).where(versions.c.name == name)
    return connection.execute(query).scalar() or 0


def names(connection: Connection) -> tuple[str, ...]:
    """The names of all models, in order."""
    return tuple(sorted(connection.scalars(sa.select(versions.c.name).distinct())))


def versions_of(connection: Connection, name: str) -> tuple[Version, ...]:
    """All versions of a model, oldest first."""
    query = sa.select(versions).where(versions.c.name == name).order_by(versions.c.version)
    return tuple(_version(row) for row in connection.execute(query))


def aliases_of(connection: Connection, name: str) -> dict[str, int]:
    """The version of each alias, of a model, in order of their names."""
    query = sa.select(aliases.c.alias, aliases.c.version).where(aliases.c.name == name)
    return dict(sorted((row.alias, row.version) for row in connection.execute(query)))


def placements(connection: Connection, name: str) -> dict[str, Placement]:
    """What is live in each environment, of a model, in order of their names."""
    query = (
        sa.select(environments, versions.c.digest)
        .join(
            versions,
            (versions.c.name == environments.c.name)
            & (versions.c.version == environments.c.version),
        )
        .where(environments.c.name == name)
    )
    found = [
        Placement(
            name=row.name,
            environment=row.environment,
            version=row.version,
            digest=row.digest,
            alias=row.alias,
            time=row.time,
            actor=row.actor,
        )
        for row in connection.execute(query)
    ]
    return {placement.environment: placement for placement in sorted(found, key=_environment)}


def verdicts_of(connection: Connection, digest: str) -> tuple[Recorded, ...]:
    """Every verdict about a bundle, oldest first."""
    query = sa.select(verdicts).where(verdicts.c.digest == digest).order_by(verdicts.c.seq)
    found = [_recorded(row) for row in connection.execute(query)]
    return tuple(sorted(found, key=lambda recorded: (recorded.seq, recorded.verdict.gate)))


def in_force(recorded: tuple[Recorded, ...]) -> dict[str, Recorded]:
    """The latest verdict of each gate, in order of the gates' names."""
    latest = {one.verdict.gate: one for one in recorded}
    return dict(sorted(latest.items()))


def _environment(placement: Placement) -> str:
    return placement.environment


def _version(row: Row[Any]) -> Version:
    return Version(
        name=row.name,
        version=row.version,
        digest=row.digest,
        registered=row.registered,
        actor=row.actor,
    )


def _recorded(row: Row[Any]) -> Recorded:
    return Recorded(
        verdict=msgspec.convert(canonical.decode(row.verdict.encode()), Verdict),
        seq=row.seq,
        time=row.time,
        actor=row.actor,
    )


def _not_found(connection: Connection, reference: Reference) -> NotFoundError:
    subject = str(reference)
    last = newest(connection, reference.name)
    if not last:
        known = names(connection)
        hint = f"there are: {', '.join(known[:20])}" if known else "register a bundle first"
        return NotFoundError(
            f"there is no model {reference.name!r} in the registry", subject=subject, hint=hint
        )
    if reference.alias is not None:
        known = tuple(aliases_of(connection, reference.name))
        hint = f"it has: {', '.join(known[:20])}" if known else "it has no alias yet"
        return NotFoundError(
            f"{reference.name!r} has no alias {reference.alias!r}", subject=subject, hint=hint
        )
    what = f"version {reference.version}" if reference.version else "version with that digest"
    return NotFoundError(
        f"{reference.name!r} has no {what}", subject=subject, hint=f"its newest version is {last}"
    )
