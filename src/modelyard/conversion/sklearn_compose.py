"""Models made of models: pipelines, column transformers, unions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from modelyard.conversion.sklearn_graph import Matrix, Number, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.conversion.sklearn_conversion import Answer, Conversion


def _steps(c: Conversion, steps: list[tuple[str, Any]], matrix: Matrix) -> Matrix:
    for _, step in steps:
        if step is not None and step != "passthrough":
            matrix = c.transform(step, matrix)
    return matrix


def _pipeline(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    return _steps(c, model.steps, matrix)


def _pipeline_end(c: Conversion, model: Any, matrix: Matrix) -> Answer:
    last = model.steps[-1][1]
    if last is None or last == "passthrough":
        raise refuse("the pipeline ends without an estimator")
    found = _steps(c, model.steps[:-1], matrix)
    before = model.steps[-2][1] if len(model.steps) > 1 else None
    c.sparse = bool(getattr(before, "sparse_output_", False))
    return c.predict(last, found)


def _column_transformer(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    fitted_on = list(getattr(model, "feature_names_in_", []))
    by_name = {column.name: column for column in matrix if not isinstance(column, Number)}
    if len(by_name) == len(matrix) and set(fitted_on) <= set(by_name) and fitted_on:
        matrix = tuple(by_name[name] for name in fitted_on)
    elif len(matrix) != model.n_features_in_:
        raise refuse(f"a ColumnTransformer of {model.n_features_in_} columns gets {len(matrix)}")
    parts: list[Any] = []
    for name, transformer, _ in model.transformers_:
        places = model._transformer_to_input_indices.get(name, [])  # noqa: SLF001 - resolved there
        if transformer == "drop" or not len(places):
            continue
        chosen = tuple(matrix[place] for place in places)
        done = chosen if transformer == "passthrough" else c.transform(transformer, chosen)
        weight = (model.transformer_weights or {}).get(name)
        parts.extend(done if weight is None else _weighted(c, done, weight))
    return tuple(parts)


def _union(c: Conversion, model: Any, matrix: Matrix) -> Matrix:
    parts: list[Any] = []
    for name, transformer in model.transformer_list:
        if transformer == "drop":
            continue
        done = matrix if transformer == "passthrough" else c.transform(transformer, matrix)
        weight = (model.transformer_weights or {}).get(name)
        parts.extend(done if weight is None else _weighted(c, done, weight))
    return tuple(parts)


def _weighted(c: Conversion, matrix: Matrix, weight: float) -> Matrix:
    return c.columns(c.op("Mul", c.dense(matrix), c.constant(float(weight))), len(matrix))


TRANSFORMS: dict[type, Callable[[Conversion, Any, Matrix], Matrix]] = {
    Pipeline: _pipeline,
    ColumnTransformer: _column_transformer,
    FeatureUnion: _union,
}
PREDICTS: dict[type, Callable[[Conversion, Any, Matrix], Answer]] = {Pipeline: _pipeline_end}
