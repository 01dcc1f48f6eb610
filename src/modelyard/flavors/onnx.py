"""ONNX: a model that was exported elsewhere, taken as it is."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

# It must stand before onnxruntime is imported, which begins to report as it is.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

from modelyard.core.contract import Contract, Output
from modelyard.core.manifest import Tolerance
from modelyard.core.parity import compare
from modelyard.errors import ExportError
from modelyard.flavors._onnxfeeds import build, match
from modelyard.flavors._onnxfile import FLAVOR, load, open_model, write
from modelyard.flavors.base import Candidate, Export, Flavor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelyard.core.contract import Task
    from modelyard.core.manifest import Feed
    from modelyard.core.table import Array, Table
    from modelyard.flavors._onnxfile import Opened, Tensor
    from modelyard.tables.frame import Frame

MODEL = "model/model.onnx"
# Float32 matrices are multiplied in another order for another number of rows.
_ALONE = Tolerance(absolute=1e-4, relative=1e-3)
_FATAL = 4
_TASKS: dict[str, Task] = {"label": "classification", "prediction": "regression"}


class Onnx(Flavor):
    """Any ONNX model whose inputs and outputs are tensors with a free batch axis."""

    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    libraries: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")

    def candidates(self, model: Any, frame: Frame) -> Iterator[Candidate]:
        """Offer the model itself."""
        opened = open_model(model)
        feeds = match(opened.inputs, frame.columns)
        why = "the model came as ONNX"
        if opened.maps:
            why += "; its ZipMap was left out, so that it answers a tensor"
        make = partial(_export, opened, feeds, frame)
        return iter((Candidate("onnxruntime", why, make),))

    def answer(self, model: Any, frame: Frame, table: Table) -> dict[str, Array]:
        """Ask the model as it came, in onnxruntime without any optimisation."""
        opened = open_model(model)
        return _asked(opened, match(opened.inputs, frame.columns), table)

    def parameters(self, model: Any) -> dict[str, Any]:
        """Give none: a graph does not tell how it was trained."""
        del model
        return {}

    def read(self, path: Path) -> Any:
        """Read a file, and the tensors that lie in files beside it."""
        return load(path)


def _export(opened: Opened, feeds: tuple[Feed, ...], frame: Frame) -> Export:
    some = frame.table.take(np.arange(min(frame.table.rows, 3)))
    found = _asked(opened, feeds, some)
    outputs = tuple(
        _output(opened, tensor, found[tensor.name], some.rows) for tensor in opened.outputs
    )
    _check_alone(found, _asked(opened, feeds, some.take(np.array([some.rows - 1]))))
    task = _TASKS.get(outputs[0].name, "other")
    if task == "regression" and len(outputs) > 1:
        task = "other"
    if task == "classification" and {each.name for each in outputs} > {"label", "probabilities"}:
        task = "other"
    contract = Contract(inputs=frame.columns, outputs=outputs, task=task)
    return Export(contract, feeds, {MODEL: write(opened.proto)}, MODEL)


def _check_alone(found: Mapping[str, Array], alone: Mapping[str, Array]) -> None:
    """A server puts the rows of several callers together, so no row may see another."""
    last = {name: answer[-1:] for name, answer in found.items()}
    difference = compare(last, alone, _ALONE)
    if not difference.within:
        raise ExportError(
            f"the model answers a row otherwise when it comes alone: {difference}",
            flavor=FLAVOR,
            hint="let each row be answered by itself: no mean or rank over the batch, no chance",
        )


def _output(opened: Opened, tensor: Tensor, found: Array, rows: int) -> Output:
    if found.ndim == 0 or len(found) != rows:
        raise ExportError(
            f"the output {tensor.name!r} has shape {found.shape} for {rows} rows: its first axis"
            " is not the batch",
            flavor=FLAVOR,
            hint="a bundle answers something for each row; drop such outputs, or reshape them",
        )
    keys = opened.maps.get(tensor.name)
    # What a graph leaves open may still differ from row to row, as far as anybody knows.
    shape = tensor.shape if len(tensor.shape) == found.ndim - 1 else (None,) * (found.ndim - 1)
    if keys:
        shape = (len(keys),)
    return Output(name=tensor.name, dtype=tensor.dtype, shape=shape, labels=keys or None)  # type: ignore[arg-type]  # a word of DType


def _asked(opened: Opened, feeds: tuple[Feed, ...], table: Table) -> dict[str, Array]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = _FATAL
    try:
        session = ort.InferenceSession(
            opened.original, sess_options=options, providers=["CPUExecutionProvider"]
        )
        names = [node.name for node in session.get_outputs()]
        answers = session.run(names, build(feeds, table))
    except Exception as e:  # onnxruntime's own errors have no base but Exception
        raise ExportError(
            f"onnxruntime cannot run the model on the sample: {e}", flavor=FLAVOR
        ) from e
    return {
        name: _unmapped(answer, opened.maps.get(name))
        for name, answer in zip(names, answers, strict=True)
    }


def _unmapped(answer: Any, keys: tuple[str | int, ...] | None) -> Array:
    if keys is None:
        return np.asarray(answer)
    return np.array([[row[key] for key in keys] for row in answer], np.float32)
