"""Trees as ONNX: ``TreeEnsemble`` of ai.onnx.ml 5, the one operator with double thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from modelyard.core.trees import Mode

if TYPE_CHECKING:
    from onnx import NodeProto

    from modelyard.core.table import Array
    from modelyard.core.trees import Ints, Trees

ML_DOMAIN = "ai.onnx.ml"
ML_OPSET = 5
_SUM = 1
_NO_TRANSFORM = 0
_EXACT_FLOAT32 = 2**24

Float = Literal["float32", "float64"]


class _Parts(NamedTuple):
    """Trees as the operator wants them: every tree has a node, every leaf has one number."""

    trees: Trees
    weights: Array
    targets: Ints
    outputs: int


def tree_ensemble(
    trees: Trees,
    *,
    input: str,  # noqa: A002 - the word ONNX has for it
    output: str,
    prefix: str,
    dtype: Float = "float64",
) -> list[NodeProto]:
    """Write trees as ONNX nodes; constants are ``Constant`` nodes, so there are no initializers.

    The graph that takes them imports ai.onnx.ml 5 and the default domain from 18 on.  Comparisons
    are exact in both dtypes: with ``float32`` a threshold is rounded to the side that answers
    every float32 value as the double threshold would.  Leaves of one value are added in ``dtype``
    and in the trees' order, leaves of several in float64; a row alone gives the very bits that it
    gives in a batch.

    Args:
        trees: The ensemble.
        input: The name of the features: a ``dtype`` tensor, shape (rows, features).
        output: The name of the answer: a ``dtype`` tensor, shape (rows, outputs).
        prefix: What the names in between begin with; unique in the graph.
        dtype: In what the features are compared and the leaves are added.

    Returns:
        The nodes, in order.
    """
    trees.check()
    summed = output if trees.divisor == 1.0 else f"{prefix}_sum"
    if trees.leaves.shape[1] == 1 or not len(trees.roots):
        nodes = [_ensemble(_scalar_parts(trees), input, summed, dtype)]
    else:
        nodes = _vector_leaves(trees, (input, summed, prefix), dtype)
    if summed != output:
        divisor = f"{prefix}_divisor"
        nodes += [
            constant(divisor, np.array([trees.divisor], dtype)),
            helper.make_node("Div", [summed, divisor], [output]),
        ]
    return nodes


def constant(name: str, value: Array) -> NodeProto:
    """Write an array as a ``Constant`` node whose output is ``name``."""
    tensor = numpy_helper.from_array(np.ascontiguousarray(value), name)
    return helper.make_node("Constant", [], [name], value=tensor)


def _vector_leaves(trees: Trees, names: tuple[str, str, str], dtype: Float) -> list[NodeProto]:
    # The operator has one number a leaf.  So let it tell the leaf that each tree ends in, and look
    # its values up: seven times faster with ten outputs than one copy of the trees an output.
    source, output, prefix = names
    if dtype == "float32" and len(trees.leaves) > _EXACT_FLOAT32:
        raise ValueError("float32 cannot count so many leaves; use float64")
    leaf, index, values, added = (f"{prefix}_{n}" for n in ("leaf", "index", "values", "added"))
    table, axis, base, whole = (f"{prefix}_{n}" for n in ("leaves", "axis", "base", "whole"))
    # onnxruntime adds floats in an order that differs from one row to many, but doubles in one.
    kind = TensorProto.FLOAT if dtype == "float32" else TensorProto.DOUBLE
    return [
        _ensemble(_index_parts(trees), source, leaf, dtype),
        helper.make_node("Cast", [leaf], [index], to=TensorProto.INT64),
        constant(table, trees.leaves),
        helper.make_node("Gather", [table, index], [values]),
        constant(axis, np.array([1])),
        helper.make_node("ReduceSum", [values, axis], [added], keepdims=0),
        constant(base, trees.base),
        helper.make_node("Add", [added, base], [whole]),
        helper.make_node("Cast", [whole], [output], to=kind),
    ]


def _scalar_parts(trees: Trees) -> _Parts:
    # The base comes first, as trees that are one leaf: so the sum has the order of the library's.
    # Without any tree it is all there is, zeros too.
    based = np.flatnonzero(trees.base) if len(trees.roots) else np.arange(trees.outputs)
    first = -1 - len(trees.leaves) - np.arange(len(based))
    return _Parts(
        _rooted(trees._replace(roots=np.concatenate([first, trees.roots]))),
        np.concatenate([trees.leaves[:, 0], trees.base[based]]),
        np.concatenate([trees.target, based]),
        trees.outputs,
    )


def _index_parts(trees: Trees) -> _Parts:
    return _Parts(
        _rooted(trees),
        np.arange(len(trees.leaves), dtype=np.float64),
        _tree_of_leaf(trees),
        len(trees.roots),
    )


def _tree_of_leaf(trees: Trees) -> Ints:
    owner = np.zeros(len(trees.leaves), np.int64)
    number = np.arange(len(trees.roots))
    reference = trees.roots
    while len(reference):
        ends = reference < 0
        owner[-1 - reference[ends]] = number[ends]
        inner, number = reference[~ends], number[~ends]
        reference = np.concatenate([trees.left[inner], trees.right[inner]])
        number = np.concatenate([number, number])
    return owner


def _rooted(trees: Trees) -> Trees:
    """Give each tree that is one leaf a node both of whose ways lead to it."""
    bare = np.flatnonzero(trees.roots < 0)
    if not len(bare):
        return trees
    count = len(bare)
    roots = trees.roots.copy()
    leaf = roots[bare]
    roots[bare] = len(trees.feature) + np.arange(count)
    starts = np.concatenate([trees.member_start, np.full(count, trees.member_start[-1])])
    return trees._replace(
        roots=roots,
        feature=np.concatenate([trees.feature, np.zeros(count, np.int64)]),
        mode=np.concatenate([trees.mode, np.full(count, Mode.LEQ, np.uint8)]),
        threshold=np.concatenate([trees.threshold, np.zeros(count)]),
        member_start=starts,
        missing_left=np.concatenate([trees.missing_left, np.zeros(count, np.bool_)]),
        left=np.concatenate([trees.left, leaf]),
        right=np.concatenate([trees.right, leaf]),
    )


def _ensemble(parts: _Parts, source: str, output: str, dtype: Float) -> NodeProto:
    trees = parts.trees
    modes, splits = _questions(trees, dtype)
    attributes: dict[str, Any] = {
        "aggregate_function": _SUM,
        "post_transform": _NO_TRANSFORM,
        "n_targets": parts.outputs,
        "tree_roots": trees.roots.tolist(),
        "nodes_featureids": trees.feature.tolist(),
        "nodes_modes": numpy_helper.from_array(modes, "modes"),
        "nodes_splits": numpy_helper.from_array(splits, "splits"),
        "nodes_missing_value_tracks_true": trees.missing_left.astype(np.int64).tolist(),
        "leaf_weights": numpy_helper.from_array(parts.weights.astype(dtype), "weights"),
        "leaf_targetids": parts.targets.tolist(),
    }
    for side, reference in (("true", trees.left), ("false", trees.right)):
        leafs = reference < 0
        attributes[f"nodes_{side}nodeids"] = np.where(leafs, -1 - reference, reference).tolist()
        attributes[f"nodes_{side}leafs"] = leafs.astype(np.int64).tolist()
    asking = np.flatnonzero(modes == Mode.MEMBER)
    if len(asking):
        # Each node's codes end with a NaN.
        codes = [part for node in asking for part in (trees.codes(int(node)), [np.nan])]
        members = np.concatenate(codes).astype(dtype)
        attributes["membership_values"] = numpy_helper.from_array(members, "members")
    return helper.make_node("TreeEnsemble", [source], [output], domain=ML_DOMAIN, **attributes)


def _questions(trees: Trees, dtype: Float) -> tuple[Array, Array]:
    modes, splits = trees.mode.copy(), trees.threshold
    # A node with no codes says no to all: nothing is less than minus infinity.
    nothing = (modes == Mode.MEMBER) & (np.diff(trees.member_start) == 0)
    modes[nothing] = Mode.LT
    splits = np.where(nothing, -np.inf, np.where(modes == Mode.MEMBER, 0.0, splits))
    if dtype == "float64":
        return modes, splits
    with np.errstate(over="ignore"):
        rounded = splits.astype(np.float32)
    low, high = np.float32(-np.inf), np.float32(np.inf)
    too_high = (modes == Mode.LEQ) & (rounded > splits)
    too_low = (modes == Mode.LT) & (rounded < splits)
    rounded[too_high] = np.nextafter(rounded[too_high], low)
    rounded[too_low] = np.nextafter(rounded[too_low], high)
    return modes, rounded
