"""Gates from their options: ``[gates.<name>]`` of ``modelyard.toml`` -> a ``Gate``."""

from __future__ import annotations

import difflib
import inspect
import re
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from modelyard.core.plugin import Family
from modelyard.errors import ConfigError
from modelyard.gates.base import Gate

if TYPE_CHECKING:
    from collections.abc import Mapping

FAMILY: Family[Gate] = Family("modelyard.gates", Gate, extra="gates")  # type: ignore[type-abstract]  # its members are concrete

_PATH = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<field>[^`]*)`")


def make_gate(name: str, options: Mapping[str, Any]) -> Gate:
    """Make one gate from the table ``[gates.<name>]``.

    Args:
        name: The gate's name; its kind too, unless ``options`` has a ``kind``.  So two gates of
            one kind stand side by side under two names.
        options: The gate's fields, and ``kind`` where the name is not the kind.

    Raises:
        ConfigError: names the key at fault.
        UnknownPluginError: if there is no such kind of gate.

    Example:
        >>> make_gate("small", {"kind": "size", "maximum_mb": 5}).maximum_mb
        5.0
    """
    key = f"gates.{name}"
    kind = options.get("kind", name)
    if not isinstance(kind, str):
        raise ConfigError(f"[{key}] kind is {kind!r}, which is no text", key=f"{key}.kind")
    if kind not in FAMILY.names() and "kind" not in options:
        raise ConfigError(
            f"[{key}] has no kind, and {name!r} is no kind of gate itself",
            key=f"{key}.kind",
            hint=_hint(name, FAMILY.names(), 'add kind = "...", one of'),
        )
    member = FAMILY.load(kind)
    plain = {option: value for option, value in options.items() if option != "kind"}
    try:
        return msgspec.convert(plain, member)
    except msgspec.ValidationError as e:
        raise _config_error(key, str(e), member) from e


def make_gates(config: Mapping[str, Mapping[str, Any]]) -> dict[str, Gate]:
    """Make all gates of the table ``[gates]``: name -> Gate, in the order of the file.

    The verdict of a gate carries its kind; rename it to the name under which it stands here.

    Raises:
        ConfigError: names the key at fault.
        UnknownPluginError: if there is no such kind of gate.
    """
    gates = {}
    for name, options in config.items():
        if not hasattr(options, "items"):
            raise ConfigError(
                f"[gates] {name} is {options!r}, which is no table of options",
                key=f"gates.{name}",
                hint=f"write a table: [gates.{name}]",
            )
        gates[name] = make_gate(name, options)
    return gates


def _config_error(key: str, message: str, member: type[Gate]) -> ConfigError:
    match = _PATH.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    unknown = _UNKNOWN.search(what)
    hint = ""
    if unknown:
        fields = [field.encode_name for field in msgspec.structs.fields(_struct_at(member, path))]
        hint = _hint(unknown["field"], fields, "the options are")
        path = f"{path}.{unknown['field']}".lstrip(".")
        what = "there is no such option"
    where = f"{key}.{path}" if path else key
    sentence = f"[{key}] {path}: {what}" if path else f"[{key}]: {what}"
    return ConfigError(sentence, key=where, hint=hint)


def _struct_at(struct: type[msgspec.Struct], path: str) -> type[msgspec.Struct]:
    """The struct that a path such as ``direction[0]`` leads to."""
    for step in filter(None, re.sub(r"\[[^]]*\]", "", path).split(".")):
        kinds = {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
        struct = nested_struct(kinds.get(step)) or struct
    return struct


def nested_struct(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that an option's type holds, as ``tuple[Direction, ...]`` does; None if none.

    Example:
        >>> nested_struct(tuple[int, ...]) is None
        True
    """
    if inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
        return kind
    return next(filter(None, map(nested_struct, get_args(kind))), None)


def _hint(word: str, known: list[str], otherwise: str) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"{otherwise}: {', '.join(sorted(known))}"
