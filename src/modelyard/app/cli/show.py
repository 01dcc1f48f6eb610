"""The verb ``show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.app.cli.options import Json, Reference
from modelyard.app.cli.output import Output
from modelyard.app.versions import Shown
from modelyard.app.versions import show as show_version

if TYPE_CHECKING:
    from modelyard.core.contract import Column


def show(reference: Reference, *, json: Json = False) -> None:
    """Show all there is to know of a version.

    Its contract, runtime, metrics, lineage, verdicts, aliases and environments.

    Examples:

        modelyard show fraud@champion
    """
    output = Output(json=json)
    shown = show_version(reference)
    _head(output, shown)
    contract = shown.manifest.contract
    output.say("\n[bold]inputs[/]")
    output.table(
        ("name", "type", "null", "rules"),
        [(c.name, c.dtype, "yes" if c.nullable else "no", _rules(c)) for c in contract.inputs],
    )
    output.say("\n[bold]outputs[/]")
    output.table(
        ("name", "type", "shape", "labels"),
        [(o.name, o.dtype, list(o.shape), list(o.labels or ())) for o in contract.outputs],
    )
    if shown.manifest.metrics:
        output.say("\n[bold]metrics[/]")
        output.metrics(shown.manifest.metrics)
    if shown.verdicts:
        output.say("\n[bold]verdicts[/]")
        output.table(
            ("gate", "verdict", "why"), [(v.gate, v.status, v.summary) for v in shown.verdicts]
        )
    output.result(shown)


def _head(output: Output, shown: Shown) -> None:
    manifest = shown.manifest
    listed = shown.listed
    name = f"{manifest.name}:{listed.version}" if listed else f"{manifest.name} (not registered)"
    rows = [
        ("digest", shown.digest),
        ("size", f"{shown.size / 2**20:.2f} MB"),
        ("flavor", manifest.flavor),
        ("runtime", f"{manifest.runtime}: {manifest.why}"),
        ("code", manifest.lineage.code or "not recorded (no clean git checkout)"),
    ]
    if listed:
        rows += [
            ("registered", listed.registered),
            ("aliases", ", ".join(listed.aliases) or "none"),
            ("runs in", ", ".join(listed.environments) or "no environment"),
        ]
    output.table((name, ""), rows)


def _rules(column: Column) -> str:
    rules = []
    if column.shape:
        rules.append(f"shape {list(column.shape)}")
    if column.categories is not None:
        few = 6
        shown = ", ".join(column.categories[:few])
        more = f", and {len(column.categories) - few} more" if len(column.categories) > few else ""
        rules.append(f"one of {shown}{more} (else {column.unknown})")
    if column.minimum is not None:
        rules.append(f"at least {column.minimum}")
    if column.maximum is not None:
        rules.append(f"at most {column.maximum}")
    return "; ".join(rules)
