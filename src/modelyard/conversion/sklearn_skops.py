"""skops files that are the same bytes for the same model.

skops names objects by their addresses in memory and stamps its zip file with the time; both are
replaced.  Nothing is executed by reading such a file as long as no type is trusted beyond those
that skops itself trusts and the few of ``HARMLESS``; that holds from 0.15 on, which closed ways
round it (bit generators of any type, protocol numbers that chose older rules, trees that crash the
process), after 0.12 (CVE-2025-54412 and -54413: hidden operator and method calls) and 0.13
(CVE-2025-54886).
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import skops.io

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SCHEMA = "schema.json"
_KERNELS = (
    "CompoundKernel",
    "ConstantKernel",
    "DotProduct",
    "ExpSineSquared",
    "Exponentiation",
    "Matern",
    "Product",
    "RBF",
    "RationalQuadratic",
    "Sum",
    "WhiteKernel",
)
_PYTHON = (
    *(f"sklearn.gaussian_process.kernels.{kernel}" for kernel in _KERNELS),
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)
HARMLESS = {"numpy.dtype": "DTypeNode", **dict.fromkeys(_PYTHON, "ObjectNode")}
"""type -> the one loader of skops that may make it; decision 0002 says why these, and no tree."""


def dump(model: Any) -> bytes:
    """Write a model; the same bytes in every process."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names = _Names()
    schema = _renamed(json.loads(members.pop(_SCHEMA)), names)
    renamed = {names.file(name): content for name, content in members.items()}
    renamed[_SCHEMA] = json.dumps(schema, indent=1).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(renamed):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), renamed[name])
    return buffer.getvalue()


def untrusted(content: bytes) -> list[str]:
    """The types in a file that are not trusted."""
    found = set(map(str, skops.io.get_untrusted_types(data=content)))
    return sorted(found - HARMLESS.keys())


def load(content: bytes) -> Any:
    """Read a model of types that are trusted.

    Raises:
        ValueError: if a harmless type is to be made in a way that skops itself would not.
        Exception: whatever else a malformed file leads skops to.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        _check(json.loads(archive.read(_SCHEMA)))
    return skops.io.loads(content, trusted=list(HARMLESS))


def check_stored(content: bytes) -> None:
    """Refuse a file whose members are compressed, which may grow beyond all bounds when read.

    Raises:
        ValueError: if there is such a member, or several of one name or on the same bytes.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
    stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
    names = {member.filename for member in members}
    total = sum(member.file_size for member in members)
    if not stored or len(names) < len(members) or total > len(content):
        raise ValueError("its members are not stored one after the other as they are")


def _check(value: Any) -> None:
    """Check that each harmless type is made by its own loader, wherever in a file it stands.

    skops trusts a name for all of its loaders, and some of them call what the file names.
    """
    for item in value if isinstance(value, list) else ():
        _check(item)
    if not isinstance(value, dict):
        return
    name = f"{value.get('__module__')}.{value.get('__class__')}"
    loader = value.get("__loader__")
    if name in HARMLESS and loader not in (HARMLESS[name], "CachedNode"):
        raise ValueError(f"a {name} is not made by {loader}")
    if loader == "SparseMatrixNode":
        # Compressed, whatever the file is, and of indices that scipy follows without looking.
        # skops trusts the base of all such matrices, which no honest file names, and none of them.
        raise ValueError("a sparse matrix cannot be read safely")
    if loader == "DTypeNode" and value["content"]["__loader__"] != "NdArrayNode":
        raise ValueError("a dtype is not that of an array")
    for item in value.values():
        _check(item)


class _Names(dict[int, int]):
    """Numbers of objects in the order in which they are met.

    A plain value gets a number of its own each time: whether two equal strings are one object is
    an accident of the process.
    """

    def __missing__(self, key: int) -> int:
        self[key] = len(self)
        return self[key]

    def file(self, name: str) -> str:
        """The new name of a member, which is called by its object's number."""
        stem, dot, suffix = name.partition(".")
        return f"{self[int(stem)]}{dot}{suffix}" if stem.isdigit() else name


def _renamed(value: Any, names: _Names) -> Any:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, item in value.items():
        if key == "__id__":
            plain = value.get("__loader__") == "JsonNode"
            made[key] = names[-len(names) - 1] if plain else names[item]
        elif key == "file" and isinstance(item, str):
            made[key] = names.file(item)
        else:
            made[key] = _renamed(item, names)
    return made
