"""Proof that bytes are a whole XGBoost model, before XGBoost itself reads them.

XGBoost follows any index that it finds, and some bytes end its process.  So whoever did not write
the bytes checks them first.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from modelyard.conversion import ubjson, xgboost_trees
from modelyard.core.trees import Trees

_PER_NODE = (
    "default_left",
    "left_children",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)
_LARGEST_CATEGORY = 2**24


def check(content: bytes) -> None:
    """Check a model in UBJSON.

    Raises:
        ValueError: says what is wrong.
    """
    document = ubjson.decode(content)
    try:
        _check_learner(document["learner"])
        model = xgboost_trees.read(document).model
    except (AttributeError, LookupError, OverflowError, TypeError) as e:
        raise ValueError(f"it is no XGBoost model: {type(e).__name__} {e}") from e
    if isinstance(model, Trees):
        model.check()


def _check_learner(learner: dict[str, Any]) -> None:
    parameters = learner["learner_model_param"]
    features, classes, targets = (
        int(parameters[key]) for key in ("num_feature", "num_class", "num_target")
    )
    outputs = max(classes, targets, 1)
    objective = learner["objective"].get("softmax_multiclass_param", {})
    _require(int(objective.get("num_class", classes)) == classes, "classes and objective differ")
    _require(np.size(json.loads(parameters["base_score"])) in (1, outputs), "base_score")
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        _require(len(booster["model"]["weights"]) == (features + 1) * outputs, "weights")
        return
    model, weights = xgboost_trees.trees_of(booster)
    trees, groups = model["trees"], np.asarray(model["tree_info"], np.int64)
    count = int(model["gbtree_model_param"]["num_trees"])
    _require(len(trees) == len(groups) == count, "num_trees")
    _require(len(trees if weights is None else weights) == count, "weight_drop")
    _require(bool(np.all((groups >= 0) & (groups < outputs))), "tree_info")
    rounds = np.asarray(model.get("iteration_indptr", [0, count]), np.int64)
    _require(_runs(rounds, count), "iteration_indptr")
    for tree in trees:
        _check_tree(tree, features, outputs)
    _check_categories(model.get("cats", {}), features)


def _check_tree(tree: dict[str, Any], features: int, outputs: int) -> None:
    nodes, width = (int(tree["tree_param"][key]) for key in ("num_nodes", "size_leaf_vector"))
    _require(int(tree["tree_param"]["num_feature"]) == features, "num_feature of a tree")
    _require(nodes > 0 and all(len(tree[key]) == nodes for key in _PER_NODE), "num_nodes")
    _require(width <= 1 or width == outputs, "size_leaf_vector")
    left, right = np.asarray(tree["left_children"]), np.asarray(tree["right_children"])
    ends = left == -1
    _require(bool(np.all(ends | ((left > 0) & (left < nodes)))), "left_children")
    _require(bool(np.all(ends | ((right > 0) & (right < nodes)))), "right_children")
    parents = np.asarray(tree["parents"])[1:]
    _require(bool(np.all((parents >= 0) & (parents < nodes))), "parents")
    if width > 1:
        leaves = len(tree["leaf_weights"]) // width
        _require(bool(np.all(~ends | ((right >= 0) & (right < leaves)))), "leaf_weights")
    split = np.asarray(tree["split_indices"])
    _require(bool(np.all(ends | ((split >= 0) & (split < features)))), "split_indices")
    _check_sets(tree, ends)


def _check_sets(tree: dict[str, Any], ends: Any) -> None:
    codes = np.asarray(tree["categories"], np.int64)
    nodes = np.asarray(tree["categories_nodes"], np.int64)
    starts = np.asarray(tree["categories_segments"], np.int64)
    sizes = np.asarray(tree["categories_sizes"], np.int64)
    asking = np.flatnonzero((np.asarray(tree["split_type"]) == 1) & ~ends)
    _require(np.array_equal(nodes, asking) and len(starts) == len(sizes) == len(nodes), "nodes")
    _require(bool(np.all(sizes >= 0)), "categories_sizes")
    _require(np.array_equal(starts, np.cumsum(sizes) - sizes), "categories_segments")
    _require(int(sizes.sum()) == len(codes), "categories_sizes")
    _require(bool(np.all((codes >= 0) & (codes < _LARGEST_CATEGORY))), "categories")


def _check_categories(cats: dict[str, Any], features: int) -> None:
    if not cats:
        return
    known = 0
    _require(len(cats["enc"]) in (0, features), "cats")
    for encoded in cats["enc"]:
        offsets = np.asarray(encoded.get("offsets", np.arange(len(encoded["values"]) + 1)))
        _require(len(offsets) == 0 or _runs(offsets, len(encoded["values"])), "cats offsets")
        known += max(0, len(offsets) - 1)
    segments = np.asarray(cats["feature_segments"], np.int64)
    order = np.asarray(cats["sorted_idx"], np.int64)
    _require(len(segments) == 0 or _runs(segments, known), "cats feature_segments")
    _require(len(order) in (0, known), "cats sorted_idx")
    _require(bool(np.all((order >= 0) & (order < max(1, known)))), "cats sorted_idx")


def _runs(offsets: Any, last: int) -> bool:
    """Whether offsets run from 0 up to the last, never back."""
    starts = len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == last
    return bool(starts and np.all(np.diff(offsets) >= 0))


def _require(fits: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not fits:
        raise ValueError(f"it is no sound XGBoost model: {what}")
