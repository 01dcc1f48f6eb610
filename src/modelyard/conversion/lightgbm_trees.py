"""LightGBM's own model text, read into trees; the library itself is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.core.trees import Ints, Mode, Trees, join, single_tree

if TYPE_CHECKING:
    from modelyard.conversion.tree_graph import Link

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
        outputs: How many sums there are.
        average: Whether the sums are averages over the rounds.
    """

    objective: str
    link: Link | None
    slope: float
    names: tuple[str, ...]
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
        int(fields["num_tree_per_iteration"]),
        "average_output" in head.splitlines(),
    )


def read_trees(text: str) -> Boosted:
    """Read the trees of a model as LightGBM saves it.

    Raises:
        ValueError: says what cannot be said with trees.
    """
    head = read_header(text)
    blocks = text.partition("\nend of trees")[0].split("\nTree=")[1:]
    tables = [_fields(block) for block in blocks]
    if any(int(table.get("is_linear", "0")) for table in tables):
        raise ValueError("its leaves are linear models, which no tree operator holds")
    features, outputs = len(head.names), head.outputs
    parts = [_tree(table, features, outputs, at % outputs) for at, table in enumerate(tables)]
    rounds = max(1, len(parts) // outputs)
    trees = join(
        parts or [_stump(0.0, features, outputs, 0)],
        divisor=float(rounds) if head.average else 1.0,
    )
    categorical = frozenset(trees.feature[trees.mode == Mode.MEMBER].tolist())
    return Boosted(trees, categorical, _zero_missing(tables))


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.splitlines())
    return {key: value for key, equals, value in pairs if equals}


def _slope(options: list[str]) -> float:
    for option in options:
        name, _, value = option.partition(":")
        if name == "sigmoid":
            return float(value)
    return 1.0


def _numbers(table: dict[str, str], key: str, dtype: Any = np.int64) -> Any:
    # numpy parses doubles as correctly as LightGBM writes them (17 digits).
    return np.array(table.get(key, "").split(), np.float64 if dtype == np.float64 else dtype)


def _stump(value: float, features: int, outputs: int, target: int) -> Trees:
    tree = single_tree(
        feature=[], threshold=[], left=[], right=[], leaves=[[value]], features=features
    )
    return tree._replace(target=np.array([target]), base=np.zeros(outputs))


def _tree(table: dict[str, str], features: int, outputs: int, target: int) -> Trees:
    values = _numbers(table, "leaf_value", np.float64)
    if int(table["num_leaves"]) == 1:
        return _stump(float(values[0]), features, outputs, target)
    decision = _numbers(table, "decision_type")
    threshold = _numbers(table, "threshold", np.float64)
    member = (decision & _CATEGORICAL) != 0
    missing = (decision >> _MISSING_SHIFT) & 3
    # Where a feature had nothing missing, LightGBM takes NaN for 0.
    missing_left = np.where(missing == 0, threshold >= 0, (decision & _DEFAULT_LEFT) != 0)
    members, starts = _members(table, member, threshold)
    return Trees(
        features=features,
        roots=np.array([0]),
        feature=_numbers(table, "split_feature"),
        mode=np.where(member, Mode.MEMBER, Mode.LEQ).astype(np.uint8),
        threshold=threshold,
        members=members,
        member_start=starts,
        # A missing category belongs to no set.
        missing_left=missing_left & ~member,
        left=_numbers(table, "left_child"),
        right=_numbers(table, "right_child"),
        leaves=values.reshape(-1, 1),
        target=np.full(len(values), target),
        base=np.zeros(outputs),
    )


def _members(table: dict[str, str], member: Any, threshold: Any) -> tuple[Any, Ints]:
    if not member.any():
        return np.zeros(0), np.zeros(len(member) + 1, np.int64)
    bounds = _numbers(table, "cat_boundaries")
    words = _numbers(table, "cat_threshold", np.uint32)
    sets = []
    for is_member, at in zip(member, threshold, strict=True):
        mine = words[bounds[int(at)] : bounds[int(at) + 1]] if is_member else words[:0]
        bits = (mine[:, None] >> np.arange(_WORD, dtype=np.uint32)) & 1
        sets.append(np.flatnonzero(bits.reshape(-1)).astype(np.float64))
    sizes = [len(codes) for codes in sets]
    return np.concatenate(sets), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _zero_missing(tables: list[dict[str, str]]) -> tuple[int, ...]:
    zero: set[int] = set()
    other: set[int] = set()
    for table in tables:
        decisions, splits = _numbers(table, "decision_type"), _numbers(table, "split_feature")
        for decision, feature in zip(decisions.tolist(), splits.tolist(), strict=True):
            if decision & _CATEGORICAL:
                continue
            is_zero = (decision >> _MISSING_SHIFT) & 3 == _MISSING_ZERO
            (zero if is_zero else other).add(feature)
    if zero & other:
        raise ValueError("some of its trees take zero for missing and others do not")
    return tuple(sorted(zero))
