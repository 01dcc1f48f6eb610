"""What every flavor must prove; others may run these on flavors of their own.

Each check takes one case: a model of the flavor, made anew, and a sample of its inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.core.contract import numpy_dtype
from modelyard.errors import ExportError
from modelyard.tables.read import read_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelyard.core.contract import Output
    from modelyard.core.table import Array, Table
    from modelyard.flavors.base import Export, Flavor

    Run = Callable[[str, Export, Table], Mapping[str, Array]]

LONGEST_WHY = 200


class FlavorCase(NamedTuple):
    """One model of a flavor under proof.

    Args:
        name: What the case is about, for the id of the test.
        flavor: The flavor's class.
        make: Makes the fitted model, a sample of its inputs, and the labels of the sample.
        run: Runs an export: (runtime, export, rows) -> outputs.
        unfitted: Makes a model of the same class that was never fitted; None where there is no
            such thing.
        runtime: The runtime of the first candidate that must agree.
    """

    name: str
    flavor: type[Flavor]
    make: Callable[[], tuple[Any, Any, Any]]
    run: Run
    unfitted: Callable[[], Any] | None = None
    runtime: str = "onnxruntime"


def check_the_chosen_form_answers_as_the_model(case: FlavorCase) -> None:
    """One of the candidates, and the named one first, gives the model's answers on the sample."""
    model, sample, _ = case.make()
    frame, flavor = read_frame(sample), case.flavor()
    want = flavor.answer(model, frame, frame.table)
    for candidate in flavor.candidates(model, frame):
        try:
            export = candidate.make()
        except ExportError:
            continue
        got = case.run(candidate.runtime, export, frame.table)
        if candidate.runtime == case.runtime:
            _same(export, got, want)
            return
        assert not _agrees(export, got, want), f"{candidate.runtime} agrees already"
    raise AssertionError(f"no candidate for {case.runtime} could be made")


def check_every_form_that_can_be_made_has_a_reason(case: FlavorCase) -> None:
    """Candidates say in a sentence why they may be chosen, and each runtime comes once."""
    model, sample, _ = case.make()
    candidates = list(case.flavor().candidates(model, read_frame(sample)))
    runtimes = [candidate.runtime for candidate in candidates]
    assert runtimes
    assert len(set(runtimes)) == len(runtimes)
    for candidate in candidates:
        assert " " in candidate.why, candidate.why
        assert len(candidate.why) < LONGEST_WHY, candidate.why


def check_bytes_are_the_same_each_time(case: FlavorCase) -> None:
    """Two exports of one model are equal to the byte."""
    model, sample, _ = case.make()
    first = _exports(case, model, sample)
    again = _exports(case, model, sample)
    assert first.keys() == again.keys()
    for runtime, export in first.items():
        assert export == again[runtime], f"two exports for {runtime} differ"


def check_files_lie_under_model(case: FlavorCase) -> None:
    """All files lie under ``model/``, the one to load among them, and none is a pickle."""
    model, sample, _ = case.make()
    for export in _exports(case, model, sample).values():
        assert export.model in export.files
        for path, content in export.files.items():
            assert path.startswith("model/"), path
            assert content, f"{path} is empty"
            assert not _is_pickle(content), f"{path} is a pickle"


def check_the_contract_takes_the_sample_columns(case: FlavorCase) -> None:
    """The contract has the sample's columns: their names, order, dtypes and shapes."""
    model, sample, _ = case.make()
    columns = [(c.name, c.dtype, c.shape) for c in read_frame(sample).columns]
    for export in _exports(case, model, sample).values():
        assert [(c.name, c.dtype, c.shape) for c in export.contract.inputs] == columns


def check_feeds_cover_the_columns(case: FlavorCase) -> None:
    """Every feed takes columns of the contract, and no column is left out or fed twice."""
    model, sample, _ = case.make()
    for export in _exports(case, model, sample).values():
        fed = [name for feed in export.feeds for name in feed.columns]
        assert sorted(fed) == sorted(export.contract.names)
        names = [feed.name for feed in export.feeds]
        assert len(set(names)) == len(names)


def check_outputs_have_their_names_and_shapes(case: FlavorCase) -> None:
    """The outputs are those of the convention, and arrays come as the contract says."""
    model, sample, _ = case.make()
    frame, flavor = read_frame(sample), case.flavor()
    answer = flavor.answer(model, frame, frame.table)
    for export in _exports(case, model, sample).values():
        outputs = {output.name: output for output in export.contract.outputs}
        if export.contract.task == "classification":
            assert set(outputs) in ({"label"}, {"label", "probabilities"})
        if export.contract.task == "regression":
            assert list(outputs) == ["prediction"]
        assert set(answer) == set(outputs)
        for name, output in outputs.items():
            _fits(output, answer[name], frame.table.rows)
        if "probabilities" in outputs and outputs["probabilities"].labels is not None:
            classes = list(outputs["probabilities"].labels)
            assert set(answer["label"].tolist()) <= set(classes)
            assert len(classes) == answer["probabilities"].shape[1]


