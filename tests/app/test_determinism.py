"""The same models and samples give the same digests: in any process, zone, folder, hash seed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BUILD = """
import warnings; warnings.simplefilter("ignore")
import lightgbm, numpy as np, pandas as pd, tempfile, xgboost
from pathlib import Path
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer
import modelyard

draw = np.random.default_rng(0)
frame = pd.DataFrame({
    "a": draw.normal(size=150), "b": draw.integers(0, 9, 150),
    "c": draw.choice(["x", "y", "z"], 150), "d": draw.choice(["u", "v", None], 150),
})
frame.loc[::9, "a"] = np.nan
labels = (frame["b"] > 4).astype(int)
numbers = frame[["a", "b"]]
whole = frame[["b"]].astype(float)
pipeline = make_pipeline(ColumnTransformer([
    ("n", SimpleImputer(), ["a", "b"]),
    ("c", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["c", "d"]),
]), LogisticRegression())
models = {
    "pipeline": (pipeline, frame),
    "boosting": (HistGradientBoostingClassifier(max_iter=10), numbers),
    "forest": (RandomForestRegressor(5, random_state=0), whole),
    "quantiles": (make_pipeline(QuantileTransformer(
        n_quantiles=20, output_distribution="normal"), LogisticRegression()), whole),
    "xgboost": (xgboost.XGBClassifier(n_estimators=5), numbers),
    "lightgbm": (lightgbm.LGBMClassifier(n_estimators=5, verbose=-1), numbers),
}
for name, (model, rows) in models.items():
    with tempfile.TemporaryDirectory() as folder:
        model.fit(rows, labels)
        bundle = modelyard.build(
            model, rows, name=name, labels=labels, directory=Path(folder) / "b"
        )
        print(name, bundle.manifest.runtime, bundle.digest)
"""


def digests(folder, seed, zone):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"}
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_two_processes_that_differ_in_everything_else_agree(tmp_path):
    one = digests(tmp_path / "one", "1", "UTC")
    other = digests(tmp_path / "another folder", "2", "Asia/Tokyo")
    assert one == other
    assert len(one) == 6
    assert {line.split()[1] for line in one} == {"onnxruntime", "sklearn"}
