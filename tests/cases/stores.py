"""One case for every kind of store."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.stores.checks import Case

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "new" / "store")


def _damage_file(where: str, digest: str) -> None:
    name = digest.removeprefix("sha256:")
    path = Path(where) / "sha256" / name[:2] / name
    os.chmod(path, 0o600)  # noqa: PTH101
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


CASES = {"file": Case(empty=_folder, damage=_damage_file)}
