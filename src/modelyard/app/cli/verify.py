"""The verb ``verify``."""

from __future__ import annotations

from modelyard.app.cli.options import Json, Reference
from modelyard.app.cli.output import Output
from modelyard.app.verifying import verify as verify_bundle


def verify(reference: Reference, *, json: Json = False) -> None:
    """Prove that every byte of a bundle is as its digest says.

    Exit code 1 names the first file that differs.

    Examples:

        modelyard verify fraud@champion
    """
    output = Output(json=json)
    bundle = verify_bundle(reference)
    count = len(bundle.manifest.files)
    output.say(f"[green]verified[/] {count} files of {bundle.manifest.name} {bundle.digest}")
    output.result({"digest": bundle.digest, "files": count, "verified": True})
