"""Every protocol asks the same question: the answers agree, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.errors import ModelyardError
from modelyard.serve import native, v2
from modelyard.serve.source import PathSource
from modelyard.serve.version import load_version

KINDS = {
    "id": "INT64",
    "age": "INT16",
    "income": "FP64",
    "debt": "FP64",
    "member": "BOOL",
    "city": "BYTES",
    "seen": "BYTES",
}
DECIMALS = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(-(2**63), 2**63 - 1),
            "age": st.integers(0, 130),
            "income": DECIMALS | st.integers(-(2**53), 2**53),
            "debt": st.none() | DECIMALS,
            "member": st.booleans(),
            "city": st.sampled_from(["Bern", "Oslo", "Zürich"]),
            "seen": st.datetimes().map(lambda time: time.isoformat()),
        }
    ),
    min_size=1,
    max_size=300,
)


@pytest.fixture(scope="module")
def versions(yard):
    source = PathSource(Path("/"))
    return {
        name: load_version(name, name, source.find(getattr(yard, name)))
        for name in ("rich", "grid")
    }


def told(version, asked):
    try:
        answers = version.answer(asked.question)
    except ModelyardError as e:
        return type(e)
    return native.write(version, answers)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_rows_columns_and_tensors_agree(rows, versions):
    version = versions["rich"]
    columns = {name: [row[name] for row in rows] for name in KINDS}
    tensors = [
        {"name": name, "datatype": kind, "shape": [len(rows), 1], "data": columns[name]}
        for name, kind in KINDS.items()
    ]
    by_rows = told(version, native.read(json.dumps({"rows": rows}).encode()))
    by_columns = told(version, native.read(json.dumps({"columns": columns}).encode()))
    by_tensors = told(version, v2.read(json.dumps({"inputs": tensors}).encode(), version.contract))
    assert by_rows == by_columns == by_tensors
    answers = json.loads(by_rows)["outputs"]
    assert answers["number"] == columns["id"]
    assert answers["town"] == columns["city"]
    assert answers["owes"] == columns["debt"]
    alone = [told(version, native.read(json.dumps([row]).encode())) for row in rows[:5]]
    assert [json.loads(one)["outputs"]["score"][0] for one in alone] == answers["score"][:5]


VALUES = st.floats(width=32) | st.integers(-(2**25), 2**25) | st.booleans() | st.none() | st.text()


@settings(max_examples=100, deadline=None)
@given(cells=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=4))
def test_good_or_bad_a_matrix_is_judged_as_its_rows_are(cells, versions):
    version = versions["grid"]
    rows = [dict(zip("abc", values, strict=True)) for values in cells]
    tensor = {"name": "x", "datatype": "FP64", "shape": [len(cells), 3], "data": cells}

    def answer(read, body, *more):
        try:
            return told(version, read(json.dumps(body).encode(), *more))
        except ModelyardError as e:
            return type(e)

    assert answer(native.read, rows) == answer(v2.read, {"inputs": [tensor]}, version.contract)
