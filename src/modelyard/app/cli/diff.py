"""The verb ``diff``."""

from __future__ import annotations

from typing import Annotated

import typer

from modelyard.app.cli.options import Json, Reference
from modelyard.app.cli.output import Output
from modelyard.app.versions import diff as diff_versions


def diff(
    before: Reference,
    after: Annotated[str, typer.Argument(help="The other one.", show_default=False)],
    *,
    json: Json = False,
) -> None:
    """Compare two versions.

    It lists what differs in contract, metrics, lineage and runtime.

    Examples:

        modelyard diff fraud:2 fraud:3
    """
    output = Output(json=json)
    changes = diff_versions(before, after)
    output.table(
        ("what", before, after), [(c.path, _short(c.before), _short(c.after)) for c in changes]
    )
    if not changes:
        output.say("no difference")
    output.result(changes)


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    limit = 60
    return text if len(text) <= limit else text[: limit - 1] + "…"
