"""Both databases, empty, and processes that work on them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import uuid
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from modelyard.registry.registry import Registry

WORKER = Path(__file__).parent / "worker.py"


class Place(NamedTuple):
    url: str
    store: str

    def open(self, **options):
        return Registry.open(self.url, self.store, **options)


@pytest.fixture(scope="session")
def server():
    """One PostgreSQL server for the whole session."""
    with warnings.catch_warnings():
        # pgserver looks for a runtime folder when it is imported, and complains without one.
        warnings.simplefilter("ignore")
        # There are no wheels of it for Python 3.13 and later yet.
        pgserver = pytest.importorskip("pgserver")
    with tempfile.TemporaryDirectory() as folder:
        found = pgserver.get_server(f"{folder}/data", cleanup_mode="delete")
        yield found
        found.cleanup()


@pytest.fixture
def empty_postgresql(server):
    """Makes empty schemas: quicker to make than databases, and just as empty."""
    schemas = []
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:

        def make():
            schemas.append(f"t{uuid.uuid4().hex}")
            connection.execute(f"CREATE SCHEMA {schemas[-1]}")
            # The server trusts everybody; the password is there to be seen where it should not.
            url = server.get_uri().replace("postgres:@", "postgres:s3cr3t@")
            return f"{url}&options=-csearch_path%3D{schemas[-1]}"

        yield make
        for schema in schemas:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def postgresql(empty_postgresql):
    """The URL of an empty place in PostgreSQL."""
    return empty_postgresql()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def place(request, tmp_path):
    """Where a registry can be opened, on both databases."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/new/registry.db"
    else:
        url = request.getfixturevalue("postgresql")
    return Place(url, str(tmp_path / "store"))


@pytest.fixture
def registry(place):
    """An empty registry."""
    with place.open() as found:
        yield found


@pytest.fixture(scope="session")
def worker():
    """The module whose functions run in processes of their own."""
    spec = importlib.util.spec_from_file_location("registry_worker", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start():
    """Start ``worker.py`` on a place; it is killed at the end of the with block."""

    @contextmanager
    def run(place, verb, *arguments):
        command = [sys.executable, str(WORKER), verb, place.url, place.store, *map(str, arguments)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return run
