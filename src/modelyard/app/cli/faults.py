"""How the command tells an error: JSON on stdout for programs, two lines on stderr for people."""

from __future__ import annotations

import sys

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
        sys.stdout.write(msgspec.json.encode({"error": fault}).decode() + "\n")
        return
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  hint: {error.hint}\n")
