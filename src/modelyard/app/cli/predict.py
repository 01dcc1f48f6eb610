"""The verb ``predict``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from modelyard.app.cli.options import Reference
from modelyard.app.model import load
from modelyard.core import canonical
from modelyard.errors import UsageError
from modelyard.tables.load import load_rows


def predict(
    reference: Reference,
    data: Annotated[
        str, typer.Argument(help="A .parquet, .csv or .json file, or - for JSON rows on stdin.")
    ],
    *,
    json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document, not one line a row.")
    ] = False,
) -> None:
    """Answer the rows of a file.

    One line of JSON a row; with `--json` one document with an array for each output.

    Examples:

        modelyard predict fraud@champion rows.csv

        echo '[{"amount": 12.5}]' | modelyard predict fraud -
    """
    model = load(reference)
    rows = _standard_input() if data == "-" else load_rows(Path(data), model.contract)
    outputs = {name: values.tolist() for name, values in model.predict(rows).items()}
    if json:
        _write(outputs)
        return
    for row in zip(*outputs.values(), strict=True):
        _write(dict(zip(outputs, row, strict=True)))


def _standard_input() -> Any:
    try:
        rows = canonical.decode(sys.stdin.buffer.read())
    except ValueError as e:
        raise UsageError(f"standard input holds no rows: {e}", hint='write [{"column": 1}]') from e
    if isinstance(rows, dict):
        return [rows] if not any(isinstance(value, list) for value in rows.values()) else rows
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return rows
    raise UsageError("standard input holds no rows", hint='write [{"column": 1}]')


def _write(value: Any) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
