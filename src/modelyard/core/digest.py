"""Digests: how content is named."""

from __future__ import annotations

import hashlib
import re

PREFIX = "sha256:"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_bytes(content: bytes | memoryview) -> str:
    """Name some bytes by their SHA-256, written ``sha256:<64 hex digits>``.

    Example:
        >>> digest_bytes(b"")
        'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    return PREFIX + hashlib.sha256(content).hexdigest()


def is_digest(text: str) -> bool:
    """Say whether a text is a whole, well-formed digest.

    Example:
        >>> is_digest("sha256:12")
        False
    """
    return _DIGEST.fullmatch(text) is not None
