"""A yard: one project's settings, registry and store, opened together."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from modelyard.app.opening import open_reference
from modelyard.app.settings import Location, find_settings
from modelyard.errors import ConfigError
from modelyard.registry.promotion import Policy
from modelyard.registry.registry import Registry
from modelyard.stores.base import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelyard.bundle.opened import Bundle


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
        return open_reference(reference, self)

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


@contextmanager
def using(yard: Yard | None) -> Iterator[Yard]:
    """Use the yard that was given, or that of the current folder, which is closed afterwards."""
    if yard is not None:
        yield yard
        return
    opened = open_yard()
    try:
        yield opened
    finally:
        opened.registry.close()


def actor() -> str:
    """Who acts, for the events: ``MODELYARD_ACTOR``, or the user."""
    named = os.environ.get("MODELYARD_ACTOR") or os.environ.get("USER")
    return named or f"uid {os.getuid()}"
