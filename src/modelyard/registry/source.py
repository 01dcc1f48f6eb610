"""A bundle whose files lie in a store, found through its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.core.digest import PREFIX
from modelyard.core.manifest import MANIFEST, decode
from modelyard.errors import IntegrityError, StoreError

if TYPE_CHECKING:
    from modelyard.stores.base import Store


class StoreSource:
    """Gives the files of one bundle out of a store.

    The digest of a bundle is that of the bytes of its manifest, so the manifest is found by it,
    and everything else by what the manifest says.

    Args:
        store: Where the bytes rest.
        digest: The digest of the bundle.
    """

    def __init__(self, store: Store, digest: str) -> None:
        self._store = store
        self._digest = digest
        self._digests: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"StoreSource({self._digest!r})"

    def read(self, path: str, limit: int) -> bytes:
        """Read one whole file.

        Raises:
            IntegrityError: names the file, if there is none, or it is larger than ``limit``, or a
                byte of it differs.
        """
        try:
            if path == MANIFEST:
                return self._store.get(self._digest, limit=limit)
            return self._store.get(self._find(path), limit=limit)
        except (IntegrityError, StoreError) as e:
            if isinstance(e, IntegrityError) and e.file == path:
                raise
            raise IntegrityError(
                f"{path!r} cannot be read: {e.message}", file=path, hint=e.hint
            ) from e

    def _find(self, path: str) -> str:
        if self._digests is None:
            manifest = decode(self._store.get(self._digest))
            self._digests = {file.path: PREFIX + file.sha256 for file in manifest.files}
        found = self._digests.get(path)
        if found is None:
            raise IntegrityError(f"the bundle has no file {path!r}", file=path)
        return found
