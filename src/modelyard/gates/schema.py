"""``schema``: callers of the champion can call the candidate, and its rows fit its contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.core.misfits import Misfits, find_misfits
from modelyard.errors import ContractError
from modelyard.gates._contracts import Change, changes
from modelyard.gates.base import Gate, counted

if TYPE_CHECKING:
    from modelyard.core.contract import Contract
    from modelyard.core.table import Table
    from modelyard.core.verdict import Verdict
    from modelyard.gates.base import Evidence

_NAMED = 3


class SchemaGate(Gate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Judge whether what callers of the champion send still fits, and what they read is there.

    A change that lets in more (a new category, a wider range, a column that may now be missing)
    is compatible; a change that refuses what was let in, or that answers otherwise, is not.  The
    candidate's own golden rows and the labelled rows must fit its contract in any case.

    In ``modelyard.toml``::

        [gates.schema]
        allow = ["input age removed"]

    Args:
        allow: Incompatible changes that are meant, as the evidence names them:
            ``input age removed`` or, for all changes of one column, ``input age``.

    Example:
        >>> SchemaGate(allow=("input age removed",)).allow
        ('input age removed',)
    """

    allow: tuple[str, ...] = ()

    def examine(self, evidence: Evidence) -> Verdict:
        """See ``Gate.examine``."""
        contract = evidence.candidate.manifest.contract
        misfits = self._misfits(evidence, contract)
        found: list[Change] = []
        if evidence.champion is not None:
            found = changes(evidence.champion.manifest.contract, contract)
        breaking = [change for change in found if change.breaks]
        refused = [change for change in breaking if not self._allowed(change)]
        facts: dict[str, Any] = {
            "champion": None if evidence.champion is None else evidence.champion.digest,
            "inputs": len(contract.inputs),
            "outputs": len(contract.outputs),
            "changes": [change.plain(self._allowed(change)) for change in found],
            "misfits": misfits,
        }
        if misfits:
            what, one = next(iter(misfits.items()))
            said = f"of the {what} rows, {Misfits(**one)}"
            return self.verdict("fail", said, facts)
        if refused:
            listed = "; ".join(f"{change.name} ({change.why})" for change in refused[:_NAMED])
            more = f" and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
            return self.verdict("fail", f"callers of the champion break: {listed}{more}", facts)
        return self.verdict("pass", self._sentence(evidence, found, len(breaking)), facts)

    def _allowed(self, change: Change) -> bool:
        return change.name in self.allow or change.subject in self.allow

    def _misfits(self, evidence: Evidence, contract: Contract) -> dict[str, dict[str, Any]]:
        tables = {"golden": evidence.candidate.golden.rows}
        if evidence.labelled is not None:
            tables["labelled"] = evidence.labelled.rows
        found = {what: _misfit(contract, table) for what, table in tables.items()}
        if evidence.misfits is not None:
            found["labelled"] = evidence.misfits
        return {what: misfits._asdict() for what, misfits in found.items() if misfits}

    def _sentence(self, evidence: Evidence, found: list[Change], breaking: int) -> str:
        if evidence.champion is None:
            return "the rows fit the contract; there is no champion whose callers could break"
        if not found:
            return "callers of the champion can call it: nothing changed"
        allowed = f", {breaking} of them allowed by name" if breaking else ""
        named = ", ".join(change.name for change in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        changed = counted(len(found), "change")
        return f"callers of the champion can call it: {changed}{allowed} ({named}{more})"


def _misfit(contract: Contract, table: Table) -> Misfits | None:
    """The rows that do not fit a contract; None where they do."""
    if not table.columns or table.rows == 0:
        return None
    try:
        return find_misfits(contract, table)
    except ContractError as e:
        return Misfits(table.rows, table.rows, (e.message,))
