"""What tests of flavors share: an export, run as a bundle's predictor would, against the model."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from modelyard.tables.read import read_frame

_spec = importlib.util.spec_from_file_location(
    "flavor_cases", Path(__file__).parent.parent / "cases" / "flavors.py"
)
flavor_cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(flavor_cases)


def export_of(flavor, model, sample, runtime="onnxruntime"):
    for candidate in flavor.candidates(model, read_frame(sample)):
        if candidate.runtime == runtime:
            return candidate.make()
    raise AssertionError(f"no candidate for {runtime}")


def furthest(flavor, model, sample, probe=None, runtime="onnxruntime"):
    """The largest difference of any number, after all outputs were found within tolerance."""
    frame = read_frame(sample)
    export = export_of(flavor, model, sample, runtime)
    table = frame.table if probe is None else read_frame(probe).table
    want = flavor.answer(model, frame, table)
    got = flavor_cases.run(runtime, export, table)
    assert set(got) == set(want) == {output.name for output in export.contract.outputs}
    worst = 0.0
    for name, values in want.items():
        assert got[name].shape == values.shape
        assert got[name].dtype == values.dtype
        if values.dtype.kind != "f":
            assert got[name].tolist() == values.tolist()
            continue
        off = np.abs(got[name] - values)
        allowed = export.tolerance.absolute + export.tolerance.relative * np.abs(values)
        assert np.all(off <= allowed), f"{name}: {off.max()}"
        worst = max(worst, float(off.max()))
    return worst


@pytest.fixture
def parity():
    return furthest


@pytest.fixture
def exporting():
    return export_of


@pytest.fixture
def run():
    return flavor_cases.run


@pytest.fixture
def edges():
    """Rows that lie on thresholds, beside them, far away and nowhere."""

    def make(trees, x):
        rng = np.random.default_rng(3)
        rows = x[rng.integers(0, len(x), 300)]
        for feature in range(x.shape[1]):
            cuts = trees.threshold[(trees.feature == feature) & (trees.mode != 6)].astype(x.dtype)
            far = np.array([-1e30, 1e30, 0.0, -0.0, 1e-36, -1e-36, np.nan], x.dtype)
            around = [np.nextafter(cuts, x.dtype.type(way)) for way in (-np.inf, np.inf)]
            pool = np.concatenate([cuts, *around, far])
            pool = pool[~np.isinf(pool)]
            hit = rng.random(len(rows)) < 0.6
            rows[hit, feature] = rng.choice(pool, hit.sum())
        return rows

    return make
