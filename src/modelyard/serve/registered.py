"""Versions from the registry."""

from __future__ import annotations

from modelyard.registry.registry import Registry
from modelyard.serve.source import Found


class RegistrySource:
    """Versions by name, number, alias or digest.

    Args:
        url: The registry's.
        store: The path or URL of its store.
    """

    def __init__(self, url: str, store: str) -> None:
        self._registry = Registry.open(url, store)

    def sequence(self) -> object:
        """The registry's own sequence number: it grows with every event."""
        return self._registry.sequence()

    def find(self, reference: str) -> Found:
        """Resolve a reference; opening goes by digest, so it cannot mean another by then."""
        version = self._registry.resolve(reference)
        exact = f"{version.name}@{version.digest}"
        return Found(str(version.version), version.digest, lambda: self._registry.bundle(exact))
