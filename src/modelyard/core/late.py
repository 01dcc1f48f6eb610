"""Parts of Modelyard that need more than the base install, imported when they are asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from modelyard.errors import MissingExtraError

if TYPE_CHECKING:
    from types import ModuleType

_EXTRAS = {
    "alembic": "registry",
    "cyclonedx": "build",
    "granian": "serve",
    "onnx": "build",
    "packaging": "build",
    "psycopg": "postgresql",
    "scipy": "gates",
    "sklearn": "gates",
    "sqlalchemy": "registry",
    "uvloop": "serve",
}
"""Library -> the extra that brings it."""


def import_late(module: str) -> ModuleType:
    """Import a module of Modelyard.

    Raises:
        MissingExtraError: if it needs a library that is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as e:
        library = (e.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        raise MissingExtraError(library, extra=_EXTRAS[library]) from e
