"""How the command tells an error: JSON on stdout for programs, two lines on stderr for people."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from modelyard.errors import ModelyardError


def print_error(error: ModelyardError, *, json: bool) -> None:
    """Write an error.

    Args:
        error: What went wrong.
        json: Whether a program listens.
    """
    if json:
        fault = {"code": error.code, "message": error.message, "hint": error.hint}
        content = msgspec.json.encode({"error": fault | _known(error)}, enc_hook=str)
        sys.stdout.write(content.decode() + "\n")
        return
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  hint: {error.hint}\n")


def _known(error: ModelyardError) -> dict[str, Any]:
    """What the error's class carries: column, row, file, key, lacking and the like, if known."""
    return {
        name: value
        for name, value in vars(error).items()
        if not name.startswith("_") and value is not None and value not in ("", (), {})
    }
