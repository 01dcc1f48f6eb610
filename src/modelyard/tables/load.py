"""Tables from files: Parquet, CSV, JSON and JSON lines."""

from __future__ import annotations

import csv
import io
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw

from modelyard.core import canonical
from modelyard.core.enforce import enforce, enforce_rows
from modelyard.errors import MissingExtraError, UsageError
from modelyard.tables.convert import convert
from modelyard.tables.split import read_columns

if TYPE_CHECKING:
    from modelyard.core.contract import Column, Contract
    from modelyard.core.table import Series, Table

SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")
Backend = Literal["pandas", "polars", "pyarrow"]
_BACKENDS: tuple[Backend, ...] = ("pandas", "polars", "pyarrow")
_LOSSLESS: tuple[Backend, ...] = ("pyarrow", "polars")
"""They keep whole numbers whole where others of their column are missing; pandas does not."""

_LONGEST_HEAD = 2**20
_INTEGER = re.compile(r"[+-]?[0-9]{1,400}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?", re.ASCII)
_NOTHING = ("nan", "NaN", "NA", "null")
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def load_table(path: str | Path) -> Any:
    """Read a file as a dataframe of whichever library is installed: pandas, polars or Arrow.

    Args:
        path: A ``.parquet``, ``.csv``, ``.json`` (records or columns) or ``.jsonl`` file.

    Raises:
        UsageError: if it is not there, is empty, or cannot be read as what its name says.
        MissingExtraError: if no library that reads it is installed.
    """
    path = _checked(Path(path))
    kind = path.suffix.lower()
    if kind == ".parquet":
        return _parquet(path, _BACKENDS)
    backend = _backend(_BACKENDS)
    try:
        if kind == ".csv":
            return nw.read_csv(str(path), backend=backend).to_native()
        data = _json(path)
        columns = data if isinstance(data, dict) else _columns(data)
        return nw.from_dict(columns, backend=backend).to_native()
    except UsageError:
        raise
    except Exception as e:  # each library has error classes of its own
        raise _unreadable(path, str(e)) from e


def load_rows(path: str | Path, contract: Contract) -> Table:
    """Read a file as rows that fit a contract; the cells of a CSV are read as the contract says.

    Text such as ``00123`` stays text where the contract has text, and a whole number stays one
    although others of its column are missing.  An empty cell is a missing value.

    Raises:
        UsageError: as ``load_table`` does.
        ContractError: names the column, the row, what came and what was expected.
    """
    path = _checked(Path(path))
    kind = path.suffix.lower()
    if kind == ".parquet":
        return convert(_parquet(path, _LOSSLESS), contract)
    if kind == ".csv":
        return enforce_rows(contract, _records(path, contract))
    data = _json(path)
    return enforce(contract, data) if isinstance(data, dict) else enforce_rows(contract, data)


def load_columns(path: str | Path, contract: Contract) -> dict[str, Series | list[Any]]:
    """Read a file column by column: those of a contract as it says, others as they look.

    Raises:
        UsageError: as ``load_table`` does.
    """
    path = _checked(Path(path))
    kind = path.suffix.lower()
    if kind == ".parquet":
        return read_columns(_parquet(path, _LOSSLESS))
    if kind != ".csv":
        data = _json(path)
        return read_columns(data if isinstance(data, dict) else _columns(data))
    columns = read_columns(load_table(path))
    records = _records(path, contract)
    known = [name for name in contract.names if name in columns]
    return columns | {name: [record[name] for record in records] for name in known}


def _checked(path: Path) -> Path:
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{path} is no table: its name ends in {path.suffix or 'nothing'}",
            hint="give one of: " + ", ".join(SUFFIXES),
        )
    if not path.is_file():
        raise UsageError(f"{path} is {'not a file' if path.exists() else 'not there'}")
    if path.stat().st_size == 0:
        raise UsageError(f"{path} is empty")
    if path.suffix.lower() == ".csv":
        _check_separator(path)
    return path


def _check_separator(path: Path) -> None:
    """Refuse a file whose first line is one cell by commas and several by something else."""
    with path.open("rb") as file:
        head = file.readline(_LONGEST_HEAD).decode("utf-8-sig", errors="replace").rstrip("\r\n")
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if "," not in head and len(next(csv.reader([head], delimiter=separator), ())) > 1:
            raise UsageError(
                f"{path} is separated by {word}, it seems, and not by commas",
                hint=f"save it with commas: pandas.read_csv({path.name!r}, sep={separator!r})"
                ".to_csv('new.csv', index=False)",
            )


def _parquet(path: Path, among: tuple[Backend, ...]) -> Any:
    if find_spec("pyarrow") is None:
        among = ("polars",)  # pandas reads Parquet through Arrow
    backend = _backend(among)
    try:
        return nw.read_parquet(str(path), backend=backend).to_native()
    except Exception as e:  # each library has error classes of its own
        raise _unreadable(path, str(e)) from e


def _backend(among: tuple[Backend, ...]) -> Backend:
    for name in among:
        if find_spec(name) is not None:
            return name
    raise MissingExtraError("none of pandas, polars and pyarrow", extra="build")


def _unreadable(path: Path, why: str) -> UsageError:
    first = why.strip().splitlines()[0][:200] if why.strip() else "its content makes no sense"
    return UsageError(f"{path} cannot be read as {path.suffix.lower()[1:]}: {first}")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise _unreadable(path, f"it is not UTF-8 text (byte {e.start})") from e


def _json(path: Path) -> Any:
    text = _text(path)
    try:
        if path.suffix.lower() == ".json":
            data = canonical.decode(text.encode())
        else:
            data = [_line(number, line) for number, line in enumerate(text.splitlines(), start=1)]
            data = [row for row in data if row is not None]
    except ValueError as e:
        raise _unreadable(path, str(e)) from e
    if isinstance(data, dict) or (
        isinstance(data, list) and data and all(isinstance(row, dict) for row in data)
    ):
        return data
    raise _unreadable(path, "it holds neither a list of records nor an object of columns")


def _line(number: int, line: str) -> Any:
    if not line.strip():
        return None
    try:
        return canonical.decode(line.encode())
    except ValueError as e:
        raise ValueError(f"line {number}: {e}") from e


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _records(path: Path, contract: Contract) -> list[dict[str, Any]]:
    known = {column.name: column for column in contract.inputs}
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        names = next(reader)
        columns = [known.get(name) for name in names]
        if len(set(names)) < len(names):
            raise _unreadable(path, "a column name stands twice in its first line")
        records = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(names):
                why = f"line {reader.line_num} has {len(cells)} cells, the first {len(names)}"
                raise _unreadable(path, why)
            read = map(_cell, columns, cells)
            records.append(dict(zip(names, read, strict=True)))
    except (csv.Error, StopIteration) as e:
        raise _unreadable(path, str(e)) from e
    return records


def _cell(column: Column | None, text: str) -> Any:
    """The value that a cell means; where it means none, its text, which is refused later."""
    bare = text.strip()
    if column is None or column.shape:
        return text
    if column.dtype == "string":
        return text or (None if column.nullable else text)
    if not bare or (column.is_float and bare in _NOTHING):
        return None
    if column.dtype == "bool":
        return _TRUTH.get(bare, text)
    if column.is_integer and _INTEGER.fullmatch(bare):
        return int(bare)
    return float(bare) if column.is_float and _NUMBER.fullmatch(bare) else text
