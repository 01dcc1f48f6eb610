"""Databases that are wrong, away, damaged, locked or forbidden: a clear error, and no trace."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from modelyard.errors import RegistryError, UsageError
from modelyard.registry.database import Database
from modelyard.registry.registry import Registry

SECRET = "s3cr3t-pa55"


@pytest.fixture
def path(tmp_path, worker):
    """The file of a registry that holds one version."""
    with Registry.open(tmp_path / "registry.db", tmp_path / "store") as registry:
        registry.register(worker.make_bundle(1), actor="ann")
    return tmp_path / "registry.db"


def refusal(where, kind=RegistryError):
    with pytest.raises(kind) as caught:
        Database(where, wait=0.2)
    error = caught.value
    assert error.hint
    assert "Traceback" not in str(error)
    assert "/" not in error.message
    return error


@pytest.mark.parametrize(
    "where",
    [
        "mysql://localhost/registry",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        ":memory:",
        "",
        "sqlite:///file:registry.db?mode=ro&uri=true",
        "://",
        f"postgresql+psycopg2://ann:{SECRET}@localhost/registry",
        f"postgresql://ann:{SECRET}@localhost:port/registry",
    ],
)
def test_what_is_no_registry_url(where):
    error = refusal(where, UsageError)
    assert SECRET not in str(error)


@pytest.mark.postgresql
def test_a_server_that_is_away_and_a_secret_that_stays():
    # Port 1 is nobody's.
    error = refusal(f"postgresql://ann:{SECRET}@127.0.0.1:1/registry")
    seen: BaseException | None = error
    while seen is not None:
        assert SECRET not in f"{seen!s}{seen!r}{seen.args}"
        seen = seen.__cause__ or seen.__context__


@pytest.mark.postgresql
def test_a_password_is_not_shown(postgresql, tmp_path):
    assert "s3cr3t" in postgresql
    with Registry.open(postgresql, tmp_path) as registry:
        assert "s3cr3t" not in repr(registry)
        assert "***" in repr(registry)


@pytest.mark.postgresql
def test_a_database_that_is_not_there(server):
    error = refusal(server.get_uri("nowhere"))
    assert "no such database" in error.message


@pytest.mark.parametrize(
    "content", [b"not a database" * 1000, os.urandom(20_000), b"SQLite format"]
)
def test_a_file_that_is_no_database(tmp_path, content):
    file = tmp_path / "registry.db"
    file.write_bytes(content)
    assert "registry.db" in refusal(file).message
    assert file.read_bytes() == content


def test_a_folder_is_no_database(tmp_path):
    assert "cannot be opened" in refusal(tmp_path).message


def test_a_place_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert "cannot be made" in refusal(tmp_path / "file" / "registry.db").message


def test_an_empty_file_becomes_a_registry(tmp_path):
    (tmp_path / "registry.db").write_bytes(b"")
    with Registry.open(tmp_path / "registry.db", tmp_path / "store") as registry:
        assert registry.names() == ()


def test_folders_are_made(tmp_path):
    with Registry.open(f"sqlite:///{tmp_path}/a/b/c.db", tmp_path / "store") as registry:
        assert registry.sequence() == 0


def test_a_damaged_file_is_an_error_and_not_a_crash(path):
    with Registry.open(path, path.parent / "store") as registry:
        registry.verify()
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 64] = b"\xff" * 64
    path.write_bytes(content)
    with (
        pytest.raises(RegistryError),
        Registry.open(path, path.parent / "store") as registry,
    ):
        registry.verify()


def test_a_cut_file_is_an_error_and_not_a_crash(path):
    content = path.read_bytes()
    for size in (100, 4096, len(content) // 2):
        path.write_bytes(content[:size])
        with (
            pytest.raises(RegistryError),
            Registry.open(path, path.parent / "store") as registry,
        ):
            registry.verify()


def test_a_locked_file_is_waited_for_and_then_given_up(path, worker, tmp_path):
    database = Database(path, wait=0.2)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with Registry(database, worker_store(tmp_path)) as registry:
            assert registry.resolve("fraud").version == 1
            with pytest.raises(RegistryError, match="another process"):
                registry.register(worker.make_bundle(2), actor="ann")
            holder.execute("ROLLBACK")
            assert registry.register(worker.make_bundle(2), actor="ann").version == 2


def worker_store(tmp_path):
    with Registry.open(tmp_path / "registry.db", tmp_path / "store") as registry:
        return registry._store


READ_ONLY = """
import os
import sys
from modelyard.errors import RegistryError
from modelyard.registry.registry import Registry
Registry.open(sys.argv[1], sys.argv[2]).close()  # all modules are loaded now
os.setuid(65534)
with Registry.open(sys.argv[1], sys.argv[2]) as registry:
    assert registry.resolve("fraud").version == 1
    try:
        registry.set_alias("fraud", "champion", 1, actor="nobody")
    except RegistryError as e:
        print(e)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_registry_that_may_only_be_read(worker):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        with Registry.open(path, Path(folder) / "store") as registry:
            registry.register(worker.make_bundle(1), actor="ann")
            Path(folder).chmod(0o755)
            path.chmod(0o644)
            for beside in Path(folder).glob("registry.db-*"):
                beside.chmod(0o644)
            done = subprocess.run(
                [sys.executable, "-c", READ_ONLY, str(path), f"{folder}/store"],
                check=False,
                capture_output=True,
                text=True,
            )
        assert "read-only" in done.stdout, done.stderr
        assert folder not in done.stdout
