"""A disk that takes no more: told as such, nothing half-written left, and the next try works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("modelyard")


def limited(kilobytes, *words):
    """Run the command where no file may grow beyond some KiB: the system's own refusal."""
    script = f'ulimit -f {kilobytes}; exec "$0" "$@"'
    command = ["bash", "-c", script, COMMAND, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_bundle_that_finds_no_room_leaves_nothing(project, modelyard):
    before = sorted(project.iterdir())
    done = limited(4, "build", "-o", "another")
    assert done.returncode == 2
    assert "cannot be written: File too large" in done.stderr
    assert "fault of Modelyard" not in done.stderr
    assert sorted(path for path in project.iterdir() if path.name != "__pycache__") == [
        path for path in before if path.name != "__pycache__"
    ]
    assert modelyard("build", "-o", "another").code == 0


@pytest.mark.parametrize("words", [["models"], ["models", "--json"], ["show", "tumours"]])
def test_an_answer_that_finds_no_room_is_the_systems_fault(project, words):
    # Buffered, as in a user's shell: what could not be flushed is tried again at the end.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: the system refuses: No space left on device")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
