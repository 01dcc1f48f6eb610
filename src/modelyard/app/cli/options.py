"""Options that several verbs share, so that they are spelled and explained once."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Write one JSON document, for programs.")]
Reference = Annotated[
    str,
    typer.Argument(
        help="fraud (latest), fraud:3, fraud@champion, fraud@sha256:..., or a bundle's folder.",
        show_default=False,
    ),
]
Environment = Annotated[str, typer.Option("--to", help="The environment.")]
