"""The verbs that move versions: register, promote, roll back, and look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from modelyard.app.settings import HOME
from modelyard.app.yard import Yard, actor, using
from modelyard.core.difference import Change, difference
from modelyard.core.manifest import MANIFEST, Manifest
from modelyard.core.verdict import Verdict
from modelyard.errors import NotFoundError

if TYPE_CHECKING:
    from modelyard.bundle.opened import Bundle
    from modelyard.registry.version import Version


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the list of models."""

    name: str
    version: int
    digest: str
    registered: str
    aliases: tuple[str, ...]
    environments: tuple[str, ...]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to know of one version or bundle; ``listed`` is None if it is unregistered."""

    digest: str
    size: int
    manifest: Manifest
    listed: Listed | None
    verdicts: tuple[Verdict, ...]


class Compared(NamedTuple):
    """What differs between two bundles, and how many files they have together."""

    changes: list[Change]
    files: int


def register(bundle: str | Path | Bundle, *, yard: Yard | None = None) -> Version:
    """Give a bundle a name and the next version; the same bundle twice is one version.

    Args:
        bundle: A bundle or its folder.
        yard: The project; by default the one of the current folder.

    Raises:
        BundleError: if it is no bundle, or a byte of it differs.
        NotFoundError: if it is a name that the registry does not have.
    """
    with using(yard) as used:
        try:
            opened = used.open(bundle)
        except NotFoundError as e:
            raise _unregistered(used, e) from e
        return used.registry.register(opened, actor=actor())


def _unregistered(yard: Yard, error: NotFoundError) -> NotFoundError:
    """The same error, told to somebody who meant what was built and not yet registered."""
    name = error.subject.partition(":")[0].partition("@")[0]
    folders = [
        folder
        for folder in yard.location.path(f"{HOME}/bundles").glob(f"{name}-*")
        if (folder / MANIFEST).is_file()
    ]
    newest = max(folders, key=lambda folder: folder.stat().st_mtime, default=None)
    shown = "FOLDER" if newest is None else _near(newest)
    return NotFoundError(
        error.message,
        subject=error.subject,
        hint=f"give the folder that was built: modelyard register {shown}",
    )


def _near(folder: Path) -> Path:
    """The folder as it is written from here, where it is below."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def promote(reference: str, to: str = "production", *, yard: Yard | None = None) -> Version:
    """Let a version run in an environment, if its verdicts satisfy the policy.

    Args:
        reference: The version.
        to: The environment, one of those in ``modelyard.toml``.
        yard: The project; by default the one of the current folder.

    Raises:
        PolicyError: if a verdict that the policy names is missing or not pass.
        ConflictError: if somebody else moved the environment meanwhile.
        IntegrityError: names a file of the version whose bytes are damaged or gone.
    """
    with using(yard) as used:
        return used.registry.promote(reference, to, policy=used.policy(to), actor=actor())


def rollback(
    name: str, to: str = "production", *, version: int | None = None, yard: Yard | None = None
) -> Version:
    """Let the version before run in an environment again.

    Args:
        name: The model's name.
        to: The environment.
        version: The version to go back to; None takes the one before.
        yard: The project; by default the one of the current folder.

    Raises:
        NotFoundError: if there is none to go back to.
        IntegrityError: names a file of that version whose bytes are damaged or gone.
    """
    with using(yard) as used:
        used.policy(to)
        return used.registry.rollback(name, to, to=version, actor=actor())


def models(name: str | None = None, *, yard: Yard | None = None) -> list[Listed]:
    """List every version, newest first, of one model or of all.

    Args:
        name: The model; None for all.
        yard: The project; by default the one of the current folder.

    Raises:
        NotFoundError: if there is no model of that name.
    """
    with using(yard) as used:
        names = used.registry.names() if name is None else [name]
        return [
            _listed(used, version)
            for each in names
            for version in reversed(used.registry.versions(each))
        ]


def show(reference: str | Path | Bundle, *, yard: Yard | None = None) -> Shown:
    """Tell all there is to know of a version or bundle.

    Args:
        reference: A version, a bundle or its folder.
        yard: The project; by default the one of the current folder.
    """
    with using(yard) as used:
        bundle = used.open(reference)
        known = [v for v in _versions(used, bundle.manifest.name) if v.digest == bundle.digest]
        return Shown(
            digest=bundle.digest,
            size=bundle.size,
            manifest=bundle.manifest,
            listed=_listed(used, known[0]) if known else None,
            verdicts=tuple(used.registry.verdicts(bundle.digest)),
        )


def diff(
    before: str | Path | Bundle, after: str | Path | Bundle, *, yard: Yard | None = None
) -> list[Change]:
    """Compare two versions or bundles: contract, metrics, lineage, runtime, files."""
    return compare(before, after, yard=yard).changes


def compare(
    before: str | Path | Bundle, after: str | Path | Bundle, *, yard: Yard | None = None
) -> Compared:
    """Compare two versions or bundles, as ``diff`` does, and count their files."""
    with using(yard) as used:
        first, second = used.open(before).manifest, used.open(after).manifest
        files = {file.path for file in (*first.files, *second.files)}
        return Compared(difference(first, second), len(files))


def _versions(yard: Yard, name: str) -> list[Version]:
    return list(yard.registry.versions(name)) if name in yard.registry.names() else []


def _listed(yard: Yard, version: Version) -> Listed:
    aliases = yard.registry.aliases(version.name)
    environments = yard.registry.environments(version.name)
    return Listed(
        name=version.name,
        version=version.version,
        digest=version.digest,
        registered=version.registered,
        aliases=tuple(sorted(a for a, v in aliases.items() if v == version.version)),
        environments=tuple(sorted(e for e, v in environments.items() if v == version.version)),
    )
