"""A store that forgets when the process ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Self

from modelyard.core.digest import digest_bytes
from modelyard.errors import StoreError
from modelyard.stores.base import Store, check_content, check_digest

if TYPE_CHECKING:
    from collections.abc import Iterator


class MemoryStore(Store):
    """Content in a dictionary; ``memory://name`` is the same place within one process."""

    places: ClassVar[dict[str, dict[str, tuple[bytes, float]]]] = {}

    def __init__(self, content: dict[str, tuple[bytes, float]]) -> None:
        self.content = content

    @classmethod
    def open(cls, where: str) -> Self:
        return cls(cls.places.setdefault(where, {}))

    def put(self, content: bytes) -> str:
        digest = digest_bytes(content)
        self.content[digest] = (content, time.monotonic())
        return digest

    def get(self, digest: str, *, limit: int | None = None) -> bytes:
        if check_digest(digest) not in self.content:
            raise StoreError(f"{digest} is not in the store", digest=digest)
        content = self.content[digest][0]
        if limit is not None and len(content) > limit:
            raise StoreError(f"{digest} is larger than {limit} bytes", digest=digest)
        return check_content(digest, content)

    def has(self, digest: str) -> bool:
        return check_digest(digest) in self.content

    def delete(self, digest: str) -> None:
        self.content.pop(check_digest(digest), None)

    def digests(self) -> Iterator[str]:
        return iter(list(self.content))

    def age(self, digest: str) -> float:
        if check_digest(digest) not in self.content:
            return float("inf")
        return time.monotonic() - self.content[digest][1]
