"""Canonical JSON: one value, one sequence of bytes, on every machine."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


def encode(value: object) -> bytes:
    """Write a value as canonical JSON: sorted keys, no spaces, shortest floats, no NaN.

    Raises:
        ValueError: if a number in it is not finite (JSON has no word for it).

    Example:
        >>> encode({"b": 1.5, "a": [True, None]})
        b'{"a":[true,null],"b":1.5}'
    """
    plain = msgspec.to_builtins(value)
    _refuse_non_finite(plain)
    return msgspec.json.encode(plain, order="sorted")


def decode(content: bytes) -> Any:
    """Read UTF-8 JSON strictly; duplicate keys, NaN, 1e999 and deep nesting are refused.

    Raises:
        ValueError: says what is wrong with the text.

    Example:
        >>> decode(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ValueError: the key 'a' stands twice in one object
    """
    try:
        return json.loads(
            content.decode(),  # json itself would also guess at UTF-16 and UTF-32
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except RecursionError as e:
        raise ValueError("nested too deep") from e
    except UnicodeDecodeError as e:
        raise ValueError("not UTF-8 text") from e
    except json.JSONDecodeError as e:
        raise ValueError(f"not JSON: {e.msg} at line {e.lineno}, column {e.colno}") from e


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise ValueError(f"the key {key!r} stands twice in one object")
        seen[key] = value
    return seen


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is beyond all floats")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refuse_non_finite(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as JSON")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_non_finite(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_non_finite(item)
