"""Parity: whether an artifact answers what the original model answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.manifest import Tolerance
    from modelyard.core.table import Array


class Difference(NamedTuple):
    """How far the answers lie apart at worst.

    Args:
        largest: The largest absolute difference of a number; infinite where answers cannot be
            compared as numbers and differ: strings, whole numbers, shapes, NaN against a number.
        output: The output where it lies, or "" where nothing differs.
        row: The row where it lies, or None where an output differs as a whole.
        within: Whether every answer is within the tolerance.
        what: The difference in words, or "".
    """

    largest: float = 0.0
    output: str = ""
    row: int | None = None
    within: bool = True
    what: str = ""

    def __str__(self) -> str:
        return self.what or "no difference"


def compare(
    want: Mapping[str, Array], got: Mapping[str, Array], tolerance: Tolerance
) -> Difference:
    """Compare two sets of outputs.

    Floats may lie ``absolute + relative * |want|`` apart, NaN and infinities equal themselves;
    everything else, and every shape, must be the same.

    Args:
        want: What the original answered: output name -> array, first axis the rows.
        got: What the artifact answers.
        tolerance: How far floats may lie apart.

    Returns:
        The worst difference: one out of tolerance if there is any, else the largest.

    Example:
        >>> from modelyard.core.manifest import Tolerance
        >>> compare({"y": np.array([1.0, 2.0])}, {"y": np.array([1.0, 2.5])}, Tolerance()).row
        1
    """
    if set(want) != set(got):
        odd = min(set(want) ^ set(got))
        what = f"output {odd!r} is answered by {'the original' if odd in want else 'the artifact'}"
        return Difference(float("inf"), odd, None, within=False, what=what + " only")
    worst = Difference()
    for name, expected in want.items():
        found = _compare_one(name, np.asarray(expected), np.asarray(got[name]), tolerance)
        if (not found.within, found.largest) > (not worst.within, worst.largest):
            worst = found
    return worst


def _compare_one(name: str, want: Array, got: Array, tolerance: Tolerance) -> Difference:
    if want.shape != got.shape:
        what = f"output {name!r} has the shape {got.shape}, the original {want.shape}"
        return Difference(float("inf"), name, None, within=False, what=what)
    if want.dtype.kind != "f" or got.dtype.kind != "f":
        return _exact(name, want, got)
    # In float64, or the difference itself would be rounded to the narrower of the two.
    wide_want, wide_got = want.astype(np.float64), got.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(wide_got - wide_want)
        allowed = tolerance.absolute + tolerance.relative * np.abs(wide_want)
    same = (wide_got == wide_want) | (np.isnan(wide_got) & np.isnan(wide_want))
    # NaN or an infinity on one side only: no number says how far, and none allows it.
    apart = np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))
    outside = ~same & ~((apart <= allowed) & np.isfinite(wide_want))
    if not apart.size or not apart.any():
        return Difference()
    where = np.unravel_index(np.argmax(np.where(outside, apart, -1.0)), apart.shape)
    if not outside.any():
        where = np.unravel_index(np.argmax(apart), apart.shape)
    return _told(name, where, want, got, Difference(float(apart[where]), within=not outside.any()))


def _exact(name: str, want: Array, got: Array) -> Difference:
    kinds = {want.dtype.kind, got.dtype.kind}
    if len(kinds - {"U", "O"}) > 1 or (kinds & {"U", "O"} and kinds - {"U", "O"}):
        what = f"output {name!r} is {got.dtype}, the original {want.dtype}"
        return Difference(float("inf"), name, None, within=False, what=what)
    differs = np.asarray(want != got, np.bool_)
    if not differs.any():
        return Difference()
    where = np.unravel_index(np.argmax(differs), differs.shape)
    return _told(name, where, want, got, Difference(float("inf"), within=False))


def _told(
    name: str, where: tuple[np.intp, ...], want: Array, got: Array, found: Difference
) -> Difference:
    row = int(where[0]) if where else None
    what = f"output {name!r}, row {row}: {got[where]!s} for {want[where]!s}"
    if np.isfinite(found.largest):
        what += f", {found.largest:.3g} apart"
    return found._replace(output=name, row=row, what=what)
