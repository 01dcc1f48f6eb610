"""How a pickle is told from its first bytes, so that it can be refused unread."""

from __future__ import annotations

from pathlib import Path

from modelyard.errors import PickleRefusedError

_SUFFIXES = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".p", ".pt", ".pth"})
# gzip, bzip2, xz, lzma, zlib at each of its levels, and what joblib itself once wrote.
_COMPRESSIONS = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"]\x00\x00",
    b"x\x01",
    b"x^",
    b"x\x9c",
    b"x\xda",
    b"ZF",
)
_PROTOCOLS = frozenset(range(2, 6))
_HEAD = 512


def refuse_pickle(path: str | Path) -> None:
    """Refuse a file that is a pickle, or holds one, by its name and its first bytes.

    joblib files are pickles, bare or compressed; zip files of torch and the like hold one.  A
    skops file is a zip file too, and holds none.

    Raises:
        PickleRefusedError: with the lines that convert it.
    """
    path = Path(path)
    if path.suffix.lower() in _SUFFIXES:
        raise PickleRefusedError(str(path))
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if _is_pickle(head):
        raise PickleRefusedError(str(path))


def _is_pickle(head: bytes) -> bool:
    if len(head) > 1 and head[0] == 0x80 and head[1] in _PROTOCOLS:  # noqa: PLR2004 - PROTO
        return True
    if head.startswith(_COMPRESSIONS):
        return True
    # Protocols 0 and 1 have no mark of their own; these begin most of their objects.
    if head.startswith((b"ccopy_reg\n", b"ccopyreg\n", b"(dp", b"(lp", b"(ip", b"c__builtin__\n")):
        return True
    return head.startswith(b"PK\x03\x04") and (b"data.pkl" in head or b".pkl" in head[:128])
