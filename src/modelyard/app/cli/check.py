"""The verb ``check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelyard.app.checking import CheckOptions, Holdout
from modelyard.app.checking import check as check_bundle
from modelyard.app.cli.options import Json, Reference
from modelyard.app.cli.output import Output
from modelyard.app.settings import find_settings
from modelyard.errors import GateFailedError, UsageError


def check(
    reference: Reference,
    holdout: Annotated[
        Path | None, typer.Option(help="Held-out rows; default: [data] holdout.")
    ] = None,
    label: Annotated[
        str, typer.Option(help="Their column of true answers; default: [data] label.")
    ] = "",
    against: Annotated[str, typer.Option(help="Compare with this; default: @champion.")] = "",
    *,
    strict: Annotated[bool, typer.Option(help="Inconclusive is a failure too.")] = False,
    json: Json = False,
) -> None:
    """Let the gates judge a bundle.

    The gates and their thresholds stand in `modelyard.toml` under `[gates]`. The verdicts are
    kept as evidence for `promote`. Exit code 1 means that a gate failed.

    Examples:

        modelyard check fraud:3

        modelyard check ./bundle --holdout may.csv --label is_fraud
    """
    output = Output(json=json)
    if label and holdout is None:
        raise UsageError("--label belongs to --holdout", hint="add --holdout rows.csv")
    verdicts = check_bundle(
        reference,
        None if holdout is None else _holdout(holdout, label),
        CheckOptions(champion=against or None, progress=output.progress),
    )
    output.table(("gate", "verdict", "why"), [(v.gate, v.status, v.summary) for v in verdicts])
    output.result(verdicts)
    bad = [v for v in verdicts if v.status == "fail" or (strict and not v.passed)]
    if bad and json:
        raise typer.Exit(1)
    if bad:
        names = ", ".join(v.gate for v in bad)
        raise GateFailedError(f"{reference} does not pass: {names}", verdicts=verdicts)


def _holdout(file: Path, label: str) -> Holdout:
    data = find_settings().settings.data
    label = label or data.label
    if not label:
        raise UsageError("held-out rows need the name of their label column", hint="add --label")
    return Holdout(file, label, data.weight)
