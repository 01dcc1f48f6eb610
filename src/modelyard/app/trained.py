"""What a project's training function gives back."""

from __future__ import annotations

from typing import Any, NamedTuple

from modelyard.core.manifest import Lineage


class Trained(NamedTuple):
    """A fitted model with what it takes to build its bundle.

    Args:
        model: The fitted model.
        sample: Rows of its inputs, held out from training where metrics are to mean anything:
            pandas, polars, Arrow or numpy.
        labels: The true answers of the sample's rows, or None.
        lineage: Where the model comes from: data, code, parameters, parent.
    """

    model: Any
    sample: Any
    labels: Any = None
    lineage: Lineage = Lineage()
