"""The verb ``promote``."""

from __future__ import annotations

from modelyard.app.cli.options import Environment, Json, Reference
from modelyard.app.cli.output import Output
from modelyard.app.versions import promote as promote_version


def promote(reference: Reference, to: Environment = "production", *, json: Json = False) -> None:
    """Let a version run in an environment.

    The environment's policy in `modelyard.toml` names the gates whose latest verdict must be
    pass. Exit code 1 means that one is not, or that a byte of the version is damaged. Servers
    that follow its alias swap to the version without a failed request.

    Examples:

        modelyard promote fraud:3

        modelyard promote fraud:3 --to staging
    """
    output = Output(json=json)
    version = promote_version(reference, to)
    output.say(f"[bold]{version.name}:{version.version}[/] now runs in {to}")
    output.result(version)
