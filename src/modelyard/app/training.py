"""How ``modelyard build`` gets a fitted model: a project's function, or a model file."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.app.trained import Trained
from modelyard.errors import ConfigError, UsageError
from modelyard.tables.load import load_table
from modelyard.tables.split import split_column

if TYPE_CHECKING:
    from pathlib import Path

    from modelyard.app.settings import Location

_HINT = (
    'write [model] train = "train.py:train" in modelyard.toml,'
    " or give a model file: modelyard build model.onnx --sample rows.csv"
)


def train(location: Location) -> Trained:
    """Run the project's training function.

    Args:
        location: The project.

    Returns:
        What the function returned, with the commit of the project's code as lineage.

    Raises:
        ConfigError: if there is no such file or function, or it returns something else.
    """
    text = location.settings.model.train
    trained = _function(location, text, key="model.train")()
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


def call_or_read(location: Location, text: str, *, key: str) -> Any:
    """Get rows from a file, or from a function of the project (``file.py:function``).

    Args:
        location: The project.
        text: The file, or the function.
        key: The setting that named it, for errors.

    Raises:
        ConfigError: if there is no such function.
        UsageError: if there is no such file, or it holds no rows.
    """
    if ".py:" in text:
        return _function(location, text, key=key)()
    return load_table(location.path(text))


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


def _function(location: Location, text: str, *, key: str) -> Any:
    file_name, _, name = text.partition(":")
    file = location.path(file_name)
    if not name or not file.is_file():
        raise ConfigError(f"there is no function {text!r} in this project", key=key, hint=_HINT)
    function = getattr(_module(file), name, None)
    if not callable(function):
        raise ConfigError(f"{file_name} has no function {name!r}", key=key, hint=_HINT)
    return function


def _module(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file.name} is not a Python file", hint=_HINT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent))
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
