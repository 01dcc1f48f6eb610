"""The default engine: onnxruntime on the CPU, from verified bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# It must stand before onnxruntime is imported, which begins to report as it is.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime as ort

from modelyard.errors import BundleError, ManifestError
from modelyard.runtime.crossover import Crossover, Split
from modelyard.runtime.engines.base import Engine
from modelyard.runtime.onnxfile import check_self_contained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from modelyard.core.manifest import Manifest
    from modelyard.core.table import Array

SLICE = 2048
"""Rows that onnxruntime gets at a time, which bounds its memory.

What a graph holds in between may be thousands of times as large as its input: a number for each
tree and class.
"""
_FATAL = 4

_TENSORS = {
    "bool": "tensor(bool)",
    "float32": "tensor(float)",
    "float64": "tensor(double)",
    "string": "tensor(string)",
    "timestamp": "tensor(int64)",
}


class OnnxRuntime(Engine):
    """An ONNX model in onnxruntime.

    One thread runs it.  Large batches are shared out to several, where that was measured to be
    faster and to answer the same; see ``crossover``.

    Args:
        session: Runs in one thread.
        outputs: The names of the outputs to ask for.
        threads: How many threads a large batch may use.
    """

    def __init__(self, session: Any, outputs: list[str], threads: int = 1) -> None:
        self._session = session
        self._outputs = outputs
        self.crossover: Crossover | None = None
        if threads > 1:
            self.crossover = Crossover(self._alone, lambda: Split(self._alone, threads))

    @classmethod
    def load(cls, read: Callable[[str], bytes], manifest: Manifest) -> Self:
        """See ``Engine.load``."""
        session = _session(read(manifest.model), manifest)
        _check_signature(session, manifest)
        outputs = [output.name for output in manifest.contract.outputs]
        return cls(session, outputs, threads=len(os.sched_getaffinity(0)))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See ``Engine.run``."""
        if self.crossover is None:
            return self._alone(feeds)
        return self.crossover.run(feeds, len(next(iter(feeds.values()))))

    def _alone(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        rows = len(next(iter(feeds.values())))
        if rows <= SLICE:
            answers = self._session.run(self._outputs, feeds)
        else:
            answers = [
                np.concatenate(parts) for parts in zip(*self._sliced(feeds, rows), strict=True)
            ]
        return dict(zip(self._outputs, answers, strict=True))

    def _sliced(self, feeds: Mapping[str, Array], rows: int) -> Iterator[list[Array]]:
        for start in range(0, rows, SLICE):
            part = {name: tensor[start : start + SLICE] for name, tensor in feeds.items()}
            yield self._session.run(self._outputs, part)


def _session(content: bytes, manifest: Manifest) -> Any:
    try:
        check_self_contained(content)
    except ValueError as e:
        raise BundleError(
            f"{manifest.model} is refused: {e}",
            file=manifest.model,
            hint="build the bundle anew; building takes all of a model's data into one file",
        ) from e
    try:
        return ort.InferenceSession(
            content, sess_options=_options(), providers=["CPUExecutionProvider"]
        )
    except Exception as e:  # onnxruntime's own errors have no base but Exception
        raise BundleError(
            f"{manifest.model} is no model that onnxruntime {ort.__version__} can run",
            file=manifest.model,
        ) from e


def _options() -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _FATAL
    options.use_deterministic_compute = True
    # A thread that spins while it waits takes the processor from those that have work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # What was checked is ONNX; bytes of the other format that onnxruntime knows are not read.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _check_signature(session: Any, manifest: Manifest) -> None:
    """Find out now, not at the first request, that manifest and model do not belong together."""
    takes = {node.name: node.type for node in session.get_inputs()}
    feeds = {feed.name: _tensor_type(feed.dtype) for feed in manifest.feeds}
    if takes != feeds:
        raise ManifestError(
            f"{manifest.model} takes {_words(takes)}; the manifest feeds it {_words(feeds)}",
            file=manifest.model,
        )
    gives = {node.name: node.type for node in session.get_outputs()}
    asked = {output.name: _tensor_type(output.dtype) for output in manifest.contract.outputs}
    if not asked.items() <= gives.items():
        raise ManifestError(
            f"{manifest.model} answers {_words(gives)}; the contract promises {_words(asked)}",
            file=manifest.model,
        )


def _tensor_type(dtype: str) -> str:
    return _TENSORS.get(dtype) or f"tensor({dtype})"


def _words(tensors: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in tensors.items()) or "nothing"
