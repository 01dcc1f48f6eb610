"""The input contract: what a model takes, and what it answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from modelyard.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

DType = Literal[
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "string",
    "timestamp",
]
LONGEST_NAME = 200
"""Characters that a column's name may have."""

Unknown = Literal["reject", "model"]
Task = Literal["classification", "regression", "other"]

_BITS = 64

MISSING_STRING = "\ue000missing"
"""What a model is fed where a string is missing; no input may hold this text itself."""


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_fault(name: str) -> str:
    if not 1 <= len(name) <= LONGEST_NAME:
        return f"a name has 1 to {LONGEST_NAME} characters"
    return "" if is_unicode(name) else "a name is whole Unicode text"


def _is_bound(bound: float) -> bool:
    return math.isfinite(bound) if isinstance(bound, float) else bound.bit_length() <= _BITS


class Column(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One input: its name, type and rules.

    Args:
        name: As the model was trained.
        dtype: Integers never become floats and never overflow; timestamps are UTC, microseconds.
        nullable: Whether a row may have no value (null; NaN for floats).
        shape: The shape of one row's value; () is a scalar, None a free length.
        categories: The strings known at training; None where any string will do.
        unknown: What happens to a string outside ``categories``: ``reject`` it, or pass it on to
            be treated as the ``model`` was trained to treat it.
        minimum: The least value that is let in, or None; of timestamps, microseconds since 1970.
        maximum: The greatest value that is let in, or None.

    Example:
        >>> Column(name="age", dtype="int64", minimum=0, maximum=130).is_integer
        True
    """

    name: str
    dtype: DType
    nullable: bool = False
    shape: tuple[int | None, ...] = ()
    categories: tuple[str, ...] | None = None
    unknown: Unknown = "reject"
    minimum: int | float | None = None
    maximum: int | float | None = None

    def __post_init__(self) -> None:
        fault = _name_fault(self.name) or self._shape_fault()
        fault = fault or self._category_fault() or self._range_fault()
        if fault:
            raise ValueError(f"column {self.name[:LONGEST_NAME]!r}: {fault}")

    def _shape_fault(self) -> str:
        if self.nullable and self.shape:
            return "a tensor is never null as a whole"
        if any(size is not None and size < 1 for size in self.shape):
            return "a shape holds sizes of at least 1, or null"
        return ""

    def _category_fault(self) -> str:
        if self.categories is None:
            return ""
        if self.dtype != "string" or self.shape:
            return "only a column of single strings has categories"
        if not self.categories or len(set(self.categories)) < len(self.categories):
            return "categories are at least one, and each stands once"
        if MISSING_STRING in self.categories or not all(map(is_unicode, self.categories)):
            return "a category is whole Unicode text, and not the mark of a missing one"
        return ""

    def _range_fault(self) -> str:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if bounds and self.dtype in ("bool", "string"):
            return f"a {self.dtype} column has no range"
        if any(isinstance(bound, bool) or not _is_bound(bound) for bound in bounds):
            return "a bound of a range is a finite number of at most 64 bits"
        if self.dtype == "timestamp" and any(isinstance(bound, float) for bound in bounds):
            return "a bound of a timestamp is a whole number of microseconds since 1970"
        if len(bounds) > 1 and bounds[0] > bounds[1]:
            return f"the minimum {bounds[0]} lies above the maximum {bounds[1]}"
        return ""

    @property
    def is_integer(self) -> bool:
        """Whether values are whole numbers."""
        return self.dtype.startswith(("int", "uint"))

    @property
    def is_float(self) -> bool:
        """Whether values are floating-point numbers."""
        return self.dtype.startswith("float")

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype of the values of this column in a Table."""
        return numpy_dtype(self.dtype)


class Output(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One output: ``shape`` is that of one row; ``labels`` name the entries of the last axis."""

    name: str
    dtype: DType
    shape: tuple[int | None, ...] = ()
    labels: tuple[str | int | bool | float, ...] | None = None


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model takes and answers, in the order in which it was trained.

    A classifier answers ``label`` and, where it has them, ``probabilities`` with one entry a
    class; a regressor answers ``prediction``.  A model of one's own answers what it names.
    """

    inputs: tuple[Column, ...]
    outputs: tuple[Output, ...]
    task: Task = "other"

    def __post_init__(self) -> None:
        for what, items in (("input", self.inputs), ("output", self.outputs)):
            names = [item.name for item in items]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{what} {min(twice)!r} stands twice")
            if not names:
                raise ValueError(f"a contract has at least one {what}")

    @property
    def names(self) -> list[str]:
        """The input names, in order."""
        return [column.name for column in self.inputs]

    def column(self, name: str) -> Column:
        """The input called ``name``; KeyError if there is none."""
        for column in self.inputs:
            if column.name == name:
                return column
        raise KeyError(name)

    def edit(self, changes: Mapping[str, Mapping[str, Any]]) -> Contract:
        """Return a contract with some rules of some columns changed.

        Args:
            changes: column -> {rule: value}, the rules being those of ``Column`` except its name,
                dtype and shape, which belong to the model.

        Raises:
            ConfigError: if a column or a rule is not there, or a value does not fit.

        Example:
            >>> contract = Contract(
            ...     inputs=(Column(name="age", dtype="int64"),),
            ...     outputs=(Output(name="label", dtype="int64"),),
            ... )
            >>> contract.edit({"age": {"minimum": 0}}).column("age").minimum
            0
        """
        return edit_columns(self, changes)


def edit_columns(contract: Contract, changes: Mapping[str, Mapping[str, Any]]) -> Contract:
    """See ``Contract.edit``."""
    missing = set(changes) - set(contract.names)
    if missing:
        raise ConfigError(
            f"the contract has no input {min(missing)!r}",
            key=f"contract.{min(missing)}",
            hint="its inputs are: " + ", ".join(contract.names),
        )
    inputs = tuple(_edited(column, changes.get(column.name, {})) for column in contract.inputs)
    return msgspec.structs.replace(contract, inputs=inputs)


_EDITABLE = ("nullable", "categories", "unknown", "minimum", "maximum")


def _edited(column: Column, changes: Mapping[str, Any]) -> Column:
    for rule in changes:
        if rule not in _EDITABLE:
            raise ConfigError(
                f"{rule!r} of input {column.name!r} cannot be changed",
                key=f"contract.{column.name}.{rule}",
                hint="what can be changed: " + ", ".join(_EDITABLE),
            )
    try:
        plain = msgspec.to_builtins(column) | dict(changes)
        return msgspec.convert(plain, Column)
    except (msgspec.ValidationError, ValueError) as e:
        raise ConfigError(f"input {column.name!r}: {e}", key=f"contract.{column.name}") from e


_NUMPY: dict[str, np.dtype[Any]] = {
    "string": np.dtype(object),
    "timestamp": np.dtype("datetime64[us]"),
}


def numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """The numpy dtype that a Table holds for a contract's dtype."""
    return _NUMPY[dtype] if dtype in _NUMPY else np.dtype(dtype)
