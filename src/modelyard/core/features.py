"""How the tensors that a model is fed become the one matrix of features that trees read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from modelyard.core import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.table import Array

Float = Literal["float32", "float64"]
Codes = tuple[str | int, ...]


class Feature(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One feature.

    Args:
        feed: The tensor that holds it.
        position: Its column in that tensor.
        codes: The known categories; value i becomes the number i, any other becomes NaN.  None
            where the feature is a number already.
    """

    feed: str
    position: int = 0
    codes: Codes | None = None


class Features(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """All features of a model, in the order in which it was trained.

    Args:
        dtype: What the model computes with.
        columns: The features.
        missing: A number that stands for a missing one, besides NaN; None where there is none.

    Example:
        >>> features = Features(
        ...     dtype="float32",
        ...     columns=(Feature(feed="brand", codes=("ax", "by")), Feature(feed="numbers")),
        ... )
        >>> brand = np.array([["by"], ["cz"]], object)
        >>> features.matrix({"brand": brand, "numbers": np.float32([[7], [8]])}).tolist()
        [[1.0, 7.0], [nan, 8.0]]
    """

    dtype: Float
    columns: tuple[Feature, ...]
    missing: float | None = None

    @property
    def numbers(self) -> list[Feature]:
        """The features that come as numbers, in order."""
        return [feature for feature in self.columns if feature.codes is None]

    @property
    def coded(self) -> list[Feature]:
        """The features that come as categories, in order."""
        return [feature for feature in self.columns if feature.codes is not None]

    def matrix(self, feeds: Mapping[str, Array]) -> Array:
        """Put the features of some rows together; shape (rows, features)."""
        if not self.coded and self.missing is None:
            return feeds[self.columns[0].feed]
        matrix = np.empty((len(next(iter(feeds.values()))), len(self.columns)), self.dtype)
        for at, feature in enumerate(self.columns):
            values = feeds[feature.feed][:, feature.position]
            matrix[:, at] = values if feature.codes is None else _encode(values, feature.codes)
        if self.missing is not None:
            matrix[matrix == np.dtype(self.dtype).type(self.missing)] = np.nan
        return matrix


def encode(features: Features) -> bytes:
    """Write features as JSON: the same bytes for the same features."""
    return canonical.encode(features)


def decode(content: bytes) -> Features:
    """Read what ``encode`` wrote.

    Raises:
        ValueError: if it is not that.
    """
    return msgspec.convert(canonical.decode(content), Features)


def _encode(values: Array, codes: Codes) -> Array:
    known = {value: float(code) for code, value in enumerate(codes)}
    return np.array([known.get(value, np.nan) for value in values.tolist()], np.float64)
