"""``verify``: every byte of a bundle is as its digest says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.app.opening import open_reference
from modelyard.bundle.verify import verify as verify_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from modelyard.app.yard import Yard
    from modelyard.bundle.opened import Bundle


def verify(reference: str | Path | Bundle, *, yard: Yard | None = None) -> Bundle:
    """Read every byte of a bundle and compare it with the manifest.

    Args:
        reference: A version, a bundle or its folder.
        yard: The project; by default the one of the current folder.

    Raises:
        IntegrityError: names the first file that differs.
    """
    bundle = open_reference(reference, yard)
    verify_bytes(bundle)
    return bundle
