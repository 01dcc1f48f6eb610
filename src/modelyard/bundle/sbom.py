"""``sbom.cdx.json``: the bill of materials in CycloneDX 1.6, the same on every machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from modelyard.core import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelyard.bundle.lock import Locked
    from modelyard.core.manifest import Manifest


def write_sbom(manifest: Manifest, closure: Iterable[Locked]) -> bytes:
    """Write what a bundle is made of: the model, and the distributions that run it.

    It has neither a time nor a random serial number: the bundle that holds it is named by its
    content, and names it.

    Args:
        manifest: The bundle's manifest, as far as it is known before the documents are written.
        closure: The locked distributions.
    """
    locked = list(closure)
    model = _model(manifest)
    components = {one.name: _distribution(one) for one in locked}
    bom = Bom(components=components.values())
    bom.metadata.component = model
    bom.register_dependency(model, components.values())
    for one in locked:
        bom.register_dependency(components[one.name], [components[need] for need in one.needs])
    plain: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    plain.pop("serialNumber", None)
    plain["metadata"].pop("timestamp", None)
    return canonical.encode(plain) + b"\n"


def _model(manifest: Manifest) -> Component:
    about = {
        "flavor": manifest.flavor,
        "runtime": manifest.runtime,
        "task": manifest.contract.task,
        "parent": manifest.lineage.parent,
    } | {f"data:{what}": digest for what, digest in manifest.lineage.data.items()}
    return Component(
        name=manifest.name,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model/{manifest.name}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=manifest.file(manifest.model).sha256)],
        properties=[
            Property(name=f"modelyard:{name}", value=value)
            for name, value in about.items()
            if value
        ],
    )


def _distribution(one: Locked) -> Component:
    url = PackageURL(type="pypi", name=one.name, version=one.version)
    licenses = [LicenseFactory().make_from_string(one.license)] if one.license else []
    return Component(
        name=one.name,
        version=one.version,
        type=ComponentType.LIBRARY,
        bom_ref=url.to_string(),
        purl=url,
        licenses=licenses,
    )
