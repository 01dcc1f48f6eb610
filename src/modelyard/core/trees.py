"""Ensembles of decision trees, free of any framework.

Every tree library becomes this noun once; from it come the ONNX graph (conversion/) and whatever
else reads trees.  ``evaluate`` says what the numbers mean, slowly and plainly.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from modelyard.core.table import Array

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


class Mode(IntEnum):
    """The question that a node asks of its feature; the numbers are those of ONNX."""

    LEQ = 0
    """Is it at most the threshold?"""
    LT = 1
    """Is it less than the threshold?"""
    MEMBER = 6
    """Is it one of the node's category codes?"""


class Trees(NamedTuple):
    """An ensemble of trees over numeric features, as flat arrays.

    A reference in ``roots``, ``left`` and ``right`` is a node if it is not negative, and otherwise
    the leaf ``-1 - reference``; so a tree that is a single leaf has a negative root.  A row goes
    left where the answer is yes.

    The answer of the ensemble, for each output, is
    ``(base + leaf of tree 0 + leaf of tree 1 + ...) / divisor``, added in this order.

    Args:
        features: How many features there are.
        roots: shape (trees,).
        feature: Which feature a node asks about; shape (nodes,).
        mode: A ``Mode``; shape (nodes,).
        threshold: shape (nodes,); means nothing for ``MEMBER``.
        members: The category codes of all ``MEMBER`` nodes, one node after the other; whole
            numbers.  Features that such nodes ask about hold whole numbers or NaN.
        member_start: Node i's codes are ``members[member_start[i]:member_start[i + 1]]``; shape
            (nodes + 1,).
        missing_left: Whether NaN goes left; shape (nodes,).
        left: Where yes leads; shape (nodes,).
        right: Where no leads; shape (nodes,).
        leaves: The values of the leaves; shape (leaves, 1), or (leaves, outputs) where each leaf
            adds to every output.
        target: The output to which a leaf with one value adds, else 0; shape (leaves,).
        base: What each output starts from; shape (outputs,).
        divisor: What the sums are divided by: 1, or the number of trees for an average.
    """

    features: int
    roots: Ints
    feature: Ints
    mode: npt.NDArray[np.uint8]
    threshold: Doubles
    members: Doubles
    member_start: Ints
    missing_left: npt.NDArray[np.bool_]
    left: Ints
    right: Ints
    leaves: Doubles
    target: Ints
    base: Doubles
    divisor: float = 1.0

    @property
    def outputs(self) -> int:
        """How many outputs there are."""
        return len(self.base)

    def codes(self, node: int) -> Doubles:
        """The category codes of a node, none unless it is a ``MEMBER`` node."""
        return self.members[self.member_start[node] : self.member_start[node + 1]]

    def check(self) -> None:
        """Prove that the arrays fit each other and that every tree ends.

        Raises:
            ValueError: says what does not fit.
        """
        nodes, leaves = len(self.feature), len(self.leaves)
        per_node = (self.mode, self.threshold, self.missing_left, self.left, self.right)
        if any(len(column) != nodes for column in per_node):
            raise ValueError("the arrays of nodes differ in length")
        if len(self.member_start) != nodes + 1 or len(self.target) != leaves:
            raise ValueError("member_start or target has the wrong length")
        for name, reference in (("root", self.roots), ("left", self.left), ("right", self.right)):
            if np.any(reference >= nodes) or np.any(reference < -leaves):
                raise ValueError(f"a {name} leads out of the arrays")
        if np.any((self.feature < 0) | (self.feature >= self.features)):
            raise ValueError(f"a node asks about a feature outside 0..{self.features - 1}")
        width = self.leaves.shape[1]
        if width not in (1, self.outputs):
            raise ValueError(f"a leaf has {width} values for {self.outputs} outputs")
        if np.any((self.target < 0) | (self.target + width > self.outputs)):
            raise ValueError(f"a leaf adds to an output outside 0..{self.outputs - 1}")
        if not np.all(np.isfinite(self.leaves)) or not np.all(np.isfinite(self.base)):
            raise ValueError("a leaf or the base is not finite")
        self._check_ends()

    def _check_ends(self) -> None:
        # Walking one level down from all roots at once, a tree without a circle runs out of nodes
        # after at most as many levels as there are nodes.
        level = self.roots[self.roots >= 0]
        for _ in range(len(self.feature) + 1):
            if not len(level):
                return
            below = np.concatenate([self.left[level], self.right[level]])
            level = np.unique(below[below >= 0])
        raise ValueError("a tree runs in a circle")


