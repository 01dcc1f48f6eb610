"""Live requests: client threads that send real rows without a pause and check every answer."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Self

import httpx
import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

ROWS = 8
CLIENTS = 4
MODEL = "demand"


class Request(NamedTuple):
    """One request.

    Args:
        body: Its bytes.
        rows: Where its rows stand in the frame they came from.
    """

    body: bytes
    rows: slice


class Counts(NamedTuple):
    """What became of the requests.

    Args:
        sent: How many were sent.
        failed: How many got no answer, or another status than 200.
        wrong: How many got an answer that is not bit for bit that version's own prediction.
        answered: Version -> how many it answered.
        first: Version -> when its first answer came, in seconds of ``time.monotonic``.
    """

    sent: int
    failed: int
    wrong: int
    answered: Mapping[str, int]
    first: Mapping[str, float]


def requests(features: pd.DataFrame) -> list[Request]:
    """Cut real feature rows into requests; what is missing is null."""
    plain = features.astype(object).where(features.notna(), None).to_dict("records")
    return [
        Request(
            msgspec.json.encode({"model": MODEL, "rows": plain[start : start + ROWS]}),
            slice(start, start + ROWS),
        )
        for start in range(0, len(plain) - ROWS + 1, ROWS)
    ]


class Traffic:
    """Clients in threads, from ``with`` to the end of its block.

    Args:
        url: The server's.
        asked: The requests, sent again and again.
        expected: Version -> its own predictions of all rows.
    """

    def __init__(
        self, url: str, asked: Sequence[Request], expected: Mapping[str, NDArray[np.float64]]
    ) -> None:
        self._url = url
        self._asked = asked
        self._expected = dict(expected)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._sent = self._failed = self._wrong = 0
        self._answered: dict[str, int] = {}
        self._first: dict[str, float] = {}
        self._threads = [
            threading.Thread(target=self._ask_on, args=(number,)) for number in range(CLIENTS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def expect(self, version: str, predictions: NDArray[np.float64]) -> None:
        """Tell what a version that may answer from now on predicts."""
        with self._lock:
            self._expected[version] = predictions

    def wait_for(self, version: str, answers: int, seconds: float = 30.0) -> bool:
        """Wait until a version has given some answers; False if it did not in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.counts().answered.get(version, 0) >= answers:
                return True
            time.sleep(0.02)
        return False

    def counts(self) -> Counts:
        """What became of the requests so far."""
        with self._lock:
            return Counts(
                self._sent, self._failed, self._wrong, dict(self._answered), dict(self._first)
            )

    def _ask_on(self, number: int) -> None:
        at = number
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._stop.is_set():
                request = self._asked[at % len(self._asked)]
                at += CLIENTS
                try:
                    answer = client.post("/predict", content=request.body)
                except httpx.HTTPError:
                    self._note(None, request)
                else:
                    self._note(answer, request)

    def _note(self, answer: httpx.Response | None, request: Request) -> None:
        now = time.monotonic()
        with self._lock:
            self._sent += 1
            if answer is None or answer.status_code != httpx.codes.OK:
                self._failed += 1
                return
            said = msgspec.json.decode(answer.content)
            version = str(said["version"])
            self._answered[version] = self._answered.get(version, 0) + 1
            self._first.setdefault(version, now)
            expected = self._expected.get(version)
            got = np.array(said["outputs"]["prediction"])
            if expected is None or not np.array_equal(got, expected[request.rows]):
                self._wrong += 1
