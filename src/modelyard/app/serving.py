"""``serve``: which models a server serves, from what a person asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.app.opening import is_path, open_path
from modelyard.app.settings import find_settings
from modelyard.app.yard import Yard, using
from modelyard.core.reference import Reference
from modelyard.core.route import make_route
from modelyard.errors import UsageError
from modelyard.registry.promotion import CHAMPION
from modelyard.serve.settings import ServeSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

_MEGABYTE = 2**20


def serve_settings(
    references: Sequence[str | Path] = (),
    *,
    route_file: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    public: bool = False,
    yard: Yard | None = None,
) -> ServeSettings:
    """Turn what a person asked for into the settings of a server.

    Args:
        references: Models to serve; ``fraud@champion`` follows the alias.  Without any, and
            without a route file, every model of the registry that has a champion.
        route_file: A .toml or .json file that says what to serve, followed as it changes.
        host: Where to listen; None takes ``[serve] host``.
        port: 0 takes a free port; None takes ``[serve] port``.
        public: Says that whoever reaches a host that is not loopback may ask.
        yard: The project; by default the one of the current folder.

    Raises:
        UsageError: if there is nothing to serve, or two models have one name.
    """
    location = find_settings() if yard is None else yard.location
    chosen = location.settings.serve
    if route_file is not None and references:
        raise UsageError("give models or a route file, not both")
    route = None
    # Folders are served where there is no registry, and where none can be made.
    folders = bool(references) and all(map(is_path, references))
    if folders:
        route = make_route(_models(None, references))
    elif route_file is None:
        with using(yard) as used:
            route = make_route(_models(used, references or champions(used)))
    return ServeSettings(
        route=route,
        route_file="" if route_file is None else str(route_file.absolute()),
        root=str(Path.cwd()),
        registry="" if folders else location.registry_url,
        store="" if folders else location.store,
        host=chosen.host if host is None else host,
        port=chosen.port if port is None else port,
        max_body=int(chosen.maximum_body_mb * _MEGABYTE),
        allow_public_without_authentication=public,
    )


def champions(yard: Yard) -> list[str]:
    """A reference to the champion of every model that has one.

    Raises:
        UsageError: if none has.
    """
    registry = yard.registry
    found = [
        f"{name}@{CHAMPION}" for name in registry.names() if CHAMPION in registry.aliases(name)
    ]
    if not found:
        raise UsageError(
            "there is no champion to serve",
            hint="modelyard promote NAME:VERSION, or name what to serve: modelyard serve fraud:1",
        )
    return found


def _models(yard: Yard | None, references: Sequence[str | Path]) -> dict[str, str]:
    """Name -> what is served under it; without a yard all references are paths."""
    models: dict[str, str] = {}
    for reference in map(str, references):
        if is_path(reference):
            name = open_path(reference).manifest.name
            target = str(Path(reference).absolute())
        else:
            name, target = Reference.parse(reference).name, reference
            if yard is not None:
                yard.registry.resolve(reference)
        if name in models:
            raise UsageError(
                f"two models are called {name!r}",
                hint="serve them under two names in a route file: modelyard serve --route FILE",
            )
        models[name] = target
    return models
