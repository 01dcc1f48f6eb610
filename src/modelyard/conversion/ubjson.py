"""Universal Binary JSON, read strictly: no byte of it is trusted.

XGBoost trusts what it reads, so a model that came from elsewhere is read here first.
See https://ubjson.org, draft 12; XGBoost writes strings and counts with 64-bit lengths.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_NUMBERS: dict[bytes, np.dtype[Any]] = {
    b"i": np.dtype(">i1"),
    b"U": np.dtype(">u1"),
    b"I": np.dtype(">i2"),
    b"l": np.dtype(">i4"),
    b"L": np.dtype(">i8"),
    b"d": np.dtype(">f4"),
    b"D": np.dtype(">f8"),
}
_WHOLE = b"iUIlL"
_WORDS = {b"T": True, b"F": False, b"Z": None}
_DEEPEST = 64


def decode(content: bytes) -> Any:
    r"""Read a document.

    Args:
        content: The bytes; nothing may follow the document.

    Returns:
        dicts, lists, numbers, strings; arrays of one type come as numpy arrays.

    Raises:
        ValueError: if it is not whole, holds what is not UBJSON, a key twice, or nests too deep.

    Example:
        >>> decode(b"{L" + bytes(7) + b"\x01ai\x05}")
        {'a': 5}
    """
    reader = _Reader(content)
    value = reader.value(reader.take(1), 0)
    if reader.at != len(content):
        raise ValueError("bytes follow the document")
    return value


class _Reader:
    """Reads on from ``at``, and never beyond the end."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, count: int) -> bytes:
        if count < 0 or count > len(self.content) - self.at:
            raise ValueError("the document ends too soon")
        self.at += count
        return self.content[self.at - count : self.at]

    def value(self, kind: bytes, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        if kind in _NUMBERS:
            dtype = _NUMBERS[kind]
            return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()
        if kind in _WORDS:
            return _WORDS[kind]
        if kind in (b"S", b"C"):
            return self.take(self.count() if kind == b"S" else 1).decode()
        if kind == b"{":
            return self.object(depth)
        if kind == b"[":
            return self.array(depth)
        raise ValueError(f"no UBJSON value begins with {kind!r}")

    def count(self) -> int:
        kind = self.take(1)
        if kind not in [bytes([one]) for one in _WHOLE]:
            raise ValueError("a length is not a whole number")
        return int(self.value(kind, 0))

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.content[self.at : self.at + 1] != b"}":
            key = self.take(self.count()).decode()
            if key in found:
                raise ValueError(f"the key {key[:40]!r} stands twice in one object")
            found[key] = self.value(self.take(1), depth + 1)
        self.take(1)
        return found

    def array(self, depth: int) -> Any:
        kind = self.take(1)
        if kind == b"$":
            return self._typed()
        if kind == b"#":
            count = self.count()
            # Each value takes a byte at least, so no count makes a long list of nothing.
            if count > len(self.content) - self.at:
                raise ValueError("the document ends too soon")
            return [self.value(self.take(1), depth + 1) for _ in range(count)]
        values = []
        while kind != b"]":
            values.append(self.value(kind, depth + 1))
            kind = self.take(1)
        return values

    def _typed(self) -> Any:
        kind = self.take(1)
        if kind not in _NUMBERS or self.take(1) != b"#":
            raise ValueError("an array of one type holds no numbers, or has no length")
        dtype = _NUMBERS[kind]
        count = self.count()
        values = np.frombuffer(self.take(count * dtype.itemsize), dtype)
        return values.astype(dtype.newbyteorder("="))
