"""Proof that a text is a whole LightGBM model, before LightGBM itself reads it.

LightGBM trusts its text: a missing line ends the process, an index out of range reads memory that
is not the model's.  So whoever did not write the text checks it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelyard.conversion.lightgbm_trees import (
    END,
    Header,
    numbers,
    read_header,
    read_tables,
    read_tree,
)

if TYPE_CHECKING:
    from modelyard.conversion.lightgbm_trees import Table

_PER_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_PER_NODE = (
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "internal_value",
    "internal_weight",
    "internal_count",
)
_NEEDED = frozenset({"leaf_value", "split_feature", "threshold", "decision_type"})
_CHILDREN = frozenset({"left_child", "right_child"})


def checked(text: str) -> str:
    """Return what of a model text LightGBM needs to predict, if all of it is sound.

    Args:
        text: A model as LightGBM saves it.

    Returns:
        The text up to the end of the trees, without the line that lets LightGBM read several
        trees at once: what goes wrong then ends the process, else it raises an error.

    Raises:
        ValueError: says what is wrong.
    """
    if "\r" in text or "\0" in text:
        raise ValueError("it holds characters that LightGBM never writes")
    header = read_header(text)
    tables = read_tables(text)
    _check_header(text, header, len(tables))
    for table in tables:
        _check_sizes(table)
        _check_sets(table)
        read_tree(table, len(header.names), header.outputs, 0).check()
        _check_linear(table, len(header.names))
    head, tree, trees = text.partition(END)[0].partition("\nTree=")
    kept = [line for line in head.split("\n") if not line.startswith("tree_sizes=")]
    return "\n".join(kept) + "\n" + tree + trees + END + "\n"


def _check_header(text: str, header: Header, trees: int) -> None:
    if header.outputs < 1 or trees % header.outputs:
        raise ValueError("its trees do not divide among its outputs")
    if header.features != len(header.names):
        raise ValueError("it names more or fewer features than it has")
    for line in text.partition("\nTree=")[0].split("\n"):
        key, _, value = line.partition("=")
        counts = [value] if key == "num_class" else []
        if key == "objective":
            options = (option.partition(":") for option in value.split())
            counts = [count for name, _, count in options if name == "num_class"]
        if any(count != str(header.outputs) for count in counts):
            raise ValueError("it speaks of more or fewer classes than it has outputs")


def _check_sizes(table: Table) -> None:
    leaves = int(table.get("num_leaves", "0"))
    sizes = [(key, leaves) for key in _PER_LEAF] + [(key, leaves - 1) for key in _PER_NODE]
    if leaves < 1:
        raise ValueError("a tree has no leaves")
    for key, size in sizes:
        found = len(table.get(key, "").split())
        needed = key in _NEEDED | _CHILDREN and size > 0
        if found != size and (found or needed):
            raise ValueError(f"a tree of {leaves} leaves has {found} numbers in {key!r}")


def _check_sets(table: Table) -> None:
    count = int(table.get("num_cat", "0"))
    bounds = numbers(table, "cat_boundaries")
    words = numbers(table, "cat_threshold")
    if count == 0 and not len(bounds) and not len(words):
        return
    fits = len(bounds) == count + 1 and bounds[0] == 0 and bounds[-1] == len(words)
    if not fits or np.any(np.diff(bounds) < 0):
        raise ValueError("the sets of categories of a tree do not fit together")


def _check_linear(table: Table, features: int) -> None:
    if not int(table.get("is_linear", "0")):
        return
    leaves = int(table["num_leaves"])
    counts = numbers(table, "num_features")
    asked = numbers(table, "leaf_features")
    slopes = table.get("leaf_coeff", "").split()
    constants = table.get("leaf_const", "").split()
    fits = len(counts) == len(constants) == leaves and counts.min() >= 0
    if not fits or counts.sum() != len(asked) or len(asked) != len(slopes):
        raise ValueError("the linear leaves of a tree do not fit together")
    if np.any((asked < 0) | (asked >= features)):
        raise ValueError("a linear leaf asks about a feature that is not there")
