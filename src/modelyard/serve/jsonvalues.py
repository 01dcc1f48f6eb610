"""Arrays as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from modelyard.core.table import Array


def to_json(values: Array) -> list[Any]:
    """Give an array as nested lists of what JSON can say, exactly.

    Example:
        >>> to_json(np.array(["2026-01-02T03:04:05"], "datetime64[us]"))
        ['2026-01-02T03:04:05.000000Z']
    """
    if values.dtype.kind == "M":
        values = np.char.add(np.datetime_as_string(values, unit="us"), "Z")
    plain: list[Any] = values.tolist()
    return plain
