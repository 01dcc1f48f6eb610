"""An ONNX model as it was brought: opened, made whole, and its signature read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import onnx
from onnx import TensorProto, checker, external_data_helper, helper

from modelyard.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

FLAVOR = "onnx"
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
_TYPES: dict[int, str] = {
    TensorProto.BOOL: "bool",
    TensorProto.INT8: "int8",
    TensorProto.INT16: "int16",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.UINT8: "uint8",
    TensorProto.UINT16: "uint16",
    TensorProto.UINT32: "uint32",
    TensorProto.UINT64: "uint64",
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.STRING: "string",
}
_LARGEST = 2**31 - 1
_DYNAMIC = (
    "export it with a free batch axis: dynamic_axes={{{name!r}: {{0: 'batch'}}}} of"
    " torch.onnx.export, or [None, ...] in the initial types of skl2onnx"
)


class Tensor(NamedTuple):
    """An input or output: ``shape`` is that of one row, None a free length."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Opened(NamedTuple):
    """A model, made whole.

    Args:
        proto: The model; external data are in it, maps are tensors.
        original: The model as it came, external data in it: the reference for answers.
        inputs: What it takes.
        outputs: What it answers.
        maps: output -> the keys of the map that it was, in order.
    """

    proto: ModelProto
    original: bytes
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    maps: dict[str, tuple[str | int, ...]]


def load(path: Path) -> ModelProto:
    """Read a file, and the files that hold its tensors.

    Raises:
        ExportError: if it is no ONNX model, or refers to files outside of its folder.
    """
    try:
        proto = onnx.load(path)
    except Exception as e:  # protobuf and onnx raise errors of their own
        raise ExportError(f"{path.name} cannot be read as an ONNX model: {e}", flavor=FLAVOR) from e
    return proto


def open_model(model: Any) -> Opened:
    """Check a model and make it whole.

    Args:
        model: A ``ModelProto``, or the bytes of one.

    Raises:
        ExportError: says what cannot be taken, and what to do.
    """
    proto = _parsed(model)
    _check(proto)
    original = _written(proto)
    maps = {node.output[0]: node for node in proto.graph.node if node.op_type == "ZipMap"}
    keys = {name: _without_map(proto.graph, node) for name, node in maps.items()}
    _strip(proto)
    given = {tensor.name for tensor in proto.graph.initializer}
    inputs = [info for info in proto.graph.input if info.name not in given]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    return Opened(
        proto,
        original,
        tuple(_tensor(info, "input") for info in inputs),
        tuple(_tensor(info, "output") for info in proto.graph.output),
        keys,
    )


def write(proto: ModelProto) -> bytes:
    """The one file of a model."""
    return _written(proto)


def _parsed(model: Any) -> ModelProto:
    proto = onnx.ModelProto()
    if isinstance(model, onnx.ModelProto):
        proto.CopyFrom(model)
    elif isinstance(model, (bytes, bytearray, memoryview)):
        try:
            proto.ParseFromString(bytes(model))
        except Exception as e:  # protobuf's own error
            raise ExportError("these bytes are no ONNX model", flavor=FLAVOR) from e
    else:
        raise ExportError(f"{type(model).__name__} is no ONNX model", flavor=FLAVOR)
    if any(map(external_data_helper.uses_external_data, _tensors(proto.graph))):
        raise ExportError(
            "the model keeps tensors in other files",
            flavor=FLAVOR,
            hint="give its path: the files beside it are taken into one",
        )
    return proto


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _check(proto: ModelProto) -> None:
    domains = {opset.domain for opset in proto.opset_import}
    foreign = domains - _DOMAINS - {function.domain for function in proto.functions}
    if foreign:
        raise ExportError(
            f"the model uses operators of {min(foreign)!r}, which onnxruntime does not have",
            flavor=FLAVOR,
            hint="export it with standard operators only, or compute that step before the model",
        )
    if not proto.graph.output:
        raise ExportError("the model has no output, or is no ONNX model", flavor=FLAVOR)
    try:
        checker.check_model(proto)
    except Exception as e:  # its own error, or ValueError beyond 2 GiB
        raise ExportError(f"the model is no valid ONNX: {e}", flavor=FLAVOR) from e


def _written(proto: ModelProto) -> bytes:
    if proto.ByteSize() > _LARGEST:
        raise ExportError(
            "the model is larger than 2 GiB, the most that one ONNX file holds", flavor=FLAVOR
        )
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def _without_map(graph: GraphProto, node: NodeProto) -> tuple[str | int, ...]:
    """Let an output be the tensor that a ZipMap would have turned into a list of dicts."""
    options = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    numbers = options.get("classlabels_int64s") or ()
    texts = [key.decode() for key in options.get("classlabels_strings") or ()]
    keys = tuple(numbers) or tuple(texts)
    source, name = node.input[0], node.output[0]
    graph.node.remove(node)
    graph.node.append(helper.make_node("Identity", [source], [name], name=f"{name}_tensor"))
    for info in graph.output:
        if info.name == name:
            info.CopyFrom(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", len(keys)])
            )
    return keys


def _strip(proto: ModelProto) -> None:
    """Drop what exporters note for people: it may hold paths and traces of their machine."""
    proto.doc_string = ""
    del proto.metadata_props[:]
    for graph in (proto.graph, *proto.functions):
        _strip_nodes(graph)


def _strip_nodes(graph: Any) -> None:
    graph.doc_string = ""
    del graph.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _strip_nodes(inner)


def _tensor(info: ValueInfoProto, what: str) -> Tensor:
    if not info.type.HasField("tensor_type"):
        kind = info.type.WhichOneof("value") or "value of no type"
        raise ExportError(
            f"the {what} {info.name!r} is a {kind.removesuffix('_type')}, not a tensor",
            flavor=FLAVOR,
            hint="export it so that it takes and answers tensors, e.g. options={'zipmap': False}",
        )
    found = info.type.tensor_type
    dtype = _TYPES.get(found.elem_type)
    if dtype is None:
        name = TensorProto.DataType.Name(found.elem_type).lower()
        raise ExportError(
            f"the {what} {info.name!r} is {name}, which a contract cannot hold",
            flavor=FLAVOR,
            hint=f"cast it to float32 within the model; only {what}s matter, not what lies inside",
        )
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in found.shape.dim]
    fixed = bool(dims) and dims[0] is not None
    if what == "input" and (not dims or fixed):
        has = f"takes {dims[0]} rows at a time, no more and no less" if dims else "has no axes"
        raise ExportError(
            f"the input {info.name!r} {has}",
            flavor=FLAVOR,
            hint=_DYNAMIC.format(name=info.name),
        )
    return Tensor(info.name, dtype, tuple(dims[1:]))
