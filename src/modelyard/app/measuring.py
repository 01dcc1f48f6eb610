"""The metrics that a bundle records of itself: the usual ones of its task, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.manifest import Metric
from modelyard.errors import InconclusiveError, PredictError, UsageError
from modelyard.gates.base import Evidence, Labelled, LabelsError, counted
from modelyard.gates.making import make_gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.core.table import Table
    from modelyard.gates.base import Subject

_USUAL = {
    "classification": ("accuracy", "roc_auc", "log_loss"),
    "regression": ("mae", "rmse", "wape"),
    "other": (),
}
_NO_BOUND = {"minimum": float("-inf"), "resamples": 500}


def measure(
    subject: Subject, rows: Table, labels: Any, digest: str, tell: Callable[[str], None]
) -> tuple[Metric, ...]:
    """Measure the usual metrics of a model's task on its sample.

    Args:
        subject: The bundle.
        rows: The sample.
        labels: Its true answers, shape (rows,), or None: then there are no metrics.
        digest: The digest of the sample.
        tell: Called with a sentence for each metric that cannot be measured, and for labels that
            are missing.

    Returns:
        One metric each, as far as the labels define it (ROC AUC needs two classes).

    Raises:
        UsageError: if there are not as many labels as rows, or they are of another kind than the
            model's answers.
    """
    if labels is None:
        return ()
    truth = np.asarray(labels)
    if truth.shape != (rows.rows,):
        raise UsageError(
            f"labels of shape {truth.shape} do not belong to {rows.rows} rows",
            hint="give one label a row",
        )
    evidence = Evidence(subject, Labelled(rows, truth, {}, digest=digest))
    measured = []
    unlabelled = 0
    for name in _USUAL[subject.manifest.contract.task]:
        gate = make_gate("metric", {"metric": name, **_NO_BOUND})
        try:
            figures = gate.examine(evidence).evidence
        except LabelsError as e:
            raise UsageError(e.message, hint="give the labels as the model was trained on") from e
        except (InconclusiveError, PredictError) as e:
            tell(f"{name} is not measured: {e.message}")
            continue
        unlabelled = figures["unlabelled"]
        kept = {key: figures[key] for key in ("value", "low", "high", "rows")}
        measured.append(Metric(name=name, data="sample", **kept))
    if unlabelled:
        tell(f"{counted(unlabelled, 'label')} of {rows.rows} missing: measured without their rows")
    return tuple(measured)
