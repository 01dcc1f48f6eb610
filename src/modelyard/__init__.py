"""Modelyard: a trained model becomes one immutable bundle, proved, served and replaced.

``import modelyard`` loads nothing; a public name is imported when it is first used, so that the
runtime inside a server or a function stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.core.late import import_late
from modelyard.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard.app.building import BuildOptions, build
    from modelyard.app.checking import CheckOptions, Holdout, check
    from modelyard.app.model import Model, load
    from modelyard.app.trained import Trained
    from modelyard.app.verifying import verify
    from modelyard.app.versions import diff, models, promote, register, rollback, show
    from modelyard.app.yard import Yard, open_yard
    from modelyard.bundle.opened import Bundle, open_bundle
    from modelyard.core.contract import Column, Contract, Output
    from modelyard.core.manifest import Lineage
    from modelyard.core.verdict import Verdict

__version__ = "0.1.0"

_HOMES = {
    "app.building": ("BuildOptions", "build"),
    "app.checking": ("CheckOptions", "Holdout", "check"),
    "app.model": ("Model", "load"),
    "app.trained": ("Trained",),
    "app.verifying": ("verify",),
    "app.versions": ("diff", "models", "promote", "register", "rollback", "show"),
    "app.yard": ("Yard", "open_yard"),
    "bundle.opened": ("Bundle", "open_bundle"),
    "core.contract": ("Column", "Contract", "Output"),
    "core.manifest": ("Lineage",),
    "core.verdict": ("Verdict",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BuildOptions",
    "Bundle",
    "CheckOptions",
    "Column",
    "Contract",
    "Holdout",
    "Lineage",
    "Model",
    "ModelyardError",
    "Output",
    "Trained",
    "Verdict",
    "Yard",
    "build",
    "check",
    "diff",
    "load",
    "models",
    "open_bundle",
    "open_yard",
    "promote",
    "register",
    "rollback",
    "show",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"modelyard has no {name!r}")
    value = getattr(import_late(f"modelyard.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
