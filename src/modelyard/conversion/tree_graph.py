"""A whole model of trees as one ONNX graph: features in, what the library answers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from modelyard.conversion.tree_ensemble import ML_DOMAIN, ML_OPSET, constant, tree_ensemble
from modelyard.core.trees import Trees

if TYPE_CHECKING:
    from onnx import NodeProto, ValueInfoProto

    from modelyard.conversion.xgboost_trees import Linear
    from modelyard.core.features import Feature, Features
    from modelyard.core.table import Array

OPSET = 18
IR_VERSION = 10
SUMS = "sums"
"""What the tensor of the trees' sums is called."""
VECTOR = 8
"""Doubles in the widest vector of a processor."""

Link = Literal[
    "identity", "logistic", "softmax", "exp", "hinge", "signed_square", "log1p_exp", "rising"
]
Kind = Literal["values", "argmax", "binary", "classes", "multilabel"]
Classes = tuple[str, ...] | tuple[int, ...] | tuple[float, ...] | tuple[bool, ...]

_TENSOR = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "string": TensorProto.STRING,
    "bool": TensorProto.BOOL,
}


class Answer(NamedTuple):
    """What becomes of the sums.

    Args:
        link: From the sums to the model's own scale.
        kind: ``values`` answers ``prediction`` as it is; ``argmax`` the place of the largest as a
            number; ``binary``, ``classes`` and ``multilabel`` answer ``label`` and
            ``probabilities``: from the probability of the second class alone, from one for each
            class, or from one for each of several yes-or-no labels.
        slope: What the sums are multiplied by in a logistic link.
        classes: What the labels are; only for ``binary`` and ``classes``.
    """

    link: Link
    kind: Kind
    slope: float = 1.0
    classes: Classes = ()


class Quirks(NamedTuple):
    """How a library reads features.

    Args:
        whole: Features whose fraction is cut off (categories that come as floats).
        zero_missing: Features whose zero counts as missing.
        zero: How far from 0 a number still counts as zero.
    """

    whole: tuple[int, ...] = ()
    zero_missing: tuple[int, ...] = ()
    zero: float = 0.0


class Graph:
    """Collects the nodes of a graph."""

    def __init__(self, dtype: Literal["float32", "float64"]) -> None:
        self.dtype = dtype
        self.nodes: list[NodeProto] = []
        self._count = 0

    def name(self) -> str:
        """Return a name not used before."""
        self._count += 1
        return f"_{self._count}"

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        output = output or self.name()
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def steady(self, op: str, x: str, width: int) -> str:
        """Apply a function like Exp so that a row's answer does not depend on its place.

        In float64 onnxruntime computes whole vectors of the processor one way and the rest of an
        array another way, which differs in the last bit; so each row is made to fill vectors.

        Args:
            op: The operator.
            x: shape (rows, width).
            width: The size of the last axis.
        """
        lacking = -width % VECTOR
        if self.dtype == "float32" or not lacking:
            return self.add(op, x)
        wide = self.add("Pad", x, self.constant(np.array([0, 0, 0, lacking])), self.number(1.0))
        ends = [self.constant(np.array([at])) for at in (0, width, 1)]
        return self.add("Slice", self.add(op, wide), *ends)

    def rising(self, x: str, width: int) -> str:
        """Sort each row of ``x``, shape (rows, width), from the smallest up."""
        found, places = self.name(), self.name()
        inputs = [x, self.constant(np.array([width]))]
        self.nodes.append(helper.make_node("TopK", inputs, [found, places], axis=1, largest=0))
        return found

    def constant(self, value: Array) -> str:
        """Add a constant as it is and return its name."""
        name = self.name()
        self.nodes.append(constant(name, value))
        return name

    def number(self, value: float) -> str:
        """Add a number of the graph's dtype and return its name."""
        return self.constant(np.array(value, self.dtype))


