"""``check``: the gates of a project judge a bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from modelyard.app.subject import make_subject
from modelyard.app.training import call
from modelyard.app.yard import Yard, actor, using
from modelyard.core.enforce import enforce
from modelyard.core.misfits import Misfits, find_misfits
from modelyard.errors import ConfigError, ContractError, NotFoundError, UsageError
from modelyard.gates.base import Evidence, Labelled
from modelyard.gates.making import make_gates
from modelyard.registry.promotion import CHAMPION
from modelyard.tables.digest import content_digest
from modelyard.tables.load import load_columns
from modelyard.tables.split import as_array, read_columns

if TYPE_CHECKING:
    from modelyard.bundle.opened import Bundle
    from modelyard.core.contract import Contract
    from modelyard.core.table import Table
    from modelyard.core.verdict import Verdict


class Holdout(NamedTuple):
    """Held-out rows for the gates.

    Args:
        rows: A frame, or the path of a .parquet, .csv or .json file; its columns beyond the
            contract's inputs are for slices.
        label: The name of its column that holds the true answers.
        weight: The name of its column that holds weights, or "".
    """

    rows: Any
    label: str
    weight: str = ""


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a check may be told.

    Args:
        gates: gate -> thresholds; None takes those of ``modelyard.toml``.
        champion: The reference to compare with; None takes ``<name>@champion`` if there is one.
        record: Whether the verdicts go into the registry as evidence.
        progress: Called with a short sentence before each gate.
    """

    gates: dict[str, dict[str, Any]] | None = None
    champion: str | None = None
    record: bool = True
    progress: Callable[[str], None] = lambda _: None


def check(
    reference: str | Path | Bundle,
    holdout: Holdout | None = None,
    options: CheckOptions | None = None,
    *,
    yard: Yard | None = None,
) -> list[Verdict]:
    """Let the gates judge a bundle, and keep their verdicts as evidence.

    Args:
        reference: A bundle, its folder, or ``name:version``.
        holdout: Rows that the model never saw, with labels; None takes those that
            ``modelyard.toml`` names, if any.
        options: Other gates, another champion, no record.
        yard: The project; by default the one of the current folder.

    Returns:
        One verdict a gate.  Gates that need labels and have none answer inconclusive; so they do
        where held-out rows do not fit the contract, which is what the ``schema`` gate fails for.

    Raises:
        ConfigError: if a threshold is wrong.
        ContractError: if the held-out rows lack an input.
        UsageError: if they lack the label or the weight, or cannot be read.
    """
    options = options or CheckOptions()
    with using(yard) as used, tempfile.TemporaryDirectory(prefix="modelyard-") as scratch:
        settings = used.location.settings
        gates = make_gates(settings.gates if options.gates is None else options.gates)
        bundle = used.open(reference)
        champion = _champion(used, bundle, options.champion)
        options.progress("loading bundles and held-out rows")
        evidence = _evidence(bundle, champion, holdout or configured_holdout(used), Path(scratch))
        verdicts = []
        for name, gate in gates.items():
            options.progress(name)
            verdicts.append(msgspec.structs.replace(gate.judge(evidence), gate=name))
        if options.record:
            used.registry.add_verdicts(bundle.digest, verdicts, actor=actor())
    return verdicts


def configured_holdout(yard: Yard) -> Holdout | None:
    """The held-out rows that ``modelyard.toml`` names, or None.

    Raises:
        ConfigError: if it names them but not their label.
        UsageError: if they cannot be read.
    """
    data = yard.location.settings.data
    if not data.holdout:
        return None
    if not data.label:
        raise ConfigError(
            "[data] names held-out rows but not their label", key="data.label", hint="add label"
        )
    if ".py:" in data.holdout:
        rows = call(yard.location, data.holdout, key="data.holdout")
    else:
        rows = yard.location.path(data.holdout)
    return Holdout(rows, data.label, data.weight)


def _champion(yard: Yard, candidate: Bundle, reference: str | None) -> Bundle | None:
    """The bundle to compare with; None if there is none yet."""
    try:
        return yard.open(reference or f"{candidate.manifest.name}@{CHAMPION}")
    except NotFoundError:
        if reference:
            raise
        return None


def _evidence(
    candidate: Bundle, champion: Bundle | None, holdout: Holdout | None, scratch: Path
) -> Evidence:
    judged = make_subject(candidate, scratch / "candidate")
    found = None if holdout is None else _labelled(holdout, candidate.manifest.contract)
    labelled = None if isinstance(found, Misfits) else found
    misfits = found if isinstance(found, Misfits) else None
    if champion is None or champion.digest == candidate.digest:
        same = None if champion is None else judged
        return Evidence(judged, labelled, same, misfits=misfits)
    return Evidence(
        candidate=judged,
        labelled=labelled,
        misfits=misfits,
        champion=make_subject(champion, scratch / "champion"),
        champion_rows=None if holdout is None else _rows(holdout, champion.manifest.contract),
    )


def _labelled(holdout: Holdout, contract: Contract) -> Labelled | Misfits | None:
    """The held-out rows as gates take them, or which do not fit; None where there are none."""
    columns = _columns(holdout, contract)
    for what, name in (("label", holdout.label), ("weight", holdout.weight)):
        if name and name not in columns:
            raise UsageError(
                f"the held-out rows have no {what} column {name!r}",
                hint="their columns are: " + ", ".join(columns),
            )
    labels = as_array(columns.pop(holdout.label))
    weights = as_array(columns.pop(holdout.weight)) if holdout.weight else None
    if len(labels) == 0:
        return None
    inputs = {name: columns.pop(name) for name in contract.names if name in columns}
    try:
        misfits = find_misfits(contract, inputs)
        if misfits is not None:
            return misfits
        rows = enforce(contract, inputs)
    except ContractError as e:
        raise ContractError(
            f"the held-out rows do not fit: {e.message}",
            column=e.column,
            got=e.got,
            expected=e.expected,
            hint=e.hint,
        ) from e
    return Labelled(
        rows=rows,
        labels=labels,
        extra={name: as_array(column) for name, column in columns.items()},
        weights=weights,
        digest=content_digest(rows),
    )


def _columns(holdout: Holdout, contract: Contract) -> dict[str, Any]:
    if isinstance(holdout.rows, (str, Path)):
        return dict(load_columns(holdout.rows, contract))
    return dict(read_columns(holdout.rows))


def _rows(holdout: Holdout, contract: Contract) -> Table | None:
    """The held-out rows in the champion's contract, or None."""
    columns = _columns(holdout, contract)
    try:
        return enforce(
            contract, {name: columns[name] for name in contract.names if name in columns}
        )
    except ContractError:
        # The champion was made for other inputs; the gate says that it cannot compare.
        return None
