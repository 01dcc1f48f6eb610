"""Writes docs/reference anew from the code; a test fails where a page is not what this writes."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

import modelyard
from modelyard import errors
from modelyard.app.cli.main import VERBS, load_verb
from modelyard.app.settings import Settings
from modelyard.core.plugin import Family
from modelyard.gates.base import Gate
from modelyard.gates.making import nested_struct

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = Path(__file__).parent / "reference"
_TOML = "In ``modelyard.toml``::"
HEAD = "<!-- written by `make docs`; edit the docstrings instead -->\n\n"

_HEADS = {
    "command": """# The command `modelyard`

Exit codes: 0 done; 1 a gate failed or a promotion lacks what its policy asks, or a check found
something; 2 wrong usage or another error.
With `--json` a verb writes one JSON document on standard output and nothing else.
""",
    "settings": """# modelyard.toml

The nearest `modelyard.toml` at or above the current folder counts; without one, every setting has
its default. An unknown setting is an error.
""",
    "gates": """# Gates

A gate answers pass, fail or inconclusive, with evidence. No data is never a pass. Two gates of one
kind stand side by side as `[gates.<any name>]` with `kind = "metric"`.
""",
}


def pages() -> dict[str, str]:
    """Every generated page: file name -> text."""
    written = {
        "command-line.md": command_line(),
        "settings.md": settings(),
        "gates.md": gates(),
        "errors.md": error_tree(),
        "python.md": python(),
    }
    # Docstrings mark code by two backticks, Markdown by one.
    return {name: HEAD + re.sub(r"(?<!`)``(?!`)", "`", text) for name, text in written.items()}


def command_line() -> str:
    """One section a verb, from its signature and docstring."""
    parts = [_HEADS["command"]]
    for verb in VERBS:
        command = load_verb(verb)
        parts.append(f"## {verb}\n\n{_prose(command.help)}\n")
        rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
        parts.append(_table(("argument", "meaning", "default"), rows))
    return "\n".join(parts)


def settings() -> str:
    """Every setting of modelyard.toml."""
    parts = [_HEADS["settings"]]
    for field in msgspec.structs.fields(Settings):
        kind = next((k for k in (field.type, *get_args(field.type)) if _is_struct(k)), None)
        if kind is None:
            continue
        doc = inspect.getdoc(kind) or ""
        parts.append(f"## {_first(doc)}\n")
        parts.append(_table(("setting", "meaning", "default"), list(_fields(kind))))
    parts.append("## `[contract.<input>]`: edits of the inferred input contract\n")
    parts.append(
        "`nullable`, `categories`, `unknown` (`reject` or `model`), `minimum`, `maximum`.\n"
    )
    parts.append("## `[gates.<name>]`: thresholds\n\nSee [gates](gates.md).\n")
    return "\n".join(parts)


def gates() -> str:
    """Every gate and its options."""
    family: Family[Gate] = Family("modelyard.gates", Gate)
    parts = [_HEADS["gates"]]
    for name in family.built_in():
        gate = family.load(name)
        doc = inspect.getdoc(gate) or ""
        prose, _, toml = re.split(r"^(?:Args|Example):$", doc, flags=re.MULTILINE)[0].partition(
            _TOML
        )
        parts.append(f"## {name}\n\n{_prose(prose)}\n")
        parts.append(_table(("option", "meaning", "default"), list(_fields(gate))))
        parts += _tables(f"gates.{name}", gate)
        parts.append(f"In `modelyard.toml`:\n\n```toml\n{textwrap.dedent(toml).strip()}\n```\n")
    return "\n".join(parts)


def _tables(key: str, kind: Any) -> Iterator[str]:
    """One part for each option that holds tables of its own."""
    for field in msgspec.structs.fields(kind):
        nested = nested_struct(field.type)
        if nested is not None:
            path = f"{key}.{field.encode_name}"
            path = f"[[{path}]]" if get_origin(field.type) is tuple else f"[{path}]"
            doc = inspect.getdoc(nested) or ""
            yield f"### `{path}`\n\n{_first(doc)}\n"
            yield _table(("option", "meaning", "default"), list(_fields(nested)))


def error_tree() -> str:
    """The tree of errors, as its module draws it."""
    doc = inspect.getdoc(errors) or ""
    head, _, rest = doc.partition("::\n\n")
    tree, _, tail = rest.partition("\n\n")
    drawn = textwrap.dedent(tree)
    return f"# Errors\n\n{head.strip()}\n\n```\n{drawn}\n```\n\n{tail.strip()}\n"


def python() -> str:
    """The public names of the package."""
    rows = [
        (f"`modelyard.{name}`", _first(inspect.getdoc(getattr(modelyard, name)) or ""))
        for name in modelyard.__all__
    ]
    return "# Python\n\n" + _table(("name", "what it is"), rows)


def _is_struct(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, msgspec.Struct)


def _first(doc: str) -> str:
    return " ".join(doc.split("\n\n", maxsplit=1)[0].split())


def _prose(doc: str | None) -> str:
    return re.sub(r"\n{3,}", "\n\n", (doc or "").strip())


def _fields(kind: Any) -> Iterator[tuple[str, str, str]]:
    meanings: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        meanings |= _meanings(inspect.cleandoc(base.__doc__ or ""))
    for field in msgspec.structs.fields(kind):
        yield (
            f"`{field.encode_name}`",
            meanings.get(field.encode_name, ""),
            f"`{_default(field)}`",
        )


def _default(field: Any) -> str:
    if field.default is not msgspec.NODEFAULT:
        value = field.default
        return "none" if value is None else msgspec.json.encode(value).decode()
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.json.encode(field.default_factory()).decode()
    return "must be given"


def _meanings(doc: str) -> dict[str, str]:
    """The Args section of a Google docstring: name -> text."""
    _, _, section = doc.partition("Args:\n")
    section = re.split(r"\n(?=\S)", section)[0]
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _parameter(parameter: Any) -> tuple[str, str, str]:
    names = ", ".join(f"`{name}`" for name in parameter.opts if name.startswith("-"))
    default = "" if parameter.default in (None, "", False) else f"`{parameter.default}`"
    if parameter.required:
        default = "must be given"
    return names or f"`{parameter.name.upper()}`", parameter.help or "", default


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return "No options.\n"
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote docs/reference/{name}\n")


if __name__ == "__main__":
    main()