def check_one_row_answers_as_in_a_batch(case: FlavorCase) -> None:
    """A row's answer does not depend, to the bit, on the rows that come with it."""
    model, sample, _ = case.make()
    frame = read_frame(sample)
    export = _exports(case, model, sample)[case.runtime]
    batch = case.run(case.runtime, export, frame.table)
    for row in range(min(5, frame.table.rows)):
        one = case.run(case.runtime, export, frame.table.take(np.array([row])))
        for name, values in one.items():
            assert np.array_equal(values[0], batch[name][row], equal_nan=values.dtype.kind == "f")


def check_a_model_that_is_not_fitted_is_refused(case: FlavorCase) -> None:
    """What was never fitted gets an ExportError, before any form is offered."""
    if case.unfitted is None:
        return
    _, sample, _ = case.make()
    _refused(case, case.unfitted(), sample)


def check_a_foreign_object_is_refused(case: FlavorCase) -> None:
    """What is no model of the flavor gets an ExportError that says what it is."""
    _, sample, _ = case.make()
    for foreign in (object(), "model", None, {"a": 1}):
        message = _refused(case, foreign, sample)
        assert type(foreign).__name__ in message, message


def check_a_sample_with_other_columns_is_refused(case: FlavorCase) -> None:
    """A sample that lacks columns cannot be the model's."""
    model, sample, _ = case.make()
    frame = read_frame(sample)
    if len(frame.columns) == 1:
        return
    less = {column.name: frame.table[column.name].values for column in frame.columns[1:]}
    _refused(case, model, less)


def check_parameters_are_plain(case: FlavorCase) -> None:
    """Parameters are JSON values, equal each time."""
    model, _, _ = case.make()
    parameters = case.flavor().parameters(model)
    assert parameters == case.flavor().parameters(model)
    _plain(parameters)


CHECKS = (
    check_the_chosen_form_answers_as_the_model,
    check_every_form_that_can_be_made_has_a_reason,
    check_bytes_are_the_same_each_time,
    check_files_lie_under_model,
    check_the_contract_takes_the_sample_columns,
    check_feeds_cover_the_columns,
    check_outputs_have_their_names_and_shapes,
    check_one_row_answers_as_in_a_batch,
    check_a_model_that_is_not_fitted_is_refused,
    check_a_foreign_object_is_refused,
    check_a_sample_with_other_columns_is_refused,
    check_parameters_are_plain,
)


def _exports(case: FlavorCase, model: Any, sample: Any) -> dict[str, Export]:
    made = {}
    for candidate in case.flavor().candidates(model, read_frame(sample)):
        try:
            made[candidate.runtime] = candidate.make()
        except ExportError:
            continue
    assert made, "no candidate could be made"
    return made


def _refused(case: FlavorCase, model: Any, sample: Any) -> str:
    try:
        list(case.flavor().candidates(model, read_frame(sample)))
    except ExportError as e:
        return e.message
    raise AssertionError(f"{model!r} was not refused")


def _same(export: Export, got: Mapping[str, Array], want: Mapping[str, Array]) -> None:
    assert set(got) == set(want)
    for name, values in want.items():
        if values.dtype.kind == "f":
            allowed = export.tolerance.absolute + export.tolerance.relative * np.abs(values)
            off = np.abs(got[name] - values) - allowed
            assert not np.any(off > 0), f"{name} is off by up to {np.max(off)} too much"
            assert np.array_equal(np.isnan(got[name]), np.isnan(values)), name
        else:
            assert np.array_equal(got[name], values), name


def _agrees(export: Export, got: Mapping[str, Array], want: Mapping[str, Array]) -> bool:
    try:
        _same(export, got, want)
    except AssertionError:
        return False
    return True


def _fits(output: Output, values: Array, rows: int) -> None:
    assert values.dtype == numpy_dtype(output.dtype), f"{output.name} is {values.dtype}"
    assert len(values) == rows
    assert values.ndim == 1 + len(output.shape), f"{output.name} has shape {values.shape}"
    for size, found in zip(output.shape, values.shape[1:], strict=True):
        assert size is None or size == found, f"{output.name} has shape {values.shape}"


def _is_pickle(content: bytes) -> bool:
    return content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _plain(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            assert isinstance(key, str)
            _plain(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _plain(item)
    else:
        assert value is None or isinstance(value, (bool, int, float, str)), repr(value)
        assert value == value, "NaN is no JSON value"  # noqa: PLR0124 - NaN differs from itself
