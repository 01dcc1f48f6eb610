"""What a store must do, and how one is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.core.digest import digest_bytes, is_digest
from modelyard.core.plugin import Family
from modelyard.errors import IntegrityError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self


class Store(ABC):
    """Content named by its digest: put once, read many times, the same for ever.

    Every method raises StoreError where the place itself fails (full, forbidden, gone), and for
    a name that is no whole digest.
    """

    @classmethod
    @abstractmethod
    def open(cls, where: str) -> Self:
        """Open the store at a URL ``<member>://...``, or for files at a path; it may be empty."""

    @abstractmethod
    def put(self, content: bytes) -> str:
        """Keep some content and return its digest.

        The content is durable when this returns.  Content that is there already is kept once, its
        age begins anew, and where it was damaged it is healed.
        """

    @abstractmethod
    def get(self, digest: str, *, limit: int | None = None) -> bytes:
        """Return the content of a digest, verified.

        Args:
            digest: As ``put`` returned it.
            limit: The most bytes to read, or None for any number.

        Raises:
            StoreError: if it is not there, or larger than ``limit``.
            IntegrityError: if the bytes are no longer what was put.
        """

    @abstractmethod
    def has(self, digest: str) -> bool:
        """Say whether the content of a digest is there; quick, so it is not verified."""

    @abstractmethod
    def delete(self, digest: str) -> None:
        """Remove the content of a digest; nothing happens where there is none."""

    @abstractmethod
    def digests(self) -> Iterator[str]:
        """Name all content, each once, in any order; half-written content is not named."""

    @abstractmethod
    def age(self, digest: str) -> float:
        """The seconds since the content was last put; infinite where there is none."""

    def tidy(self, grace: float) -> int:
        """Remove what crashed writers left behind ``grace`` seconds ago or earlier; say how much.

        A place that shows no half-written content has nothing to tidy.
        """
        del grace
        return 0


STORES: Family[Store] = Family("modelyard.stores", Store)  # type: ignore[type-abstract]  # a family is named by its base
"""All kinds of stores."""


def open_store(where: str | Path) -> Store:
    """Open the store at a path or a URL; what stands before ``://`` names the kind of store.

    Raises:
        UnknownPluginError: if there is no such kind.
    """
    if isinstance(where, Path):
        return STORES.load("file").open(str(where))
    scheme, found, _ = where.partition("://")
    return STORES.load(scheme if found else "file").open(where)


def check_digest(digest: str) -> str:
    """Return a digest, if it is a whole one: every store's first line of defence.

    Raises:
        StoreError: if it is not.
    """
    if not is_digest(digest):
        raise StoreError(
            f"{digest[:80]!r} is no digest", hint="a digest is sha256: and 64 hex digits"
        )
    return digest


def check_content(digest: str, content: bytes) -> bytes:
    """Return content, if it is what its digest says.

    Raises:
        IntegrityError: if it is not.
    """
    if digest_bytes(content) != digest:
        raise IntegrityError(
            f"the content stored as {digest} is damaged",
            file=digest,
            hint="register the bundle again from its source, which heals it",
        )
    return content
