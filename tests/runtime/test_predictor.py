from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from modelyard.bundle.opened import open_bundle
from modelyard.bundle.packing import pack
from modelyard.core.contract import Output
from modelyard.core.enforce import enforce
from modelyard.core.parity import compare
from modelyard.errors import (
    BundleError,
    ContractError,
    IntegrityError,
    PredictError,
    UnknownPluginError,
)
from modelyard.runtime import load
from modelyard.runtime.replay import replay

RECORD = {"amount": 1.5, "count": 2, "colour": "red", "when": "2024-01-01T00:00:00Z"}


@pytest.fixture
def predictor(directory):
    return load(open_bundle(directory))


def test_three_kinds_of_data_one_answer(predictor):
    records = [RECORD, {**RECORD, "amount": None, "colour": None}]
    columns = {name: [record[name] for record in records] for name in RECORD}
    table = enforce(predictor.contract, columns)
    for data in (records, tuple(records), columns, table):
        got = predictor.predict(data)
        assert got["prediction"].tolist() == [3.5, 2.0]
        assert got["prediction"].dtype == np.float32
        assert got["label"].tolist() == ["big", "none"]
        assert got["label"].dtype == object
        assert set(got) == {"label", "prediction"}


def test_the_contract_is_enforced_on_every_kind(predictor):
    for data in (
        [{**RECORD, "count": 1.5}],
        {name: [value] for name, value in RECORD.items()} | {"count": ["1"]},
    ):
        with pytest.raises(ContractError) as e:
            predictor.predict(data)
        assert e.value.column == "count"
    table = enforce(predictor.contract, {name: [value] for name, value in RECORD.items()})
    table.columns["colour"] = table["colour"]._replace(values=np.array(["green"], object))
    with pytest.raises(ContractError):
        predictor.predict(table)


def test_no_rows(predictor):
    for data in ([], {name: [] for name in RECORD}):
        with pytest.raises(ContractError, match="no rows"):
            predictor.predict(data)
    table = enforce(predictor.contract, {name: [value] for name, value in RECORD.items()})
    got = predictor.run(table.take(np.array([], np.int64)))
    assert got["prediction"].shape == (0,)
    assert got["prediction"].dtype == np.float32
    assert got["label"].dtype == object


def test_times_come_back_as_times(making, tmp_path):
    made = making.parts()
    outputs = (*made.export.contract.outputs, Output(name="unused", dtype="timestamp"))
    when = made.golden.rows["when"].values
    contract = type(made.export.contract)(inputs=made.export.contract.inputs, outputs=outputs)
    export = made.export._replace(contract=contract)
    golden = made.golden._replace(outputs={**made.golden.outputs, "unused": when})
    bundle = pack(made._replace(export=export, golden=golden), tmp_path / "b")
    got = load(bundle).run(golden.rows)["unused"]
    assert got.dtype == "M8[us]"
    np.testing.assert_array_equal(got, when)
    np.testing.assert_array_equal(bundle.golden().outputs["unused"], when)
    assert compare({"unused": when}, {"unused": got}, bundle.manifest.tolerance).within


def test_who_it_is(predictor, digest):
    assert predictor.digest == digest
    assert predictor.manifest.name == "small"
    assert "small" in repr(predictor)


def divides():
    """A model that fails on some rows: it reshapes by what it is fed."""
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["prediction"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2]),
            helper.make_tensor_value_info("shape", TensorProto.INT64, [None]),
        ],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, None)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return made.SerializeToString()


@pytest.fixture
def moody(making, tmp_path):
    """Takes the shape of its answer from its inputs, so it fails or answers a wrong shape."""
    contract = making.CONTRACT
    amount, count = contract.inputs[0], contract.inputs[1]
    inputs = (amount, type(count)(name="n", dtype="int64"))
    outputs = (Output(name="prediction", dtype="float32"),)
    contract = type(contract)(inputs=inputs, outputs=outputs)
    feed = type(making.FEEDS[0])
    feeds = (
        feed(name="x", columns=("amount", "n"), dtype="float32"),
        feed(name="shape", columns=("n",), dtype="int64", squeeze=True),
    )
    made = making.parts()
    rows = enforce(contract, {"amount": [1.0], "n": [2]})
    golden = made.golden._replace(
        rows=rows, outputs={"prediction": np.ones(1, np.float32)}, kinds=("real",)
    )
    export = made.export._replace(
        contract=contract, feeds=feeds, files={"model/model.onnx": divides()}
    )
    return load(pack(made._replace(export=export, golden=golden), tmp_path / "moody"))


