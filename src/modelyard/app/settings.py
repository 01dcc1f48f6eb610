"""``modelyard.toml``: what a project says about itself."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from modelyard.core.reference import check_name
from modelyard.errors import ConfigError, UsageError

FILE = "modelyard.toml"
HOME = ".modelyard"


class Project(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[project]``: where models are kept.

    Args:
        name: The model's name where none is given on the command line.
        registry: A path or a database URL; ``$NAME`` and ``${NAME}`` take environment variables,
            so that no password stands in the file.
        store: The folder, or a URL of another kind of store, that holds the bundles' bytes.
    """

    name: str = ""
    registry: str = f"{HOME}/registry.db"
    store: str = f"{HOME}/store"


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[model]``: how ``modelyard build`` without arguments gets the fitted model.

    Args:
        train: ``file.py:function``; the function returns a ``modelyard.Trained``.
        lock: A requirements file with hashes, from which the bundle's lock takes them.
    """

    train: str = "train.py:train"
    lock: str = ""


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[data]``: held-out rows for the gates.

    Args:
        holdout: Rows that the model never saw: a .parquet, .csv or .json file, or
            ``file.py:function`` for a function that returns a frame.
        label: The column that holds the true answers.
        weight: The column that holds weights, or "".
    """

    holdout: str = ""
    label: str = ""
    weight: str = ""


class Environment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[environments.<name>]``: what a promotion to it asks for.

    Args:
        requires: The gates whose latest verdict must be pass; one that compared with the champion
            must have compared with today's.
        alias: The alias that follows this environment, or "".
    """

    requires: tuple[str, ...] = ("parity", "schema")
    alias: str = ""


class Serve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[serve]``: where the server listens, and the most it takes in.

    Args:
        host: The address; one that other machines reach needs a flag of ``modelyard serve``.
        port: The port; 0 takes a free one.
        maximum_body_mb: The largest body of a request, in MiB.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    maximum_body_mb: Annotated[float, msgspec.Meta(gt=0)] = 32


_GATES: dict[str, dict[str, Any]] = {"parity": {}, "schema": {}, "size": {}, "latency": {}}
_ENVIRONMENTS = {"staging": Environment(), "production": Environment(alias="champion")}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole ``modelyard.toml``; every part has a default.

    Args:
        contract: input -> {rule: value}: edits of the inferred input contract.
        gates: gate -> its thresholds.
        environments: environment -> its policy.
    """

    project: Project = Project()
    model: Model = Model()
    data: Data = Data()
    contract: dict[str, dict[str, Any]] = {}
    gates: dict[str, dict[str, Any]] = msgspec.field(default_factory=lambda: dict(_GATES))
    environments: dict[str, Environment] = msgspec.field(
        default_factory=lambda: dict(_ENVIRONMENTS)
    )
    serve: Serve = Serve()


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and the folder that their relative paths start from."""

    root: Path
    settings: Settings

    def path(self, text: str) -> Path:
        """A path of the settings, made absolute."""
        return self.root / Path(text).expanduser()

    @property
    def registry_url(self) -> str:
        """The registry's URL, with environment variables filled in."""
        return self._place("registry", self.settings.project.registry)

    @property
    def store(self) -> str:
        """The store's path or URL, with environment variables filled in."""
        return self._place("store", self.settings.project.store)

    def _place(self, key: str, text: str) -> str:
        filled = _filled(f"project.{key}", text)
        return filled if "://" in filled else str(self.path(filled))


def find_settings(start: Path | None = None) -> Location:
    """Read the nearest ``modelyard.toml`` at or above a folder; without one, the defaults.

    Args:
        start: Where to begin; the current folder if None.

    Raises:
        ConfigError: if the file is not TOML or holds what it should not.
    """
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        file = folder / FILE
        if file.is_file():
            return Location(root=folder, settings=read_settings(file))
    return Location(root=here, settings=Settings())


def read_settings(file: Path) -> Settings:
    """Read one ``modelyard.toml`` strictly.

    Raises:
        ConfigError: if the file is not TOML or holds what it should not.
    """
    try:
        plain = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise ConfigError(f"{file.name} cannot be read: {e}", hint="see docs/reference") from e
    try:
        settings = msgspec.convert(plain, Settings)
        _check_names(settings)
    except msgspec.ValidationError as e:
        raise ConfigError(
            f"{file.name}: {e}", hint="see docs/reference/settings.md for every setting"
        ) from e
    except UsageError as e:
        raise ConfigError(f"{file.name}: {e.message}") from e
    return settings


def _check_names(settings: Settings) -> None:
    if settings.project.name:
        check_name(settings.project.name, what="model name")
    for name, environment in settings.environments.items():
        check_name(name, what="environment name")
        if environment.alias:
            check_name(environment.alias, what=f"alias (of the environment {name!r})")


def _filled(key: str, text: str) -> str:
    filled = os.path.expandvars(text)
    if "$" in filled:
        raise ConfigError(
            f"{key} names an environment variable that is not set: {text!r}",
            key=key,
            hint="export it, or write the variable's name right",
        )
    return filled
