"""A small real bundle to test with: numbers, whole numbers, strings and times through ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from modelyard.bundle.packing import Parts, pack
from modelyard.core.contract import MISSING_STRING, Column, Contract, Output
from modelyard.core.golden import Golden
from modelyard.core.manifest import Feed, Lineage, Metric, Tolerance
from modelyard.core.table import Series, Table
from modelyard.flavors.base import Export

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = Contract(
    inputs=(
        Column(name="amount", dtype="float64", nullable=True),
        Column(name="count", dtype="int64", nullable=True),
        Column(name="colour", dtype="string", nullable=True, categories=("red", "blue")),
        Column(name="when", dtype="timestamp"),
    ),
    outputs=(
        Output(name="label", dtype="string", labels=("big", "small")),
        Output(name="prediction", dtype="float32"),
    ),
)
FEEDS = (
    Feed(name="x", columns=("amount", "count"), dtype="float32"),
    Feed(name="colour", columns=("colour",), dtype="string", squeeze=True),
    Feed(name="when", columns=("when",), dtype="int64", squeeze=True),
)


def model(weight: float = 1.0, opsets=(("", 18), ("ai.onnx.ml", 3)), tensors=()) -> bytes:
    """prediction = weight * (amount + count), NaN as 0; label = by colour."""
    node = helper.make_node
    nodes = [
        node("IsNaN", ["x"], ["lost"]),
        node("Where", ["lost", "zero", "x"], ["whole"]),
        node("MatMul", ["whole", "w"], ["sum"]),
        node("Squeeze", ["sum", "one"], ["prediction"]),
        node(
            "LabelEncoder",
            ["colour"],
            ["label"],
            domain="ai.onnx.ml",
            keys_strings=["red", MISSING_STRING],
            values_strings=["big", "none"],
            default_string="small",
        ),
        node("Identity", ["when"], ["unused"]),
    ]
    initializers = [
        numpy_helper.from_array(np.full((2, 1), weight, np.float32), "w"),
        numpy_helper.from_array(np.array(0, np.float32), "zero"),
        numpy_helper.from_array(np.array([1]), "one"),
        *tensors,
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "small",
        [
            info("x", TensorProto.FLOAT, [None, 2]),
            info("colour", TensorProto.STRING, [None]),
            info("when", TensorProto.INT64, [None]),
        ],
        [
            info("prediction", TensorProto.FLOAT, [None]),
            info("label", TensorProto.STRING, [None]),
            info("unused", TensorProto.INT64, [None]),
        ],
        initializers,
    )
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], ir_version=9
    )
    return made.SerializeToString()


def golden() -> Golden:
    amount = np.array([1.5, np.nan, -2.25, 1e6])
    count = np.array([1, 2, 0, 2**40])
    missing = np.array([False, False, True, False])
    colour = np.array(["red", "blue", None, "red"], object)
    rows = Table(
        {
            "amount": Series(amount),
            "count": Series(count, missing),
            "colour": Series(colour, np.array([False, False, True, False])),
            "when": Series(np.array(["2024-01-01", "1970-01-01", "1901-12-13", "2199"], "M8[us]")),
        }
    )
    known = np.where(missing, 0, count).astype(np.float32) + np.nan_to_num(amount)
    outputs = {
        "prediction": known.astype(np.float32),
        "label": np.array(["big", "small", "none", "big"], object),
    }
    return Golden(rows, outputs, ("real", "missing", "missing", "boundary"))


def parts(**changes) -> Parts:
    export = Export(CONTRACT, FEEDS, {"model/model.onnx": model()}, "model/model.onnx", Tolerance())
    made = Parts(
        name="small",
        flavor="onnx",
        runtime="onnxruntime",
        why="It is an ONNX file already.",
        export=export,
        golden=golden(),
        lineage=Lineage(data={"sample": "sha256:" + 64 * "0"}, parameters={"weight": 1.0}),
        metrics=(Metric(name="mae", value=0.5, low=0.4, high=0.6, rows=4, data="sample"),),
        libraries=("onnx", "numpy"),
    )
    return made._replace(**changes)


def with_model(content: bytes) -> Parts:
    made = parts()
    return made._replace(export=made.export._replace(files={"model/model.onnx": content}))


def write(directory: Path, **changes):
    return pack(parts(**changes), directory)
