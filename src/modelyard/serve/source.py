"""Where versions come from: the registry, or a path."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from modelyard.bundle.opened import open_bundle
from modelyard.core.digest import PREFIX
from modelyard.core.manifest import MANIFEST
from modelyard.core.route import is_path
from modelyard.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.bundle.opened import Bundle
    from modelyard.serve.settings import ServeSettings


class Found(NamedTuple):
    """What a reference means now.

    Args:
        version: The version's number, as text; of a path, the first 12 digits of the digest.
        digest: The digest of the bundle.
        open: Opens the bundle.
    """

    version: str
    digest: str
    open: Callable[[], Bundle]


class Source(Protocol):
    """Finds versions by reference."""

    def sequence(self) -> object:
        """Anything that differs once a reference may mean another version; cheap to ask."""
        ...

    def find(self, reference: str) -> Found:
        """Say what a reference means now.

        Raises:
            NotFoundError: if there is no such version.
            BundleError: if there is no bundle at the path.
        """
        ...


class PathSource:
    """Bundles in folders.

    Args:
        root: The folder that relative paths start from.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: set[Path] = set()

    def sequence(self) -> object:
        """The state of each manifest seen so far, as the file system tells it."""
        return tuple((path, _state(path / MANIFEST)) for path in sorted(self._seen))

    def find(self, reference: str) -> Found:
        """Open the bundle's manifest."""
        path = self._root / Path(reference).expanduser()
        self._seen.add(path)
        bundle = open_bundle(path)
        short = bundle.digest.removeprefix(PREFIX)[:12]
        return Found(short, bundle.digest, lambda: open_bundle(path, bundle.digest))


class Sources:
    """Paths and, where there is one, a registry.

    Args:
        paths: Finds paths.
        registry: Finds names, or None.
    """

    def __init__(self, paths: Source, registry: Source | None) -> None:
        self._paths = paths
        self._registry = registry

    def sequence(self) -> object:
        """What both say."""
        registry = self._registry.sequence() if self._registry else None
        return self._paths.sequence(), registry

    def find(self, reference: str) -> Found:
        """Ask the one that is meant."""
        if is_path(reference):
            return self._paths.find(reference)
        if self._registry is None:
            raise ConfigError(
                f"{reference!r} is a model in a registry, and no registry is set",
                key="registry",
                hint="set one, or write the path of a bundle, with a slash in it",
            )
        return self._registry.find(reference)


def open_sources(settings: ServeSettings) -> Source:
    """The sources that settings name."""
    root = Path(settings.route_file).parent if settings.route_file else Path(settings.root)
    paths = PathSource(root.absolute())
    if not settings.registry:
        return Sources(paths, None)
    # By name and late: a server of paths then needs neither SQLAlchemy nor its import time.
    module = importlib.import_module("modelyard.serve.registered")
    return Sources(paths, module.RegistrySource(settings.registry, settings.store))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
