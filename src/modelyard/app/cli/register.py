"""The verb ``register``."""

from __future__ import annotations

from modelyard.app.cli.options import Json, Reference
from modelyard.app.cli.output import Output
from modelyard.app.versions import register as register_bundle


def register(bundle: Reference, *, json: Json = False) -> None:
    """Give a bundle a name and a version.

    The name is that of the bundle; versions count 1, 2, 3. The same bundle twice is one version.

    Examples:

        modelyard register .modelyard/bundles/fraud-1a2b3c4d
    """
    output = Output(json=json)
    version = register_bundle(bundle)
    output.say(f"[bold]{version.name}:{version.version}[/] {version.digest}")
    output.result(version)
