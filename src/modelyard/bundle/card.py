"""``card.md``: what a bundle is, for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.core.contract import Column, Output
    from modelyard.core.golden import Golden
    from modelyard.core.manifest import Lineage, Manifest, Metric

_SHORT = 8


def write_card(manifest: Manifest, golden: Golden) -> bytes:
    """Write the model card, in Markdown; the same facts give the same bytes."""
    contract = manifest.contract
    sections = [
        f"# {_text(manifest.name)}",
        f"Task: {contract.task}. Flavor: {manifest.flavor}. Runtime: {manifest.runtime}.",
        _text(manifest.why),
        "## What it takes\n\n" + _inputs(contract.inputs),
        "## What it answers\n\n" + _outputs(contract.outputs),
        "## How well\n\n" + _metrics(manifest.metrics),
        "## Proof\n\n" + _proof(manifest, golden),
        "## Where it comes from\n\n" + _lineage(manifest.lineage, manifest.libraries),
        "## Limits\n\n" + _limits(manifest),
    ]
    return ("\n\n".join(sections) + "\n").encode()


def _proof(manifest: Manifest, golden: Golden) -> str:
    kinds = {kind: golden.kinds.count(kind) for kind in sorted(set(golden.kinds))}
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    allowed = f"{manifest.tolerance.absolute:g} + {manifest.tolerance.relative:g} of their size"
    return (
        f"The bundle carries {len(golden.kinds)} golden rows ({counts}) and what the original"
        " model answered for them. Every artifact made of it must answer the same: numbers within"
        f" {allowed}, everything else exactly."
    )


def _inputs(columns: Sequence[Column]) -> str:
    head = ["input", "type", "missing", "values"]
    rows = [
        [
            column.name,
            column.dtype + _shape(column.shape),
            "allowed" if column.nullable else "refused",
            _values(column),
        ]
        for column in columns
    ]
    return _table(head, rows)


def _values(column: Column) -> str:
    if column.categories is not None:
        shown = ", ".join(column.categories[:_SHORT])
        more = len(column.categories) - _SHORT
        known = shown + (f" and {more} more" if more > 0 else "")
        others = "refused" if column.unknown == "reject" else "as the model was trained to"
        return f"{known}; others: {others}"
    least, most = column.minimum, column.maximum
    if least is None and most is None:
        return "any"
    return f"{'' if least is None else least} to {'' if most is None else most}".strip()


def _outputs(outputs: Sequence[Output]) -> str:
    rows = [
        [
            output.name,
            output.dtype + _shape(output.shape),
            "" if output.labels is None else ", ".join(map(str, output.labels[:_SHORT])),
        ]
        for output in outputs
    ]
    return _table(["output", "type", "labels"], rows)


def _shape(shape: tuple[int | None, ...]) -> str:
    sizes = ", ".join("any" if size is None else str(size) for size in shape)
    return f" [{sizes}]" if shape else ""


def _metrics(metrics: Sequence[Metric]) -> str:
    if not metrics:
        return "Nothing was measured when the bundle was made."
    rows = [
        [
            metric.name,
            f"{metric.value:.6g}",
            "" if metric.low is None or metric.high is None else _interval(metric),
            str(metric.rows or ""),
            metric.data,
        ]
        for metric in metrics
    ]
    return _table(["metric", "value", "interval", "rows", "data"], rows)


def _interval(metric: Metric) -> str:
    return f"{metric.low:.6g} to {metric.high:.6g}"


def _lineage(lineage: Lineage, libraries: dict[str, str]) -> str:
    facts = [(f"data, {what}", digest) for what, digest in sorted(lineage.data.items())]
    facts += [("code", lineage.code), ("replaces", lineage.parent)]
    facts += [(name, version) for name, version in sorted(libraries.items())]
    facts += [
        (f"parameter {name}", json.dumps(value, sort_keys=True))
        for name, value in sorted(lineage.parameters.items())
    ]
    rows = [[name, value] for name, value in facts if value]
    return _table(["what", "which"], rows) if rows else "Nothing was recorded."


def _limits(manifest: Manifest) -> str:
    limits = [
        "It answers rows of the kinds described above; what else comes is refused, not guessed at.",
        "It was judged on the data named above, and on no other.",
    ]
    if not manifest.metrics:
        limits.append("How good it is was not measured when the bundle was made.")
    if any(column.unknown == "model" and column.categories for column in manifest.contract.inputs):
        limits.append("Strings that were not seen in training are let through to the model.")
    if any(column.nullable for column in manifest.contract.inputs):
        limits.append("Missing values are treated as the model was trained to treat them.")
    return "\n".join(f"- {limit}" for limit in limits)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *[[_text(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _text(text: str) -> str:
    """Text as text: no markup that it holds by chance, or on purpose, becomes markup."""
    plain = " ".join(text.split())
    for sign in "\\`*_[]<>|#":
        plain = plain.replace(sign, "\\" + sign)
    return plain
