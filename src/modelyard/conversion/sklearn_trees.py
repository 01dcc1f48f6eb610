"""Trees and forests of scikit-learn: read as ``Trees``, written as ``TreeEnsemble``.

Its trees round their input to float32 and compare it with double thresholds, except histogram
gradient boosting, which compares doubles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto
from sklearn import ensemble, tree
from sklearn.dummy import DummyClassifier, DummyRegressor

from modelyard.conversion.sklearn_conversion import Classified, Marked, Predicted
from modelyard.conversion.sklearn_graph import Matrix, refuse
from modelyard.conversion.sklearn_linear import unlinked
from modelyard.conversion.tree_ensemble import tree_ensemble
from modelyard.core.trees import Mode, Trees, join, single_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Answer, Conversion
    from modelyard.core.table import Array


def emit(c: Conversion, trees: Trees, x: str) -> str:
    """Add trees to the graph; the answer is (rows, outputs)."""
    output = c.fresh("trees")
    c.add(tree_ensemble(trees, input=x, output=output, prefix=output))
    return output


def read_tree(found: Any, values: Array, columns: Array | None = None) -> Trees:
    """Read one ``sklearn.tree._tree.Tree``.

    Args:
        found: The tree.
        values: What each of its nodes would answer, shape (nodes, outputs).
        columns: For a tree that saw a part of the columns: which they are.
    """
    is_leaf = found.children_left < 0
    place = np.where(is_leaf, -np.cumsum(is_leaf), np.cumsum(~is_leaf) - 1)
    asked = found.feature[~is_leaf]
    return single_tree(
        feature=asked if columns is None else np.asarray(columns)[asked],
        threshold=found.threshold[~is_leaf],
        left=place[found.children_left[~is_leaf]],
        right=place[found.children_right[~is_leaf]],
        leaves=np.asarray(values, np.float64)[is_leaf],
        missing_left=found.missing_go_to_left[~is_leaf].astype(np.bool_),
    )


def aimed(trees: Trees, target: int, outputs: int) -> Trees:
    """Let a tree of one output add to one of several."""
    return trees._replace(target=np.full(len(trees.leaves), target), base=np.zeros(outputs))


def _own_values(found: Any) -> Array:
    # (nodes, outputs, 1) of a regressor, (nodes, 1, classes) of a classifier.
    values: Array = found.value.reshape(found.node_count, -1)
    return values


def _classes(model: Any) -> Array:
    if isinstance(model.classes_, list):
        raise refuse("there is no rule for a tree that answers several labels at once")
    return np.asarray(model.classes_)


def _classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified | Marked:
    return _averaged(c, model, [model], matrix)


def _forest_classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified | Marked:
    return _averaged(c, model, model.estimators_, matrix)


def _averaged(c: Conversion, model: Any, members: list[Any], matrix: Matrix) -> Classified | Marked:
    trees = [read_tree(each.tree_, _own_values(each.tree_)) for each in members]
    joined = join(trees, divisor=float(len(trees)))
    probabilities = emit(c, joined, c.single(c.dense(matrix)))
    if isinstance(model.classes_, list):
        return _several(c, model.classes_, probabilities)
    return Classified(_classes(model), c.largest(probabilities), probabilities)


def _several(c: Conversion, classes: list[Array], probabilities: str) -> Marked:
    """Labels from the probabilities of one after the other, each as wide as the widest."""
    widest = max(map(len, classes))
    choices = [
        c.largest(
            c.op("Gather", probabilities, c.integers(label * widest + np.arange(len(own))), axis=1)
        )
        for label, own in enumerate(classes)
    ]
    return c.chosen(classes, choices)


def _regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    members = getattr(model, "estimators_", [model])
    trees = [read_tree(each.tree_, _own_values(each.tree_)) for each in members]
    y = emit(c, join(trees, divisor=float(len(trees))), c.single(c.dense(matrix)))
    return Predicted(y, None if model.n_outputs_ == 1 else int(model.n_outputs_))


def _boosted(c: Conversion, model: Any, matrix: Matrix) -> str:
    if not isinstance(model.init_, (DummyClassifier, DummyRegressor, str)):
        raise refuse("there is no rule for gradient boosting that starts from another model")
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0]  # noqa: SLF001
    trees = [
        aimed(read_tree(each.tree_, _own_values(each.tree_) * model.learning_rate), at, len(stage))
        for stage in model.estimators_
        for at, each in enumerate(stage)
    ]
    return emit(c, join(trees, base=start), c.single(c.dense(matrix)))


def _boosted_classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    raw = _boosted(c, model, matrix)
    classes = _classes(model)
    if len(classes) > 2:  # noqa: PLR2004 - more than a pair
        return Classified(classes, c.largest(raw), c.softmax(raw, len(classes)), raw)
    doubled = c.op("Mul", raw, c.constant(2.0)) if model.loss == "exponential" else raw
    return Classified(
        classes, c.above(raw, 0.0, strict=False), c.both(c.smooth("Sigmoid", doubled, 1)), raw
    )


def _boosted_regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    return Predicted(_boosted(c, model, matrix))


def _read_histogram(found: Any, target: int, outputs: int) -> Trees:
    nodes = found.nodes
    is_leaf = nodes["is_leaf"].astype(np.bool_)
    inner = nodes[~is_leaf]
    place = np.where(is_leaf, -np.cumsum(is_leaf), np.cumsum(~is_leaf) - 1)
    trees = single_tree(
        feature=inner["feature_idx"],
        threshold=inner["num_threshold"],
        left=place[inner["left"]],
        right=place[inner["right"]],
        leaves=nodes["value"][is_leaf].reshape(-1, 1),
        missing_left=inner["missing_go_to_left"].astype(np.bool_),
    )
    asks_category = inner["is_categorical"].astype(np.bool_)
    members = [
        _members(found.raw_left_cat_bitsets[node["bitset_idx"]]) if category else np.zeros(0)
        for node, category in zip(inner, asks_category, strict=True)
    ]
    trees = trees._replace(
        mode=np.where(asks_category, Mode.MEMBER, Mode.LEQ).astype(np.uint8),
        members=np.concatenate([np.zeros(0), *members]),
        member_start=np.cumsum([0, *map(len, members)]),
    )
    return aimed(trees, target, outputs)


def _members(bits: Array) -> Array:
    unpacked = np.unpackbits(bits.astype("<u4").view(np.uint8), bitorder="little")
    return np.flatnonzero(unpacked).astype(np.float64)


def _histogram(c: Conversion, model: Any, matrix: Matrix) -> str:
    trees = [
        _read_histogram(each, at, len(stage))
        for stage in model._predictors  # noqa: SLF001 - there is no public way to its trees
        for at, each in enumerate(stage)
    ]
    start = np.asarray(model._baseline_prediction).ravel()  # noqa: SLF001 - nor to this
    before = getattr(model, "_preprocessor", None)
    if before is not None:
        # It puts the categories first, as codes; what it does not know becomes missing.
        category = np.asarray(model.is_categorical_, bool)
        encoder = before.named_transformers_["encoder"]
        chosen = tuple(column for column, yes in zip(matrix, category, strict=True) if yes)
        others = tuple(column for column, yes in zip(matrix, category, strict=True) if not yes)
        matrix = (*c.transform(encoder, chosen), *others)
    return emit(c, join(trees, base=start), c.dense(matrix))


def _histogram_classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    raw = _histogram(c, model, matrix)
    classes = _classes(model)
    if len(classes) > 2:  # noqa: PLR2004 - more than a pair
        return Classified(classes, c.largest(raw), c.softmax(raw, len(classes)), raw)
    return Classified(classes, c.above(raw, 0.0), c.both(c.smooth("Sigmoid", raw, 1)), raw)


def _histogram_regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    raw = _histogram(c, model, matrix)
    return Predicted(unlinked(c, model._loss.link, raw))  # noqa: SLF001 - its link


def _adaptive_classifier(c: Conversion, model: Any, matrix: Matrix) -> Classified:
    classes = _classes(model)
    count = len(classes)
    weights = np.asarray(model.estimator_weights_)[: len(model.estimators_)]
    trees = []
    for each, weight in zip(model.estimators_, weights, strict=True):
        if type(each) not in _PLAIN or not np.array_equal(each.classes_, classes):
            raise refuse("there is a rule for AdaBoost over decision trees only")
        chosen = _own_values(each.tree_).argmax(axis=1)[:, None] == np.arange(count)
        trees.append(read_tree(each.tree_, np.where(chosen, weight, -weight / (count - 1))))
    raw = emit(c, join(trees, divisor=model.estimator_weights_.sum()), c.single(c.dense(matrix)))
    if count > 2:  # noqa: PLR2004 - more than a pair
        scaled = c.op("Div", raw, c.constant(count - 1.0))
        return Classified(classes, c.largest(raw), c.softmax(scaled, count), raw)
    score = c.total(c.op("Mul", raw, c.constant([-1.0, 1.0])), count)
    pair = c.op("Mul", score, c.constant([-0.5, 0.5]))
    return Classified(classes, c.above(score, 0.0), c.softmax(pair, count), score)


def _adaptive_regressor(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    if any(type(each) not in _PLAIN for each in model.estimators_):
        raise refuse("there is a rule for AdaBoost over decision trees only")
    count = len(model.estimators_)
    trees = [
        aimed(read_tree(each.tree_, _own_values(each.tree_)), at, count)
        for at, each in enumerate(model.estimators_)
    ]
    answers = emit(c, join(trees), c.single(c.dense(matrix)))
    ordered = c.fresh("ordered")
    c.topk(answers, count, ordered)
    weights = np.asarray(model.estimator_weights_)[:count]
    each = c.op("Gather", c.constant(weights), f"{ordered}_places", axis=0)
    risen = c.op("CumSum", each, c.integers(1))
    half = c.op("Mul", c.op("Gather", risen, c.integers([count - 1]), axis=1), c.constant(0.5))
    reached = c.op("Cast", c.op("GreaterOrEqual", risen, half), to=TensorProto.INT64)
    first = c.op("ArgMax", reached, axis=1, keepdims=1)
    return Predicted(c.op("GatherElements", ordered, first, axis=1))


def _isolation(c: Conversion, model: Any, matrix: Matrix) -> Predicted:
    trees = [
        read_tree(each.tree_, (lengths + average - 1.0)[:, None], columns)
        for each, columns, lengths, average in zip(
            model.estimators_,
            model.estimators_features_,
            model._decision_path_lengths,  # noqa: SLF001 - depth of each node
            model._average_path_length_per_tree,  # noqa: SLF001 - and what follows it on average
            strict=True,
        )
    ]
    depth = emit(c, join(trees), c.single(c.dense(matrix)))
    count = np.array([model._max_samples])  # noqa: SLF001 - as its own score does
    longest = len(trees) * ensemble._iforest._average_path_length(count)  # noqa: SLF001
    power = c.op("Neg", c.op("Div", depth, c.constant(longest)))
    score = c.op("Neg", c.op("Pow", c.constant(2.0), power))
    inside = c.op("GreaterOrEqual", c.op("Sub", score, c.constant(model.offset_)), c.constant(0.0))
    return Predicted(c.op("Where", inside, c.integers(1), c.integers(-1)), integer=True)


_PLAIN = {
    tree.DecisionTreeClassifier,
    tree.DecisionTreeRegressor,
    tree.ExtraTreeClassifier,
    tree.ExtraTreeRegressor,
}
PREDICTS: dict[type, Callable[[Conversion, Any, Matrix], Answer]] = {
    tree.DecisionTreeClassifier: _classifier,
    tree.ExtraTreeClassifier: _classifier,
    tree.DecisionTreeRegressor: _regressor,
    tree.ExtraTreeRegressor: _regressor,
    ensemble.RandomForestClassifier: _forest_classifier,
    ensemble.ExtraTreesClassifier: _forest_classifier,
    ensemble.RandomForestRegressor: _regressor,
    ensemble.ExtraTreesRegressor: _regressor,
    ensemble.GradientBoostingClassifier: _boosted_classifier,
    ensemble.GradientBoostingRegressor: _boosted_regressor,
    ensemble.HistGradientBoostingClassifier: _histogram_classifier,
    ensemble.HistGradientBoostingRegressor: _histogram_regressor,
    ensemble.AdaBoostClassifier: _adaptive_classifier,
    ensemble.AdaBoostRegressor: _adaptive_regressor,
    ensemble.IsolationForest: _isolation,
}
