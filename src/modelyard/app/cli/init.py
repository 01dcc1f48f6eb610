"""The verb ``init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from modelyard.app.cli.options import Json
from modelyard.app.cli.output import Output
from modelyard.app.starting import start_project
from modelyard.errors import UsageError


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    name: Annotated[str, typer.Option(help="The model's name; default: that of the folder.")] = "",
    *,
    json: Json = False,
) -> None:
    """Start a project that runs: training, gates, settings.

    Examples:

        modelyard init tumours

        cd tumours && modelyard build
    """
    output = Output(json=json)
    name = name or folder.resolve().name.lower().replace(" ", "-")
    if not name:
        raise UsageError("the model has no name", hint="add --name")
    written = start_project(folder, name)
    for path in written:
        output.say(escape(f"wrote {path}"))
    go = "" if folder == Path() else f"cd {folder} && "
    output.say(escape(f"next: {go}modelyard build"))
    output.result({"name": name, "files": [str(path) for path in written]})