def evaluate(trees: Trees, x: Array) -> Doubles:
    """Answer rows one by one, node by node: slow and obvious, the reference for all else.

    Args:
        trees: The ensemble.
        x: Features, shape (rows, features); NaN where missing.

    Returns:
        shape (rows, outputs), summed in float64.

    Example:
        >>> stump = single_tree(feature=[0], threshold=[0.5], left=[-1], right=[-2],
        ...                     leaves=[[1.0], [2.0]])
        >>> evaluate(stump, np.array([[0.5], [0.6], [np.nan]])).ravel().tolist()
        [1.0, 2.0, 2.0]
    """
    answer = np.tile(trees.base, (len(x), 1)).astype(np.float64)
    width = trees.leaves.shape[1]
    for row, sums in zip(x, answer, strict=True):
        for root in trees.roots:
            leaf = _leaf(trees, int(root), row)
            at = int(trees.target[leaf])
            sums[at : at + width] += trees.leaves[leaf]
    return answer / trees.divisor


def _leaf(trees: Trees, reference: int, row: Array) -> int:
    while reference >= 0:
        value = row[trees.feature[reference]]
        yes = trees.missing_left[reference] if np.isnan(value) else _yes(trees, reference, value)
        reference = int(trees.left[reference] if yes else trees.right[reference])
    return -1 - reference


def _yes(trees: Trees, node: int, value: Any) -> bool:
    if trees.mode[node] == Mode.MEMBER:
        return bool(np.any(trees.codes(node) == value))
    if trees.mode[node] == Mode.LT:
        return bool(value < trees.threshold[node])
    return bool(value <= trees.threshold[node])


def single_tree(  # noqa: PLR0913 - the columns of a table of nodes
    *,
    feature: npt.ArrayLike,
    threshold: npt.ArrayLike,
    left: npt.ArrayLike,
    right: npt.ArrayLike,
    leaves: npt.ArrayLike,
    mode: Mode = Mode.LEQ,
    missing_left: npt.ArrayLike | None = None,
    features: int | None = None,
) -> Trees:
    """One tree without categories; NaN goes right unless ``missing_left`` says otherwise.

    Its root is node 0, or leaf 0 where there are no nodes.  ``join`` makes an ensemble.
    """
    asked = np.asarray(feature, np.int64).reshape(-1)
    values = np.asarray(leaves, np.float64)
    nodes = len(asked)
    return Trees(
        features=features if features is not None else int(asked.max(initial=-1)) + 1,
        roots=np.array([0 if nodes else -1]),
        feature=asked,
        mode=np.full(nodes, mode, np.uint8),
        threshold=np.asarray(threshold, np.float64).reshape(-1),
        members=np.zeros(0),
        member_start=np.zeros(nodes + 1, np.int64),
        missing_left=np.zeros(nodes, np.bool_)
        if missing_left is None
        else np.asarray(missing_left, np.bool_),
        left=np.asarray(left, np.int64).reshape(-1),
        right=np.asarray(right, np.int64).reshape(-1),
        leaves=values,
        target=np.zeros(len(values), np.int64),
        base=np.zeros(values.shape[1]),
    )


def join(parts: list[Trees], *, base: npt.ArrayLike | None = None, divisor: float = 1.0) -> Trees:
    """Put ensembles over the same features one after the other into one.

    Args:
        parts: At least one; their leaves have one width, their own base and divisor do not count.
        base: What each output starts from, shape (outputs,); zeros as in the first part if None.
        divisor: What the sums are divided by.
    """
    node_at = np.cumsum([0, *(len(part.feature) for part in parts)])
    leaf_at = np.cumsum([0, *(len(part.leaves) for part in parts)])
    member_at = np.cumsum([0, *(len(part.members) for part in parts)])

    def moved(which: str) -> Ints:
        return np.concatenate(
            [
                np.where(reference >= 0, reference + node, reference - leaf)
                for reference, node, leaf in zip(
                    (getattr(part, which) for part in parts), node_at, leaf_at, strict=False
                )
            ]
        )

    def stacked(which: str) -> Array:
        return np.concatenate([getattr(part, which) for part in parts])

    starts = [part.member_start[:-1] + at for part, at in zip(parts, member_at, strict=False)]
    return Trees(
        features=max(part.features for part in parts),
        roots=moved("roots"),
        feature=stacked("feature"),
        mode=stacked("mode"),
        threshold=stacked("threshold"),
        members=stacked("members"),
        member_start=np.concatenate([*starts, member_at[-1:]]).astype(np.int64),
        missing_left=stacked("missing_left"),
        left=moved("left"),
        right=moved("right"),
        leaves=stacked("leaves"),
        target=stacked("target"),
        base=np.zeros_like(parts[0].base) if base is None else np.asarray(base, np.float64),
        divisor=divisor,
    )
