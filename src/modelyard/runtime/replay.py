"""Golden rows through a bundle in a fresh process: what a deployed artifact will answer.

``python -m modelyard.runtime.replay DIRECTORY OUT`` opens the bundle, runs its golden rows and
writes the outputs as ``.npz``.  ``replay`` starts that and reads what it wrote.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import modelyard
from modelyard.bundle.goldenfile import decode_outputs, encode_outputs
from modelyard.bundle.opened import Bundle, open_bundle
from modelyard.bundle.source import DirectorySource
from modelyard.bundle.writing import copy_bundle
from modelyard.errors import ModelyardError, PredictError
from modelyard.runtime.predictor import load

if TYPE_CHECKING:
    from modelyard.core.table import Array

TIMEOUT = 120.0
"""Seconds that the fresh process may take."""

_OUT = "outputs.npz"
_LIMIT = 2**31
_SAID = 4096
_KEPT = ("LD_LIBRARY_PATH", "PATH", "SYSTEMROOT")


def replay(where: str | Path | Bundle, *, timeout: float = TIMEOUT) -> dict[str, Array]:
    """Run a bundle's golden rows in a fresh process.

    The process gets nothing of this one's environment but where to find programs and libraries,
    and looks for modules where Modelyard itself lies, not in the working directory.

    Args:
        where: The bundle's directory, or an opened bundle; one that lies in no directory is
            written into a temporary one first.
        timeout: Seconds after which the process is ended.

    Returns:
        Output name -> array, first axis the golden rows.

    Raises:
        BundleError: if the bundle cannot be opened.
        PredictError: if it does not answer, and what the process said about that.
    """
    bundle = where if isinstance(where, Bundle) else open_bundle(where)
    with tempfile.TemporaryDirectory(prefix="modelyard-replay-") as scratch:
        source = bundle.source
        if isinstance(source, DirectorySource):
            directory = source.directory.absolute()
        else:
            directory = Path(scratch) / "bundle"
            copy_bundle(bundle, directory)
        _run(bundle, directory, Path(scratch), timeout)
        content = DirectorySource(Path(scratch)).read(_OUT, _LIMIT)
    return decode_outputs(content, bundle.manifest.contract, bundle.golden().rows.rows)


def _run(bundle: Bundle, directory: Path, scratch: Path, timeout: float) -> None:
    # -P: the working directory is no place to import from.
    command = [sys.executable, "-P", "-s", "-m", "modelyard.runtime.replay"]
    command += [str(directory), str(scratch / _OUT), bundle.digest]
    said = scratch / "said"
    name = bundle.manifest.name
    with said.open("wb") as errors:
        try:
            done = subprocess.run(  # noqa: S603  # our own module, with paths as arguments
                command,
                env=_environment(scratch),
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as e:
            raise PredictError(
                f"{name}: a fresh process did not answer the golden rows in {timeout:g} seconds",
                model=name,
            ) from e
    if done.returncode:
        raise PredictError(
            f"{name}: a fresh process does not answer the golden rows: {_last_words(said)}",
            model=name,
        )


def _environment(scratch: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    home = str(Path(modelyard.__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [home, *[path for path in inherited if path and Path(path).is_absolute()]]
    return kept | {
        "HOME": str(scratch),
        "LC_ALL": "C.UTF-8",
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _last_words(said: Path) -> str:
    """The last line that a process wrote, without the trace above it."""
    with said.open("rb") as stream:
        stream.seek(max(0, said.stat().st_size - _SAID))
        lines = stream.read(_SAID).decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def main(arguments: list[str]) -> int:
    """Run the golden rows of the bundle in one directory, and write the outputs to a file."""
    directory, out, *digest = arguments
    try:
        bundle = open_bundle(directory, *digest)
        answers = load(bundle).run(bundle.golden().rows)
        content = encode_outputs(answers, bundle.manifest.contract)
    except ModelyardError as e:
        sys.stderr.write(f"{e.message}\n")
        return 1
    Path(out).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
