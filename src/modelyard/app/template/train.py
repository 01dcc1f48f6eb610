"""Trains the model of this project; replace data and model by your own."""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelyard


def rows():
    """Read the data (real ones: 569 biopsies, which come with scikit-learn)."""
    frame = load_breast_cancer(as_frame=True).frame
    frame["malignant"] = 1 - frame.pop("target")
    return train_test_split(frame, test_size=0.4, random_state=0, stratify=frame["malignant"])


def train():
    """Fit the model; the sample is held out, so that its metrics mean something."""
    known, unseen = rows()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(known.drop(columns="malignant"), known["malignant"])
    return modelyard.Trained(model, unseen.drop(columns="malignant"), unseen["malignant"])


def holdout():
    """Rows that the model never saw, for the gates."""
    return rows()[1]
