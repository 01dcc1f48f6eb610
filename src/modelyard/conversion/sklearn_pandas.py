"""The pandas frame that a model was trained on, put together from tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelyard.conversion.sklearn_rows import Shape, with_missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.table import Array


def frame(shape: Shape, tensors: Mapping[str, Array]) -> Any:
    """A frame with the columns and dtypes that are described."""
    made = {
        name: _column(shape, name, dtype, tensors[name])
        for name, dtype in zip(shape.names, shape.dtypes, strict=True)
    }
    return pd.DataFrame(made)


def _column(shape: Shape, name: str, dtype: str, values: Array) -> Any:
    values = with_missing(shape, values)
    if name in shape.categories:
        return pd.Series(pd.Categorical(values, categories=list(shape.categories[name])))
    if dtype.startswith(("datetime64", "timestamp")):
        return _times(dtype, values)
    if dtype == "object":
        return pd.Series(values, dtype=object)
    if values.dtype.kind == "f" and dtype in ("boolean", "bool"):
        flags = pd.array(values == 1, dtype="boolean")
        flags[np.isnan(values)] = pd.NA
        return pd.Series(flags) if dtype == "boolean" else pd.Series(flags.astype(object))
    if values.dtype.kind == "f" and dtype.startswith(("int", "uint")) and np.isnan(values).any():
        return pd.Series(values)
    return pd.Series(values).astype(dtype)


def _times(dtype: str, values: Array) -> Any:
    if values.dtype.kind == "f":
        known = np.where(np.isnan(values), 0, values).astype(np.int64).view("datetime64[us]")
        times = np.where(np.isnan(values), np.datetime64("NaT", "us"), known)
    else:
        times = values.astype(np.int64).view("datetime64[us]")
    column = pd.Series(times)
    return (column.dt.tz_localize("UTC") if "," in dtype else column).astype(dtype)
