"""State from events: every other table follows from the list of events, and can be made anew.

``apply`` is the one place where state changes.  A writer calls it right after ``append``; a
rebuild calls it for every event there is; a proof calls it on an empty database in memory and
compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from modelyard.core import canonical
from modelyard.errors import RegistryError
from modelyard.registry import schema, triggers
from modelyard.registry.events import Event, append, check_chain, everything

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Table

    from modelyard.registry.events import Stamp

_FROZEN = tuple(table.name for table in schema.PROJECTIONS if table in schema.FROZEN)


def record(
    connection: Connection, stamp: Stamp, kind: str, subject: str, details: dict[str, Any]
) -> Event:
    """Add an event and change the state accordingly, inside a writer's transaction."""
    event = append(connection, stamp, kind, subject, details)
    apply(connection, event)
    return event


def apply(connection: Connection, event: Event) -> None:
    """Change the state as an event says.

    Raises:
        RegistryError: if there is no such kind of event.
    """
    act = _ACTS.get(event.kind)
    if act is None:
        raise RegistryError(
            f"event {event.seq} is of a kind {event.kind!r}, which this Modelyard does not know",
            subject=f"event {event.seq}",
            hint="a newer Modelyard wrote it: upgrade this one to the same version",
        )
    act(connection, event, event.details)


def verify(connection: Connection) -> int:
    """Prove that the events are whole and that all state follows from them; count the events.

    Raises:
        RegistryError: names the first broken event, or the first row that differs.
    """
    memory = sa.create_engine("sqlite://")
    try:
        with memory.begin() as replayed:
            schema.metadata.create_all(replayed)
            count = 0
            for event in check_chain(everything(connection)):
                apply(replayed, event)
                count += 1
            for table in schema.PROJECTIONS:
                _compare(table, _rows(replayed, table), _rows(connection, table))
        return count
    finally:
        memory.dispose()


def rebuild(connection: Connection) -> int:
    """Make all state anew from the events, inside a writer's transaction; count the events."""
    triggers.thaw(connection, _FROZEN)
    for table in reversed(schema.PROJECTIONS):
        connection.execute(table.delete())
    count = 0
    for event in check_chain(everything(connection)):
        apply(connection, event)
        count += 1
    triggers.freeze(connection, _FROZEN)
    return count


def _registered(connection: Connection, event: Event, details: dict[str, Any]) -> None:
    digest = details["digest"]
    connection.execute(
        schema.versions.insert().values(
            name=event.subject,
            version=details["version"],
            digest=digest,
            registered=event.time,
            actor=event.actor,
            seq=event.seq,
        )
    )
    known = sa.select(schema.contents.c.digest).where(schema.contents.c.digest == digest).limit(1)
    if connection.execute(known).first() is None:
        rows = [{"digest": digest, "content": content} for content in details["contents"]]
        connection.execute(schema.contents.insert(), rows)


def _alias_set(connection: Connection, event: Event, details: dict[str, Any]) -> None:
    _put(
        connection,
        schema.aliases,
        {"name": event.subject, "alias": details["alias"]},
        {"version": details["version"], "seq": event.seq},
    )


def _alias_removed(connection: Connection, event: Event, details: dict[str, Any]) -> None:
    table = schema.aliases
    connection.execute(
        table.delete().where(table.c.name == event.subject, table.c.alias == details["alias"])
    )


def _moved(connection: Connection, event: Event, details: dict[str, Any]) -> None:
    _put(
        connection,
        schema.environments,
        {"name": event.subject, "environment": details["environment"]},
        {
            "version": details["version"],
            "alias": details["alias"],
            "time": event.time,
            "actor": event.actor,
            "seq": event.seq,
        },
    )
    if details["alias"]:
        _alias_set(connection, event, details)


def _judged(connection: Connection, event: Event, details: dict[str, Any]) -> None:
    rows = [
        {
            "digest": event.subject,
            "gate": verdict["gate"],
            "seq": event.seq,
            "status": verdict["status"],
            "verdict": canonical.encode(verdict).decode(),
            "time": event.time,
            "actor": event.actor,
        }
        for verdict in details["verdicts"]
    ]
    connection.execute(schema.verdicts.insert(), rows)


_ACTS: dict[str, Callable[[Connection, Event, dict[str, Any]], None]] = {
    "registered": _registered,
    "alias_set": _alias_set,
    "alias_removed": _alias_removed,
    "promoted": _moved,
    "rolled_back": _moved,
    "judged": _judged,
}


def _put(connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    where = [table.c[name] == value for name, value in key.items()]
    if connection.execute(table.update().where(*where).values(**values)).rowcount == 0:
        connection.execute(table.insert().values(**key, **values))


def _rows(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    # Sorted here and not by the database: two databases need not sort texts alike.
    return sorted(tuple(row) for row in connection.execute(sa.select(table)))


def _compare(table: Table, want: list[tuple[Any, ...]], got: list[tuple[Any, ...]]) -> None:
    if want == got:
        return
    keys = len(table.primary_key.columns)
    row = min(set(want).symmetric_difference(got))
    named = ", ".join(str(value) for value in row[:keys])
    raise RegistryError(
        f"the table {table.name!r} does not follow from the events: see its row ({named})",
        subject=named,
        hint="Registry.rebuild makes all tables anew from the events",
    )
