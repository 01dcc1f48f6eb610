"""The verb ``models``."""

from __future__ import annotations

from typing import Annotated

import typer

from modelyard.app.cli.options import Json
from modelyard.app.cli.output import Output
from modelyard.app.versions import models as list_models


def models(
    name: Annotated[str, typer.Argument(help="Only this model.", show_default=False)] = "",
    *,
    json: Json = False,
) -> None:
    """List models and versions.

    Examples:

        modelyard models

        modelyard models fraud --json
    """
    output = Output(json=json)
    rows = list_models(name or None)
    output.table(
        ("model", "registered (UTC)", "digest", "aliases", "runs in"),
        [
            (
                f"{row.name}:{row.version}",
                row.registered[:19].replace("T", " "),
                row.digest[:19],
                ", ".join(row.aliases),
                ", ".join(row.environments),
            )
            for row in rows
        ],
    )
    if not rows:
        output.say("no models yet; next: modelyard build")
    output.result(rows)
