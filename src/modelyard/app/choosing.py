"""Which flavor a model belongs to, told without importing frameworks that it does not use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelyard.core.plugin import Family
from modelyard.errors import MissingExtraError, UsageError
from modelyard.flavors._pickle import refuse_pickle
from modelyard.flavors.base import Flavor

FLAVORS: Family[Flavor] = Family("modelyard.flavors", Flavor)  # type: ignore[type-abstract]  # a family is named by its base


def choose_flavor(model: Any, name: str = "") -> tuple[str, Flavor, Any]:
    """Find the flavor of a fitted model or model file.

    Args:
        model: The fitted model, or a path.
        name: The flavor's name, where the model does not tell; "" to find it.

    Returns:
        The flavor's name, the flavor, and the model, read if it was a path.

    Raises:
        PickleRefusedError: if the path is that of a pickle or joblib file.
        UsageError: if no flavor knows the model.
    """
    if isinstance(model, (str, Path)):
        return _of_file(Path(model), name)
    name = name or _of_type(type(model))
    return name, FLAVORS.load(name)(), model


def _of_type(kind: type) -> str:
    known = FLAVORS.names()
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        if root in known:
            return root
    raise UsageError(
        f"no flavor knows a {kind.__module__}.{kind.__qualname__}",
        hint=f"flavors: {', '.join(known)}; any other model can come as an ONNX file",
    )


def _of_file(path: Path, name: str) -> tuple[str, Flavor, Any]:
    if not path.is_file():
        raise UsageError(f"there is no model file {str(path)!r}")
    refuse_pickle(path)
    suffixes: list[str] = []
    for candidate in [name] if name else FLAVORS.names():
        try:
            flavor = FLAVORS.load(candidate)()
        except MissingExtraError:
            if name:
                raise
            continue
        if name or path.suffix in flavor.suffixes:
            return candidate, flavor, flavor.read(path)
        suffixes += flavor.suffixes
    raise UsageError(
        f"no flavor reads a {path.suffix or 'file without suffix'} file: {path.name}",
        hint="model files that are read: " + ", ".join(sorted(suffixes)),
    )
