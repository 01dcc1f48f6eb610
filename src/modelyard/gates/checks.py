"""What every gate must prove; others may run these on gates of their own.

Each check takes one case: the options of a gate, and evidence for each answer it can give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec
import numpy as np

from modelyard.core import canonical
from modelyard.core.digest import digest_bytes
from modelyard.core.golden import Golden
from modelyard.core.manifest import File, Manifest, Tolerance
from modelyard.errors import ConfigError, PredictError
from modelyard.gates.base import Subject
from modelyard.gates.making import make_gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modelyard.core.contract import Contract
    from modelyard.core.table import Array, Table
    from modelyard.gates.base import Evidence, Gate

LONGEST_SUMMARY = 600


def plain_subject(
    contract: Contract,
    answers: Callable[[Table], Mapping[str, Array]],
    rows: Table,
    name: str = "model",
) -> Subject:
    """Make a subject of a function, to prove a gate without packing a bundle.

    Args:
        contract: What the function takes and answers.
        answers: Rows -> outputs.
        rows: Its golden rows; its golden outputs are what it answers for them.
        name: What tells it, and its digest, from other subjects.
    """
    manifest = Manifest(
        name="model",
        flavor="case",
        runtime="case",
        model="model/model.case",
        why="a case",
        contract=contract,
        feeds=(),
        files=(File(path="model/model.case", size=900, sha256="0" * 64),),
        tolerance=Tolerance(),
    )
    golden = Golden(rows, dict(answers(rows)), ("real",) * rows.rows)
    digest = digest_bytes(name.encode())
    return Subject(name, digest, manifest, answers, golden, lambda: answers(rows), 1000)


class GateCase(NamedTuple):
    """One gate under proof.

    Args:
        kind: The gate's name as a member.
        options: As in ``modelyard.toml``.
        passes: Evidence on which it must pass.
        fails: Evidence on which it must fail.
        cannot_tell: Evidence that must leave it inconclusive; None where it can always tell.
        predicts: Whether it lets the candidate predict.
        repeats: Whether the same evidence gives the same verdict to the last digit; a gate that
            measures time does not.
    """

    kind: str
    options: Mapping[str, Any]
    passes: Evidence
    fails: Evidence
    cannot_tell: Evidence | None = None
    predicts: bool = True
    repeats: bool = True

    @property
    def gate(self) -> Gate:
        """The gate, made of its options."""
        return make_gate("case", {"kind": self.kind, **self.options})

    @property
    def all(self) -> Iterator[Evidence]:
        """All evidence of the case."""
        yield self.passes
        yield self.fails
        if self.cannot_tell is not None:
            yield self.cannot_tell


def check_it_gives_each_answer(case: GateCase) -> None:
    """Good evidence passes, bad evidence fails, evidence that cannot tell is inconclusive."""
    gate = case.gate
    for status, evidence in (
        ("pass", case.passes),
        ("fail", case.fails),
        ("inconclusive", case.cannot_tell),
    ):
        if evidence is not None:
            verdict = gate.judge(evidence)
            assert verdict.status == status, f"{status} expected: {verdict}"


def check_verdicts_are_plain_and_bear_the_kind(case: GateCase) -> None:
    """A verdict is canonical JSON, bears the gate's kind and says one sentence with figures."""
    for evidence in case.all:
        verdict = case.gate.judge(evidence)
        assert verdict.gate == case.kind
        assert canonical.decode(canonical.encode(verdict)) == msgspec.to_builtins(verdict)
        assert verdict.summary.strip() == verdict.summary != ""
        assert "\n" not in verdict.summary
        assert len(verdict.summary) <= LONGEST_SUMMARY


def check_verdicts_repeat(case: GateCase) -> None:
    """The same evidence gives the same verdict; a timed one at least the same answer."""
    for evidence in case.all:
        one, other = case.gate.judge(evidence), case.gate.judge(evidence)
        assert one.status == other.status
        if case.repeats:
            assert one == other


def check_no_data_is_never_a_pass(case: GateCase) -> None:
    """What the gate says it needs and does not get leaves it inconclusive."""
    gate = case.gate
    if "labels" in gate.needs:
        assert gate.judge(case.passes._replace(labelled=None)).status == "inconclusive"
        labelled = case.passes.labelled
        assert labelled is not None
        nothing = np.zeros(0, np.int64)
        empty = labelled._replace(
            rows=labelled.rows.take(nothing),
            labels=labelled.labels[nothing],
            extra={name: values[nothing] for name, values in labelled.extra.items()},
            weights=None,
        )
        assert gate.judge(case.passes._replace(labelled=empty)).status == "inconclusive"
        unknown = labelled._replace(labels=np.full(len(labelled.labels), None, object))
        assert gate.judge(case.passes._replace(labelled=unknown)).status == "inconclusive"


def check_a_candidate_that_cannot_predict_fails(case: GateCase) -> None:
    """A PredictError is the candidate's failure, not the gate's."""
    if not case.predicts:
        return
    broken = case.passes._replace(candidate=_broken(case.passes.candidate))
    verdict = case.gate.judge(broken)
    assert verdict.status == "fail", verdict
    assert "it broke" in verdict.summary


def check_options_are_strict(case: GateCase) -> None:
    """An unknown option, or one of a wrong type, is a ConfigError that names the key."""
    wrong: list[dict[str, Any]] = [{"no_such_option": 1}]
    wrong += [{name: object()} for name in case.options]
    for change in wrong:
        key = next(iter(change))
        refused = _refusal(case, change)
        assert refused is not None, f"{change} was let in"
        assert refused.key.startswith(f"gates.case.{key}"), refused.key
        assert key in refused.message


def check_options_survive_being_written(case: GateCase) -> None:
    """A gate's fields are its options: written and read again they make the same gate."""
    gate = case.gate
    written = msgspec.json.decode(msgspec.json.encode(gate))
    assert make_gate("case", {"kind": case.kind, **written}) == gate


def check_evidence_is_left_alone(case: GateCase) -> None:
    """Judging changes no row, label or golden output: the next gate sees the same."""
    for evidence in case.all:
        before = _content(evidence)
        case.gate.judge(evidence)
        assert _content(evidence) == before


CHECKS = (
    check_it_gives_each_answer,
    check_verdicts_are_plain_and_bear_the_kind,
    check_verdicts_repeat,
    check_no_data_is_never_a_pass,
    check_a_candidate_that_cannot_predict_fails,
    check_options_are_strict,
    check_options_survive_being_written,
    check_evidence_is_left_alone,
)


def _refusal(case: GateCase, change: Mapping[str, Any]) -> ConfigError | None:
    try:
        make_gate("case", {"kind": case.kind, **case.options, **change})
    except ConfigError as e:
        return e
    return None


def _broken(subject: Subject) -> Subject:
    def fail(_: Table | None = None) -> NoReturn:
        raise PredictError("it broke", model=subject.name)

    return subject._replace(predict=fail, replay=fail)


def _content(evidence: Evidence) -> list[Any]:
    tables = [evidence.candidate.golden.rows]
    arrays: list[Array] = list(evidence.candidate.golden.outputs.values())
    if evidence.labelled is not None:
        tables.append(evidence.labelled.rows)
        arrays += [np.asarray(evidence.labelled.labels), *evidence.labelled.extra.values()]
        if evidence.labelled.weights is not None:
            arrays.append(evidence.labelled.weights)
    for table in tables:
        for series in table.columns.values():
            arrays.append(series.values)
            if series.missing is not None:
                arrays.append(series.missing)
    return [repr(np.asarray(array).tolist()) for array in arrays]
