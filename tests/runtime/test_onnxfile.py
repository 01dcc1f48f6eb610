"""ONNX files that reach outside of themselves, or are no ONNX files."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from modelyard.bundle.packing import pack
from modelyard.errors import BundleError, ManifestError
from modelyard.runtime import load
from modelyard.runtime.onnxfile import check_self_contained


def external(location, name="stolen", **more):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": "8", **more}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


LOCATIONS = ["../../etc/passwd", "/etc/passwd", "weights.bin", "hard.bin", "golden/rows.npz", ""]


@pytest.mark.parametrize("location", LOCATIONS)
def test_external_data_are_refused_and_never_opened(making, tmp_path, monkeypatch, location):
    monkeypatch.chdir(tmp_path)
    np.ones(2, np.float32).tofile(tmp_path / "weights.bin")
    os.link(tmp_path / "weights.bin", tmp_path / "hard.bin")
    content = making.model(tensors=[external(location)])
    bundle = pack(making.with_model(content), tmp_path / "b")
    with pytest.raises(BundleError, match="external data") as e:
        load(bundle)
    assert e.value.file == "model/model.onnx"


def constant(tensor):
    return helper.make_node("Constant", [], ["c"], value=tensor)


def inside(node):
    graph = helper.make_graph([node], "inner", [], [])
    return helper.make_node("Loop", ["x"], ["y"], body=graph)


def wrapped(node):
    model = ModelProto()
    model.graph.node.append(node)
    model.opset_import.add(version=18)
    return model


def hidden_models():
    tensor = external("../x")
    yield "constant", wrapped(constant(tensor))
    yield "branch", wrapped(inside(constant(tensor)))
    yield "branch in a branch", wrapped(inside(inside(constant(tensor))))
    many = helper.make_node("Constant", [], ["c"])
    many.attribute.append(
        helper.make_attribute("value", [numpy_helper.from_array(np.ones(2)), tensor])
    )
    yield "list of tensors", wrapped(many)
    sparse = helper.make_node("Constant", [], ["c"])
    value = helper.make_sparse_tensor(tensor, numpy_helper.from_array(np.array([0, 1])), [9])
    sparse.attribute.append(helper.make_attribute("sparse_value", value))
    yield "sparse", wrapped(sparse)
    model = wrapped(constant(numpy_helper.from_array(np.ones(2))))
    model.functions.add(name="f", domain="own").node.append(constant(tensor))
    yield "function", model
    model = wrapped(constant(numpy_helper.from_array(np.ones(2))))
    model.training_info.add().initialization.initializer.append(tensor)
    yield "training", model
    model = wrapped(constant(numpy_helper.from_array(np.ones(2))))
    model.graph.sparse_initializer.append(value)
    yield "sparse initializer", model
    long = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml")
    long.attribute.append(helper.make_attribute("numbers", list(range(100_000))))
    long.attribute.append(helper.make_attribute("floats", [0.5] * 100_000))
    long.attribute.append(helper.make_attribute("value", tensor))
    yield "after long lists", wrapped(long)


@pytest.mark.parametrize(
    ("what", "model"), [pytest.param(*each, id=each[0]) for each in hidden_models()]
)
def test_external_data_are_found_wherever_they_hide(what, model):
    with pytest.raises(ValueError, match="external data"):
        check_self_contained(model.SerializeToString())


def test_a_split_graph_is_looked_at_whole(making):
    """Protobuf joins the parts of a message that comes twice; each part is looked at."""
    second = ModelProto()
    second.graph.initializer.append(external("../x"))
    with pytest.raises(ValueError, match="external data"):
        check_self_contained(making.model() + second.SerializeToString())


def test_the_word_alone_does_no_harm(making):
    tensor = numpy_helper.from_array(np.array(["location", "external_data"], object), "location")
    check_self_contained(making.model(tensors=[tensor]))


@pytest.mark.parametrize("domain", ["com.evil", "ai.onnx.contrib", "com.microsoft.extensions"])
def test_foreign_operators_are_refused(making, tmp_path, domain):
    content = making.model(opsets=[("", 18), ("ai.onnx.ml", 3), (domain, 1)])
    bundle = pack(making.with_model(content), tmp_path / "b")
    with pytest.raises(BundleError, match=domain):
        load(bundle)


def test_functions_of_its_own_are_fine(making):
    model = ModelProto.FromString(making.model())
    model.opset_import.add(domain="own", version=1)
    model.functions.add(name="f", domain="own")
    check_self_contained(model.SerializeToString())


@pytest.mark.parametrize(
    "content",
    [
        b"\x0b" * 9,  # a group
        b"\x80" * 20,
        b"\x3a\xff\xff\xff\xff\x0f",
        b"\x3a\x05ab",
        b"\x09abc",
        b"\x00\x00",
        b"\xba\x80\x00\x00",  # a field number in more bytes than it needs
        b"\xff\xff\xff\xff\xff\x01",
        b"location" * 3,
    ],
)
def test_what_is_no_protobuf_is_refused(content):
    with pytest.raises(ValueError, match="it is"):
        check_self_contained(content)


def test_deep_nesting_is_refused():
    node = constant(external("../x"))
    for _ in range(30):
        node = inside(node)
    content = wrapped(node).SerializeToString()
    with pytest.raises(ValueError, match=r"nested too deep|external data"):
        check_self_contained(content)


@given(st.binary(max_size=300))
def test_any_bytes_end_in_an_answer(content):
    try:
        check_self_contained(content + b"location")
    except ValueError as e:
        assert str(e)  # noqa: PT017


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_damaged_models_never_hide_external_data(making, data):
    """Whatever onnx itself still reads as external data, the scanner refuses."""
    content = bytearray(making.model(tensors=[external("../x")]))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[at] = data.draw(st.integers(0, 255))
    try:
        model = ModelProto.FromString(bytes(content))
    except Exception:  # noqa: BLE001  # protobuf's own errors
        return
    if any(entry.key == "location" for t in model.graph.initializer for entry in t.external_data):
        with pytest.raises(ValueError, match="it "):
            check_self_contained(bytes(content))


def test_a_flatbuffer_is_not_read_as_onnx(making, tmp_path):
    content = b"\x10\0\0\0ORTM" + b"\0" * 64
    with pytest.raises(BundleError, match=r"refused|no model"):
        load(pack(making.with_model(content), tmp_path / "b"))


def test_model_and_manifest_must_belong_together(making, tmp_path):
    made = making.parts()
    export = made.export._replace(feeds=made.export.feeds[:2])
    with pytest.raises(ManifestError, match="takes"):
        load(pack(made._replace(export=export), tmp_path / "b"))
