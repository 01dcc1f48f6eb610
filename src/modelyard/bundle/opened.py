"""An opened bundle: its manifest, and its files, verified at the moment of reading."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.bundle.goldenfile import GOLDEN_OUTPUTS, GOLDEN_ROWS, decode_outputs, decode_rows
from modelyard.bundle.source import DirectorySource
from modelyard.core import manifest as manifests
from modelyard.core.digest import PREFIX, digest_bytes, is_digest
from modelyard.core.golden import Golden
from modelyard.errors import BundleError, IntegrityError, UsageError

if TYPE_CHECKING:
    from modelyard.bundle.source import Source
    from modelyard.core.manifest import Manifest

SIDECAR = "bundle.sha256"
"""Holds the digest of ``bundle.json`` beside it, in the form that ``sha256sum -c`` reads."""

_NAMED = re.compile(r"(?:sha256[:_-])?([0-9a-f]{64})")


class Bundle:
    """An opened bundle.  Only ``bundle.json`` has been read so far.

    Args:
        manifest: What the bundle says of itself.
        digest: The name of the bundle: the digest of ``bundle.json``.
        source: Where the files come from; it need not be trusted.
    """

    __slots__ = ("_files", "digest", "manifest", "source")

    def __init__(self, manifest: Manifest, digest: str, source: Source) -> None:
        self.manifest = manifest
        self.digest = digest
        self.source = source
        self._files = {file.path: file for file in manifest.files}

    def __repr__(self) -> str:
        return f"Bundle({self.manifest.name!r}, {self.digest!r})"

    @property
    def directory(self) -> Path | None:
        """The directory that holds the files, or None where they lie elsewhere."""
        return self.source.directory if isinstance(self.source, DirectorySource) else None

    @property
    def size(self) -> int:
        """Bytes of all files, the manifest included."""
        return len(manifests.encode(self.manifest)) + sum(f.size for f in self.manifest.files)

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def read(self, path: str) -> bytes:
        """Read one file; the bytes that are given out are the bytes that were verified.

        Raises:
            BundleError: if the manifest lists no such file; it is then not even looked for.
            IntegrityError: if the bytes are not those that the manifest names.
        """
        entry = self._files.get(path)
        if entry is None:
            raise BundleError(f"the bundle has no file {path!r}", file=path)
        content = self.source.read(path, entry.size)
        if len(content) != entry.size:
            raise IntegrityError(
                f"{path!r} has {len(content)} bytes; the manifest says {entry.size}", file=path
            )
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise IntegrityError(f"{path!r} differs from what the manifest says", file=path)
        return content

    def golden(self) -> Golden:
        """Read the golden rows and what the original model answered for them.

        Raises:
            BundleError: if they are not there, or do not fit the contract.
        """
        contract = self.manifest.contract
        rows, kinds = decode_rows(self.read(GOLDEN_ROWS), contract)
        outputs = decode_outputs(self.read(GOLDEN_OUTPUTS), contract, rows.rows)
        return Golden(rows=rows, outputs=outputs, kinds=kinds)


def open_bundle(where: str | Path | Source, expect: str | None = None) -> Bundle:
    """Open a bundle: read and check its manifest, and execute nothing.

    A bundle's digest is its name, so any change to ``bundle.json`` makes another bundle, or none.
    To be sure to get the one that is meant, that name must come from somewhere: from ``expect``,
    else from the directory's own name where that is a digest, else from ``bundle.sha256``, which
    lies beside ``bundle.json``.  The last guards against accidents; against somebody who can write
    to the directory only ``expect`` does.

    Args:
        where: The bundle's directory, or a source of its files.
        expect: The digest that the bundle must have.

    Raises:
        ManifestError: if ``bundle.json`` is malformed.
        IntegrityError: if it is missing, or is not the manifest of the expected bundle.
    """
    source = DirectorySource(Path(where)) if isinstance(where, str | Path) else where
    content = source.read(manifests.MANIFEST, manifests.MAX_BYTES)
    if expect is None:
        expect, said = _expected(source)
    else:
        said = "the digest that was asked for"
        if not is_digest(expect):
            raise UsageError(f"{expect!r} is not a whole digest")
    digest = digest_bytes(content)
    if digest != expect:
        raise IntegrityError(
            f"{manifests.MANIFEST} has the digest {digest}; {said} is {expect}",
            file=manifests.MANIFEST,
        )
    return Bundle(manifests.decode(content), digest, source)


def sidecar(digest: str) -> bytes:
    """The content of ``bundle.sha256``.

    Example:
        >>> len(sidecar("sha256:" + 64 * "0"))
        78
    """
    return f"{digest.removeprefix(PREFIX)}  {manifests.MANIFEST}\n".encode()


def _expected(source: Source) -> tuple[str, str]:
    """The digest that a bundle should have by what lies around it, and who says so."""
    if isinstance(source, DirectorySource):
        named = _NAMED.fullmatch(source.directory.name)
        if named:
            return PREFIX + named[1], "the name of its directory"
    content = source.read(SIDECAR, len(sidecar(PREFIX + 64 * "0")))
    digest = PREFIX + content[:64].decode("ascii", "replace")
    if not is_digest(digest) or content != sidecar(digest):
        raise IntegrityError(f"{SIDECAR!r} is malformed", file=SIDECAR)
    return digest, f"what {SIDECAR} says"
