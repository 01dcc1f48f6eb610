"""The verb ``serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelyard.app.cli.options import Json
from modelyard.app.serving import serve_settings
from modelyard.serve.server import run


def serve(
    references: Annotated[
        list[str] | None,
        typer.Argument(
            help="Models to serve; default: every model's champion.", show_default=False
        ),
    ] = None,
    route: Annotated[
        Path | None, typer.Option(help="A .toml or .json file that says what to serve.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Default: [serve] host, 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0: a free one. Default: [serve] port.")
    ] = None,
    *,
    public_without_authentication: Annotated[
        bool,
        typer.Option(
            "--public-without-authentication",
            help="Let whoever reaches a host that is not loopback ask.",
        ),
    ] = False,
    json: Json = False,  # noqa: ARG001  # events are JSON lines on stderr either way
) -> None:
    """Answer predictions over HTTP.

    A model given by alias follows it: when `promote` moves it, the new version is loaded beside,
    warmed, proved on its golden rows and switched to, without a failed request.

    Examples:

        modelyard serve

        modelyard serve fraud@champion demand:3 --port 9000
    """
    run(
        serve_settings(
            references or (),
            route_file=route,
            host=host,
            port=port,
            public=public_without_authentication,
        )
    )
