"""Golden rows: the rows by which every artifact of a bundle is proved."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.table import Array, Table


class Golden(NamedTuple):
    """Golden rows and the outputs that the original model gave for them.

    Args:
        rows: The rows.
        outputs: output name -> array, first axis the rows.
        kinds: For each row why it is there: ``real``, ``boundary``, ``missing`` or ``category``.
    """

    rows: Table
    outputs: Mapping[str, Array]
    kinds: tuple[str, ...]
