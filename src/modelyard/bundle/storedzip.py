"""Zip archives of one exact form: members stored uncompressed, with no dates and no attributes.

One list of members has one sequence of bytes, on every machine and with every release of Python;
nothing in it can unfold to more than its own size.  ``numpy.load`` reads them as ``.npz``.
"""

from __future__ import annotations

import struct
import zlib

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_VERSION = 20
_FIRST_DAY = 33  # 1980-01-01, the first day that a zip archive can name
_LIMIT = 2**32 - 1
_COUNT = 2**16 - 1


def write(members: dict[str, bytes]) -> bytes:
    """Write an archive.

    Raises:
        ValueError: if there are more than 65,534 members or 4 GB.
    """
    body: list[bytes] = []
    listing: list[bytes] = []
    position = 0
    for name, content in members.items():
        path = name.encode("ascii")
        size, crc = len(content), zlib.crc32(content)
        about = (_VERSION, 0, 0, 0, _FIRST_DAY, crc, size, size, len(path), 0)
        if position + size >= _LIMIT:
            raise ValueError("an archive cannot hold 4 GB")
        body += [_LOCAL.pack(b"PK\3\4", *about), path, content]
        listing += [_CENTRAL.pack(b"PK\1\2", _VERSION, *about, 0, 0, 0, 0, position), path]
        position += _LOCAL.size + len(path) + size
    central = b"".join(listing)
    if len(members) >= _COUNT or position + len(central) >= _LIMIT:
        raise ValueError("an archive cannot hold so much")
    count = len(members)
    end = _END.pack(b"PK\5\6", 0, 0, count, count, len(central), position, 0)
    return b"".join([*body, central, end])


def read(content: bytes) -> dict[str, bytes]:
    """Read an archive that ``write`` wrote; anything else is refused.

    Raises:
        ValueError: if the bytes are not exactly those that ``write`` gives for its members.
    """
    members: dict[str, bytes] = {}
    position = 0
    try:
        while content[position : position + 4] == b"PK\3\4":
            head = _LOCAL.unpack_from(content, position)
            size, length = head[8], head[9]
            start = position + _LOCAL.size
            name = content[start : start + length].decode("ascii")
            members[name] = content[start + length : start + length + size]
            position = start + length + size
    except (struct.error, UnicodeDecodeError) as e:
        raise ValueError("not an archive of stored members") from e
    if write(members) != content:
        raise ValueError("not an archive in the one form that is read")
    return members
