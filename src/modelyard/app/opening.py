"""Bundles by reference: a path needs nothing more, a name needs the registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from modelyard.bundle.opened import Bundle, open_bundle
from modelyard.core.late import import_late
from modelyard.core.manifest import MANIFEST
from modelyard.errors import UsageError

if TYPE_CHECKING:
    from modelyard.app.yard import Yard


def open_reference(reference: str | Path | Bundle, yard: Yard | None = None) -> Bundle:
    """Open a bundle by reference or path.

    Args:
        reference: A bundle, its folder, or a name; only a name asks the registry.
        yard: The project; None takes the one of the current folder.

    Raises:
        NotFoundError: if there is no such version.
        UsageError: if there is no such folder.
        BundleError: if the folder is no bundle.
    """
    if isinstance(reference, Bundle):
        return reference
    if is_path(reference):
        return open_path(reference)
    # Late, so that predicting from a folder needs no database library.
    with import_late("modelyard.app.yard").using(yard) as used:
        return cast("Bundle", used.registry.bundle(str(reference)))


def open_path(folder: str | Path) -> Bundle:
    """Open the bundle in a folder.

    Raises:
        UsageError: if there is no such folder.
        BundleError: if the folder is no bundle.
    """
    if not Path(folder).is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}", hint="modelyard build makes one")
    return open_bundle(folder)


def is_path(reference: str | Path) -> bool:
    """Whether a text means a folder and not a name: it has a slash, or such a bundle is there."""
    return (
        isinstance(reference, Path)
        or "/" in reference
        or reference in (".", "..")
        or (Path(reference) / MANIFEST).is_file()
    )
