"""How a database of an older schema becomes one of the newest; run when a registry is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from modelyard.errors import RegistryError
from modelyard.registry.schema import VERSION_TABLE

if TYPE_CHECKING:
    from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest schema, inside the transaction that is already begun.

    Raises:
        RegistryError: if its schema is newer than this Modelyard knows.
    """
    scripts = directory()
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    current = context.get_current_revision()
    try:
        pending = list(scripts.iterate_revisions("head", current or "base"))
    except CommandError as e:
        raise too_new(current) from e
    with Operations.context(context):
        for script in reversed(pending):
            script.module.upgrade()
            context.stamp(scripts, script.revision)


def too_new(revision: str | None) -> RegistryError:
    """The error about a schema that is not known here."""
    return RegistryError(
        f"this registry has schema {revision}, which this Modelyard does not know",
        hint="a newer Modelyard wrote it: upgrade this one to the same version",
    )


def directory() -> ScriptDirectory:
    """All migrations."""
    here = Path(__file__).parent
    return ScriptDirectory(str(here), version_locations=[str(here / "versions")])
