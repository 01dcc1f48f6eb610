"""``requirements.lock``: the exact distributions with which a bundle was proved to run."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import TYPE_CHECKING, NamedTuple

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from modelyard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

BASE = ("msgspec", "numpy", "onnxruntime")
"""What every runtime needs."""

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Locked(NamedTuple):
    """One distribution at its installed version.

    Args:
        name: Its normalised name.
        version: Its version.
        license: Its SPDX expression, or what it says in words; "" where it says nothing.
        needs: The names of the distributions that it needs here.
        hashes: SHA-256 of its files, in order; () where they are not known.
    """

    name: str
    version: str
    license: str
    needs: tuple[str, ...]
    hashes: tuple[str, ...] = ()


def closure(names: Iterable[str]) -> list[Locked]:
    """The installed distributions of these names and all that they need here, by name.

    Raises:
        UsageError: if one of ``names`` is not installed.
    """
    found: dict[str, Locked] = {}
    missing: set[str] = set()
    waiting = [(canonicalize_name(name), "") for name in names]
    asked = dict(waiting)
    while waiting:
        name, extra = waiting.pop()
        try:
            dist = distribution(name)
        except PackageNotFoundError as e:
            if name in asked:
                raise UsageError(f"{name} is not installed, so it cannot be locked") from e
            missing.add(name)
            continue
        needs = sorted({requirement.name for requirement in _needs(dist, extra)})
        waiting += [
            (canonicalize_name(requirement.name), inner)
            for requirement in _needs(dist, extra)
            for inner in (requirement.extras or {""})
            if canonicalize_name(requirement.name) not in found or requirement.extras
        ]
        before = found[name].needs if name in found else ()
        found[name] = Locked(
            name,
            dist.version,
            _license(dist),
            tuple(sorted({*before, *map(canonicalize_name, needs)})),
        )
    return [
        locked._replace(needs=tuple(need for need in locked.needs if need not in missing))
        for _, locked in sorted(found.items())
    ]


def with_hashes(closure: Iterable[Locked], lock: Path) -> list[Locked]:
    """Add to distributions the hashes that a requirements file has for their very versions.

    Raises:
        UsageError: if the file cannot be read.
    """
    try:
        known = read_hashes(lock.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"the lock file {lock.name!r} cannot be read") from e
    return [one._replace(hashes=known.get((one.name, one.version), ())) for one in closure]


def read_hashes(text: str) -> dict[tuple[str, str], tuple[str, ...]]:
    r"""Read the hashes of a requirements file: (name, version) -> SHA-256 of its files, sorted.

    Example:
        >>> read_hashes("Foo_Bar==1.0 --hash=sha256:" + 64 * "a")
        {('foo-bar', '1.0'): ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',)}
    """
    known: dict[tuple[str, str], tuple[str, ...]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        head = re.split(r"\s+(?:--|#)|^#", line.strip(), maxsplit=1)[0]
        try:
            requirement = Requirement(head)
        except InvalidRequirement:
            continue
        for pin in requirement.specifier:
            if pin.operator == "==" and not pin.version.endswith("*"):
                key = (canonicalize_name(requirement.name), pin.version)
                known[key] = tuple(sorted(set(_HASH.findall(line))))
    return known


def write_lock(closure: Iterable[Locked]) -> bytes:
    """Write a requirements file that installs exactly these distributions.

    pip wants either every line to have hashes or none, so where one is not known none is written,
    and the first line says so.
    """
    locked = list(closure)
    bare = [one.name for one in locked if not one.hashes]
    if bare:
        said = "it knows no hashes" if len(bare) == len(locked) else "it lacks those of "
        said += "" if len(bare) == len(locked) else ", ".join(bare)
        lines = [f"# Without hashes: {said}. Versions are exact, the files behind them are not."]
        lines += [f"{one.name}=={one.version}" for one in locked]
    else:
        lines = ["# Install with: pip install --require-hashes -r requirements.lock"]
        for one in locked:
            hashes = [f"    --hash=sha256:{digest}" for digest in one.hashes]
            lines.append(" \\\n".join([f"{one.name}=={one.version}", *hashes]))
    return ("\n".join(lines) + "\n").encode()


def versions(names: Iterable[str]) -> dict[str, str]:
    """The installed versions of distributions, by name; those not installed are left out."""
    found: dict[str, str] = {}
    for name in sorted(set(names)):
        try:
            found[name] = distribution(name).version
        except PackageNotFoundError:
            continue
    return found


def _needs(dist: Distribution, extra: str) -> list[Requirement]:
    environment: Mapping[str, str] = {**default_environment(), "extra": extra}  # type: ignore[dict-item]  # a TypedDict of str
    requirements = [Requirement(line) for line in dist.requires or ()]
    return [one for one in requirements if one.marker is None or one.marker.evaluate(environment)]


def _license(dist: Distribution) -> str:
    about = dist.metadata.json
    expression = about.get("license_expression")
    if expression:
        return str(expression)
    classifiers = about.get("classifier", [])
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    named = [name for name in named if name != "OSI Approved"]
    text = str(about.get("license") or "").strip()
    return " / ".join(sorted(named)) or (text if "\n" not in text else "")
