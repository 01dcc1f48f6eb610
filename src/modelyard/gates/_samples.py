"""Held-out rows and a model's answers, as metrics take them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.core.digest import digest_bytes
from modelyard.errors import InconclusiveError, ModelyardError, PredictError
from modelyard.gates._forms import Sample
from modelyard.gates.base import LabelsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelyard.core.table import Array, Table
    from modelyard.gates._metrics import Metric, Reads
    from modelyard.gates.base import Evidence, Labelled, Subject

_LEAST_DIGITS = 1e-3  # probabilities whose sum is further off from 1 are none


class Reading(NamedTuple):
    """What to read from a subject.

    Args:
        metric: Decides what is read.
        output: The output's name, or "" for the usual one.
        positive: The positive class, or None for the second of two.
        alpha: The quantile of the pinball loss.
    """

    metric: Metric
    output: str = ""
    positive: str | int | float | bool | None = None
    alpha: float = 0.5


class Known(NamedTuple):
    """The labelled rows that can be used.

    Args:
        labelled: Rows with a label and a weight above 0.
        kept: Which of the rows given these are: shape (rows given,), bool.
        digest: The digest of the data they were taken from.
    """

    labelled: Labelled
    kept: Array
    digest: str


def known_rows(labelled: Labelled) -> Known:
    """Leave out the rows whose label is missing or whose weight is 0.

    Raises:
        InconclusiveError: if none is left, or the parts do not belong together.
    """
    labels = np.asarray(labelled.labels)
    if labels.ndim != 1 or len(labels) != labelled.rows.rows:
        raise InconclusiveError(
            f"labels of shape {labels.shape} do not belong to {labelled.rows.rows} rows"
        )
    kept = ~_missing(labels)
    weights = None
    if labelled.weights is not None:
        weights = np.asarray(labelled.weights, np.float64)
        if weights.shape != labels.shape or not np.isfinite(weights).all() or weights.min() < 0:
            raise InconclusiveError("weights must be one finite number of at least 0 for each row")
        kept &= weights > 0
    if not kept.any():
        raise InconclusiveError(
            "no row has a label", evidence={"rows": len(labels), "unlabelled": len(labels)}
        )
    chosen = labelled._replace(
        rows=_take(labelled.rows, kept),
        labels=labels[kept],
        extra={name: np.asarray(values)[kept] for name, values in labelled.extra.items()},
        weights=None if weights is None else weights[kept],
    )
    return Known(chosen, kept, labelled.digest or _digest(labels))


def sample(subject: Subject, rows: Table, known: Known, reading: Reading) -> Sample:
    """Let a subject predict, and put its answers beside the truth.

    Raises:
        InconclusiveError: if it has no such output, or the labels are of another kind.
        PredictError: if it cannot predict, or answers what no answer can be.
    """
    labels = known.labelled.labels
    weights = known.labelled.weights
    weights = np.ones(len(labels)) if weights is None else weights
    answer = answer_of(subject, rows, reading.metric.reads, reading.output)
    if reading.metric.reads == "prediction":
        return Sample(_numbers(labels), answer, weights, alpha=reading.alpha)
    classes = _classes(subject, reading, labels, answer)
    positive = _positive(classes, reading.positive)
    truth, unknown = _codes(labels, classes)
    if unknown and reading.metric.reads == "probabilities":
        raise InconclusiveError(
            f"the label {unknown[0]!r} is none of the model's classes"
            f" {list(classes)}, so {reading.metric.name} is not defined"
        )
    every = classes + tuple(unknown)
    if reading.metric.reads == "label":
        answer, more = _codes(answer, every, strict=False)
        every += tuple(more)
    return Sample(truth, answer, weights, len(every), positive, reading.alpha)


def champion_sample(evidence: Evidence, known: Known, reading: Reading) -> Sample:
    """The same for the champion, on the same rows; what it cannot do is no fault of the candidate.

    Raises:
        InconclusiveError: if there is no champion, or it cannot be compared with.
    """
    champion = evidence.champion
    if champion is None:
        raise InconclusiveError("there is no champion to compare with")
    given = evidence.champion_rows
    if given is None and champion.manifest.contract.inputs != (
        evidence.candidate.manifest.contract.inputs
    ):
        raise InconclusiveError(
            "the champion's contract differs, and its rows of the held-out data are not there"
        )
    rows = known.labelled.rows if given is None else _same_rows(given, known.kept)
    classes = classes_of(evidence.candidate, reading.output)
    if reading.positive is None and len(classes) == 2:  # noqa: PLR2004 - binary
        # The champion may hold its classes in another order.
        reading = reading._replace(positive=classes[1])
    try:
        return sample(champion, rows, known, reading)
    except ModelyardError as e:
        raise InconclusiveError(f"the champion cannot be compared with: {e.message}") from e


def _same_rows(rows: Table, kept: Array) -> Table:
    if rows.rows != len(kept):
        raise InconclusiveError(
            f"the champion has {rows.rows} rows and the candidate {len(kept)}: not the same rows"
        )
    return _take(rows, kept)


def _take(rows: Table, kept: Array) -> Table:
    """The rows that are kept; the same table where all are, so that answers can be remembered."""
    return rows if kept.all() else rows.take(kept)


def answer_of(subject: Subject, rows: Table, reads: Reads, output: str = "") -> Array:
    """One output of a subject, checked: labels (rows,), probabilities (rows, classes) or numbers.

    Raises:
        InconclusiveError: if it has no such output.
        PredictError: if it cannot predict, or answers what no answer can be.
    """
    outputs = predict(subject, rows)
    name = output or reads
    if name not in outputs:
        if reads == "label" and "probabilities" in outputs and not output:
            return _most_probable(subject, _probabilities(subject, outputs["probabilities"], rows))
        raise InconclusiveError(
            f"the model has no output {name!r}; its outputs are: {', '.join(sorted(outputs))}"
        )
    answer = np.asarray(outputs[name])
    if len(answer) != rows.rows:
        raise _odd(subject, f"{len(answer)} answers for {rows.rows} rows")
    if reads == "probabilities":
        return _probabilities(subject, answer, rows)
    answer = answer.reshape(rows.rows, -1)
    if answer.shape[1] != 1:
        raise InconclusiveError(f"the output {name!r} holds {answer.shape[1]} values a row")
    answer = answer[:, 0]
    return answer if reads == "label" else _finite(subject, answer)


def predict(subject: Subject, rows: Table) -> Mapping[str, Array]:
    """Let a subject predict; what it raises on purpose becomes a PredictError."""
    try:
        return subject.predict(rows)
    except PredictError:
        raise
    except ModelyardError as e:
        raise PredictError(e.message, model=subject.name) from e


def classes_of(subject: Subject, output: str = "") -> tuple[Any, ...]:
    """The classes that a subject knows, in the order of its probabilities; () if it names none."""
    outputs = {item.name: item for item in subject.manifest.contract.outputs}
    for name in (output, "probabilities", "label"):
        if name in outputs and outputs[name].labels:
            return outputs[name].labels or ()
    return ()


def units_of(known: Known, group: str) -> tuple[Array, int]:
    """The unit of each row, and how many units there are: a group each, or a row each."""
    if not group:
        rows = len(known.labelled.labels)
        return np.arange(rows), rows
    values = column_of(known.labelled, group)
    found: dict[Any, int] = {}
    codes = [found.setdefault(value, len(found)) for value in values.tolist()]
    return np.asarray(codes, np.int64), len(found)


def column_of(labelled: Labelled, name: str) -> Array:
    """A column by name, of ``extra`` or of the inputs, with None where a value is missing.

    Raises:
        InconclusiveError: if there is none, or it holds tensors.
    """
    if name in labelled.extra:
        values = np.asarray(labelled.extra[name])
        missing = _missing(values) if values.ndim == 1 else None
    elif name in labelled.rows.columns:
        values, missing = labelled.rows[name]
        missing = _missing(values) if missing is None and values.ndim == 1 else missing
    else:
        known = sorted({*labelled.extra, *labelled.rows})
        raise InconclusiveError(
            f"the held-out rows have no column {name!r}; they have: {', '.join(known)}"
        )
    if values.ndim != 1 or len(values) != len(labelled.labels):
        raise InconclusiveError(f"the column {name!r} does not hold one value for each row")
    if missing is not None and missing.any():
        values = values.astype(object)
        values[missing] = None
    return values


def _missing(values: Array) -> Array:
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    if values.dtype != object:
        return np.zeros(len(values), np.bool_)
    return np.fromiter((_is_missing(value) for value in values), np.bool_, len(values))


def _is_missing(value: Any) -> bool:
    if value is None or isinstance(value, str):
        return value is None
    if isinstance(value, float):
        return math.isnan(value)
    return str(value) in ("NaT", "<NA>")  # what pandas calls missing, without importing pandas


def _digest(labels: Array) -> str:
    return digest_bytes("\n".join(map(repr, labels.tolist())).encode())


def _numbers(labels: Array) -> Array:
    plain = labels.tolist()
    # Text that looks like a number is text: "01234" is a postcode.
    odd = [label for label in plain if not isinstance(label, (int, float))]
    if odd:
        raise LabelsError(f"labels must be numbers for this metric; one is {odd[0]!r}")
    numbers = np.asarray(plain, np.float64)
    if not np.isfinite(numbers).all():
        raise InconclusiveError("a label is infinite")
    return numbers


def _classes(subject: Subject, reading: Reading, labels: Array, answer: Array) -> tuple[Any, ...]:
    classes = classes_of(subject, reading.output)
    if reading.metric.reads == "probabilities":
        width = answer.shape[1]
        if classes and len(classes) != width:
            raise _odd(subject, f"{width} probabilities for {len(classes)} classes")
        return classes or tuple(range(width))
    if classes:
        return classes
    seen = {*labels.tolist(), *answer.tolist()}
    return tuple(sorted(seen, key=lambda value: (isinstance(value, str), value)))


def _positive(classes: Sequence[Any], wanted: Any) -> int:
    if wanted is not None:
        if wanted not in classes:
            raise InconclusiveError(
                f"the positive class {wanted!r} is none of the model's classes {list(classes)}"
            )
        return list(classes).index(wanted)
    return 1 if len(classes) == 2 else -1  # noqa: PLR2004 - binary


def _codes(
    values: Array, classes: tuple[Any, ...], *, strict: bool = True
) -> tuple[Array, list[Any]]:
    """Number the values by class; values that are no class get numbers of their own behind."""
    known = {value: code for code, value in enumerate(classes)}
    numbers = dict(known)
    plain = values.tolist()
    codes = np.asarray([numbers.setdefault(value, len(numbers)) for value in plain], np.int64)
    unknown = list(numbers)[len(known) :]
    if strict and len(unknown) == len(set(plain)):
        raise LabelsError(
            f"no label is one of the model's classes {list(classes)}: the labels are like"
            f" {unknown[0]!r} ({type(unknown[0]).__name__})"
        )
    return codes, unknown


def _most_probable(subject: Subject, probabilities: Array) -> Array:
    classes = classes_of(subject) or tuple(range(probabilities.shape[1]))
    chosen = np.empty(len(classes), object)
    chosen[:] = classes
    return np.asarray(chosen[probabilities.argmax(axis=1)])


def _probabilities(subject: Subject, answer: Array, rows: Table) -> Array:
    answer = _finite(subject, np.asarray(answer))
    if answer.ndim == 1 or answer.shape[1:] == (1,):
        answer = answer.reshape(rows.rows)
        answer = np.column_stack([1 - answer, answer])
    if answer.ndim != 2:  # noqa: PLR2004 - rows by classes
        raise InconclusiveError(f"probabilities of shape {answer.shape} are not rows by classes")
    sums = answer.sum(axis=1)
    if len(answer) and (answer.min() < -_LEAST_DIGITS or np.abs(sums - 1).max() > _LEAST_DIGITS):
        raise _odd(subject, "probabilities below 0, or that do not add up to 1")
    answer = np.clip(answer, 0, 1)
    return np.asarray(answer / answer.sum(axis=1, keepdims=True))


def _finite(subject: Subject, answer: Array) -> Array:
    if answer.dtype.kind not in "biuf":
        raise InconclusiveError(f"the output holds {answer.dtype}, not numbers")
    answer = answer.astype(np.float64)
    if not np.isfinite(answer).all():
        row = int(np.flatnonzero(~np.isfinite(answer.reshape(len(answer), -1)).all(axis=1))[0])
        raise _odd(subject, f"a number that is not finite, for row {row}")
    return answer


def _odd(subject: Subject, what: str) -> PredictError:
    return PredictError(f"{subject.name} answers {what}", model=subject.name)
