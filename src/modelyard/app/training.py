"""How ``modelyard build`` gets a fitted model: a project's function, or a model file."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.app.trained import Trained
from modelyard.errors import ConfigError, ModelyardError, UsageError
from modelyard.tables.load import load_table
from modelyard.tables.split import split_column

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelyard.app.settings import Location

_HINTS = {
    "model.train": 'write [model] train = "train.py:train" in modelyard.toml,'
    " or give a model file: modelyard build model.onnx --sample rows.csv",
    "data.holdout": 'write [data] holdout = "train.py:holdout", or the name of a file of rows',
}


def train(location: Location) -> Trained:
    """Run the project's training function.

    Args:
        location: The project.

    Returns:
        What the function returned, with the commit of the project's code as lineage.

    Raises:
        ConfigError: if there is no such file or function, or it returns something else.
        UsageError: if it fails.
    """
    text = location.settings.model.train
    trained = call(location, text, key="model.train")
    if not isinstance(trained, Trained):
        raise ConfigError(
            f"{text} returned a {type(trained).__name__}, not a modelyard.Trained",
            key="model.train",
            hint="end it with: return modelyard.Trained(model, sample, labels)",
        )
    lineage = trained.lineage
    if not lineage.code:
        lineage = msgspec.structs.replace(lineage, code=_commit(location.root))
    return trained._replace(lineage=lineage)


def call(location: Location, text: str, *, key: str) -> Any:
    """Run a function of the project; what it prints goes to standard error.

    Args:
        location: The project.
        text: The function, as ``file.py:function``.
        key: The setting that named it, for errors.

    Returns:
        What it returns.

    Raises:
        ConfigError: if there is no such function.
        UsageError: if it fails; it tells where.
    """
    file_name, _, name = text.partition(":")
    file = location.path(file_name)
    if not name or not file.is_file():
        raise ConfigError(f"there is no function {text!r} here", key=key, hint=_HINTS[key])
    with _user_code(file, text):
        function = getattr(_module(file), name, None)
        if not callable(function):
            raise ConfigError(f"{file_name} has no function {name!r}", key=key, hint=_HINTS[key])
        return function()


def read_sample(model: Path, sample: Path, label: str = "") -> Trained:
    """Put a model file together with a sample from a file.

    Args:
        model: The model file.
        sample: Rows of its inputs.
        label: The sample's column of true answers, or "".

    Raises:
        UsageError: if a file cannot be read, or the sample has no such column.
    """
    if not model.is_file():
        raise UsageError(f"there is no model file {str(model)!r}")
    frame = load_table(sample)
    if not label:
        return Trained(str(model), frame)
    inputs, labels = split_column(frame, label)
    return Trained(str(model), inputs, labels)


@contextmanager
def _user_code(file: Path, text: str) -> Iterator[None]:
    """Run code of the user: it finds its neighbours, and its faults are told as its own."""
    sys.path.insert(0, str(file.parent))
    try:
        # Standard output is the command's: with --json it holds one document and nothing else.
        with redirect_stdout(sys.stderr):
            yield
    except ModelyardError:
        raise
    except (Exception, SystemExit) as e:
        lines = [f.lineno for f in traceback.extract_tb(e.__traceback__) if f.filename == str(file)]
        where = f"look at {file.name}, line {lines[-1]}; " if lines else ""
        raise UsageError(
            f"{text} failed: {type(e).__name__}: {e}",
            hint=f"{where}MODELYARD_DEBUG=1 shows the whole trace",
        ) from e
    finally:
        sys.path.remove(str(file.parent))


def _module(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _commit(root: Path) -> str:
    """The commit of the code, if the project is a clean git checkout; else ""."""
    git = ["git", "-C", str(root)]
    try:
        changed = _run(*git, "status", "--porcelain")
        head = _run(*git, "rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return "" if changed else head


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603  # git, with our own words
    return done.stdout.strip()
