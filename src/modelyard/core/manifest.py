"""The manifest of a bundle, format 1: what lies in ``bundle.json``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from modelyard.core import canonical
from modelyard.core.contract import Contract, DType
from modelyard.core.digest import digest_bytes
from modelyard.core.reference import check_name
from modelyard.errors import ManifestError, UsageError

MANIFEST = "bundle.json"
MAX_BYTES = 16 * 2**20
MAX_FILES = 10_000

Size = Annotated[int, msgspec.Meta(ge=0)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a bundle: its path inside, with forward slashes, and its bytes."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    size: Size
    sha256: Sha256


class Feed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one tensor of the model is put together from columns.

    Args:
        name: The model's own name of the tensor.
        columns: The columns, in order, that become the tensor of shape (rows, len(columns)); or
            the one column with a shape of its own, that becomes (rows, *shape).
        dtype: What the tensor holds.  A missing number is NaN; a missing string is
            ``MISSING_STRING``; a timestamp is int64 microseconds since 1970.
        squeeze: Whether the one scalar column becomes (rows,) instead of (rows, 1).
    """

    name: Name
    columns: tuple[Name, ...]
    dtype: DType
    squeeze: bool = False


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a golden output may lie off: ``|got - want| <= absolute + relative * |want|``."""

    absolute: Annotated[float, msgspec.Meta(ge=0)] = 1e-6
    relative: Annotated[float, msgspec.Meta(ge=0)] = 1e-5


class Lineage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model comes from.

    Args:
        data: what -> digest of the data's content, e.g. ``sample``.
        code: The commit of the training code, or "".
        parameters: The model's own parameters, as JSON values.
        parent: The digest of the bundle that this one means to replace, or "".
    """

    data: dict[str, str] = {}
    code: str = ""
    parameters: dict[str, Any] = {}
    parent: str = ""


class Metric(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measured figure, with the data and the interval it was measured on."""

    name: Name
    value: float
    low: float | None = None
    high: float | None = None
    rows: Size = 0
    data: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``bundle.json``: everything there is to know of a bundle, and every file it has.

    Args:
        runtime: What computes predictions: a member of runtime/engines.
        model: The file under ``model/`` that the runtime loads.
        why: One sentence: why this runtime and format, and not another.
        libraries: distribution -> version with which the model was trained and exported.
    """

    format: Literal[1] = 1
    name: Name
    flavor: Name
    runtime: Name
    model: str
    why: str
    contract: Contract
    feeds: tuple[Feed, ...]
    files: Annotated[tuple[File, ...], msgspec.Meta(max_length=MAX_FILES)]
    tolerance: Tolerance
    lineage: Lineage = Lineage()
    metrics: tuple[Metric, ...] = ()
    libraries: dict[str, str] = {}

    def file(self, path: str) -> File:
        """The entry of a path; KeyError if the bundle has no such file."""
        for file in self.files:
            if file.path == path:
                return file
        raise KeyError(path)

    @property
    def digest(self) -> str:
        """The identity of the bundle: the SHA-256 of its canonical manifest."""
        return digest_bytes(encode(self))


def encode(manifest: Manifest) -> bytes:
    """Write a manifest canonically: these bytes are ``bundle.json``."""
    return canonical.encode(manifest)


def decode(content: bytes) -> Manifest:
    """Read ``bundle.json`` strictly.

    Raises:
        ManifestError: if it is too large, not JSON, has a key twice, has an unknown or a missing
            field, a value that does not fit, a path that could leave the bundle, or is not in
            canonical form.
    """
    if len(content) > MAX_BYTES:
        raise ManifestError(f"{MANIFEST} is larger than {MAX_BYTES} bytes", file=MANIFEST)
    try:
        plain = canonical.decode(content)
        manifest = msgspec.convert(plain, Manifest)
        check_name(manifest.name, what="model name")
        _check_paths([file.path for file in manifest.files])
        _check_model(manifest)
        same = encode(manifest) == content
    except (ValueError, UsageError, msgspec.ValidationError) as e:
        raise ManifestError(f"{MANIFEST} is malformed: {e}", file=MANIFEST) from e
    if not same:
        raise ManifestError(f"{MANIFEST} is not in canonical form", file=MANIFEST)
    return manifest


def _check_model(manifest: Manifest) -> None:
    if manifest.model not in {file.path for file in manifest.files}:
        raise ValueError(f"the model file {manifest.model!r} is not among the files")
    known = {column.name: column for column in manifest.contract.inputs}
    names = [feed.name for feed in manifest.feeds]
    if len(set(names)) < len(names):
        raise ValueError("two feeds have one name")
    for feed in manifest.feeds:
        if not set(feed.columns) <= set(known) or not feed.columns:
            raise ValueError(f"feed {feed.name!r} takes columns that the contract lacks")
        tensors = any(known[name].shape for name in feed.columns)
        if len(feed.columns) > 1 and (feed.squeeze or tensors):
            raise ValueError(f"feed {feed.name!r} can take one column only")


def _check_paths(paths: list[str]) -> None:
    if paths != sorted(set(paths)):
        raise ValueError("files are not sorted by path, or a path stands twice")
    for path in paths:
        parts = path.split("/")
        if any(part in ("", ".", "..") for part in parts) or not path.isprintable() or "\\" in path:
            raise ValueError(f"{path!r} is not a plain path inside the bundle")
        if path == MANIFEST:
            raise ValueError(f"{MANIFEST} cannot list itself")
    folders = {
        "/".join(path.split("/")[:n]) for path in paths for n in range(1, path.count("/") + 1)
    }
    if folders & set(paths):
        raise ValueError(f"{min(folders & set(paths))!r} is both a file and a folder")
