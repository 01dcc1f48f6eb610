"""``make demo`` from the raw table to the swap under live requests."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.errors import PolicyError

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "retail"
sys.path.insert(0, str(FOLDER))

from demand import evaluate, models, protocol, serving  # noqa: E402
from demand.data import lay_out, read_sales  # noqa: E402
from demand.features import FEATURES, FeatureMaker  # noqa: E402
from demand.smoothing import fit_smoothing  # noqa: E402


@pytest.mark.slow
def test_the_demo_runs_to_its_table(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", FOLDER / "demo.py"],
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


def test_a_worse_candidate_is_not_promoted(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "modelyard.toml", tmp_path)
    yard = serving.Yard(lambda _: None, tmp_path)
    maker = FeatureMaker(lay_out(read_sales()))
    training = maker.rows([(week, 2) for week in range(126, 136)])
    held = evaluate.held_out(maker, protocol.ROUNDS)

    first = yard.build(serving.Candidate("first", fit_smoothing(training.features), {}), training)
    yard.gate(first, held)
    yard.promote(yard.register(first))

    stump = models.boost(training, FEATURES, trees=1)
    second = yard.build(serving.Candidate("second", stump, {}), training)
    with pytest.raises(serving.GateError, match="champion said fail: wape"):
        yard.gate(second, held)
    reference = yard.register(second)
    with pytest.raises(PolicyError):
        yard.promote(reference)
