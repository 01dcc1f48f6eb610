"""Where the bytes of a bundle come from."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, Protocol

from modelyard.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that nobody writes to would otherwise wait for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CHUNK = 1 << 20


class Source(Protocol):
    """Gives the bytes of files by their path inside the bundle.  It need not be trusted."""

    def read(self, path: str, limit: int) -> bytes:
        """Read one whole file.

        Args:
            path: Path inside the bundle, with forward slashes.
            limit: More bytes than this are an error, and are not read.

        Raises:
            IntegrityError: if there is no such file, it is larger, or is no plain file.
        """
        ...


class DirectorySource:
    """A bundle's files in a directory, read without following any link.

    Every folder and file below the directory is opened relative to its parent and must be what it
    says: a symbolic link, a hard link to a file elsewhere, a FIFO or a device is refused.

    Args:
        directory: The bundle's directory; it may itself be reached through links.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __repr__(self) -> str:
        return f"DirectorySource({str(self.directory)!r})"

    def read(self, path: str, limit: int) -> bytes:
        """See ``Source.read``."""
        parts = path.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            _refuse(path, "is not a plain path inside the bundle")
        with self._folder(path, parts[:-1]) as folder:
            file = _open_file(path, parts[-1], folder)
            try:
                return _read_all(path, file, limit)
            finally:
                os.close(file)

    @contextmanager
    def _folder(self, path: str, parts: list[str]) -> Iterator[int]:
        try:
            folder = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as e:
            _refuse(path, "cannot be read: the bundle's directory is not there", e)
        try:
            for part in parts:
                try:
                    below = os.open(part, _FOLDER, dir_fd=folder)
                except OSError as e:
                    _refuse(path, f"cannot be read: {part!r} is no plain folder", e)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)


def _open_file(path: str, name: str, folder: int) -> int:
    try:
        # Looked at before it is opened too, for merely opening a device may do something.
        _check_plain(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
        file = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError as e:
        _refuse(path, "is missing", e)
    except OSError as e:
        _refuse(path, f"cannot be read: {e.strerror}", e)
    try:
        _check_plain(path, os.fstat(file))
    except BaseException:
        os.close(file)
        raise
    return file


def _check_plain(path: str, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        _refuse(path, "is a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        _refuse(path, "is not a regular file")
    if found.st_nlink != 1:
        _refuse(path, "is a hard link to a file that has other names too")


def _read_all(path: str, file: int, limit: int) -> bytes:
    """Read to the end of the file, but never more than one byte over the limit."""
    if os.fstat(file).st_size > limit:
        _refuse(path, f"is larger than {limit} bytes")
    chunks: list[bytes] = []
    left = limit + 1
    while left:
        chunk = os.read(file, min(left, _CHUNK))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    if not left:
        _refuse(path, f"is larger than {limit} bytes")
    return b"".join(chunks)


def _refuse(path: str, what: str, cause: BaseException | None = None) -> NoReturn:
    raise IntegrityError(f"{path!r} {what}", file=path) from cause
