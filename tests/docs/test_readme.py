"""The quick starts of the README are run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(after, language):
    return re.search(rf"{after}.*?```{language}\n(.*?)```", README, re.DOTALL).group(1)


def run(command, folder):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_notebook_quick_start(tmp_path):
    script = tmp_path / "notebook.py"
    script.write_text(block("## In a notebook", "python"))
    done = run([sys.executable, script.name], tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".modelyard").is_dir()


def test_the_command_line_quick_start(tmp_path):
    script = block("## On the command line", "sh")
    done = run(["bash", "-euo", "pipefail", "-c", script], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "now runs in production" in done.stdout
