"""A sample as it was given, read as a Table, with the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.core.contract import Column
    from modelyard.core.table import Table


class Frame(NamedTuple):
    """Rows of a known kind.

    Args:
        columns: The inferred input columns.
        table: The rows.
        kind: ``pandas``, ``polars``, ``pyarrow`` or ``numpy``.
        way: What ``restore`` does.
    """

    columns: tuple[Column, ...]
    table: Table
    kind: str
    way: Callable[[Table], Any]

    def restore(self, table: Table) -> Any:
        """Give rows back in the kind and with the dtypes of the sample, as the model expects.

        A value of no known category is missing in a column of fixed categories, for so the
        library itself would show it to the model.
        """
        return self.way(table)
