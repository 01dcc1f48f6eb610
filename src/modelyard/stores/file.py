"""A store in a folder: ``sha256/ab/<64 hex digits>``, each file whole, durable and read-only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import secrets
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from modelyard.core.digest import PREFIX, digest_bytes, is_digest
from modelyard.errors import IntegrityError, StoreError, UsageError
from modelyard.stores.base import Store, check_content, check_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Without O_NONBLOCK a named pipe put in the place of content would hang the reader.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_ATTEMPTS = 10
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class FileStore(Store):
    """A store in a folder of this machine, or of a shared disk with atomic renames.

    Content is written beside its place, flushed, and renamed into it, so that any number of
    processes may put and get at once, and kill -9 leaves nothing half-written in sight.

    Args:
        root: The folder; it is made with the first content.

    Example:
        >>> import tempfile
        >>> store = FileStore(Path(tempfile.mkdtemp()))
        >>> store.get(store.put(b"model"))
        b'model'
    """

    def __init__(self, root: Path) -> None:
        self._content = root / "sha256"
        self._partial = root / "partial"

    @classmethod
    def open(cls, where: str) -> FileStore:
        """Open the store in a folder, given as a path or as ``file:///path``."""
        if "://" not in where:
            return cls(Path(where))
        url = urlsplit(where)
        if url.scheme != "file" or url.netloc or url.query or url.fragment or not url.path:
            raise UsageError(f"{where!r} is no folder", hint="write file:///path/to/store")
        return cls(Path(unquote(url.path)))

    def put(self, content: bytes) -> str:
        """Keep some content, durably, and return its digest."""
        digest = digest_bytes(content)
        path = self._path(digest)
        with _speaking(digest):
            if not _renew(digest, path):
                _make_folder(path.parent)
                self._write(path, content)
        return digest

    def get(self, digest: str, *, limit: int | None = None) -> bytes:
        """Return the content of a digest, verified."""
        path = self._path(digest)
        with _speaking(digest):
            try:
                content = _read(path, limit)
            except FileNotFoundError as e:
                raise StoreError(f"there is no content {digest}", digest=digest) from e
        if content is None:
            raise StoreError(f"the content {digest} is larger than {limit} bytes", digest=digest)
        return check_content(digest, content)

    def has(self, digest: str) -> bool:
        """Say whether the content of a digest is there."""
        return self._status(digest) is not None

    def delete(self, digest: str) -> None:
        """Remove the content of a digest, if it is there."""
        path = self._path(digest)
        with _speaking(digest):
            path.unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        """Name all content; files that this store did not put are passed over."""
        with _speaking(""):
            for folder in _names(self._content):
                for name in _names(self._content / folder):
                    if name.startswith(folder) and is_digest(PREFIX + name):
                        yield PREFIX + name

    def age(self, digest: str) -> float:
        """The seconds since the content was last put; infinite where there is none."""
        status = self._status(digest)
        return math.inf if status is None else max(0.0, time.time() - status.st_mtime)

    def tidy(self, grace: float) -> int:
        """Remove what crashed writers left behind ``grace`` seconds ago or earlier."""
        removed = 0
        with _speaking(""):
            for name in _names(self._partial):
                with contextlib.suppress(FileNotFoundError, BlockingIOError):
                    removed += _remove_leftover(self._partial / name, grace)
        return removed

    def _path(self, digest: str) -> Path:
        name = check_digest(digest).removeprefix(PREFIX)
        return self._content / name[:2] / name

    def _status(self, digest: str) -> os.stat_result | None:
        path = self._path(digest)
        with _speaking(digest):
            try:
                status = path.lstat()
            except FileNotFoundError:
                return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _write(self, path: Path, content: bytes) -> None:
        _make_folder(self._partial)
        for attempt in range(_ATTEMPTS):
            beside = self._partial / secrets.token_hex(16)
            try:
                _write_beside(beside, path, content)
                break
            except FileNotFoundError:
                # Tidied away in the instant between making it and locking it.
                if attempt + 1 == _ATTEMPTS:
                    raise
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        _flush_folder(path.parent)


def _renew(digest: str, path: Path) -> bool:
    """Let content that is there already begin its age anew; false if it must be written."""
    try:
        content = _read(path, None)
        if content is None or digest_bytes(content) != digest:
            return False
        os.utime(path)
        # Another process may have put it a moment ago and not yet have flushed the folder.
        _flush_folder(path.parent)
    except (OSError, StoreError):
        # Not there, removed this instant, somebody else's, or the disk failed: write it anew.
        return False
    return True


def _write_beside(beside: Path, path: Path, content: bytes) -> None:
    """Write a new file, flush it and rename it to where it belongs."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(beside, flags, 0o444), "wb") as file:
        # The lock ends with its process, however it ends: only then is the file a leftover.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        beside.replace(path)


def _remove_leftover(path: Path, grace: float) -> bool:
    """Remove a half-written file that nobody is writing any more."""
    with os.fdopen(os.open(path, _READ), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # What was renamed meanwhile is content now, and no longer found under its old name.
        if time.time() - path.lstat().st_mtime < grace:
            return False
        path.unlink()
        return True


def _read(path: Path, limit: int | None) -> bytes | None:
    """Read a regular file; None if it is larger than ``limit``."""
    handle = os.open(path, _READ)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"{path.name} is no regular file", digest=PREFIX + path.name)
        if limit is not None and status.st_size > limit:
            return None
        return file.read()


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names only, no Path for each of many files
    except (FileNotFoundError, NotADirectoryError):
        return []


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they outlast a loss of power."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _speaking(digest: str) -> Iterator[None]:
    """Turn the system's errors into ours, which say what to do and carry no path."""
    try:
        yield
    except (StoreError, IntegrityError, GeneratorExit):
        raise
    except OSError as e:
        what = f"content {digest}" if digest else "the content of the store"
        raise StoreError(
            f"{what} cannot be kept or read: {os.strerror(e.errno or errno.EIO)}",
            digest=digest,
            hint=_hint(e.errno or errno.EIO),
        ) from e


def _hint(number: int) -> str:
    if number in _FULL:
        return "make room on the disk or raise the quota, then do it again; nothing is half-written"
    if number in _FORBIDDEN:
        return "let this user read and write the store's folder"
    return "look after the store's disk, then do it again"
