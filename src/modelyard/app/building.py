"""``build``: a fitted model and a sample become a bundle that is proved to answer the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.app.choosing import choose_flavor
from modelyard.app.measuring import measure
from modelyard.app.proving import DisagreesError, Original, make_golden, prove
from modelyard.app.settings import HOME, find_settings
from modelyard.app.subject import make_subject
from modelyard.bundle.packing import Parts, pack
from modelyard.bundle.writing import copy_bundle
from modelyard.core.digest import PREFIX
from modelyard.core.manifest import Lineage
from modelyard.core.misfits import find_misfits
from modelyard.core.reference import check_name
from modelyard.errors import ExportError, UsageError
from modelyard.runtime.predictor import ENGINES
from modelyard.tables.digest import content_digest
from modelyard.tables.read import read_frame

if TYPE_CHECKING:
    from modelyard.bundle.opened import Bundle
    from modelyard.core.contract import Contract
    from modelyard.flavors.base import Candidate, Export, Flavor
    from modelyard.tables.frame import Frame


class BuildOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a build may be told beyond its model and sample.

    Args:
        contract: input -> {rule: value}: edits of the inferred input contract.
        lineage: Where the model comes from; the sample's digest and the model's own parameters
            are added.
        flavor: The flavor's name, where the model's type does not tell.
        lock: A requirements file with hashes, from which the bundle's lock takes them.
        progress: Called with a short sentence before each step.
    """

    contract: dict[str, dict[str, Any]] = {}
    lineage: Lineage = Lineage()
    flavor: str = ""
    lock: Path | None = None
    progress: Callable[[str], None] = lambda _: None


def build(
    model: Any,
    sample: Any,
    *,
    name: str,
    labels: Any = None,
    directory: str | Path | None = None,
    options: BuildOptions | None = None,
) -> Bundle:
    """Make a bundle of a fitted model, and prove that it answers as the model does.

    Args:
        model: The fitted model, or the path of a safe model file (.onnx, .ubj, .json, .txt).
        sample: Rows of its inputs, as a pandas or polars frame, an Arrow table or a numpy array.
            The input contract is inferred from them, and some of them become golden rows.
        name: The model's name.
        labels: The true answers of the sample's rows, shape (rows,); where given, the bundle
            records the metrics measured on them.
        directory: The folder that becomes the bundle; by default one named by its digest under
            ``.modelyard/bundles`` of the project.
        options: Edits of the contract, lineage and the like.

    Returns:
        The bundle, opened.

    Raises:
        ExportError: if no form of the model gives the original's answers; it tells each reason.
        PickleRefusedError: if the path is that of a pickle or joblib file.
        UsageError: if name, sample or labels are wrong, or the sample contradicts an edit of the
            contract.
    """
    options = options or BuildOptions()
    check_name(name, what="model name")
    options.progress("reading the sample")
    frame = read_frame(sample)
    flavor_name, flavor, model = choose_flavor(model, options.flavor)
    with tempfile.TemporaryDirectory(prefix="modelyard-") as folder:
        scratch = Path(folder)
        trial, parts = _proved(name, (flavor_name, flavor, model), frame, options, scratch)
        subject = make_subject(trial, scratch / "replayed")
        digest = parts.lineage.data["sample"]
        metrics = measure(subject, frame.table, labels, digest, options.progress)
        final = pack(parts._replace(metrics=metrics), scratch / "final")
        return copy_bundle(final, _place(final, directory))


def _proved(
    name: str,
    chosen: tuple[str, Flavor, Any],
    frame: Frame,
    options: BuildOptions,
    scratch: Path,
) -> tuple[Bundle, Parts]:
    """The first form of a model that answers as the model does, packed.

    Raises:
        ExportError: if none does; it tells each reason.
    """
    flavor_name, flavor, model = chosen
    failures: list[str] = []
    original: Original | None = None
    for candidate in flavor.candidates(model, frame):
        try:
            options.progress(f"exporting for {candidate.runtime}")
            export = _edited(candidate.make(), options)
            _check_edits(export.contract, options, frame)
            original = original or _ask(flavor_name, flavor, model, frame)
            parts = _parts(name, original, (candidate, export), options)
            parts = parts._replace(why=_why(candidate, failures))
            options.progress(f"proving that {candidate.runtime} answers as the model does")
            trial = pack(parts, scratch / candidate.runtime)
            prove(trial, original)
        except (ExportError, DisagreesError) as e:
            failures.append(f"{candidate.runtime}: {e.message}")
            continue
        return trial, parts
    raise ExportError(
        f"no form of this {type(model).__name__} gives the original's answers:\n    "
        + "\n    ".join(failures or ["the flavor offers none"]),
        flavor=flavor_name,
        hint="see docs/how-to/when-a-model-does-not-export.md",
    )


def _edited(export: Export, options: BuildOptions) -> Export:
    return export._replace(contract=export.contract.edit(options.contract))


def _check_edits(contract: Contract, options: BuildOptions, frame: Frame) -> None:
    """Refuse edits that the sample itself contradicts: so would the callers' rows."""
    edited = tuple(column for column in contract.inputs if column.name in options.contract)
    if not edited:
        return
    narrow = msgspec.structs.replace(contract, inputs=edited)
    misfits = find_misfits(narrow, frame.table.select(narrow.names))
    if misfits is not None:
        names = ", ".join(f"[contract.{column.name}]" for column in edited)
        raise UsageError(
            f"the sample contradicts the edited contract: {misfits}",
            hint=f"widen {names} in modelyard.toml, or leave such rows out of the sample",
        )


def _ask(flavor_name: str, flavor: Flavor, model: Any, frame: Frame) -> Original:
    answers = flavor.answer(model, frame, frame.table)
    return Original(flavor, flavor_name, model, frame, answers)


def _why(candidate: Candidate, failures: list[str]) -> str:
    sentences = [candidate.why, *(f"Not taken: {failure}" for failure in failures)]
    return " ".join(sentence.rstrip(".") + "." for sentence in sentences)


def _parts(
    name: str, original: Original, form: tuple[Candidate, Export], options: BuildOptions
) -> Parts:
    candidate, export = form
    given = options.lineage
    sample = {"sample": content_digest(original.frame.table)}
    parameters = original.flavor.parameters(original.model) | given.parameters
    lineage = msgspec.structs.replace(given, data=given.data | sample, parameters=parameters)
    return Parts(
        name=name,
        flavor=original.flavor_name,
        runtime=candidate.runtime,
        why=candidate.why,
        export=export,
        golden=make_golden(original, export.contract),
        lineage=lineage,
        libraries=original.flavor.used(original.model),
        requires=ENGINES.load(candidate.runtime).requires,
        lock=options.lock,
    )


def _place(trial: Bundle, directory: str | Path | None) -> Path:
    if directory is not None:
        return Path(directory)
    short = trial.digest.removeprefix(PREFIX)[:16]
    return find_settings().path(f"{HOME}/bundles/{trial.manifest.name}-{short}")