@pytest.mark.parametrize("n", [[-1], [3], [-7], [2, 2], [2**40], [-1, 2]])
def test_failure_has_a_name_and_no_library_words(moody, n):
    with pytest.raises(PredictError) as e:
        moody.predict({"amount": [1.0] * len(n), "n": n})
    assert e.value.model == "small"
    text = str(e.value)
    for word in ("ORT", "onnx", "Reshape", "/", "Traceback"):
        assert word not in text.replace("onnxruntime", "")
    assert len(text) < 300


def test_damaged_model_does_not_load(directory):
    bundle = open_bundle(directory)
    path = directory / "model" / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        load(bundle)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x09"])
def test_a_file_that_is_no_model_does_not_load(making, tmp_path, content):
    bundle = pack(making.with_model(content), tmp_path / "b")
    with pytest.raises(BundleError) as e:
        load(bundle)
    assert e.value.file == "model/model.onnx"


@pytest.mark.parametrize("runtime", ["nothing", "base", "checks", "../x", "os", "__init__"])
def test_engines_are_members_only(making, tmp_path, runtime):
    bundle = making.write(tmp_path / "b", runtime=runtime)
    with pytest.raises(UnknownPluginError):
        load(bundle)


# --- replay ---------------------------------------------------------------------------------


def test_replay_answers_as_this_process(directory, monkeypatch):
    bundle = open_bundle(directory)
    want = load(bundle).run(bundle.golden().rows)
    for where in (directory, str(directory), bundle):
        got = replay(where)
        assert compare(want, got, bundle.manifest.tolerance).within


def test_replay_of_a_bundle_that_lies_nowhere(directory, digest):
    files = {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }

    class Memory:
        def read(self, path, limit):
            return files[path]

    got = replay(open_bundle(Memory(), digest))
    assert got["label"].tolist() == ["big", "small", "none", "big"]


def test_replay_imports_nothing_from_where_it_is_called(directory, monkeypatch, tmp_path):
    for name in ("numpy.py", "json.py", "modelyard.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    assert len(replay(directory)["label"]) == 4


def test_replay_tells_what_is_wrong(directory):
    bundle = open_bundle(directory)
    (directory / "model" / "model.onnx").write_bytes(b"x")
    with pytest.raises(PredictError, match=r"model\.onnx") as e:
        replay(bundle)
    assert "Traceback" not in str(e.value)
    assert str(directory) not in str(e.value)


def test_replay_ends_in_time(directory):
    with pytest.raises(PredictError, match=r"in 0\.01 seconds"):
        replay(directory, timeout=0.01)


# --- what it needs --------------------------------------------------------------------------

_STRANGERS = (
    "sklearn pandas polars pyarrow xgboost lightgbm onnx skl2onnx narwhals typer rich sqlalchemy"
    " cyclonedx packaging scipy granian"
)
_USE = """
import sys
import modelyard.runtime
before = set(sys.modules)
assert "onnxruntime" not in before
from modelyard.bundle.opened import open_bundle
bundle = open_bundle(sys.argv[1])
predictor = modelyard.runtime.load(bundle)
predictor.run(bundle.golden().rows)
predictor.predict([{"amount": 1.0, "count": 1, "colour": "red", "when": "2024-01-01"}])
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & set(sys.argv[2].split())))
"""


def test_nothing_but_numpy_onnxruntime_and_msgspec(directory):
    done = subprocess.run(
        [sys.executable, "-c", _USE, str(directory), _STRANGERS],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_import_is_quick():
    """Processor time of the best of several: what the import itself costs on a busy machine."""
    best = min(_import_seconds() for _ in range(5))
    assert best < 0.35


def _import_seconds():
    code = (
        "import time; t=time.process_time(); import modelyard.runtime; print(time.process_time()-t)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(os.sep)
    )
    return float(done.stdout)
