"""The conversion of one scikit-learn model: which rule turns which class into which nodes.

Rules are chosen by the exact class of an estimator: a subclass may answer differently, so it has
no rule and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper

from modelyard.conversion.sklearn_graph import Graph, Matrix, refuse
from modelyard.core.manifest import Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelyard.core.table import Array


EXACT = Tolerance(absolute=1e-9, relative=1e-9)
CANCELLING = Tolerance(absolute=1e-9, relative=1e-6)
"""For models that weigh rows by huge numbers of both signs: two ways to add up what nearly cancels
differ by 1e-7 of the answer."""

_AT_ONCE = 8
"""A multiple of how many doubles any processor computes at once."""


class Classified(NamedTuple):
    """What a classifier answers.

    Args:
        classes: shape (classes,).
        choice: Tensor of int64 (rows,): the place of the answer in ``classes``.
        probabilities: Tensor (rows, classes), or None where it has no ``predict_proba``.
        scores: Tensor that ``decision_function`` gives, always (rows, n), or None.
    """

    classes: Array
    choice: str
    probabilities: str | None = None
    scores: str | None = None


class Marked(NamedTuple):
    """What a classifier of several labels at once answers.

    Args:
        labels: Tensor of int64 (rows, width).
        width: How many labels a row has.
        probabilities: Tensor (rows, width) of each label's, or None.
    """

    labels: str
    width: int
    probabilities: str | None = None


class Predicted(NamedTuple):
    """What any other model answers.

    Args:
        tensor: shape (rows, width).
        width: How many figures a row has; None if it has one and the model answers (rows,).
        integer: Whether the tensor holds int64.
    """

    tensor: str
    width: int | None = None
    integer: bool = False


class Policy(NamedTuple):
    """What the encoders of a model know of a string column.

    Args:
        categories: The strings that every one of them knows.
        unknown: Whether all of them know what to do with another string.
    """

    categories: tuple[str, ...]
    unknown: bool


Answer = Classified | Marked | Predicted


class Conversion(Graph):
    """A graph that knows the rules, for rules that call each other.

    Args:
        transforms: class -> rule for its ``transform``.
        predicts: class -> rule for its ``predict`` and ``predict_proba``.
        named: The same by name, for classes of other libraries.

    Attributes:
        policies: What encoders know of string columns.
        tolerance: How far answers may lie off; rules for models that round widen it.
        sparse: Whether scikit-learn hands a sparse matrix to the last step of the pipeline.
    """

    def __init__(
        self,
        transforms: Mapping[type, Callable[[Conversion, Any, Matrix], Matrix]],
        predicts: Mapping[type, Callable[[Conversion, Any, Matrix], Answer]],
        named: Mapping[str, Callable[[Conversion, Any, Matrix], Answer]],
    ) -> None:
        super().__init__()
        self._transforms = transforms
        self._predicts = predicts
        self._named = named
        self.policies: dict[str, Policy] = {}
        self.tolerance = EXACT
        self.sparse = False

    def transform(self, model: Any, matrix: Matrix) -> Matrix:
        """Convert a fitted transformer."""
        rule = self._transforms.get(type(model))
        if rule is None:
            raise refuse(f"there is no exact ONNX form of the transformer {_kind(model)}")
        return rule(self, model, matrix)

    def predict(self, model: Any, matrix: Matrix) -> Answer:
        """Convert a fitted estimator."""
        rule = self._predicts.get(type(model)) or self._named.get(_kind(model))
        if rule is None:
            raise refuse(f"there is no exact ONNX form of the estimator {_kind(model)}")
        return rule(self, model, matrix)

    def classify(self, model: Any, matrix: Matrix) -> Classified:
        """Convert a fitted classifier."""
        answer = self.predict(model, matrix)
        if not isinstance(answer, Classified):
            raise refuse(f"{_kind(model)} is no classifier")
        return answer

    def regress(self, model: Any, matrix: Matrix) -> Predicted:
        """Convert a fitted regressor."""
        answer = self.predict(model, matrix)
        if not isinstance(answer, Predicted):
            raise refuse(f"{_kind(model)} is no regressor")
        return answer

    def note(self, name: str, categories: tuple[str, ...], *, unknown: bool) -> None:
        """Remember what an encoder knows of a string column."""
        before = self.policies.get(name)
        if before is not None:
            unknown = unknown and before.unknown
            categories = tuple(text for text in categories if text in before.categories)
        self.policies[name] = Policy(categories, unknown)

    # Small steps that many rules share.

    def topk(self, values: str, count: int, output: str) -> None:
        """Sort rows upwards: ``output`` and, of int64, ``{output}_places``."""
        self.add(
            [
                helper.make_node(
                    "TopK",
                    [values, self.integers([count])],
                    [output, f"{output}_places"],
                    axis=1,
                    largest=0,
                )
            ]
        )

    def linear(self, x: str, weights: Array, bias: Array | float) -> str:
        """``x @ weights + bias``; weights of shape (features, outputs)."""
        offsets = np.broadcast_to(np.asarray(bias, np.float64), (weights.shape[1],))
        product = self.op("MatMul", x, self.constant(weights))
        return self.op("Add", product, self.constant(offsets)) if np.any(offsets) else product

    def both(self, positive: str) -> str:
        """Probabilities of two classes from the second one's, shape (rows, 1)."""
        negative = self.op("Sub", self.constant(1.0), positive)
        return self.op("Concat", negative, positive, axis=1)

    def largest(self, scores: str) -> str:
        """The index of the first largest score of each row: int64 (rows,)."""
        return self.op("ArgMax", scores, axis=1, keepdims=0)

    def above(self, scores: str, threshold: float, *, strict: bool = True) -> str:
        """1 where the only score of a row is above the threshold, else 0: int64 (rows,)."""
        kind = "Greater" if strict else "GreaterOrEqual"
        compared = self.op(kind, scores, self.constant(threshold))
        return self.flat(self.op("Cast", compared, to=TensorProto.INT64))

    def marks(self, scores: str, threshold: float) -> str:
        """1 where a score is above the threshold, else 0: int64 of the same shape."""
        compared = self.op("Greater", scores, self.constant(threshold))
        return self.op("Cast", compared, to=TensorProto.INT64)

    def chosen(self, classes: Sequence[Array], choices: Sequence[str]) -> Marked:
        """Several labels at once: of each, its classes and which of them each row has (rows,)."""
        if any(np.asarray(found).dtype.kind not in "iu" for found in classes):
            raise refuse("there is a rule for several labels at once of whole numbers only")
        labels = [
            self.op("Gather", self.integers(np.asarray(found)), choice, axis=0)
            for found, choice in zip(classes, choices, strict=True)
        ]
        wide = [self.op("Unsqueeze", label, self.integers([1])) for label in labels]
        return Marked(self.op("Concat", *wide, axis=1), len(wide))

    def flat(self, tensor: str) -> str:
        """(rows, 1) -> (rows,)."""
        return self.op("Squeeze", tensor, self.integers([1]))

    def count(self, tensor: str, *, keep: int = 1) -> str:
        """The sum of each row of whole numbers, which is exact in any order."""
        return self.op("ReduceSum", tensor, self.integers([1]), keepdims=keep)

    def total(self, tensor: str, width: int) -> str:
        """The sum of each row, (rows, width) -> (rows, 1), added in one order.

        onnxruntime adds up a row as its address in memory suits it, so that an answer would depend
        on the rows beside it; a product with ones does not.
        """
        return self.op("MatMul", tensor, self.constant(np.ones((width, 1))))

    def smooth(self, kind: str, tensor: str, width: int) -> str:
        """An elementwise function of (rows, width) whose last bits do not depend on other rows.

        onnxruntime computes several elements at a time by one formula and the last few of a tensor
        by another, so rows are filled up until there are no last few.
        """
        more = -width % _AT_ONCE
        if not more:
            return self.op(kind, tensor)
        wide = self.op("Pad", tensor, self.integers([0, 0, 0, more]), self.constant(1.0))
        return self.op("Gather", self.op(kind, wide), self.integers(np.arange(width)), axis=1)

    def softmax(self, scores: str, width: int) -> str:
        """Softmax of each row of (rows, width)."""
        top = self.op("ReduceMax", scores, self.integers([1]))
        grown = self.smooth("Exp", self.op("Sub", scores, top), width)
        return self.op("Div", grown, self.total(grown, width))

    def single(self, tensor: str) -> str:
        """Doubles rounded to float32, as doubles: what float32 arithmetic would start from."""
        small = self.op("Cast", tensor, to=TensorProto.FLOAT)
        return self.op("Cast", small, to=TensorProto.DOUBLE)

    def double(self, tensor: str) -> str:
        """Any numbers as doubles."""
        return self.op("Cast", tensor, to=TensorProto.DOUBLE)

    def mean(self, tensors: Sequence[str], weights: Array | None = None) -> str:
        """The (weighted) mean of tensors of one shape, added in order."""
        if weights is not None:
            tensors = [
                self.op("Mul", tensor, self.constant(weight))
                for tensor, weight in zip(tensors, weights, strict=True)
            ]
        total = tensors[0]
        for tensor in tensors[1:]:
            total = self.op("Add", total, tensor)
        divisor = float(len(tensors) if weights is None else np.sum(weights))
        return self.op("Div", total, self.constant(divisor))


def _kind(model: Any) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"
