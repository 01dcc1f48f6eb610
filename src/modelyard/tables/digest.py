"""The digest of a table's content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from modelyard.core import canonical
from modelyard.core.digest import PREFIX

if TYPE_CHECKING:
    from modelyard.core.table import Array, Series, Table


def content_digest(table: Table) -> str:
    """Name the content of a table: names, dtypes, shapes, order, every value, what is missing.

    What memory holds where a value is missing does not count, nor how a NaN is written.

    Example:
        >>> from modelyard.core.table import Series, Table
        >>> content_digest(Table({"a": Series(np.array([1, 2]))}))[:14]
        'sha256:b04bd3d'
    """
    whole = hashlib.sha256()
    for name, series in table.columns.items():
        missing = _missing(series)
        head = {
            "name": name,
            "dtype": "string" if series.values.dtype.kind in "OUT" else series.values.dtype.name,
            "shape": list(series.values.shape),
            "missing": bool(missing.any()),
        }
        for part in (canonical.encode(head), *_parts(series.values, missing)):
            whole.update(len(part).to_bytes(8, "little"))
            whole.update(part)
    return PREFIX + whole.hexdigest()


def _missing(series: Series) -> Array:
    gone = np.zeros(len(series.values), np.bool_) if series.missing is None else series.missing
    if series.values.ndim == 1 and series.values.dtype.kind in "fM":
        return np.asarray(gone | (series.values != series.values))  # NaN and NaT differ from all
    return gone


def _parts(values: Array, missing: Array) -> tuple[bytes, ...]:
    gone = np.packbits(missing).tobytes()
    if values.dtype.kind in "OUT":
        flat = values.reshape(len(values), -1)
        texts = [
            "" if lost else text
            for row, lost in zip(flat.tolist(), missing.tolist(), strict=True)
            for text in row
        ]
        lengths = np.fromiter(map(len, texts), np.dtype("<i8"), len(texts))  # in characters
        return gone, lengths.tobytes(), "".join(texts).encode()
    values = np.array(values, values.dtype.newbyteorder("<"))
    if values.dtype.kind == "f":
        values[np.isnan(values)] = 0 if values.ndim == 1 else np.nan
    values[missing] = np.zeros((), values.dtype)
    return gone, values.tobytes()
