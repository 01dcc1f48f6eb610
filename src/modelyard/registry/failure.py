"""What the database's own errors mean, and what to do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from modelyard.errors import RegistryError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import SQLAlchemyError

_BUSY = "another process has been writing for too long"
_FULL = "the disk is full"
_MEANINGS: tuple[tuple[str, str, str], ...] = (
    ("file is not a database", "it is not a SQLite database", "name another file"),
    (
        "malformed",
        "the file is damaged",
        "restore it from a backup; `sqlite3 FILE .recover` may save its events",
    ),
    ("database is locked", _BUSY, "do it again; see who holds the database if it goes on"),
    ("lock timeout", _BUSY, "do it again; see who holds the database if it goes on"),
    ("database or disk is full", _FULL, "make room, then do it again; nothing is half-written"),
    ("no space left", _FULL, "make room, then do it again; nothing is half-written"),
    ("readonly database", "it is read-only", "let this user write the file and its folder"),
    (
        "unable to open database file",
        "the file cannot be opened",
        "name a file that this user may read and write",
    ),
    ("disk i/o error", "the disk failed", "look after the disk, then do it again"),
    (
        "are never changed",
        "what was once recorded is never changed",
        "register a new version instead",
    ),
    ("are added in turn", "events are added one after the other", "write through Modelyard only"),
    (
        "password authentication failed",
        "the server refuses this user and password",
        "look at the user and password in the registry's URL",
    ),
    ("does not exist", "the server has no such database, user or table", "create it first"),
    ("permission denied", "the server forbids it to this user", "grant this user the right"),
)
_UNREACHABLE = (
    "the server cannot be reached",
    "look at host and port in the registry's URL, and whether the server runs",
)


def explain(error: SQLAlchemyError, url: URL) -> RegistryError:
    """Say what an error of the database means for whoever asked."""
    name = _name(url)
    said = str(error.orig).lower() if isinstance(error, DBAPIError) else str(error).lower()
    for words, meaning, hint in _MEANINGS:
        if words in said:
            return RegistryError(f"the registry {name} refuses: {meaning}", hint=hint)
    if isinstance(error, DBAPIError) and ("connect" in said or error.connection_invalidated):
        return RegistryError(
            f"the registry {name} is away: {_UNREACHABLE[0]}", hint=_UNREACHABLE[1]
        )
    kind = type(error.orig if isinstance(error, DBAPIError) else error).__name__
    return RegistryError(
        f"the registry {name} failed ({kind})",
        hint="`modelyard doctor` looks closer",
    )


def _name(url: URL) -> str:
    """What a registry is called in errors: never a path, a user or a password."""
    return repr((url.database or "").rpartition("/")[2])
