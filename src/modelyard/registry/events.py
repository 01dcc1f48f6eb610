"""Events: everything that ever happened, in order, each bound to the one before by its hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from modelyard.core import canonical
from modelyard.core.digest import digest_bytes
from modelyard.errors import RegistryError, UsageError
from modelyard.registry.schema import events, versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection, Row

GENESIS = digest_bytes(b"modelyard registry")
"""What the first event names as the hash before it."""

MAX_ACTOR = 200
_PAGE = 1000


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened.

    Args:
        seq: 1, 2, 3 ... without gaps.
        time: When, UTC, ISO 8601 with microseconds, by the clock of the machine that wrote it.
        actor: By whom.
        kind: registered, judged, alias_set, alias_removed, promoted or rolled_back.
        subject: The name of the model, or for verdicts the digest of the bundle.
        payload: What happened, canonical JSON.
        previous: The hash of the event before.
        hash: The digest of all of the above.
    """

    seq: int
    time: str
    actor: str
    kind: str
    subject: str
    payload: str
    previous: str
    hash: str

    @property
    def details(self) -> dict[str, Any]:
        """The payload, read."""
        details: dict[str, Any] = canonical.decode(self.payload.encode())
        return details

    def computed_hash(self) -> str:
        """The hash that this event should have."""
        fields = msgspec.structs.asdict(self)
        del fields["hash"]
        return digest_bytes(canonical.encode(fields))


class Stamp(msgspec.Struct, frozen=True):
    """When and by whom; part of every event."""

    time: str
    actor: str


def check_actor(actor: str) -> str:
    """Return the name of whoever acts, if it is a fit one.

    Raises:
        UsageError: if it is empty, longer than 200 characters or not printable.
    """
    if not actor.strip() or len(actor) > MAX_ACTOR or not actor.isprintable():
        raise UsageError(
            f"{actor[:80]!r} does not say who acts",
            hint=f"give a name of 1 to {MAX_ACTOR} printable characters",
        )
    return actor


def append(
    connection: Connection, stamp: Stamp, kind: str, subject: str, details: dict[str, Any]
) -> Event:
    """Add an event after the last one, inside a writer's transaction."""
    last = connection.execute(
        sa.select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)
    ).one_or_none()
    try:
        payload = canonical.encode(details).decode()
    except (TypeError, ValueError) as e:
        raise UsageError(f"this cannot be recorded as JSON: {e}") from e
    event = Event(
        seq=last.seq + 1 if last else 1,
        time=stamp.time,
        actor=stamp.actor,
        kind=kind,
        subject=subject,
        payload=payload,
        previous=last.hash if last else GENESIS,
        hash="",
    )
    event = msgspec.structs.replace(event, hash=event.computed_hash())
    connection.execute(events.insert().values(**msgspec.structs.asdict(event)))
    return event


def last(connection: Connection) -> int:
    """The number of the last event; 0 before the first."""
    return connection.execute(sa.select(sa.func.max(events.c.seq))).scalar() or 0


def read(connection: Connection, *, name: str | None, after: int, limit: int) -> tuple[Event, ...]:
    """Read events after a number, in order; with ``name`` only those about that model."""
    query = sa.select(events).where(events.c.seq > after).order_by(events.c.seq).limit(limit)
    if name is not None:
        digests = sa.select(versions.c.digest).where(versions.c.name == name)
        query = query.where((events.c.subject == name) | events.c.subject.in_(digests))
    return tuple(_event(row) for row in connection.execute(query))


def about(connection: Connection, name: str, kinds: Iterable[str]) -> tuple[Event, ...]:
    """Read all events of some kinds whose subject is one model, in order."""
    query = (
        sa.select(events)
        .where(events.c.subject == name, events.c.kind.in_(tuple(kinds)))
        .order_by(events.c.seq)
    )
    return tuple(_event(row) for row in connection.execute(query))


def everything(connection: Connection) -> Iterator[Event]:
    """Read all events in order, some at a time."""
    after = 0
    while page := read(connection, name=None, after=after, limit=_PAGE):
        yield from page
        after = page[-1].seq


def check_chain(events_in_order: Iterable[Event]) -> Iterator[Event]:
    """Pass events on while each is what its hash says and follows on the one before.

    Raises:
        RegistryError: names the first event that is not.
    """
    previous = GENESIS
    for seq, event in enumerate(events_in_order, start=1):
        if event.seq != seq:
            raise _broken(seq, "is missing")
        if event.previous != previous:
            raise _broken(seq, "does not follow on the one before it")
        if event.hash != event.computed_hash():
            raise _broken(seq, "is not what its hash says")
        previous = event.hash
        yield event


def _broken(seq: int, what: str) -> RegistryError:
    return RegistryError(
        f"event {seq} {what}: the registry was changed behind Modelyard's back",
        subject=f"event {seq}",
        hint="restore the database from a backup from before the change",
    )


def _event(row: Row[Any]) -> Event:
    return Event(**row._mapping)  # noqa: SLF001 - public, whatever its name says
