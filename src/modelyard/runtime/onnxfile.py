"""What must hold of the bytes of an ONNX model before onnxruntime sees them.

onnxruntime opens files that a model names (external data), and looks for them from the working
directory when the model came as bytes.  So a model with external data is refused here, by reading
the protobuf itself: the wire format is small, and nothing of it is interpreted beyond the tensors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Operator domains that onnxruntime knows by itself; any other would need a foreign library."""

_MAX_DEPTH = 100
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTH = {_FIXED64: 8, _FIXED32: 4}

# Where tensors and further messages that hold tensors lie: message -> {field: message}.
_BELOW: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_LOCATION = b"location"
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
# Long runs of numbers in one attribute (trees have millions) are passed over in one step: floats
# are field 7 as fixed32, ints field 8 as varint.
_RUNS = re.compile(rb"(?:\x3d.{4})++|(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])++", re.DOTALL)


class _Field(NamedTuple):
    number: int
    wire: int
    start: int
    end: int


def check_self_contained(content: bytes) -> None:
    """Refuse an ONNX model that refers to anything outside of its own bytes.

    Raises:
        ValueError: says what it refers to, or that it is no ONNX model.
    """
    domains: set[str] = set()
    functions: set[str] = set()
    for field in _fields(content, 0, len(content)):
        if field.number == 8 and field.wire == _BYTES:  # noqa: PLR2004  # opset_import
            domains |= _texts(content, field, 1)
        if field.number == 25 and field.wire == _BYTES:  # noqa: PLR2004  # functions
            functions |= _texts(content, field, 10)
    foreign = domains - DOMAINS - functions
    if foreign:
        raise ValueError(f"it needs operators of {min(foreign)!r}, which a bundle cannot bring")
    _walk(content, _Field(0, _BYTES, 0, len(content)), "model", 0)


def _walk(content: bytes, field: _Field, message: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        _refuse("it is nested too deep")
    # External data are named by a key "location", which protobuf stores verbatim: where the word
    # does not occur, and it hardly ever does, nothing has to be looked at.
    if content.find(_LOCATION, field.start, field.end) < 0:
        return
    below = _BELOW[message]
    for inner in _fields(content, field.start, field.end, runs=message == "attribute"):
        kind = below.get(inner.number)
        if kind is not None and inner.wire == _BYTES:
            _walk(content, inner, kind, depth + 1)
        elif message == "tensor" and inner.number == _EXTERNAL_DATA:
            _refuse("it keeps tensors in other files (external data)")
        elif message == "tensor" and inner.number == _DATA_LOCATION:
            number, _ = _varint(content, inner.start, inner.end)
            if number or inner.wire != _VARINT:
                _refuse("it keeps tensors in other files (external data)")


def _fields(content: bytes, at: int, end: int, *, runs: bool = False) -> Iterator[_Field]:
    while at < end:
        if runs:
            run = _RUNS.match(content, at, end)
            if run is not None:
                at = run.end()
                continue
        tag, start = _varint(content, at, end)
        # A tag in more bytes than it needs might be read otherwise by another reader.
        if tag >= 1 << 32 or tag < 8 or start - at != (tag.bit_length() + 6) // 7:  # noqa: PLR2004
            _refuse("it is not an ONNX model")
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _, at = _varint(content, start, end)
        elif wire == _BYTES:
            size, start = _varint(content, start, end)
            at = start + size
        elif wire in _WIDTH:
            at = start + _WIDTH[wire]
        else:
            _refuse("it is not an ONNX model")
        if at > end:
            _refuse("it is cut off, or not an ONNX model")
        yield _Field(number, wire, start, at)


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:  # noqa: PLR2004  # ten bytes hold any 64 bits
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  # the last byte has no continuation bit
            return value & (1 << 64) - 1, at
        shift += 7
    raise ValueError("it is cut off, or not an ONNX model")


def _texts(content: bytes, message: _Field, number: int) -> set[str]:
    """The values of a string field; empty text where it is not set, as protobuf has it."""
    found = {
        content[field.start : field.end].decode("utf-8", "replace")
        for field in _fields(content, message.start, message.end)
        if field.number == number and field.wire == _BYTES
    }
    return found or {""}


def _refuse(what: str) -> NoReturn:
    raise ValueError(what)
