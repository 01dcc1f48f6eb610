"""XGBoost's own JSON, read into trees; the library itself is not needed."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.core.trees import Ints, Mode, Trees, join, single_tree

if TYPE_CHECKING:
    from modelyard.conversion.tree_graph import Link
    from modelyard.core.table import Array

_LINKS: dict[str, Link] = {
    "binary:logistic": "logistic",
    "reg:logistic": "logistic",
    "count:poisson": "exp",
    "reg:gamma": "exp",
    "reg:tweedie": "exp",
    "survival:cox": "exp",
    "survival:aft": "exp",
    "binary:hinge": "hinge",
    "multi:softprob": "softmax",
    "multi:softmax": "softmax",
}
_IDENTITY = frozenset(
    {
        "binary:logitraw",
        "rank:map",
        "rank:ndcg",
        "rank:pairwise",
        "reg:absoluteerror",
        "reg:expectileerror",
        "reg:linear",
        "reg:pseudohubererror",
        "reg:quantileerror",
        "reg:squarederror",
        "reg:squaredlogerror",
    }
)
_SORTS = (3, 4, 0)
"""From here on XGBoost sorts the quantiles that it answers for a row."""
_LOGIT_BASE = frozenset({"binary:logistic", "reg:logistic"})


class Linear(NamedTuple):
    """A linear model: ``x @ weights + bias``, missing numbers counting as 0.

    Args:
        weights: shape (features, outputs).
        bias: shape (outputs,).
    """

    weights: Array
    bias: Array


class Boosted(NamedTuple):
    """What XGBoost's JSON says.

    Args:
        model: The trees or the linear model, its base on the scale of the sums.
        objective: The name of the objective.
        link: From the sums to predictions; None where the objective is not known here.
        categories: For each feature the known categories in the order of their codes, or none;
            the bytes of strings as they stand in the model, for XGBoost cuts some short.
    """

    model: Trees | Linear
    objective: str
    link: Link | None
    categories: tuple[Categories, ...]


class Categories(NamedTuple):
    """The categories of one feature; empty where it has none, or codes alone."""

    strings: tuple[bytes, ...] = ()
    numbers: tuple[int, ...] = ()


def read(document: dict[str, Any]) -> Boosted:
    """Read a model as XGBoost saves it, in JSON or UBJSON, decoded.

    Raises:
        LookupError, TypeError: if it is no such model.
        ValueError: says what in it cannot be read.
    """
    learner = document["learner"]
    objective = learner["objective"]["name"]
    base = _base(learner["learner_model_param"]["base_score"], objective)
    booster = learner["gradient_booster"]
    features = int(learner["learner_model_param"]["num_feature"])
    if booster["name"] == "gblinear":
        model: Trees | Linear = _linear(booster["model"], base, features)
        categories: tuple[Categories, ...] = ()
    else:
        inner, weights = trees_of(booster)
        model = _trees(inner, weights, base, features)
        categories = _categories(inner.get("cats", {}))
    link = _link(objective, document.get("version"))
    return Boosted(model, objective, link, categories or (Categories(),) * features)


def trees_of(booster: dict[str, Any]) -> tuple[dict[str, Any], list[float] | None]:
    """Find the model of a booster of trees, and the weights of its trees, if it has any.

    Up to XGBoost 3.3 these were of a booster of their own, dart, that held the trees' booster.
    """
    inner = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
    return inner, booster.get("weight_drop", inner.get("weight_drop"))


def _link(objective: str, version: Any) -> Link | None:
    # A model says which XGBoost wrote it; a live one is written by the XGBoost that answers.
    if objective == "reg:quantileerror" and version is not None and tuple(version) >= _SORTS:
        return "rising"
    known: Link | None = "identity" if objective in _IDENTITY else None
    return _LINKS.get(objective, known)


def _base(text: str, objective: str) -> Any:
    parsed = json.loads(text)
    base = np.array(parsed if isinstance(parsed, list) else [parsed], np.float32)
    one = np.float32(1)
    with np.errstate(divide="ignore"):
        if objective in _LOGIT_BASE:
            return -np.log(one / base - one)
        return np.log(base) if _LINKS.get(objective) == "exp" else base


def _linear(model: dict[str, Any], base: Any, features: int) -> Linear:
    weights = np.array(model["weights"], np.float32).reshape(features + 1, -1)
    # XGBoost's linear booster adds the first output's base to all of them.
    return Linear(weights[:-1], weights[-1] + base[0])


def _trees(model: dict[str, Any], weights: list[float] | None, base: Any, features: int) -> Trees:
    groups = model["tree_info"]
    outputs = max(len(base), max(groups, default=0) + 1)
    base = np.broadcast_to(base, outputs)
    if not model["trees"]:
        none = single_tree(
            feature=[], threshold=[], left=[], right=[], leaves=[[0.0]], features=features
        )
        return none._replace(roots=np.zeros(0, np.int64), base=base.astype(np.float64))
    parts = []
    for at, tree in enumerate(model["trees"]):
        part = _tree(tree, features, outputs)
        part = part._replace(target=np.full(len(part.leaves), groups[at]))
        if weights is not None:
            scaled = part.leaves.astype(np.float32) * np.float32(weights[at])
            part = part._replace(leaves=scaled.astype(np.float64))
        parts.append(part)
    return join(parts, base=base)


def _tree(tree: dict[str, Any], features: int, outputs: int) -> Trees:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    ends = left == -1
    # References to nodes and leaves instead of one common numbering.
    reference = np.where(ends, -np.cumsum(ends), np.cumsum(~ends) - 1)
    inner = ~ends
    member = np.array(tree["split_type"])[inner] == 1
    members, starts = _members(tree, np.flatnonzero(inner))
    # In XGBoost a row whose category is in the set goes right; here yes is left.
    yes, no = reference[left[inner]], reference[right[inner]]
    default_left = np.array(tree["default_left"])[inner] == 1
    # What JSON writes as a decimal was a float32.
    conditions = np.array(tree["split_conditions"], np.float32).astype(np.float64)
    return Trees(
        features=features,
        roots=reference[:1],
        feature=np.array(tree["split_indices"])[inner],
        mode=np.where(member, Mode.MEMBER, Mode.LT).astype(np.uint8),
        threshold=conditions[inner],
        members=members,
        member_start=starts,
        missing_left=default_left ^ member,
        left=np.where(member, no, yes),
        right=np.where(member, yes, no),
        leaves=_leaves(tree, conditions, ends, right),
        target=np.zeros(int(ends.sum()), np.int64),
        base=np.zeros(outputs),
    )


def _leaves(tree: dict[str, Any], conditions: Any, ends: Any, right: Any) -> Any:
    width = int(tree["tree_param"]["size_leaf_vector"])
    if width <= 1:
        return conditions[ends].reshape(-1, 1)
    if "leaf_weights" not in tree:
        raise ValueError("leaves with several values are written in an older way")
    vectors = np.array(tree["leaf_weights"], np.float32).astype(np.float64).reshape(-1, width)
    return vectors[right[ends]]


def _members(tree: dict[str, Any], inner: Any) -> tuple[Any, Ints]:
    sizes = np.zeros(len(inner), np.int64)
    nodes = np.array(tree["categories_nodes"], np.int64)
    # The nodes stand in ascending order, so their codes need no sorting.
    sizes[np.searchsorted(inner, nodes)] = tree["categories_sizes"]
    members = np.array(tree["categories"], np.float64)
    return members, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _categories(cats: dict[str, Any]) -> tuple[Categories, ...]:
    return tuple(_one(encoded) for encoded in cats.get("enc", ()))


def _one(encoded: dict[str, Any]) -> Categories:
    if "offsets" not in encoded:
        values = encoded.get("values", [])
        if any(value != int(value) for value in values):
            raise ValueError("categories that are fractions are not supported")
        return Categories(numbers=tuple(int(value) for value in values))
    offsets = encoded["offsets"]
    content = np.asarray(encoded["values"]).astype(np.uint8).tobytes()
    return Categories(strings=tuple(content[start:stop] for start, stop in pairwise(offsets)))
