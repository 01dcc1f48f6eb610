"""Real bundles of small ONNX models, real servers, and clients for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelyard.bundle.packing import Parts, pack
from modelyard.core.contract import Column, Contract, Output
from modelyard.core.golden import Golden
from modelyard.core.manifest import Feed
from modelyard.core.route import make_route
from modelyard.core.table import Series, Table
from modelyard.flavors.base import Export
from modelyard.serve.server import Server
from modelyard.serve.settings import ServeSettings


def onnx(nodes, inputs, outputs, constants=()) -> bytes:
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants],
    )
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def packed(directory, name, export, rows, outputs):
    parts = Parts(
        name=name,
        flavor="onnx",
        runtime="onnxruntime",
        why="made for a test",
        export=export,
        golden=Golden(rows, outputs, ("real",) * rows.rows),
    )
    return pack(parts, directory)


def make_rich(directory, scale=1.0, *, promise=None):
    """One column of each kind.  ``score = scale * (age + income + member)``; the rest echoes."""
    contract = Contract(
        inputs=(
            Column(name="id", dtype="int64"),
            Column(name="age", dtype="int16", minimum=0, maximum=130),
            Column(name="income", dtype="float64"),
            Column(name="debt", dtype="float64", nullable=True),
            Column(name="member", dtype="bool"),
            Column(name="city", dtype="string", categories=("Bern", "Oslo", "Zürich")),
            Column(name="seen", dtype="timestamp"),
        ),
        outputs=(
            Output(name="score", dtype="float64"),
            Output(name="number", dtype="int64"),
            Output(name="town", dtype="string"),
            Output(name="owes", dtype="float64"),
        ),
    )
    model = onnx(
        [
            # Not ReduceSum: onnxruntime adds a row up in another order where more rows come.
            helper.make_node("Split", ["x"], ["x0", "x1", "x2"], axis=1, num_outputs=3),
            helper.make_node("Add", ["x0", "x1"], ["x01"]),
            helper.make_node("Add", ["x01", "x2"], ["added"]),
            helper.make_node("Squeeze", ["added", "axis"], ["sum"]),
            helper.make_node("Mul", ["sum", "scale"], ["score"]),
            helper.make_node("Identity", ["i"], ["number"]),
            helper.make_node("Identity", ["c"], ["town"]),
            helper.make_node("Identity", ["d"], ["owes"]),
        ],
        [
            ("x", TensorProto.DOUBLE, [None, 3]),
            ("i", TensorProto.INT64, [None]),
            ("c", TensorProto.STRING, [None]),
            ("d", TensorProto.DOUBLE, [None]),
            ("t", TensorProto.INT64, [None]),
        ],
        [
            ("score", TensorProto.DOUBLE, [None]),
            ("number", TensorProto.INT64, [None]),
            ("town", TensorProto.STRING, [None]),
            ("owes", TensorProto.DOUBLE, [None]),
        ],
        [("axis", np.array([1])), ("scale", np.array(scale))],
    )
    export = Export(
        contract=contract,
        feeds=(
            Feed(name="x", columns=("age", "income", "member"), dtype="float64"),
            Feed(name="i", columns=("id",), dtype="int64", squeeze=True),
            Feed(name="c", columns=("city",), dtype="string", squeeze=True),
            Feed(name="d", columns=("debt",), dtype="float64", squeeze=True),
            Feed(name="t", columns=("seen",), dtype="int64", squeeze=True),
        ),
        files={"model/model.onnx": model},
        model="model/model.onnx",
    )
    rows = Table(
        {
            "id": Series(np.array([1, 2**53 + 1])),
            "age": Series(np.array([30, 40], np.int16)),
            "income": Series(np.array([1.5, 2.5])),
            "debt": Series(np.array([np.nan, 3.0])),
            "member": Series(np.array([True, False])),
            "city": Series(np.array(["Bern", "Oslo"], object)),
            "seen": Series(np.array(["2026-01-01", "2026-01-02"], "datetime64[us]")),
        }
    )
    outputs = {
        "score": (scale if promise is None else promise) * np.array([32.5, 42.5]),
        "number": np.array([1, 2**53 + 1]),
        "town": np.array(["Bern", "Oslo"], object),
        "owes": np.array([np.nan, 3.0]),
    }
    return packed(directory, "rich", export, rows, outputs)


def make_grid(directory):
    """Three float32 columns to two float32 scores."""
    weights = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    model = onnx(
        [helper.make_node("MatMul", ["x", "w"], ["scores"])],
        [("x", TensorProto.FLOAT, [None, 3])],
        [("scores", TensorProto.FLOAT, [None, 2])],
        [("w", weights)],
    )
    export = Export(
        contract=Contract(
            inputs=tuple(Column(name=name, dtype="float32") for name in "abc"),
            outputs=(Output(name="scores", dtype="float32", shape=(2,), labels=("no", "yes")),),
        ),
        feeds=(Feed(name="x", columns=("a", "b", "c"), dtype="float32"),),
        files={"model/model.onnx": model},
        model="model/model.onnx",
    )
    values = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    rows = Table({name: Series(values[:, i]) for i, name in enumerate("abc")})
    return packed(directory, "grid", export, rows, {"scores": values @ weights})


def make_image(directory):
    """A tensor column [2, 3] of uint8, summed."""
    model = onnx(
        [
            helper.make_node("Cast", ["x"], ["f"], to=TensorProto.INT64),
            helper.make_node("ReduceSum", ["f", "axes"], ["total"], keepdims=0),
        ],
        [("x", TensorProto.UINT8, [None, 2, 3])],
        [("total", TensorProto.INT64, [None])],
        [("axes", np.array([1, 2]))],
    )
    export = Export(
        contract=Contract(
            inputs=(Column(name="pixels", dtype="uint8", shape=(2, 3)),),
            outputs=(Output(name="total", dtype="int64"),),
        ),
        feeds=(Feed(name="x", columns=("pixels",), dtype="uint8"),),
        files={"model/model.onnx": model},
        model="model/model.onnx",
    )
    values = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    outputs = {"total": values.sum(axis=(1, 2), dtype=np.int64)}
    return packed(directory, "image", export, Table({"pixels": Series(values)}), outputs)


class Yard(NamedTuple):
    """Folders of bundles."""

    rich: str
    rich2: str
    grid: str
    image: str
    liar: str


@pytest.fixture(scope="session")
def yard(tmp_path_factory):
    root = tmp_path_factory.mktemp("bundles")
    make_rich(root / "rich")
    make_rich(root / "rich2", 2.0)
    make_grid(root / "grid")
    make_image(root / "image")
    # Says that the original answered something else: parity must keep it out.
    make_rich(root / "liar", 3.0, promise=4.0)
    return Yard(*(str(root / name) for name in Yard._fields))


@pytest.fixture
def start():
    """Start servers that end with the test."""
    started = []

    def begin(models=None, **settings):
        route = None if models is None else make_route(models)
        server = Server.start(ServeSettings(route=route, port=0, **settings), seconds=30)
        started.append(server)
        return server

    yield begin
    for server in started:
        if server.alive:
            server.stop()
        server.close()


@pytest.fixture(scope="module")
def server(yard):
    """One server of three models for all tests of a module."""
    route = make_route({"rich": yard.rich, "grid": yard.grid, "image": yard.image})
    settings = ServeSettings(route=route, port=0, max_rows=5000)
    with Server.start(settings, seconds=30) as started:
        yield started


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server.url, timeout=20) as made:
        yield made


@pytest.fixture
def row():
    return {
        "id": 7,
        "age": 31,
        "income": 2.5,
        "debt": None,
        "member": True,
        "city": "Zürich",
        "seen": datetime(2026, 3, 4, tzinfo=UTC).isoformat(),
    }