def tree_graph(
    features: Features, model: Trees | Linear, answer: Answer, quirks: Quirks | None = None
) -> bytes:
    """Write a model as the bytes of an ONNX file.

    Args:
        features: How the tensors become features.
        model: What adds them up.
        answer: What becomes of the sums; fixes the outputs ``label``, ``probabilities`` and
            ``prediction``.
        quirks: How the library reads features.
    """
    graph = Graph(features.dtype)
    quirks = quirks or Quirks()
    order = [*features.numbers, *features.coded]
    place = np.array([order.index(feature) for feature in features.columns])
    x = _features(graph, features, order, quirks)
    if isinstance(model, Trees):
        sums, outputs = SUMS, model.outputs
        moved = model._replace(feature=place[model.feature], features=len(place))
        graph.nodes += tree_ensemble(
            moved, input=x, output=sums, prefix="trees", dtype=features.dtype
        )
    else:
        sums, outputs = _linear(graph, model, x, place), len(model.bias)
    found = _answer(graph, sums, answer, outputs)
    return _model(graph, _inputs(features), found)


def _inputs(features: Features) -> list[ValueInfoProto]:
    inputs = []
    if features.numbers:
        shape = [None, len(features.numbers)]
        kind = _TENSOR[features.dtype]
        inputs.append(helper.make_tensor_value_info(features.numbers[0].feed, kind, shape))
    return inputs + [
        helper.make_tensor_value_info(feature.feed, _key(feature), [None, 1])
        for feature in features.coded
    ]


def _key(feature: Feature) -> int:
    strings = not feature.codes or isinstance(feature.codes[0], str)
    return int(TensorProto.STRING if strings else TensorProto.INT64)


def _features(graph: Graph, features: Features, order: list[Feature], quirks: Quirks) -> str:
    parts = [features.numbers[0].feed] if features.numbers else []
    parts += [_encoded(graph, feature) for feature in features.coded]
    x = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
    if features.missing is not None:
        stands = graph.add("Equal", x, graph.number(features.missing))
        x = graph.add("Where", stands, graph.number(np.nan), x)
    if quirks.whole:
        cut = graph.add("Mul", graph.add("Sign", x), graph.add("Floor", graph.add("Abs", x)))
        x = graph.add("Where", _mask(graph, features, order, quirks.whole), cut, x)
    if quirks.zero_missing:
        near = graph.add("LessOrEqual", graph.add("Abs", x), graph.number(quirks.zero))
        asked = _mask(graph, features, order, quirks.zero_missing)
        x = graph.add("Where", graph.add("And", near, asked), graph.number(np.nan), x)
    return x


def _mask(graph: Graph, features: Features, order: list[Feature], chosen: tuple[int, ...]) -> str:
    picked = [features.columns[at] for at in chosen]
    return graph.constant(np.array([[feature in picked for feature in order]]))


def _encoded(graph: Graph, feature: Feature) -> str:
    codes = feature.codes or ()
    kind = _key(feature)
    strings = kind == TensorProto.STRING
    keys: list[Any] = [str(code).encode() for code in codes] if strings else list(codes)
    return graph.add(
        "LabelEncoder",
        feature.feed,
        domain=ML_DOMAIN,
        keys_tensor=helper.make_tensor("keys", kind, [len(codes)], keys),
        values_tensor=numpy_helper.from_array(np.arange(len(codes), dtype=graph.dtype), "values"),
        default_tensor=numpy_helper.from_array(np.array([np.nan], graph.dtype), "default"),
    )


def _linear(graph: Graph, model: Linear, x: str, place: Array) -> str:
    weights = np.empty_like(model.weights)
    weights[place] = model.weights
    filled = graph.add("Where", graph.add("IsNaN", x), graph.number(0.0), x)
    product = graph.add("MatMul", filled, graph.constant(weights.astype(graph.dtype)))
    return graph.add("Add", product, graph.constant(model.bias.astype(graph.dtype)))


def _link(graph: Graph, x: str, answer: Answer, width: int) -> str:
    if answer.link in ("identity", "rising"):
        return x if answer.link == "identity" else graph.rising(x, width)
    if answer.link == "logistic":
        return _logistic(graph, x, answer.slope, width)
    if answer.link == "softmax":
        return _softmax(graph, x, width)
    if answer.link == "signed_square":
        return graph.add("Mul", x, graph.add("Abs", x))
    if answer.link == "hinge":
        above = graph.add("Greater", x, graph.number(0.0))
        return graph.add("Cast", above, to=_TENSOR[graph.dtype])
    raised = graph.steady("Exp", x, width)
    if answer.link == "log1p_exp":
        raised = graph.steady("Log", graph.add("Add", raised, graph.number(1.0)), width)
    return raised


