"""Bring your own ONNX: what is taken as it is, and what is refused with advice."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelyard.errors import ExportError
from modelyard.flavors.onnx import Onnx
from modelyard.tables.read import read_frame

F, D, I64, S = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING
RNG = np.random.default_rng(3)


def model(nodes, inputs, outputs, constants=(), domains=()):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [
            each if isinstance(each, onnx.ValueInfoProto) else helper.make_tensor_value_info(*each)
            for each in outputs
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    opsets += [helper.make_opsetid(domain, 1) for domain in domains]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def linear(width=3, kind=F):
    weights = np.arange(1, width + 1).reshape(-1, 1).astype(helper.tensor_dtype_to_np_dtype(kind))
    return model(
        [helper.make_node("MatMul", ["x", "w"], ["score"])],
        [("x", kind, ["batch", width])],
        [("score", kind, ["batch", 1])],
        [("w", weights)],
    )


def two_inputs():
    """A column of text and a vector, to a label and a copy."""
    return model(
        [
            helper.make_node(
                "LabelEncoder",
                ["city"],
                ["code"],
                domain="ai.onnx.ml",
                keys_strings=["Paris", "Rome"],
                values_int64s=[10, 20],
                default_int64=-1,
            ),
            helper.make_node("ReduceSum", ["vector", "axis"], ["total"], keepdims=0),
        ],
        [("city", S, ["n"]), ("vector", D, ["n", 4])],
        [("code", I64, ["n"]), ("total", D, ["n"])],
        [("axis", np.array([1]))],
    )


def export(proto, sample):
    (candidate,) = Onnx().candidates(proto, read_frame(sample))
    assert candidate.runtime == "onnxruntime"
    return candidate.make()


def refused(proto, sample, match):
    with pytest.raises(ExportError, match=match) as caught:
        export(proto, sample)
    return caught.value


MATRIX = RNG.normal(size=(12, 3)).astype(np.float32)


@pytest.mark.parametrize("form", ["proto", "bytes"])
def test_a_matrix_is_stacked_from_columns(form, parity):
    proto = linear()
    given = proto if form == "proto" else proto.SerializeToString()
    assert parity(Onnx(), given, MATRIX) == 0.0
    made = export(given, MATRIX)
    (feed,) = made.feeds
    assert (feed.name, feed.columns, feed.dtype) == ("x", ("x0", "x1", "x2"), "float32")
    (output,) = made.contract.outputs
    assert (output.name, output.shape, made.contract.task) == ("score", (1,), "other")


def test_scalar_columns_and_vectors_go_by_name(parity):
    sample = {
        "vector": RNG.normal(size=(12, 4)),
        "city": np.array(["Paris", "Rome", "Oslo"] * 4, object),
    }
    assert parity(Onnx(), two_inputs(), sample) == 0.0
    feeds = {feed.name: feed for feed in export(two_inputs(), sample).feeds}
    assert feeds["city"].squeeze
    assert feeds["vector"].columns == ("vector",)


def test_one_named_input_leaves_the_rest_to_the_other(parity):
    sample = {
        "city": np.array(["Paris", "Rome", "Oslo"] * 4, object),
        **{name: RNG.normal(size=12) for name in "abcd"},
    }
    assert parity(Onnx(), two_inputs(), sample) == 0.0
    feeds = {feed.name: feed for feed in export(two_inputs(), sample).feeds}
    assert feeds["vector"].columns == ("a", "b", "c", "d")


def test_an_image_is_one_column(parity):
    proto = model(
        [helper.make_node("ReduceMean", ["pixels", "axes"], ["prediction"], keepdims=0)],
        [("pixels", F, ["n", 3, 8, 8])],
        [("prediction", F, ["n"])],
        [("axes", np.array([1, 2, 3]))],
    )
    images = RNG.random((6, 3, 8, 8)).astype(np.float32)
    assert parity(Onnx(), proto, images) < 1e-6
    assert export(proto, images).contract.task == "regression"
    assert export(proto, images).contract.inputs[0].shape == (3, 8, 8)


def test_whole_numbers_and_flags_keep_their_type(parity):
    proto = model(
        [
            helper.make_node("Cast", ["flag"], ["f"], to=I64),
            helper.make_node("Add", ["count", "f"], ["total"]),
        ],
        [("count", I64, ["n", 1]), ("flag", TensorProto.BOOL, ["n", 1])],
        [("total", I64, ["n", 1])],
    )
    sample = {"flag": RNG.random(9) < 0.5, "count": RNG.integers(0, 2**62, 9)}
    assert parity(Onnx(), proto, sample) == 0.0


def zip_map():
    kind = helper.make_sequence_type_proto(
        helper.make_map_type_proto(S, helper.make_tensor_type_proto(F, []))
    )
    return model(
        [
            helper.make_node("Softmax", ["x"], ["p"], axis=1),
            helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
            helper.make_node(
                "ZipMap",
                ["p"],
                ["probabilities"],
                domain="ai.onnx.ml",
                classlabels_strings=["low", "mid", "top"],
            ),
        ],
        [("x", F, ["n", 3])],
        [("label", I64, ["n"]), helper.make_value_info("probabilities", kind)],
    )


def test_a_zip_map_becomes_a_tensor(parity):
    assert parity(Onnx(), zip_map(), MATRIX) < 1e-6
    made = export(zip_map(), MATRIX)
    _, probabilities = made.contract.outputs
    assert (probabilities.shape, probabilities.labels) == ((3,), ("low", "mid", "top"))
    assert made.contract.task == "classification"
    (candidate,) = Onnx().candidates(zip_map(), read_frame(MATRIX))
    assert "ZipMap" in candidate.why


def test_external_data_come_into_the_one_file(tmp_path, parity):
    proto = linear(300)
    path = tmp_path / "model.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=10)
    assert (tmp_path / "weights.bin").is_file()
    read = Onnx().read(path)
    sample = RNG.normal(size=(5, 300)).astype(np.float32)
    assert parity(Onnx(), read, sample) < 1e-4
    assert b"weights.bin" not in export(read, sample).files["model/model.onnx"]
    bare = onnx.load(path, load_external_data=False)
    assert "path" in refused(bare, sample, "other files").hint


def test_external_data_outside_of_the_folder_are_refused(tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    onnx.save(
        linear(300),
        folder / "model.onnx",
        save_as_external_data=True,
        location="w",
        size_threshold=9,
    )
    proto = onnx.load(folder / "model.onnx", load_external_data=False)
    (folder / "w").rename(tmp_path / "w")
    proto.graph.initializer[0].external_data[0].value = "../w"
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ExportError, match="cannot be read"):
        Onnx().read(folder / "model.onnx")


def test_notes_of_the_exporter_are_left_behind():
    proto = linear()
    proto.doc_string = "exported on my-host"
    proto.graph.node[0].doc_string = "/home/me/train.py(12)"
    helper.set_model_props(proto, {"where": "/home/me"})
    proto.graph.node[0].metadata_props.add(key="trace", value="/home/me/train.py")
    content = export(proto, MATRIX).files["model/model.onnx"]
    assert b"/home" not in content
    assert b"my-host" not in content


def test_the_model_given_is_left_as_it_is():
    proto = zip_map()
    before = proto.SerializeToString(deterministic=True)
    export(proto, MATRIX)
    assert proto.SerializeToString(deterministic=True) == before


# What is refused.


def test_a_fixed_batch_says_how_to_free_it():
    proto = linear()
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    error = refused(proto, MATRIX, "takes 1 rows at a time")
    assert "dynamic_axes={'x': {0: 'batch'}}" in error.hint


def test_half_precision_is_named():
    proto = model(
        [helper.make_node("Neg", ["x"], ["y"])],
        [("x", TensorProto.FLOAT16, ["n", 3])],
        [("y", TensorProto.FLOAT16, ["n", 3])],
    )
    assert "float32" in refused(proto, MATRIX, "input 'x' is float16").hint


def test_a_sequence_is_no_tensor():
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(F, None))
    proto = model(
        [helper.make_node("SplitToSequence", ["x"], ["parts"], axis=1)],
        [("x", F, ["n", 3])],
        [helper.make_value_info("parts", kind)],
    )
    refused(proto, MATRIX, "output 'parts' is a sequence")


def test_an_output_without_a_batch_axis_is_named():
    proto = model(
        [helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0)],
        [("x", F, ["n", 3])],
        [("total", F, [])],
    )
    refused(proto, MATRIX, "output 'total'")


def test_foreign_operators_are_named():
    proto = model(
        [helper.make_node("Magic", ["x"], ["y"], domain="my.company")],
        [("x", F, ["n", 3])],
        [("y", F, ["n", 3])],
        domains=["my.company"],
    )
    refused(proto, MATRIX, r"my\.company")


def test_invalid_graphs_are_refused():
    proto = linear()
    proto.graph.node[0].input[1] = "nowhere"
    refused(proto, MATRIX, "no valid ONNX")


@pytest.mark.parametrize("given", [b"", b"not a model", b"\x80\x04K.", 3, {"a": 1}])
def test_what_is_no_model_is_refused(given):
    refused(given, MATRIX, "no ONNX|no valid ONNX|is no ONNX")


@pytest.mark.parametrize(
    ("sample", "match"),
    [
        (MATRIX[:, :2], "takes 3 values a row, and the sample has 2 columns"),
        ({"x": np.array(["a", "b"] * 6, object)}, "x"),
        ({f"c{n}": np.array(["a"] * 12, object) for n in range(3)}, "strings go to strings"),
    ],
)
def test_a_sample_that_does_not_fit_is_told_both_sides(sample, match):
    refused(linear(), sample, match)


def test_fractions_do_not_become_whole_numbers():
    proto = model(
        [helper.make_node("Abs", ["count"], ["y"])],
        [("count", I64, ["n"])],
        [("y", I64, ["n"])],
    )
    refused(proto, {"count": np.array([1.0, 2.0])}, "a fraction would be lost")


def test_columns_that_nothing_takes_are_named():
    sample = {
        "city": np.array(["Rome"] * 5, object),
        "vector": RNG.normal(size=(5, 4)),
        "odd": np.arange(5),
    }
    error = refused(two_inputs(), sample, "no input takes the column 'odd'")
    assert "city (string" in error.hint


def test_a_file_that_is_no_onnx_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\xff\xff not onnx")
    with pytest.raises(ExportError, match=r"model\.onnx cannot be read"):
        Onnx().read(path)


def over_the_batch():
    """Each row less the mean of all rows."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "axis"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    return model(nodes, [("x", F, ["n", 2])], [("y", F, ["n", 2])], [("axis", np.array([0]))])


def by_chance():
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["noise"]),
        helper.make_node("Add", ["x", "noise"], ["y"]),
    ]
    return model(nodes, [("x", F, ["n", 2])], [("y", F, ["n", 2])])


@pytest.mark.parametrize("wrong", [over_the_batch, by_chance])
def test_a_row_that_sees_the_rows_beside_it_is_refused(wrong):
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    (candidate,) = Onnx().candidates(wrong(), read_frame(rows))
    with pytest.raises(ExportError, match="when it comes alone"):
        candidate.make()
