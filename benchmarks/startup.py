"""Start-up: what Modelyard adds to the libraries that it stands on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from interleaved import measure, report

COMMAND = Path(sys.executable).with_name("modelyard")


def run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    python = sys.executable
    pairs = [
        measure(
            "import modelyard.runtime",
            lambda: run(python, "-c", "import modelyard.runtime"),
            lambda: run(python, "-c", "import onnxruntime"),
            1,
        ),
        measure(
            "modelyard --help",
            lambda: run(COMMAND, "--help"),
            lambda: run(python, "-c", "import typer, rich.console"),
            1,
        ),
    ]
    report("startup: whole processes", pairs, ("modelyard", "the floor"))


if __name__ == "__main__":
    main()
