"""A huge batch reaches onnxruntime in slices, and that changes no bit."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from sklearn.ensemble import RandomForestClassifier

from modelyard.flavors.sklearn import Sklearn
from modelyard.runtime.engines.onnxruntime import SLICE, OnnxRuntime
from modelyard.tables.read import read_frame

OUTPUTS = ["label", "probabilities"]


class Session:
    """onnxruntime, and how many rows it was given each time."""

    def __init__(self, content):
        self.inner = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
        self.rows = []

    def run(self, outputs, feeds):
        self.rows.append(len(feeds["numbers"]))
        return self.inner.run(outputs, feeds)


@pytest.fixture(scope="module")
def forest():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 4))
    words = np.array(["one", "two", "three"])[rng.integers(0, 3, 400)]
    model = RandomForestClassifier(30, max_depth=6, random_state=0).fit(rows, words)
    candidate = next(Sklearn().candidates(model, read_frame(rows)))
    export = candidate.make()
    return export.files[export.model]


@pytest.mark.parametrize("rows", [1, SLICE, SLICE + 1, 2 * SLICE, 3 * SLICE + 17])
@pytest.mark.parametrize("threads", [1, 2])
def test_slices_give_the_bits_of_the_whole(forest, rows, threads):
    session = Session(forest)
    feeds = {"numbers": np.random.default_rng(1).normal(size=(rows, 4))}
    whole = session.inner.run(OUTPUTS, feeds)
    got = OnnxRuntime(session, OUTPUTS, threads=threads).run(feeds)
    assert got["label"].tolist() == whole[0].tolist()
    assert got["probabilities"].tobytes() == whole[1].tobytes()
    assert max(session.rows) <= SLICE
