"""The verb ``doctor``."""

from __future__ import annotations

import typer

from modelyard.app.cli.options import Json
from modelyard.app.cli.output import Output
from modelyard.app.doctoring import examine


def doctor(*, json: Json = False) -> None:
    """Look for what is wrong with this machine or project.

    Exit code 1 means that something is ill.

    Examples:

        modelyard doctor
    """
    output = Output(json=json)
    findings = examine()
    output.table(
        ("what", "state", "found", "advice"),
        [(f.what, f.state, f.detail, f.advice) for f in findings],
    )
    output.result(findings)
    if any(finding.state == "ill" for finding in findings):
        raise typer.Exit(1)
