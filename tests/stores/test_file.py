"""What is special about files: folders, links, full disks, and what lies about in them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.errors import IntegrityError, StoreError, UnknownPluginError, UsageError
from modelyard.stores.base import open_store
from modelyard.stores.file import FileStore


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


def path_of(store, digest):
    name = digest.removeprefix("sha256:")
    return store._content / name[:2] / name


def partial(store):
    return list(store._partial.iterdir())


def test_layout(store, tmp_path):
    digest = store.put(b"model")
    name = digest.removeprefix("sha256:")
    path = tmp_path / "store" / "sha256" / name[:2] / name
    assert path.read_bytes() == b"model"
    assert stat.S_IMODE(path.stat().st_mode) & 0o222 == 0
    assert partial(store) == []


def test_opening_and_asking_make_nothing(store, tmp_path):
    digest = "sha256:" + 64 * "0"
    assert not store.has(digest)
    assert list(store.digests()) == []
    assert store.tidy(0) == 0
    store.delete(digest)
    assert list(tmp_path.iterdir()) == []


def test_urls_and_paths_are_one_place(tmp_path):
    place = tmp_path / "a folder"
    digest = open_store(place).put(b"model")
    for where in (place, str(place), place.as_uri()):
        assert open_store(where).get(digest) == b"model"


@pytest.mark.parametrize("where", ["file://host/path", "file://", "file:///p?q", "file:///p#f"])
def test_urls_that_are_no_folder(where):
    with pytest.raises(UsageError, match="no folder"):
        open_store(where)


def test_an_unknown_kind_of_store():
    with pytest.raises(UnknownPluginError, match="no stores plugin is called 'tape'"):
        open_store("tape://reel/7")


def test_what_others_left_lying_about_is_passed_over(store):
    digest = store.put(b"model")
    folder = path_of(store, digest).parent
    (folder / "README").write_text("hello")
    (folder / ("0" * 64)).write_text("in the wrong folder")
    (folder.parent / "notes.txt").write_text("hello")
    (folder.parent / "zz").mkdir()
    assert list(store.digests()) == [digest]


def test_links_and_pipes_are_never_followed(store, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"model")
    digest = store.put(b"model")
    path = path_of(store, digest)
    for make in (lambda: path.symlink_to(secret), lambda: os.mkfifo(path)):
        path.unlink()
        make()
        assert not store.has(digest)
        with pytest.raises(StoreError):
            store.get(digest)
        # Putting it again puts a plain file there.
        assert store.put(b"model") == digest
        assert store.get(digest) == b"model"
        assert not path.is_symlink()
    assert secret.read_bytes() == b"model"


def test_every_flipped_bit_is_found(store):
    digest = store.put(b"model")
    path = path_of(store, digest)
    path.chmod(0o600)
    for at in range(5 * 8):
        content = bytearray(b"model")
        content[at // 8] ^= 1 << at % 8
        path.write_bytes(content)
        with pytest.raises(IntegrityError, match=digest):
            store.get(digest)
    for content in (b"", b"mode", b"model "):
        path.write_bytes(content)
        with pytest.raises(IntegrityError, match=digest):
            store.get(digest)


def test_leftovers_go_after_a_while_and_live_writers_stay(store):
    store.put(b"model")
    (store._partial / "old").write_bytes(b"half")
    os.utime(store._partial / "old", (0, 0))
    (store._partial / "new").write_bytes(b"half")
    assert store.tidy(3600) == 1
    assert [path.name for path in partial(store)] == ["new"]
    assert store.tidy(0) == 1
    assert len(list(store.digests())) == 1


TIDY_ALL_THE_TIME = """
import sys
from modelyard.stores.base import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
while True:
    store.tidy(0)
"""


def test_tidying_without_grace_disturbs_no_writer(store, tmp_path):
    command = [sys.executable, "-c", TIDY_ALL_THE_TIME, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        digests = [store.put(b"%d" % number * 1000) for number in range(100)]
        assert process.poll() is None
        process.kill()
    assert sorted(store.digests()) == sorted(digests)


def test_a_place_that_is_a_file(tmp_path):
    (tmp_path / "store").write_bytes(b"")
    store = FileStore(tmp_path / "store")
    with pytest.raises(StoreError) as caught:
        store.put(b"model")
    assert str(tmp_path) not in str(caught.value)
    assert list(store.digests()) == []


FILL = """
import os, resource, sys
from modelyard.errors import StoreError
from modelyard.stores.base import open_store
store = open_store(sys.argv[1])
kept = store.put(b"before")
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.put(os.urandom(2_000_000))
except StoreError as e:
    print(e)
assert store.get(kept) == b"before"
assert list(store.digests()) == [kept]
assert store.tidy(0) == 0
print("all is well")
"""


def check_full(where, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(where), *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    assert "make room" in done.stdout, done.stderr
    assert str(where) not in done.stdout
    assert "all is well" in done.stdout, done.stderr


def test_a_quota_that_is_reached(tmp_path):
    check_full(tmp_path / "store", "with a limit")


def test_a_disk_that_is_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        check_full(disk / "store")
    finally:
        subprocess.run([shutil.which("umount"), str(disk)], check=True)


SOMEBODY_ELSE = """
import os, sys
from modelyard.errors import StoreError
from modelyard.stores.base import open_store
store = open_store(sys.argv[1])
os.setuid(65534)
try:
    store.put(b"new")
except StoreError as e:
    print(e)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_that_may_not_be_written(tmp_path):
    FileStore(tmp_path / "store").put(b"model")
    done = subprocess.run(
        [sys.executable, "-c", SOMEBODY_ELSE, str(tmp_path / "store")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert "let this user" in done.stdout, done.stderr
    assert str(tmp_path) not in done.stdout


def test_a_name_is_checked_before_a_path_is_made(store):
    with pytest.raises(StoreError, match="no digest"):
        store.get("sha256:" + "../" * 21 + "x")
    assert Path(store._content).exists() is False
