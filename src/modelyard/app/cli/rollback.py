"""The verb ``rollback``."""

from __future__ import annotations

from typing import Annotated

import typer

from modelyard.app.cli.options import Environment, Json
from modelyard.app.cli.output import Output
from modelyard.app.versions import rollback as rollback_environment


def rollback(
    name: Annotated[str, typer.Argument(help="The model's name.", show_default=False)],
    to: Environment = "production",
    version: Annotated[
        int | None, typer.Option(help="The version to go back to; default: the one before.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Go back to the version before.

    Examples:

        modelyard rollback fraud

        modelyard rollback fraud --version 2
    """
    output = Output(json=json)
    back = rollback_environment(name, to, version=version)
    output.say(f"[bold]{back.name}:{back.version}[/] runs in {to} again")
    output.result(back)
