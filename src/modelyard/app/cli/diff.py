"""The verb ``diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from modelyard.app.cli.options import Json, Reference
from modelyard.app.cli.output import Output
from modelyard.app.versions import compare

if TYPE_CHECKING:
    from modelyard.core.difference import Change


def diff(
    before: Reference,
    after: Annotated[str, typer.Argument(help="The other one.", show_default=False)],
    *,
    json: Json = False,
) -> None:
    """Compare two versions.

    It lists what differs in contract, feeds, runtime, lineage and metrics, and counts the files
    that differ; `--json` lists those too.

    Examples:

        modelyard diff fraud:2 fraud:3
    """
    output = Output(json=json)
    changes, files = compare(before, after)
    told = [change for change in changes if not _of_file(change)]
    output.table(("what", f"{before} -> {after}"), [(c.path, _told(c)) for c in told])
    differing = {_file(change) for change in changes if _of_file(change)}
    if differing:
        output.say(f"files: {len(differing)} of {files} differ")
    if not changes:
        output.say("no difference")
    output.result(changes)


def _of_file(change: Change) -> bool:
    return change.path.startswith(("files.", "files "))


def _file(change: Change) -> str:
    for field in (".size", ".sha256"):
        if change.path.endswith(field):
            return change.path.removesuffix(field)
    return change.path


def _told(change: Change) -> str:
    """Before and after; a rule of the contract that is not written down is false or none."""
    before, after = change.before, change.after
    if isinstance(after, dict) and before is None:
        return f"new: {_value(after)}"
    if isinstance(before, dict) and after is None:
        return f"gone: {_value(before)}"
    if change.path.startswith("contract.") and {type(before), type(after)} == {bool, type(None)}:
        before, after = bool(before), bool(after)
    if (
        isinstance(before, float)
        and isinstance(after, float)
        and change.path.startswith("metrics.")
    ):
        return f"{before:.6g} -> {after:.6g}"
    return f"{_value(before)} -> {_value(after)}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(each)}" for key, each in value.items()) or "nothing"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
