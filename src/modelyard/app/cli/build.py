"""The verb ``build``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from modelyard.app.building import BuildOptions
from modelyard.app.building import build as build_bundle
from modelyard.app.cli.options import Json
from modelyard.app.cli.output import Output
from modelyard.app.settings import find_settings
from modelyard.app.trained import Trained
from modelyard.app.training import read_sample, train
from modelyard.bundle.opened import Bundle
from modelyard.errors import UsageError


def build(
    model: Annotated[
        Path | None,
        typer.Argument(help="A model file: .onnx, .ubj, .json or .txt; without it, train.py's."),
    ] = None,
    sample: Annotated[
        Path | None, typer.Option(help="Rows of its inputs: .parquet, .csv or .json.")
    ] = None,
    name: Annotated[str, typer.Option(help="The model's name; default: that of the project.")] = "",
    label: Annotated[str, typer.Option(help="The sample's column of true answers.")] = "",
    directory: Annotated[
        Path | None, typer.Option("--directory", "-o", help="The folder to become the bundle.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Make a bundle of a trained model.

    Without a model file it runs the function that `modelyard.toml` names under `[model] train`.
    The model is exported, packed, and proved to answer as the original does.

    Examples:

        modelyard build

        modelyard build model.onnx --sample rows.parquet --name fraud
    """
    output = Output(json=json)
    location = find_settings()
    settings = location.settings
    if model is None and (sample is not None or label):
        raise UsageError("--sample and --label belong to a model file", hint="name the file")
    # Before the training, which may take long.
    name = name or settings.project.name
    if not name:
        raise UsageError("the model has no name", hint="add --name, or [project] name")
    if model is None:
        output.progress(f"training by {settings.model.train}")
        trained = train(location)
    else:
        trained = _trained(model, sample, label)
    bundle = build_bundle(
        trained.model,
        trained.sample,
        name=name,
        labels=trained.labels,
        directory=directory,
        options=BuildOptions(
            contract=settings.contract,
            lineage=trained.lineage,
            lock=location.path(settings.model.lock) if settings.model.lock else None,
            progress=output.progress,
        ),
    )
    _tell(output, bundle)


def _trained(model: Path, sample: Path | None, label: str) -> Trained:
    if sample is None:
        raise UsageError("a model file needs a sample of its inputs", hint="add --sample rows.csv")
    return read_sample(model, sample, label)


def _tell(output: Output, bundle: Bundle) -> None:
    manifest = bundle.manifest
    output.say(f"[bold]{manifest.name}[/] {bundle.digest}")
    output.say(f"runs on {manifest.runtime}: {escape(manifest.why)}")
    if manifest.metrics:
        output.metrics(manifest.metrics)
    output.say(escape(f"bundle: {bundle.directory}\nnext: modelyard check {bundle.directory}"))
    output.result(
        {
            "name": manifest.name,
            "digest": bundle.digest,
            "path": str(bundle.directory),
            "runtime": manifest.runtime,
            "why": manifest.why,
            "metrics": manifest.metrics,
        }
    )
