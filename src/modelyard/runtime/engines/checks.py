"""What every engine must prove; others may run these on engines of their own.

Each check takes one case, which makes a model of the engine's kind, rows, and the answers that the
original model gave for them.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modelyard.core.parity import compare
from modelyard.errors import BundleError
from modelyard.runtime.predictor import ENGINES, Predictor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelyard.core.manifest import Manifest
    from modelyard.core.table import Array, Table


class Made(NamedTuple):
    """A model, as a bundle would hold it.

    Args:
        manifest: Its manifest; ``runtime`` names the engine.
        files: path -> bytes, of the model's files.
        rows: At least 8 rows that fit the contract.
        outputs: What the original model answers for them.
    """

    manifest: Manifest
    files: Mapping[str, bytes]
    rows: Table
    outputs: Mapping[str, Array]


class Case(NamedTuple):
    """One kind of model that an engine runs.

    Args:
        make: Makes the model; called by every check, so it should remember what it made.
    """

    make: Callable[[], Made]


_NEVER = ("os.exec", "os.posix_spawn", "os.system", "pickle.find_class", "subprocess.Popen")
_CODE = (".py", ".pyc", ".so")


def check_answers_as_the_original(case: Case) -> None:
    """Its answers are the original's, with the names, shapes and dtypes of the contract."""
    made = case.make()
    found = compare(made.outputs, _load(made).run(made.rows), made.manifest.tolerance)
    assert found.within, found


def check_one_row_answers_as_in_a_batch(case: Case) -> None:
    """A row's answer does not depend on the rows it came with."""
    made = case.make()
    predictor = _load(made)
    batch = predictor.run(made.rows)
    for row in range(made.rows.rows):
        alone = predictor.run(made.rows.take(np.array([row])))
        beside = {name: answer[row : row + 1] for name, answer in batch.items()}
        found = compare(beside, alone, made.manifest.tolerance)
        assert found.within, f"row {row}: {found}"


def check_no_rows_no_answers(case: Case) -> None:
    """No rows get answers of no rows, of the right dtypes."""
    made = case.make()
    predictor = _load(made)
    some = predictor.run(made.rows)
    none = predictor.run(made.rows.take(np.array([], np.int64)))
    assert {name: answer.dtype for name, answer in none.items()} == {
        name: answer.dtype for name, answer in some.items()
    }
    assert all(len(answer) == 0 for answer in none.values())


def check_answers_the_same_again(case: Case) -> None:
    """The same rows get the same bits, from a model loaded anew too, and are not written to."""
    made = case.make()
    feeds = _feeds(made)
    before = {name: feed.copy() for name, feed in feeds.items()}
    engine = _load(made).engine
    first, again = engine.run(feeds), engine.run(feeds)
    anew = _load(made).engine.run(feeds)
    for name, answer in first.items():
        assert _same(answer, again[name])
        assert _same(answer, anew[name])
    for name, feed in feeds.items():
        assert _same(feed, before[name])


def check_threads_get_their_own_answers(case: Case) -> None:
    """Several threads may run one engine, each with rows of its own."""
    made = case.make()
    predictor = _load(made)
    pieces = [made.rows.take(np.arange(start, made.rows.rows)) for start in range(8)]
    want = [predictor.run(piece) for piece in pieces]
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(predictor.run, pieces * 25))
    for number, answers in enumerate(got):
        for name, answer in answers.items():
            assert _same(answer, want[number % 8][name])


def check_failure_leaves_no_trace(case: Case) -> None:
    """Feeds that do not fit raise an exception, and the next good ones are answered as before."""
    made = case.make()
    feeds = _feeds(made)
    engine = _load(made).engine
    want = engine.run(feeds)
    for name, feed in feeds.items():
        bad = {**feeds, name: np.zeros((len(feed), 7, 1, 3), feed.dtype)}
        try:
            engine.run(bad)
        except Exception:  # noqa: BLE001, S110  # any will do; the predictor gives it a name
            pass
        else:
            raise AssertionError(f"a feed {name!r} of another shape was answered")
    got = engine.run(feeds)
    assert all(_same(answer, got[name]) for name, answer in want.items())


def check_damaged_model_is_refused(case: Case) -> None:
    """Bytes that are no such model raise BundleError at load, and nothing else."""
    made = case.make()
    model = made.files[made.manifest.model]
    for damaged in (b"", b"\0", b"{}", b"tree\n", model[:7], b"\x80\x04\x95\0\0\0\0\0\0\0\0."):
        refused = False
        try:
            _load(made._replace(files={**made.files, made.manifest.model: damaged}))
        except BundleError:
            refused = True
        assert refused, f"a model of the bytes {damaged[:20]!r} was loaded"
    for cut in (2, 3, 5):
        try:  # what is left may happen to be a whole, smaller model
            _load(
                made._replace(
                    files={**made.files, made.manifest.model: model[: -len(model) // cut]}
                )
            )
        except BundleError:
            continue


def check_reads_only_what_it_is_given(case: Case) -> None:
    """Loading and running open no file, start no process and build no pickled object."""
    made = case.make()
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return made.files[path]

    engine = ENGINES.load(made.manifest.runtime)
    feeds = _feeds(made)
    engine.load(read, made.manifest).run(feeds)  # what libraries import late, they import now
    heard = _EAR.listen(lambda: engine.load(read, made.manifest).run(feeds))
    assert not heard, heard
    assert made.manifest.model in asked


class _Ear:
    """Hears what this process opens and starts, Python's own modules left out."""

    def __init__(self) -> None:
        self.heard: list[str] | None = None
        self._hooked = False

    def listen(self, do: Callable[[], object]) -> list[str]:
        """What is opened or started while something is done."""
        if not self._hooked:  # an audit hook can be added, but never taken away
            sys.addaudithook(self._hear)
            self._hooked = True
        heard: list[str] = []
        self.heard = heard
        try:
            do()
        finally:
            self.heard = None
        return heard

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.heard is None:
            return
        opens = event == "open" and not str(arguments[0]).endswith(_CODE)
        if opens or event in _NEVER:
            self.heard.append(f"{event} {arguments[0]}")


_EAR = _Ear()


def _load(made: Made) -> Predictor:
    engine = ENGINES.load(made.manifest.runtime)
    loaded = engine.load(lambda path: made.files[path], made.manifest)
    return Predictor(made.manifest, "sha256:" + 64 * "0", loaded)


def _feeds(made: Made) -> dict[str, Array]:
    return _load(made).feeds(made.rows)


def _same(one: Array, other: Array) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype == object:
        return bool(np.array_equal(one, other))
    return one.tobytes() == other.tobytes()


CHECKS: tuple[Callable[[Case], None], ...] = (
    check_answers_as_the_original,
    check_one_row_answers_as_in_a_batch,
    check_no_rows_no_answers,
    check_answers_the_same_again,
    check_threads_get_their_own_answers,
    check_failure_leaves_no_trace,
    check_damaged_model_is_refused,
    check_reads_only_what_it_is_given,
)
