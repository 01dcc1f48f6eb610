"""The verb ``predict``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from modelyard.app.cli.options import Reference
from modelyard.app.model import load
from modelyard.core import canonical
from modelyard.errors import UsageError
from modelyard.serve.native import is_body, read
from modelyard.tables.load import load_rows

if TYPE_CHECKING:
    from modelyard.app.model import Model
    from modelyard.core.table import Array

_SHAPE = 'write [{"column": 1}], or what POST /predict takes: {"rows": [...]}, {"columns": {...}}'


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

    One line of JSON a row; with `--json` one document with an array for each output. Standard
    input may hold one row, a list of rows, columns, or what POST /predict takes.

    Examples:

        modelyard predict fraud@champion rows.csv

        echo '[{"amount": 12.5}]' | modelyard predict fraud -
    """
    model = load(reference)
    if data == "-":
        answers = _standard_input(model)
    else:
        answers = model.predict(load_rows(Path(data), model.contract))
    outputs = {name: values.tolist() for name, values in answers.items()}
    if json:
        _write(outputs)
        return
    for row in zip(*outputs.values(), strict=True):
        _write(dict(zip(outputs, row, strict=True)))


def _standard_input(model: Model) -> dict[str, Array]:
    content = sys.stdin.buffer.read()
    try:
        rows = canonical.decode(content)
    except ValueError as e:
        raise UsageError(f"standard input holds no rows: {e}", hint=_SHAPE) from e
    if is_body(rows):
        return _asked(model, content)
    if isinstance(rows, dict):
        alone = not any(isinstance(value, list) for value in rows.values())
        return model.predict([rows] if alone else rows)
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return model.predict(rows)
    raise UsageError("standard input holds no rows", hint=_SHAPE)


def _asked(model: Model, body: bytes) -> dict[str, Array]:
    """Answer what a server would have been asked."""
    asked = read(body)
    name = model.manifest.name
    if asked.model not in (None, name):
        raise UsageError(f"the rows are for the model {asked.model!r}, and this is {name!r}")
    question = asked.question
    known = [output.name for output in model.contract.outputs]
    for wanted in question.outputs:
        if wanted not in known:
            raise UsageError(
                f"{name!r} has no output {wanted[:60]!r}",
                hint="its outputs are: " + ", ".join(known),
            )
    answers = model.predict(question.columns if question.records is None else question.records)
    return {output: answers[output] for output in question.outputs or known}


def _write(value: Any) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
