"""A database is made, brought up to date, or refused."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from modelyard.errors import RegistryError
from modelyard.registry import migrations, schema
from modelyard.registry.registry import Registry


def test_the_newest_revision_is_the_one_that_the_code_names():
    assert migrations.directory().get_current_head() == schema.HEAD


def test_migrations_make_the_tables_that_the_code_uses(registry):
    with registry._database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, schema.metadata) == []


def test_processes_that_open_at_once_make_one_registry(place, start):
    with (
        start(place, "opened") as one,
        start(place, "opened") as two,
        start(place, "opened") as six,
    ):
        for process in (one, two, six):
            assert process.stdout.read() == "0\n"
            assert process.wait(60) == 0
    with place.open() as registry:
        assert registry.verify() == 0


@pytest.mark.parametrize("revision", ["0002", "nonsense", ""])
def test_a_newer_schema_is_refused(place, revision):
    with place.open() as registry, registry._database.write() as connection:
        connection.execute(
            sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = :v"),  # noqa: S608
            {"v": revision},
        )
    with pytest.raises(RegistryError, match="does not know") as caught:
        place.open()
    assert "upgrade" in caught.value.hint


def test_a_database_of_something_else_is_left_alone(place, registry):
    with registry._database.write() as connection:
        connection.exec_driver_sql(f"DROP TABLE {schema.VERSION_TABLE}")
    with pytest.raises(RegistryError, match="is no registry"):
        place.open()


def test_a_sqlite_file_of_something_else_is_left_alone(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/other.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE customers (id INTEGER)")
    engine.dispose()
    with pytest.raises(RegistryError, match="'customers'"):
        Registry.open(tmp_path / "other.db", tmp_path)
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == ["customers"]
    engine.dispose()
