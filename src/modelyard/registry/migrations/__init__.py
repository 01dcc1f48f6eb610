"""How a database of an older schema becomes one of the newest; run when a registry is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

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
    if current is not None and current not in {
        known.revision for known in scripts.walk_revisions()
    }:
        raise RegistryError(
            f"this registry has schema {current!r}, which this Modelyard does not know",
            hint="a newer Modelyard wrote it: upgrade this one to the same version",
        )
    pending = list(scripts.iterate_revisions("head", current or "base"))
    with Operations.context(context):
        for script in reversed(pending):
            script.module.upgrade()
            context.stamp(scripts, script.revision)


def directory() -> ScriptDirectory:
    """All migrations."""
    here = Path(__file__).parent
    return ScriptDirectory(str(here), version_locations=[str(here / "versions")])
