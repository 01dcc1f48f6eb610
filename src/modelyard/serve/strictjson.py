"""JSON from outside: read exactly or refused, and quickly."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from modelyard.core import canonical
from modelyard.errors import RequestError

Value = TypeVar("Value")


def decode(decoder: msgspec.json.Decoder[Value], body: bytes) -> Value:
    """Decode a body.

    Whole numbers of any size stay exact.  NaN, Infinity, numbers beyond a double, broken UTF-8,
    deep nesting, and anything after the value are refused; ``check_keys`` refuses keys that stand
    twice.

    Raises:
        RequestError: says what is wrong, and where.
    """
    if not body:
        raise RequestError("the body is empty", hint="send a JSON object")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as e:
        if "out of range" in str(e):
            raise RequestError(
                "a number in the body is out of range", hint="a double must be able to hold it"
            ) from e
        raise RequestError(f"the body does not have the right shape: {e}") from e
    except msgspec.DecodeError as e:
        raise RequestError(f"the body is not JSON: {_plain(str(e))}") from e
    except RecursionError as e:
        raise RequestError("the body is nested too deep") from e
    except UnicodeDecodeError as e:
        raise RequestError(f"the body is not UTF-8 at byte {e.start} of a text") from e


def check_keys(body: bytes, keys: int) -> None:
    """Refuse an object that holds one key twice: which value counts would be a guess.

    Each key is followed by a colon, so a body with as many colons as keys were decoded cannot
    hold one twice.  Only a body with more colons (in its texts, say) is read again, slowly.

    Args:
        body: The JSON text, known to be well-formed.
        keys: How many keys of it were decoded.

    Raises:
        RequestError: names the key.
    """
    if body.count(b":") == keys:
        return
    try:
        canonical.decode(body)
    except ValueError as e:
        raise RequestError(f"the body is ambiguous: {e}") from e


def count_keys(value: Any) -> int:
    """Count the keys of all objects in a decoded value; lists of plain values cost next to nothing.

    Raises:
        RequestError: if it is nested too deep.

    Example:
        >>> count_keys({"rows": [{"a": 1}, {"a": 2}]})
        3
    """
    try:
        return _count(value)
    except RecursionError as e:
        raise RequestError("the body is nested too deep") from e


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_count(item) for item in value.values() if type(item) in _NESTING)
    if isinstance(value, list) and not _NESTING.isdisjoint(map(type, value)):
        return sum(_count(item) for item in value if type(item) in _NESTING)
    return 0


_NESTING = frozenset((dict, list))


def _plain(text: str) -> str:
    return text.removeprefix("JSON is malformed: ")
