"""Triggers that keep frozen tables frozen, whoever writes to the database.

They stand apart from the migrations because a rebuild takes them away and puts them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_NEXT = "(SELECT coalesce(max(seq), 0) + 1 FROM events)"


def freeze(connection: Connection, tables: tuple[str, ...]) -> None:
    """Forbid changing and removing rows of tables, and adding events out of turn."""
    make = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    for statement in make(tables):
        connection.exec_driver_sql(statement)


def thaw(connection: Connection, tables: tuple[str, ...]) -> None:
    """Allow it again, until the next ``freeze``, which belongs in the same transaction."""
    for table in tables:
        if connection.dialect.name == "sqlite":
            for trigger in _sqlite_names(table):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}")
        else:
            for trigger in _postgresql_names(table):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")


def _sqlite_names(table: str) -> tuple[str, ...]:
    names = (f"{table}_no_update", f"{table}_no_delete")
    return (*names, "events_in_turn") if table == "events" else names


def _sqlite(tables: tuple[str, ...]) -> Iterator[str]:
    for table in tables:
        for act in ("update", "delete"):
            yield (
                f"CREATE TRIGGER {table}_no_{act} BEFORE {act} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed'); END"
            )
        if table == "events":
            # This stops INSERT OR REPLACE too, for which SQLite fires no delete trigger.
            yield (
                "CREATE TRIGGER events_in_turn BEFORE INSERT ON events"
                f" WHEN NEW.seq IS NOT {_NEXT}"
                " BEGIN SELECT RAISE(ABORT, 'events are added in turn'); END"
            )


def _postgresql_names(table: str) -> tuple[str, ...]:
    names = (f"{table}_frozen", f"{table}_not_emptied")
    return (*names, "events_in_turn") if table == "events" else names


def _postgresql(tables: tuple[str, ...]) -> Iterator[str]:
    yield (
        "CREATE OR REPLACE FUNCTION modelyard_frozen() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION"
        " USING MESSAGE = 'rows of ' || TG_TABLE_NAME || ' are never changed'; END $$"
    )
    for table in tables:
        yield (
            f"CREATE TRIGGER {table}_frozen BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION modelyard_frozen()"
        )
        yield (
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION modelyard_frozen()"
        )
        if table == "events":
            yield (
                "CREATE OR REPLACE FUNCTION modelyard_in_turn() RETURNS trigger"
                " LANGUAGE plpgsql AS $$ BEGIN"
                f" IF NEW.seq <> {_NEXT} THEN RAISE EXCEPTION 'events are added in turn'; END IF;"
                " RETURN NEW; END $$"
            )
            yield (
                "CREATE TRIGGER events_in_turn BEFORE INSERT ON events"
                " FOR EACH ROW EXECUTE FUNCTION modelyard_in_turn()"
            )
