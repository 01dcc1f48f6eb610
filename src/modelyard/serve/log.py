"""The server's log: one event, one line of JSON on stderr; never what a body held."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from modelyard.errors import ModelyardError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = version("modelyard")


class Log:
    """Writes events.

    Args:
        stream: Where to; stderr by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream

    def event(self, name: str, fields: Mapping[str, Any] | None = None) -> None:
        """Write one event; a log that cannot be written never stops the server."""
        line = {"time": now(), "event": name, **(fields or {})}
        try:
            self._stream.write(msgspec.json.encode(line, enc_hook=str).decode() + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return


def now() -> str:
    """The time, UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def told(error: BaseException) -> str:
    """One line about an error, for the operator."""
    if isinstance(error, ModelyardError):
        return f"{error.code}: {error}".replace("\n", " ")
    return f"{type(error).__name__}: {error}".replace("\n", " ")
