"""LightGBM's own model text, read into trees; the library itself is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.core.trees import Ints, Mode, Trees, join, single_tree

if TYPE_CHECKING:
    from modelyard.conversion.tree_graph import Link

SMALLEST_ZERO = float(np.float32(1e-35))
"""What is no further from 0 than this, LightGBM takes for zero."""

END = "\nend of trees"
"""What stands after the trees."""

Table = dict[str, str]
"""The lines of a tree, ``key=value``."""

_CATEGORICAL = 1
_DEFAULT_LEFT = 2
_MISSING_SHIFT = 2
_MISSING_ZERO = 1
_MISSING_NAN = 2
_WORD = 32

_LINKS: dict[str, Link] = {
    "binary": "logistic",
    "cross_entropy": "logistic",
    "cross_entropy_lambda": "log1p_exp",
    "gamma": "exp",
    "multiclass": "softmax",
    "multiclassova": "logistic",
    "poisson": "exp",
    "tweedie": "exp",
}
_IDENTITY = frozenset(
    {
        "custom",
        "fair",
        "huber",
        "lambdarank",
        "mape",
        "quantile",
        "rank_xendcg",
        "regression",
        "regression_l1",
    }
)


class Header(NamedTuple):
    """What LightGBM's model text says before its trees.

    Args:
        objective: The name of the objective; ``custom`` where the model has none of its own.
        link: From the sums to predictions; None where the objective is not known here.
        slope: The ``sigmoid`` parameter.
        names: The features' names; a space in them has become an underscore.
        features: How many features it says that it has.
        outputs: How many sums there are.
        average: Whether the sums are averages over the rounds.
    """

    objective: str
    link: Link | None
    slope: float
    names: tuple[str, ...]
    features: int
    outputs: int
    average: bool


class Boosted(NamedTuple):
    """The trees of a model.

    Args:
        trees: The ensemble.
        categorical: Features on which some tree splits by category.
        zero_missing: Features whose zero counts as missing.
    """

    trees: Trees
    categorical: frozenset[int]
    zero_missing: tuple[int, ...]


def read_header(text: str) -> Header:
    """Read what stands before the trees.

    Raises:
        ValueError: if the text is no model.
    """
    head = text.partition("\nTree=")[0]
    fields = _fields(head)
    if not {"max_feature_idx", "num_tree_per_iteration", "feature_names"} <= set(fields):
        raise ValueError("it does not begin as LightGBM's models do")
    objective, *options = fields.get("objective", "custom").split()
    known: Link | None = "identity" if objective in _IDENTITY else None
    link = "signed_square" if "sqrt" in options else _LINKS.get(objective, known)
    return Header(
        objective,
        link,
        _slope(options),
        tuple(fields["feature_names"].split(" ")),
        int(fields["max_feature_idx"]) + 1,
        int(fields["num_tree_per_iteration"]),
        "average_output" in head.split("\n"),
    )


def read_trees(text: str) -> Boosted:
    """Read the trees of a model as LightGBM saves it.

    Raises:
        ValueError: says what cannot be said with trees.
    """
    head = read_header(text)
    tables = read_tables(text)
    if any(int(table.get("is_linear", "0")) for table in tables):
        raise ValueError("its leaves are linear models, which no tree operator holds")
    features, outputs = len(head.names), head.outputs
    parts = [read_tree(table, features, outputs, at % outputs) for at, table in enumerate(tables)]
    rounds = max(1, len(parts) // outputs)
    trees = join(
        parts or [_stump(0.0, features, outputs, 0)],
        divisor=float(rounds) if head.average else 1.0,
    )
    categorical = frozenset(trees.feature[trees.mode == Mode.MEMBER].tolist())
    return Boosted(trees, categorical, _zero_missing(tables))


def read_tables(text: str) -> list[Table]:
    """Read the lines of each tree.

    Raises:
        ValueError: if a tree has a line twice.
    """
    trees, end, _ = text.partition(END)
    if not end:
        raise ValueError("its trees do not end")
    return [_fields(block) for block in trees.split("\nTree=")[1:]]


def _fields(block: str) -> Table:
    fields: Table = {}
    for line in block.split("\n"):
        key, equals, value = line.partition("=")
        if equals and key in fields:
            raise ValueError(f"the line {key[:40]!r} stands twice")
        if equals:
            fields[key] = value
    return fields


def _slope(options: list[str]) -> float:
    for option in options:
        name, _, value = option.partition(":")
        if name == "sigmoid":
            return float(value)
    return 1.0


def numbers(table: Table, key: str, dtype: Any = np.int64) -> Any:
    """Read the numbers of a line, none if it is not there; doubles exactly as written."""
    text = table.get(key, "")
    if dtype != np.float64 and text.strip("-0123456789 "):
        raise ValueError(f"the line {key!r} holds more than whole numbers")
    return np.array(text.split(), dtype)


def _stump(value: float, features: int, outputs: int, target: int) -> Trees:
    tree = single_tree(
        feature=[], threshold=[], left=[], right=[], leaves=[[value]], features=features
    )
    return tree._replace(target=np.array([target]), base=np.zeros(outputs))


def read_tree(table: Table, features: int, outputs: int, target: int) -> Trees:
    """Read one tree, its linear leaves aside."""
    values = numbers(table, "leaf_value", np.float64)
    if int(table["num_leaves"]) == 1:
        return _stump(float(values[0]), features, outputs, target)
    decision = numbers(table, "decision_type")
    threshold = numbers(table, "threshold", np.float64)
    member = (decision & _CATEGORICAL) != 0
    missing = (decision >> _MISSING_SHIFT) & 3
    # Where a feature had nothing missing, LightGBM takes NaN for 0.
    missing_left = np.where(missing == 0, threshold >= 0, (decision & _DEFAULT_LEFT) != 0)
    members, starts = _members(table, member, threshold)
    return Trees(
        features=features,
        roots=np.array([0]),
        feature=numbers(table, "split_feature"),
        mode=np.where(member, Mode.MEMBER, Mode.LEQ).astype(np.uint8),
        threshold=np.where(member, threshold, _around_zero(threshold)),
        members=members,
        member_start=starts,
        # A missing category belongs to no set.
        missing_left=missing_left & ~member,
        left=numbers(table, "left_child"),
        right=numbers(table, "right_child"),
        leaves=values.reshape(-1, 1),
        target=np.full(len(values), target),
        base=np.zeros(outputs),
    )


def _around_zero(threshold: Any) -> Any:
    """Thresholds that say yes to every value next to zero, or to none: it counts as zero."""
    below = np.nextafter(-SMALLEST_ZERO, -np.inf)
    inside = np.abs(threshold) <= SMALLEST_ZERO
    return np.where(inside, np.where(threshold < 0, below, SMALLEST_ZERO), threshold)


def _members(table: Table, member: Any, threshold: Any) -> tuple[Any, Ints]:
    if not member.any():
        return np.zeros(0), np.zeros(len(member) + 1, np.int64)
    bounds = numbers(table, "cat_boundaries")
    words = numbers(table, "cat_threshold", np.uint32)
    if np.any(threshold[member] < 0) or np.any(bounds < 0):
        raise ValueError("a set of categories lies outside of the text's")
    sets = []
    for is_member, at in zip(member, threshold, strict=True):
        mine = words[bounds[int(at)] : bounds[int(at) + 1]] if is_member else words[:0]
        bits = (mine[:, None] >> np.arange(_WORD, dtype=np.uint32)) & 1
        sets.append(np.flatnonzero(bits.reshape(-1)).astype(np.float64))
    sizes = [len(codes) for codes in sets]
    return np.concatenate(sets), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _zero_missing(tables: list[Table]) -> tuple[int, ...]:
    zero: set[int] = set()
    other: set[int] = set()
    for table in tables:
        decisions, splits = numbers(table, "decision_type"), numbers(table, "split_feature")
        for decision, feature in zip(decisions.tolist(), splits.tolist(), strict=True):
            if decision & _CATEGORICAL:
                continue
            is_zero = (decision >> _MISSING_SHIFT) & 3 == _MISSING_ZERO
            (zero if is_zero else other).add(feature)
    if zero & other:
        raise ValueError("some of its trees take zero for missing and others do not")
    return tuple(sorted(zero))
