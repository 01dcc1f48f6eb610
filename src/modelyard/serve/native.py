"""The native protocol: rows or columns by name in, outputs by name out.

A body is ``{"rows": [{"age": 31, ...}, ...]}``, ``{"columns": {"age": [31, ...], ...}}`` or a bare
list of rows; with ``"model": "fraud"`` and ``"outputs": ["label"]`` where wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from modelyard.errors import RequestError
from modelyard.serve.jsonvalues import to_json
from modelyard.serve.strictjson import check_keys, count_keys, decode
from modelyard.serve.version import Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.table import Array
    from modelyard.serve.version import ServedVersion

_KEYS = frozenset(("model", "rows", "columns", "outputs"))
_SHAPE = 'send {"rows": [{...}, ...]}, {"columns": {...}} or a list of rows'
_DECODER = msgspec.json.Decoder()


class Asked(NamedTuple):
    """A decoded body: the model that it names, or None, and the question."""

    model: str | None
    question: Question


def read(body: bytes) -> Asked:
    """Decode a body.

    Raises:
        RequestError: if it is not JSON of the right shape.
    """
    plain = decode(_DECODER, body)
    check_keys(body, count_keys(plain))
    if isinstance(plain, list):
        return Asked(None, Question(len(plain), records=plain))
    if not isinstance(plain, dict):
        raise RequestError("the body is neither an object nor a list of rows", hint=_SHAPE)
    unknown = plain.keys() - _KEYS
    if unknown:
        # A row by itself is no list of one: what it means must not hang on its columns' names.
        alone = unknown == plain.keys()
        hint = "put the row in a list: [{...}]" if alone else _SHAPE
        raise RequestError(f"the body has an unknown key {min(unknown)[:60]!r}", hint=hint)
    if ("rows" in plain) == ("columns" in plain):
        raise RequestError("the body has neither rows nor columns, or both", hint=_SHAPE)
    model = plain.get("model")
    if model is not None and not isinstance(model, str):
        raise RequestError("the model is not a text", hint='write "model": "<name>"')
    outputs = _outputs(plain.get("outputs"))
    if "rows" in plain:
        return Asked(model, _records(plain["rows"], outputs))
    return Asked(model, _columns(plain["columns"], outputs))


def is_body(plain: Any) -> bool:
    """Whether JSON is an object such as ``read`` takes, and not a row or columns by themselves.

    Example:
        >>> is_body({"rows": [{"age": 31}]}), is_body({"age": 31}), is_body({"rows": 3})
        (True, False, False)
    """
    return (
        isinstance(plain, dict)
        and plain.keys() <= _KEYS
        and (isinstance(plain.get("rows"), list) or isinstance(plain.get("columns"), dict))
    )


def _outputs(plain: Any) -> tuple[str, ...]:
    if plain is None:
        return ()
    if not isinstance(plain, list) or not all(isinstance(name, str) for name in plain):
        raise RequestError("the outputs are not a list of texts", hint='say "outputs": ["label"]')
    return tuple(dict.fromkeys(plain))


def _records(plain: Any, outputs: tuple[str, ...]) -> Question:
    if not isinstance(plain, list):
        raise RequestError("the rows are not a list", hint=_SHAPE)
    return Question(len(plain), records=plain, outputs=outputs)


def _columns(plain: Any, outputs: tuple[str, ...]) -> Question:
    if not isinstance(plain, dict):
        raise RequestError("the columns are not an object", hint=_SHAPE)
    rows = max((len(values) for values in plain.values() if isinstance(values, list)), default=0)
    return Question(rows, columns=plain, outputs=outputs)


def write(version: ServedVersion, answers: Mapping[str, Array]) -> bytes:
    """Encode an answer; a float that is not finite becomes null, since JSON has no word for it."""
    return msgspec.json.encode(
        {
            "model": version.name,
            "version": version.version,
            "digest": version.digest,
            "outputs": {name: to_json(values) for name, values in answers.items()},
        }
    )
