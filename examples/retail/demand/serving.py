"""The life of the served model: bundle, gates, versions, promotion, a swap under live requests."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import modelyard
from demand.traffic import MODEL, Counts, Traffic, requests
from modelyard.app.serving import serve_settings
from modelyard.serve.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from demand.evaluate import Held
    from demand.features import Rows

    Say = Callable[[str], None]

PROJECT = Path(__file__).resolve().parent.parent
ENVIRONMENT = "production"
SAMPLE_ROWS = 4000
ASKED_ROWS = 1600
ANSWERS = 500  # of a version, before and after the swap


class Candidate(NamedTuple):
    """A fitted model that is to become a version.

    Args:
        title: What it is, for people.
        fitted: The estimator or booster.
        parameters: How it was trained, for the lineage.
    """

    title: str
    fitted: Any
    parameters: dict[str, Any]


class Swap(NamedTuple):
    """How a swap under live requests went.

    Args:
        counts: What became of the requests.
        seconds: From the promotion to the new version's first answer.
    """

    counts: Counts
    seconds: float


class GateError(Exception):
    """A version may not be promoted."""


class Yard:
    """A fresh registry and store, and the verbs of this project.

    Args:
        say: Prints one line of progress.
        project: The folder of ``modelyard.toml``; all that is written goes to its ``.work``.
    """

    def __init__(self, say: Say, project: Path = PROJECT) -> None:
        self._work = project / ".work"
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        self._say = say
        self._yard = modelyard.open_yard(project)

    def build(self, candidate: Candidate, training: Rows) -> modelyard.Bundle:
        """Make a bundle, whose sample is spread over all training weeks."""
        rows = training.take(spread(len(training.units), SAMPLE_ROWS))
        bundle = modelyard.build(
            candidate.fitted,
            rows.features,
            name=MODEL,
            labels=rows.units,
            directory=self._work / "bundles" / candidate.title.replace(" ", "-"),
            options=modelyard.BuildOptions(
                lineage=modelyard.Lineage(parameters=candidate.parameters)
            ),
        )
        manifest = bundle.manifest
        self._say(f"bundle {bundle.digest[:19]}, {bundle.size / 1e6:.2f} MB, {manifest.runtime}")
        self._say(f"  {manifest.why}")
        return bundle

    def gate(self, bundle: modelyard.Bundle, held: Held) -> None:
        """Let the gates judge a bundle on the test weeks.

        Raises:
            GateError: if one that the policy asks for did not say pass.
        """
        table = held.rows.features.assign(units=held.rows.units, week=held.rows.week)
        verdicts = modelyard.check(bundle, modelyard.Holdout(table, "units"), yard=self._yard)
        for verdict in verdicts:
            self._say(f"gate {verdict.gate:<16} {verdict.status:<12} {verdict.summary}")
        asked = self._yard.policy(ENVIRONMENT).requires
        against = [v for v in verdicts if not v.passed and v.gate in asked]
        if against:
            raise GateError("; ".join(f"{v.gate} said {v.status}: {v.summary}" for v in against))

    def register(self, bundle: modelyard.Bundle) -> str:
        """Register a bundle; the reference of its version."""
        version = modelyard.register(bundle, yard=self._yard)
        self._say(f"registered {version.name}:{version.version}")
        return f"{version.name}:{version.version}"

    def promote(self, reference: str) -> None:
        """Let a version run in production; the registry demands the verdicts of the policy."""
        modelyard.promote(reference, ENVIRONMENT, yard=self._yard)

    def predict(self, bundle: modelyard.Bundle, features: pd.DataFrame) -> NDArray[np.float64]:
        """A bundle's own predictions, in this process."""
        return np.asarray(modelyard.load(bundle).predict(features)["prediction"])

    def serve(self) -> Server:
        """Serve the champion, whichever it is, from a process of its own."""
        settings = serve_settings([f"{MODEL}@champion"], port=0, yard=self._yard)
        return Server.start(settings)


class Live:
    """A server that follows the champion, under live requests.

    Args:
        yard: The project.
        features: Real rows to ask about.
        say: Prints one line of progress.
    """

    def __init__(self, yard: Yard, features: pd.DataFrame, say: Say) -> None:
        self._yard = yard
        self._features = features[spread(len(features), ASKED_ROWS)].reset_index(drop=True)
        self._say = say

    def swap(self, url: str, before: modelyard.Bundle, after: modelyard.Bundle) -> Swap:
        """Promote ``after`` while clients ask, and wait until it answers.

        Raises:
            GateError: if a version does not answer in time.
        """
        expected = {
            version: self._yard.predict(bundle, self._features)
            for version, bundle in (("1", before), ("2", after))
        }
        with Traffic(url, requests(self._features), expected) as traffic:
            if not traffic.wait_for("1", ANSWERS):
                raise GateError(f"version 1 did not answer: {traffic.counts()}")
            self._say(
                f"version 1 has answered {traffic.counts().answered['1']} requests; promoting"
            )
            promoted = time.monotonic()
            self._yard.promote(f"{MODEL}:2")
            if not traffic.wait_for("2", ANSWERS):
                raise GateError(f"version 2 did not answer: {traffic.counts()}")
        counts = traffic.counts()
        return Swap(counts, counts.first["2"] - promoted)


def spread(rows: int, wanted: int) -> NDArray[np.bool_]:
    """A mask of about ``wanted`` rows, evenly spread."""
    mask = np.zeros(rows, bool)
    mask[np.unique(np.linspace(0, rows - 1, min(rows, wanted)).astype(int))] = True
    return mask


def lines(counts: Counts) -> Iterator[str]:
    """What became of the requests, for people."""
    yield f"requests served {counts.sent - counts.failed}, failed {counts.failed}"
    for version, answers in sorted(counts.answered.items()):
        yield f"  version {version} answered {answers}"
    yield f"  answers that were not that version's own prediction: {counts.wrong}"
