"""How the command speaks: tables for people, JSON for programs, errors on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modelyard.core.manifest import Metric

_MARKS = {"pass": "[green]pass[/]", "fail": "[red]fail[/]", "inconclusive": "[yellow]unclear[/]"}

_WIDE = 10_000


class Output:
    """Where a verb writes its answer.

    Args:
        json: Whether the answer is one JSON document on stdout, with nothing beside it.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        # Where no terminal sets the width, a table is as wide as it needs to be: nothing is cut.
        width = None if sys.stdout.isatty() else _WIDE
        self._console = Console(highlight=False, soft_wrap=True, width=width)
        self._errors = Console(highlight=False, soft_wrap=True, stderr=True)

    def progress(self, step: str) -> None:
        """Tell a person which step of long work has begun."""
        if not self.json:
            self._errors.print(f"[dim]... {escape(step)}[/]")

    def say(self, text: str) -> None:
        """Write one sentence for a person; programs do not get it."""
        if not self.json:
            self._console.print(text)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write a table for a person; programs do not get it."""
        if self.json:
            return
        table = Table(*head, box=None, pad_edge=False, header_style="bold")
        for column in table.columns:
            column.overflow = "fold"
        for row in rows:
            table.add_row(*(_MARKS.get(str(cell), escape(str(cell))) for cell in row))
        with self._console.capture() as drawn:
            self._console.print(table)
        for line in drawn.get().splitlines():
            self._console.file.write(line.rstrip() + "\n")

    def metrics(self, metrics: Iterable[Metric]) -> None:
        """Write a table of metrics with their intervals."""
        self.table(
            ("metric", "value", "interval", "rows"),
            [(m.name, f"{m.value:.4g}", _interval(m.low, m.high), m.rows) for m in metrics],
        )

    def result(self, value: Any) -> None:
        """Write the answer for a program; people have had theirs."""
        if self.json:
            sys.stdout.write(msgspec.json.encode(value, order="sorted").decode() + "\n")


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
