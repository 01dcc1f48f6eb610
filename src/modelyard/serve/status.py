"""What an error looks like from outside: the one table from error class to HTTP status.

Only what the caller did is told in words.  What went wrong on this side is told to the operator's
log; the caller gets its code, for an engine's own words could hold paths and internals.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from modelyard.errors import (
    ContractError,
    ModelyardError,
    NotFoundError,
    NotReadyError,
    PredictError,
    RequestError,
    TooLargeError,
)


class Refusal(NamedTuple):
    """An error, ready to be told in any protocol.

    Args:
        status: The HTTP status.
        code: Stable; clients may test it.
        message: What is wrong, in one sentence.
        hint: What to do next, or "".
        where: ``column``, ``row``, ``got`` and ``expected``, where they are known.
        headers: Headers that belong to the status.
    """

    status: int
    code: str
    message: str
    hint: str = ""
    where: dict[str, Any] = {}  # noqa: RUF012  # a NamedTuple's default, not a class's
    headers: tuple[tuple[str, str], ...] = ()


STATUS: tuple[tuple[type[ModelyardError], int], ...] = (
    (TooLargeError, 413),
    (RequestError, 400),
    (ContractError, 422),
    (NotFoundError, 404),
    (NotReadyError, 503),
)
"""The caller's errors and their statuses; the first class that fits.  All others are ours: 500."""

_RETRY = (("retry-after", "1"),)


def refusal(error: Exception) -> Refusal:
    """Say what a caller is told of an error."""
    for kind, status in STATUS:
        if isinstance(error, kind):
            headers = _RETRY if status == 503 else ()  # noqa: PLR2004  # 503 is what it is
            where = _where(error) if isinstance(error, ContractError) else {}
            return Refusal(status, error.code, error.message, error.hint, where, headers)
    if isinstance(error, PredictError):
        return Refusal(500, error.code, "the model failed on these rows", "see the server's log")
    return Refusal(500, "internal", "the server failed", "see the server's log")


def unknown_path() -> Refusal:
    """There is nothing at this path."""
    return Refusal(404, "unknown_path", "there is nothing at this path", "see GET /v2 and /predict")


def wrong_method(allowed: str) -> Refusal:
    """The path is there, for another method."""
    return Refusal(
        405, "wrong_method", f"this path answers {allowed} only", "", {}, (("allow", allowed),)
    )


def wrong_media(message: str) -> Refusal:
    """The body is of another kind."""
    return Refusal(
        415, "wrong_media_type", message, "send JSON, with content-type: application/json"
    )


def write_native(refusal: Refusal) -> bytes:
    """The body of the native protocol: ``{"error": {"code", "message", ...}}``."""
    return msgspec.json.encode({"error": _fields(refusal)})


def write_v2(refusal: Refusal) -> bytes:
    """The body of the Open Inference Protocol, whose ``error`` is a text; the rest lies beside."""
    fields = _fields(refusal)
    return msgspec.json.encode({"error": fields.pop("message"), **fields})


def _fields(refusal: Refusal) -> dict[str, Any]:
    fields: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.hint:
        fields["hint"] = refusal.hint
    return fields | refusal.where


def _where(error: ContractError) -> dict[str, Any]:
    found = {
        "column": error.column,
        "row": error.row,
        "got": error.got or None,
        "expected": error.expected or None,
    }
    return {key: value for key, value in found.items() if value is not None}
