"""Tables from files."""

# ruff: noqa: PD011 - the values are those of our own Series, not of pandas

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.enforce import enforce
from modelyard.errors import ContractError, UsageError
from modelyard.tables import (
    content_digest,
    convert,
    load_columns,
    load_rows,
    load_table,
    read_frame,
)
from modelyard.tables.split import as_array

ROWS = [
    {"n": 2**60 + 1, "f": 1.5, "s": "00123", "b": True, "t": "2024-01-01T00:00:00Z", "m": None},
    {"n": -1, "f": 2.5, "s": 'b,\n"c"', "b": False, "t": "2024-01-02", "m": 7},
]
CONTRACT = Contract(
    inputs=(
        Column(name="n", dtype="int64"),
        Column(name="f", dtype="float64", nullable=True),
        Column(name="s", dtype="string", nullable=True),
        Column(name="b", dtype="bool"),
        Column(name="t", dtype="timestamp"),
        Column(name="m", dtype="int32", nullable=True),
    ),
    outputs=(Output(name="label", dtype="int64"),),
)


def write(path, rows=ROWS):
    frame = pl.DataFrame(rows)
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    elif path.stem == "columns":
        path.write_text(json.dumps({name: [row[name] for row in rows] for name in rows[0]}))
    else:
        path.write_text(json.dumps(rows))
    return path


FILES = ["rows.parquet", "rows.csv", "rows.CSV", "rows.json", "columns.json", "rows.jsonl"]


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_rows_that_the_contract_means(tmp_path, name):
    path = tmp_path / name
    write(path.with_suffix(path.suffix.lower()))
    path.with_suffix(path.suffix.lower()).rename(path)
    table = load_rows(path, CONTRACT)
    assert content_digest(table) == content_digest(convert(ROWS, CONTRACT))


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_a_dataframe(tmp_path, name):
    path = tmp_path / name.lower()
    frame = load_table(write(path))
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == list(ROWS[0])
    assert read_frame(frame[["n", "f", "b"]]).table["n"].values.tolist() == [2**60 + 1, -1]


def test_an_empty_cell_is_a_missing_value(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("n,f,s,b,t,m\n1,,,true,2024-01-01,\n2,NaN,x,FALSE,2024-01-01,3\n")
    table = load_rows(path, CONTRACT)
    assert np.isnan(table["f"].values).tolist() == [True, True]
    assert table["s"].missing.tolist() == [True, False]
    assert table["m"].missing.tolist() == [True, False]
    assert table["b"].values.tolist() == [True, False]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ("1.5,1,a,true,2024-01-01,1", "n"),
        ("99999999999999999999,1,a,true,2024-01-01,1", "n"),
        (",1,a,true,2024-01-01,1", "n"),
        ("1,1e999,a,true,2024-01-01,1", "f"),
        ("1,1_0,a,true,2024-01-01,1", "f"),
        ("1,inf,a,true,2024-01-01,1", "f"),
        ("1,1,a,1,2024-01-01,1", "b"),
        ("1,1,a,true,1700000000,1", "t"),
        ("1,1,a,true,,1", "t"),
        ("1,1,a,true,2024-01-01,3000000000", "m"),
        ("1,1,\ue000missing,true,2024-01-01,1", "s"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(tmp_path, cells, column):
    path = tmp_path / "rows.csv"
    path.write_text(f"n,f,s,b,t,m\n1,1,a,true,2024-01-01,1\n{cells}\n")
    with pytest.raises(ContractError) as caught:
        load_rows(path, CONTRACT)
    assert (caught.value.column, caught.value.row) == (column, 1)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b"n\n\xff\xfe\n", "cannot be read as csv"),
        ("rows.parquet", b"PAR1 nothing", "cannot be read as parquet"),
        ("rows.json", b"{", "cannot be read as json: not JSON"),
        ("rows.json", b'[{"n": 1, "n": 2}]', "stands twice"),
        ("rows.json", b"[1, 2]", "neither a list of records"),
        ("rows.json", b"[]", "neither a list of records"),
        ("rows.json", b"5", "neither a list of records"),
        ("rows.json", b'[{"n": NaN}]', "NaN is not JSON"),
        ("rows.json", b"[" * 100_000, "nested too deep"),
        ("rows.json", b'["\xff"]', "UTF-8"),
        ("rows.jsonl", b'{"n": 1}\n{"n": \n', "line 2"),
        ("rows.xlsx", b"PK", "its name ends in .xlsx"),
        ("rows", b"n\n1\n", "its name ends in nothing"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    for read in (load_table, lambda path: load_rows(path, CONTRACT)):
        with pytest.raises(UsageError, match=words):
            read(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("n,f\n1,2\n1\n", "line 3 has 1 cells, the first 2"),
        ("n,n\n1,2\n", "stands twice"),
        ('n\n"1\n', "unexpected end of data"),
    ],
)
def test_a_malformed_csv_is_refused(tmp_path, content, words):
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match=words):
        load_rows(path, CONTRACT)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="is not there"):
        load_table(tmp_path / "rows.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match="is not a file"):
        load_table(tmp_path / "folder.csv")


def test_a_csv_without_rows_is_refused_by_the_contract(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("n,f,s,b,t,m\n")
    with pytest.raises(ContractError, match="no rows"):
        load_rows(path, CONTRACT)


PROGRAM = """
import sys
import numpy as np
from modelyard.core.table import Series, Table
from modelyard.tables import content_digest, read_frame
frame = read_frame({"s": ["b", "a", None, "b", "a", "a", "b"], "n": np.arange(7)})
assert not {"pandas", "polars", "pyarrow"} & set(sys.modules)
print(content_digest(frame.table), frame.columns[0].categories)
"""


def test_the_digest_is_the_same_in_every_process_and_no_dataframe_library_is_imported(tmp_path):
    told = set()
    for seed, zone in (("0", "UTC"), ("1", "Asia/Tokyo")):
        folder = tmp_path / seed
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        told.add(done.stdout)
    assert len(told) == 1
    assert "('a', 'b')" in told.pop()


@pytest.mark.parametrize("name", FILES)
def test_columns_are_read_as_the_contract_says_and_others_as_they_look(tmp_path, name):
    path = tmp_path / name.lower()
    write(path, [{**row, "label": number} for number, row in enumerate(ROWS)])
    columns = load_columns(path, CONTRACT)
    assert list(as_array(columns.pop("label"))) == [0, 1]
    table = enforce(CONTRACT, columns)
    assert table["n"].values.tolist() == [2**60 + 1, -1]
    assert table["s"].values.tolist() == ["00123", 'b,\n"c"']
    assert table["m"].missing.tolist() == [True, False]
    assert table["m"].values[1] == 7


@pytest.mark.parametrize(
    ("text", "word"),
    [("n;s\n1;a\n", "semicolons"), ("n\ts\n1\ta\n", "tabs"), ('"n";"s"\n1;"a"\n', "semicolons")],
)
def test_a_csv_that_is_not_separated_by_commas_says_by_what(tmp_path, text, word):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    for read in (load_table, lambda path: load_rows(path, CONTRACT)):
        with pytest.raises(UsageError, match=f"separated by {word}") as caught:
            read(path)
        assert "sep=" in caught.value.hint
    path.write_text('"a;b"\n1\n')
    assert list(load_columns(path, CONTRACT)) == ["a;b"]
