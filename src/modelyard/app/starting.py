"""``init``: a new project that runs as it is."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from modelyard.core.reference import check_name
from modelyard.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_FILES = {
    "modelyard.toml": "modelyard.toml",
    "train.py": "train.py",
    "README.md": "README.md",
    "gitignore": ".gitignore",
}
"""File of the template -> its name in the project."""


def start_project(folder: Path, name: str) -> list[Path]:
    """Write a project that trains, builds, passes its gates and serves.

    Args:
        folder: Where; it is made if it is not there.
        name: The model's name.

    Returns:
        The files written.

    Raises:
        UsageError: if a file is there already; nothing is written then.
    """
    check_name(name, what="model name")
    template = files("modelyard.app") / "template"
    wanted = {folder / target: source for source, target in _FILES.items()}
    there = [path for path in wanted if path.exists()]
    if there:
        raise UsageError(
            f"{there[0]} is there already; nothing was written",
            hint="choose an empty folder: modelyard init my-model",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, source in wanted.items():
            text = (template / source).read_text(encoding="utf-8")
            path.write_text(text.replace("{name}", name), encoding="utf-8")
    except OSError as e:
        raise UsageError(f"{folder} cannot be written: {e.strerror}") from e
    return list(wanted)
