"""How the command tells an error: JSON on stdout for programs, two lines on stderr for people."""

from __future__ import annotations

import os
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
        try:
            sys.stdout.write(content.decode() + "\n")
            sys.stdout.flush()
        except OSError:
            # Standard output itself is what fails, so a person is told.
            drop_output()
        else:
            return
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  hint: {error.hint}\n")


def drop_output() -> None:
    """Let what is left to be flushed go nowhere; Python would fail on it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def _known(error: ModelyardError) -> dict[str, Any]:
    """What the error's class carries: column, row, file, key, lacking and the like, if known."""
    return {
        name: value
        for name, value in vars(error).items()
        if not name.startswith("_") and value is not None and value not in ("", (), {})
    }
