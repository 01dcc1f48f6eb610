"""``make demo`` from the raw table to the swap under live requests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "examples" / "retail" / "demo.py"


@pytest.mark.slow
def test_the_demo_runs_to_its_table(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", DEMO],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stderr == ""
    served = re.search(r"requests served (\d+) \(.*\), failed (\d+), wrong (\d+)", done.stdout)
    assert served is not None
    assert int(served[1]) > 300
    assert (served[2], served[3]) == ("0", "0")
    for said in ("promotion regression per brand", "SIMULATED", "not the algorithm"):
        assert said in done.stdout
