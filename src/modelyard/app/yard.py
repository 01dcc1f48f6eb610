"""A yard: one project's settings, registry and store, opened together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from modelyard.app.settings import Location, find_settings
from modelyard.bundle.opened import Bundle, open_bundle
from modelyard.core.manifest import MANIFEST
from modelyard.errors import ConfigError, UsageError
from modelyard.registry.promotion import Policy
from modelyard.registry.registry import Registry
from modelyard.stores.base import open_store


class Yard(NamedTuple):
    """A project's models: where they are kept, and by which rules they move.

    Args:
        location: The settings and the folder they were found in.
        registry: Names, versions, aliases, environments, verdicts and events.
    """

    location: Location
    registry: Registry

    def open(self, reference: str | Path | Bundle) -> Bundle:
        """Open a bundle by reference or path.

        Raises:
            NotFoundError: if there is neither such a folder nor such a version.
            BundleError: if the folder is no bundle.
        """
        if isinstance(reference, Bundle):
            return reference
        if is_path(reference):
            return open_path(reference)
        return self.registry.bundle(str(reference))

    def policy(self, environment: str) -> Policy:
        """What a promotion to an environment asks for, as the settings say.

        Raises:
            ConfigError: if the settings have no such environment.
        """
        environments = self.location.settings.environments
        if environment not in environments:
            raise ConfigError(
                f"there is no environment {environment!r}",
                key=f"environments.{environment}",
                hint="environments in modelyard.toml: " + ", ".join(sorted(environments)),
            )
        found = environments[environment]
        return Policy(requires=found.requires, alias=found.alias)


def open_yard(start: Path | None = None) -> Yard:
    """Open the registry and store of the nearest project.

    Args:
        start: The folder to look from; the current one if None.
    """
    location = find_settings(start)
    store = open_store(location.store)
    return Yard(location, Registry.open(location.registry_url, store))


def open_path(folder: str | Path) -> Bundle:
    """Open the bundle in a folder.

    Raises:
        UsageError: if there is no such folder.
        BundleError: if the folder is no bundle.
    """
    if not Path(folder).is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}", hint="modelyard build makes one")
    return open_bundle(folder)


def is_path(reference: str | Path) -> bool:
    """Whether a text means a folder and not a name: it has a slash, or such a bundle is there."""
    return (
        isinstance(reference, Path)
        or "/" in reference
        or reference in (".", "..")
        or (Path(reference) / MANIFEST).is_file()
    )


def actor() -> str:
    """Who acts, for the events: ``MODELYARD_ACTOR``, or the user."""
    named = os.environ.get("MODELYARD_ACTOR") or os.environ.get("USER")
    return named or f"uid {os.getuid()}"
