"""Proof that a bundle's files are what its manifest says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.core import manifest as manifests
from modelyard.core.digest import digest_bytes
from modelyard.errors import IntegrityError

if TYPE_CHECKING:
    from modelyard.bundle.opened import Bundle


def verify(bundle: Bundle) -> None:
    """Read every file of a bundle, the manifest once more included, and compare its bytes.

    Raises:
        IntegrityError: names the first file that is missing or differs.
        BundleError: if golden rows are there but cannot be read.
    """
    content = bundle.source.read(manifests.MANIFEST, manifests.MAX_BYTES)
    if digest_bytes(content) != bundle.digest:
        raise IntegrityError(
            f"{manifests.MANIFEST} has changed since the bundle was opened",
            file=manifests.MANIFEST,
        )
    for file in bundle.manifest.files:
        bundle.read(file.path)
    bundle.golden()
