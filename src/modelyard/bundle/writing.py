"""Writing a bundle's directory: whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.bundle.opened import SIDECAR, Bundle, open_bundle, sidecar
from modelyard.bundle.verify import verify
from modelyard.core import manifest as manifests
from modelyard.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.manifest import Manifest


def copy_bundle(bundle: Bundle, directory: Path) -> Bundle:
    """Write an opened bundle, wherever its files come from, into a directory.

    Raises:
        IntegrityError: if a file is not what the manifest says; nothing is written then.
        BundleError: if the directory holds something else.
    """
    files = {file.path: bundle.read(file.path) for file in bundle.manifest.files}
    return write_bundle(bundle.manifest, files, directory)


def write_bundle(manifest: Manifest, files: Mapping[str, bytes], directory: Path) -> Bundle:
    """Write a bundle beside the directory, and move it there in one step.

    A crash leaves either the whole bundle or none.  Where the directory already holds the very
    bundle it is left as it is.

    Args:
        manifest: Lists exactly the files that are given.
        files: path inside the bundle -> bytes.
        directory: Where the bundle goes: an empty folder, or none yet.

    Raises:
        BundleError: if the directory holds something else, or cannot be written: the disk is full,
            say; nothing is left of it then.
    """
    manifests.decode(manifests.encode(manifest))  # what could not be opened again is not written
    try:
        return _written(manifest, files, directory)
    except OSError as e:
        raise BundleError(
            f"{directory.name} cannot be written: {e.strerror}",
            hint="look at the free space and the rights of its folder",
        ) from e


def _written(manifest: Manifest, files: Mapping[str, bytes], directory: Path) -> Bundle:
    if not _is_free(directory):
        return _existing(manifest, directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        scratch.chmod(0o755)
        for path, data in files.items():
            _write(scratch, path, data)
        _write(scratch, SIDECAR, sidecar(manifest.digest))
        _write(scratch, manifests.MANIFEST, manifests.encode(manifest))
        _sync_folders(scratch)
        try:
            scratch.rename(directory)
        except OSError:
            if _is_free(directory):
                raise
            return _existing(manifest, directory)
        _sync(directory.parent)
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(scratch)
    return open_bundle(directory, manifest.digest)


def _is_free(directory: Path) -> bool:
    if directory.is_symlink():
        return False
    return not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))


def _existing(manifest: Manifest, directory: Path) -> Bundle:
    try:
        bundle = open_bundle(directory, manifest.digest)
        verify(bundle)
    except BundleError as e:
        raise BundleError(
            f"{directory.name} is there already and holds something else",
            hint="a bundle is never written over: choose another directory, or remove this one",
        ) from e
    return bundle


def _write(root: Path, path: str, content: bytes) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folders(root: Path) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        _sync(Path(folder))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
