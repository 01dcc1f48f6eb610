"""Reading a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.errors import UsageError
from modelyard.tables.arrays import read_array, read_mapping
from modelyard.tables.dataframes import open_dataframe, read_dataframe

if TYPE_CHECKING:
    from modelyard.tables.frame import Frame


def read_frame(sample: Any) -> Frame:
    """Read a sample of a model's inputs, and infer its columns.

    Args:
        sample: A pandas or polars DataFrame, a pyarrow Table or RecordBatch, a numpy array, or a
            dict of arrays.  A numpy matrix becomes the columns ``x0`` to ``x{n-1}``, a structured
            array its fields, an array of more axes one tensor ``x``.

    Raises:
        UsageError: if it is no table, or holds what no contract can; it says what to do.

    Example:
        >>> frame = read_frame(np.array([[1.5, 2.0], [np.nan, 4.0]]))
        >>> [(column.name, column.dtype, column.nullable) for column in frame.columns]
        [('x0', 'float64', True), ('x1', 'float64', False)]
        >>> frame.restore(frame.table)
        array([[1.5, 2. ],
               [nan, 4. ]])
    """
    if isinstance(sample, np.ndarray):
        return read_array(sample)
    if isinstance(sample, Mapping):
        return read_mapping(sample)
    opened = open_dataframe(sample)
    if opened is not None:
        return read_dataframe(opened)
    kind = f"{type(sample).__module__}.{type(sample).__qualname__}"
    if kind.startswith("scipy.sparse"):
        hint = "use sample.toarray(): a bundle's input is dense"
    elif isinstance(sample, (list, tuple)):
        hint = "use pandas.DataFrame(sample), or numpy.array(sample)"
    else:
        hint = "give a pandas or polars DataFrame, an Arrow table, a numpy array or a dict of them"
    raise UsageError(f"a sample cannot be read from {kind}", hint=hint)