def _logistic(graph: Graph, x: str, slope: float, width: int) -> str:
    scaled = graph.add("Mul", x, graph.number(-slope))
    # Beyond this exp would overflow in float32; XGBoost clips there too.
    scaled = graph.add("Min", scaled, graph.number(88.7)) if graph.dtype == "float32" else scaled
    one = graph.number(1.0)
    return graph.add("Div", one, graph.add("Add", graph.steady("Exp", scaled, width), one))


def _softmax(graph: Graph, x: str, width: int) -> str:
    if graph.dtype == "float32":
        return graph.add("Softmax", x, axis=1)
    below = graph.add("Sub", x, graph.add("ReduceMax", x, graph.constant(np.array([1]))))
    raised = graph.steady("Exp", below, width)
    # ReduceSum adds in an order that depends on where in memory a row lies; ReduceL1 does not, and
    # of positive numbers it is the sum.
    return graph.add("Div", raised, graph.add("ReduceL1", raised, graph.constant(np.array([1]))))


def _answer(graph: Graph, sums: str, answer: Answer, outputs: int) -> list[ValueInfoProto]:
    linked = _link(graph, sums, answer, outputs)
    kind = _TENSOR[graph.dtype]
    if answer.kind == "values":
        flat = outputs == 1
        done = graph.add("Squeeze", linked, graph.constant(np.array([1]))) if flat else linked
        graph.add("Identity", done, output="prediction")
        shape = [None] if flat else [None, outputs]
        return [helper.make_tensor_value_info("prediction", kind, shape)]
    if answer.kind == "argmax":
        place = graph.add("ArgMax", linked, axis=1, keepdims=0)
        graph.add("Cast", place, to=kind, output="prediction")
        return [helper.make_tensor_value_info("prediction", kind, [None])]
    return _labels(graph, linked, answer, outputs)


def _labels(graph: Graph, linked: str, answer: Answer, outputs: int) -> list[ValueInfoProto]:
    kind = _TENSOR[graph.dtype]
    count = outputs if answer.kind == "multilabel" else len(answer.classes)
    if answer.kind == "binary":
        rest = graph.add("Sub", graph.number(1.0), linked)
        graph.add("Concat", rest, linked, axis=1, output="probabilities")
    else:
        graph.add("Identity", linked, output="probabilities")
    if answer.kind == "multilabel":
        above = graph.add("Greater", "probabilities", graph.number(0.5))
        graph.add("Cast", above, to=TensorProto.INT64, output="label")
        dtype, shape = "int64", [None, count]
    else:
        dtype, shape = _named(graph, answer), [None]
    return [
        helper.make_tensor_value_info("label", _TENSOR[dtype], shape),
        helper.make_tensor_value_info("probabilities", kind, [None, count]),
    ]


def _named(graph: Graph, answer: Answer) -> str:
    if answer.classes == tuple(range(len(answer.classes))) and not _are(answer.classes, bool):
        graph.add("ArgMax", "probabilities", axis=1, keepdims=0, output="label")
        return "int64"
    place = graph.add("ArgMax", "probabilities", axis=1, keepdims=0)
    dtype = label_dtype(answer.classes)
    values = np.array(answer.classes, object if dtype == "string" else dtype)
    graph.add("Gather", graph.constant(values), place, axis=0, output="label")
    return dtype


def label_dtype(classes: Classes) -> Literal["string", "bool", "int64", "float64"]:
    """Name the dtype of labels.

    Example:
        >>> label_dtype((0, 1)), label_dtype(("no", "yes")), label_dtype((False, True))
        ('int64', 'string', 'bool')
    """
    if _are(classes, str):
        return "string"
    if _are(classes, bool):
        return "bool"
    return "int64" if _are(classes, int) else "float64"


def _are(classes: Classes, kind: type) -> bool:
    return all(isinstance(value, kind) for value in classes)


def _model(graph: Graph, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]) -> bytes:
    built = helper.make_graph(graph.nodes, "model", inputs, outputs)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(built, opset_imports=opsets, ir_version=IR_VERSION)
    model.producer_name = "modelyard"
    return bytes(model.SerializeToString(deterministic=True))
