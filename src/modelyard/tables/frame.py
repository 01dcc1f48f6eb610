"""A sample as it was given, read as a Table, with the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from modelyard.core.contract import Column
    from modelyard.core.table import Table


class Frame(Protocol):
    """Rows of a known kind.

    Args:
        columns: The inferred input columns.
        table: The rows.
        kind: ``pandas``, ``polars``, ``pyarrow`` or ``numpy``.
    """

    columns: tuple[Column, ...]
    table: Table
    kind: str

    def restore(self, table: Table) -> Any:
        """Give rows back in the kind and with the dtypes of the sample, as the model expects."""
        ...
