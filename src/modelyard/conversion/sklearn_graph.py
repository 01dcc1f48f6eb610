"""An ONNX graph in the making, in doubles, with scikit-learn's columns as symbols.

The model's input is at most two tensors: ``numbers`` (rows, n) of doubles and ``strings``
(rows, m); a column takes its place in them when it is first used, so columns that the model drops
are never fed.  Strings stay symbols until an encoder looks them up: an imputer before it only
changes what the missing string stands for, and costs nothing when the model runs.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from modelyard.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnx import NodeProto

    from modelyard.core.table import Array

NUMBERS = "numbers"
STRINGS = "strings"
OPSETS = {"": 18, "ai.onnx.ml": 5}
IR_VERSION = 9
_TYPES: dict[str, int] = {
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
}


class Number(NamedTuple):
    """One column of a tensor of doubles, shape (rows, width)."""

    tensor: str
    place: int
    width: int


class Source(NamedTuple):
    """A numeric input column."""

    name: str


class Text(NamedTuple):
    """A string input column, and the string that a missing value stands for, if any."""

    name: str
    missing: str | None = None


class Unusable(NamedTuple):
    """An input column of a type that the graph cannot take in; it may only be dropped."""

    name: str
    dtype: str


Column = Number | Source | Text | Unusable
Matrix = tuple[Column, ...]


def refuse(message: str) -> ExportError:
    """An error that says why a model has no exact ONNX form."""
    return ExportError(message, flavor="sklearn")


class Graph:
    """Nodes and constants, named by their order, so that one model gives one graph."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.initializers: list[TensorProto] = []
        self.numbers: dict[str, int] = {}
        self.strings: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._dense: dict[Matrix, str] = {}
        self._domains: set[str] = set()

    def fresh(self, stem: str) -> str:
        """A name that nothing in the graph has."""
        return f"{stem.lower()}_{len(self.nodes)}"

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        output = self.fresh(kind)
        self.add([helper.make_node(kind, list(inputs), [output], domain=domain, **attributes)])
        return output

    def add(self, nodes: Sequence[NodeProto]) -> None:
        """Add nodes made elsewhere, whose names are fresh."""
        for node in nodes:
            self._domains.add(node.domain)
            if not node.name:
                node.name = f"n{len(self.nodes)}"
            self.nodes.append(node)

    def constant(self, value: Any, dtype: Any = np.float64) -> str:
        """A constant tensor; equal ones are kept once."""
        array = np.asarray(value, dtype=dtype)
        content = repr(array.tolist()).encode() if array.dtype == object else array.tobytes()
        key = (array.dtype.str, array.shape, content)
        if key not in self.constants:
            name = f"c{len(self.constants)}"
            self.constants[key] = name
            self.initializers.append(_tensor(array, name))
        return self.constants[key]

    def integers(self, value: Any) -> str:
        """A constant tensor of int64."""
        return self.constant(value, np.int64)

    def columns(self, tensor: str, width: int) -> Matrix:
        """The columns of a tensor of doubles, shape (rows, width)."""
        return tuple(Number(tensor, index, width) for index in range(width))

    def dense(self, matrix: Matrix) -> str:
        """The columns as one tensor of doubles, shape (rows, len(matrix))."""
        if matrix not in self._dense:
            self._dense[matrix] = self._densify(matrix)
        return self._dense[matrix]

    def _densify(self, matrix: Matrix) -> str:
        if not matrix:
            raise refuse("a step of the model is fed no columns")
        parts = []
        for tensor, group in groupby(map(self._placed, matrix), key=lambda column: column[0]):
            found = list(group)
            indexes = [index for _, index, _ in found]
            whole = tensor != NUMBERS and indexes == list(range(found[0].width))
            # Columns of the input are always gathered: its width is not known yet.
            gathered = whole or self.op("Gather", tensor, self.integers(indexes), axis=1)
            parts.append(tensor if gathered is True else gathered)
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=1)

    def _placed(self, column: Column) -> Number:
        if isinstance(column, Source):
            index = self.numbers.setdefault(column.name, len(self.numbers))
            return Number(NUMBERS, index, 0)
        if isinstance(column, Text):
            raise refuse(f"the string column {column.name!r} reaches a step that takes numbers")
        if isinstance(column, Unusable):
            raise refuse(f"the model uses the {column.dtype} column {column.name!r}")
        return column

    def text(self, name: str) -> str:
        """A string input column, as a tensor of shape (rows,)."""
        if name not in self._texts:
            index = self.strings.setdefault(name, len(self.strings))
            self._texts[name] = self.op("Gather", STRINGS, self.integers(index), axis=1)
        return self._texts[name]

    def finish(self, outputs: Mapping[str, tuple[str, str, tuple[int, ...]]]) -> bytes:
        """Write the model.

        Args:
            outputs: name -> (tensor, dtype, shape of one row), in order.
        """
        self.nodes.extend(
            helper.make_node("Identity", [tensor], [name], name=f"out_{name}")
            for name, (tensor, _, _) in outputs.items()
        )
        inputs = []
        if self.numbers:
            inputs.append(_info(NUMBERS, "float64", (len(self.numbers),)))
        if self.strings:
            inputs.append(_info(STRINGS, "string", (len(self.strings),)))
        if not inputs:
            raise refuse("the model uses none of its inputs")
        nodes = self._shortened()
        used = {name for node in nodes for name in node.input}
        graph = helper.make_graph(
            nodes,
            "sklearn",
            inputs,
            [_info(name, dtype, shape) for name, (_, dtype, shape) in outputs.items()],
            initializer=[tensor for tensor in self.initializers if tensor.name in used],
        )
        domains = {**OPSETS, **dict.fromkeys(sorted(self._domains - set(OPSETS)), 1)}
        model = helper.make_model(
            graph,
            producer_name="modelyard",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid(name, number) for name, number in domains.items()],
        )
        checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _shortened(self) -> list[NodeProto]:
        """Leave out the gathers that only copy the whole input."""
        everything = self.constants.get(
            ("<i8", (len(self.numbers),), np.arange(len(self.numbers)).tobytes())
        )
        copies = {
            node.output[0]
            for node in self.nodes
            if node.op_type == "Gather" and list(node.input) == [NUMBERS, everything]
        }
        kept = [node for node in self.nodes if not copies & set(node.output)]
        for node in kept:
            for place, name in enumerate(node.input):
                if name in copies:
                    node.input[place] = NUMBERS
        return kept


def _tensor(array: Array, name: str) -> TensorProto:
    if array.dtype == object:
        tensor = TensorProto(name=name, data_type=TensorProto.STRING, dims=array.shape)
        tensor.string_data.extend(str(text).encode() for text in array.ravel())
        return tensor
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


def _info(name: str, dtype: str, shape: tuple[int, ...]) -> Any:
    return helper.make_tensor_value_info(name, _TYPES[dtype], ["rows", *shape])
