"""Packing: an exported model and what is known of it become a bundle."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from modelyard.bundle.card import write_card
from modelyard.bundle.goldenfile import (
    GOLDEN_OUTPUTS,
    GOLDEN_ROWS,
    encode_outputs,
    encode_rows,
)
from modelyard.bundle.lock import BASE, closure, versions, with_hashes, write_lock
from modelyard.bundle.sbom import write_sbom
from modelyard.bundle.writing import write_bundle
from modelyard.core.manifest import File, Lineage, Manifest, Metric
from modelyard.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelyard.bundle.opened import Bundle
    from modelyard.core.golden import Golden
    from modelyard.flavors.base import Export

LOCK = "requirements.lock"
CARD = "card.md"
SBOM = "sbom.cdx.json"


class Parts(NamedTuple):
    """What a bundle is made of.

    Args:
        name: The model's name.
        flavor: The flavor that exported it.
        runtime: The engine that runs it.
        why: Why this runtime and form, and not another.
        export: The model in the form in which it runs.
        golden: Golden rows with the original's answers.
        lineage: Where the model comes from.
        metrics: What was measured.
        libraries: Distributions whose installed versions the manifest records.
        requires: Distributions that the runtime needs beyond those that every runtime needs.
        lock: A requirements file from which the bundle's lock takes its hashes, or None.
        documents: Further files: path -> bytes.
    """

    name: str
    flavor: str
    runtime: str
    why: str
    export: Export
    golden: Golden
    lineage: Lineage = Lineage()
    metrics: tuple[Metric, ...] = ()
    libraries: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    lock: Path | None = None
    documents: Mapping[str, bytes] = {}


def pack(parts: Parts, directory: Path) -> Bundle:
    """Write a bundle into a directory: whole or not at all.

    The same parts give the same digest, whenever and wherever they are packed with the same
    versions of the libraries.

    Args:
        parts: What the bundle is made of.
        directory: An empty folder, or none yet; the very same bundle may be there already.

    Raises:
        BundleError: if the parts do not fit each other, or the directory holds something else.
    """
    files = _content(parts)
    manifest = _manifest(parts, files)
    locked = closure({*BASE, *parts.requires})
    if parts.lock is not None:
        locked = with_hashes(locked, parts.lock)
    files[LOCK] = write_lock(locked)
    files[CARD] = write_card(manifest, parts.golden)
    files[SBOM] = write_sbom(manifest, locked)
    return write_bundle(_manifest(parts, files), files, directory)


def _content(parts: Parts) -> dict[str, bytes]:
    """Everything but the documents that are written about it."""
    export = parts.export
    for path in export.files:
        if not path.startswith("model/"):
            raise BundleError(f"{path!r} does not lie under model/", file=path)
    golden = {
        GOLDEN_ROWS: encode_rows(parts.golden.rows, parts.golden.kinds, export.contract),
        GOLDEN_OUTPUTS: encode_outputs(parts.golden.outputs, export.contract),
    }
    taken = {*export.files, *golden, LOCK, CARD, SBOM} & set(parts.documents)
    if taken:
        raise BundleError(f"{min(taken)!r} is written by packing itself", file=min(taken))
    return {**parts.documents, **export.files, **golden}


def _manifest(parts: Parts, files: Mapping[str, bytes]) -> Manifest:
    export = parts.export
    listed = tuple(
        File(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for path, content in sorted(files.items())
    )
    try:
        # By way of plain values, so that what the bundle could not be opened with is refused now.
        plain = msgspec.to_builtins(
            Manifest(
                name=parts.name,
                flavor=parts.flavor,
                runtime=parts.runtime,
                model=export.model,
                why=parts.why,
                contract=export.contract,
                feeds=export.feeds,
                files=listed,
                tolerance=export.tolerance,
                lineage=parts.lineage,
                metrics=parts.metrics,
                libraries=versions(parts.libraries),
            )
        )
        return msgspec.convert(plain, Manifest)
    except (msgspec.ValidationError, ValueError, TypeError) as e:
        raise BundleError(f"these parts make no bundle: {e}") from e
