"""``doctor``: what is wrong with this machine or project, and what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from modelyard.app.settings import find_settings
from modelyard.bundle.verify import verify
from modelyard.core.late import import_late
from modelyard.errors import MissingExtraError, ModelyardError
from modelyard.gates.making import make_gates
from modelyard.registry.promotion import CHAMPION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from modelyard.app.yard import Yard

_LIBRARIES = {
    "onnxruntime": "",
    "numpy": "",
    "scikit-learn": "sklearn",
    "skops": "sklearn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "onnx": "onnx",
    "sqlalchemy": "registry",
    "alembic": "registry",
    "psycopg": "postgresql",
    "granian": "serve",
}
_LEAST_FREE = 2**30


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Args:
        what: What was looked at.
        state: ``well``, ``absent`` (an extra that is not installed) or ``ill``.
        detail: What was found.
        advice: What to do; "" where it is well.
    """

    what: str
    state: Literal["well", "absent", "ill"]
    detail: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at Python, libraries, settings, registry, store and disk."""
    findings = [_python(), *_libraries()]
    for what, look in (
        ("settings", _settings),
        ("registry", _registry),
        ("champions", _champions),
        ("disk", _disk),
    ):
        findings.append(_looked(what, look))
    return findings


def _looked(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, state="well", detail=look())
    except MissingExtraError as e:
        return Finding(what=what, state="absent", detail=e.message, advice=e.hint)
    except ModelyardError as e:
        return Finding(what=what, state="ill", detail=e.message, advice=e.hint)
    except OSError as e:
        return Finding(what=what, state="ill", detail=str(e), advice="look at the file's rights")


def _python() -> Finding:
    return Finding(what="python", state="well", detail=sys.version.split()[0])


def _libraries() -> Iterator[Finding]:
    for library, extra in _LIBRARIES.items():
        try:
            yield Finding(what=library, state="well", detail=version(library))
        except PackageNotFoundError:
            advice = f"pip install 'modelyard[{extra}]'" if extra else "pip install modelyard"
            state: Literal["absent", "ill"] = "absent" if extra else "ill"
            yield Finding(what=library, state=state, detail="not installed", advice=advice)


def _settings() -> str:
    location = find_settings()
    gates = make_gates(location.settings.gates)
    for name, environment in location.settings.environments.items():
        unknown = set(environment.requires) - set(gates)
        if unknown:
            raise ModelyardError(
                f"environment {name!r} requires the gate {min(unknown)!r}, which [gates] lacks",
                hint=f"add [gates.{min(unknown)}]; until then nothing can be promoted there",
            )
    return (
        f"{location.root}: {len(gates)} gates, {len(location.settings.environments)} environments"
    )


def _using() -> AbstractContextManager[Yard]:
    # Late, for this verb must work where the registry's libraries are what is missing.
    return cast("AbstractContextManager[Yard]", import_late("modelyard.app.yard").using(None))


def _registry() -> str:
    with _using() as yard:
        count = yard.registry.verify()
        models = len(yard.registry.names())
    return f"{models} models; the chain of {count} events is whole, and all state follows from it"


def _champions() -> str:
    with _using() as yard:
        checked = [_verified(yard, name) for name in yard.registry.names()]
    return f"{sum(checked)} champions, every byte verified"


def _verified(yard: Yard, name: str) -> bool:
    if CHAMPION not in yard.registry.aliases(name):
        return False
    verify(yard.registry.bundle(f"{name}@{CHAMPION}"))
    return True


def _disk() -> str:
    root = find_settings().root
    free = shutil.disk_usage(root).free
    if free < _LEAST_FREE:
        raise ModelyardError(
            f"{free / 2**20:.0f} MB are free at {root}", hint="modelyard needs room for bundles"
        )
    if not os.access(root, os.W_OK):
        raise ModelyardError(f"{root} cannot be written", hint="choose another folder")
    return f"{free / 2**30:.0f} GB free"
