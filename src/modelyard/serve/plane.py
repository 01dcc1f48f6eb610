"""The plane decides: route -> version -> contract -> model -> answer, whatever the protocol."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from modelyard.core.refusal import shorten
from modelyard.errors import NotFoundError, NotReadyError, RequestError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar, TypeVarTuple

    from modelyard.core.table import Array
    from modelyard.serve.settings import ServeSettings
    from modelyard.serve.version import Question, ServedVersion

    Result = TypeVar("Result")
    Arguments = TypeVarTuple("Arguments")


class Serving(NamedTuple):
    """What is served at one moment; replaced as a whole, so no request sees half a change.

    Args:
        routed: The names that the route serves.
        versions: name -> the version that answers; a routed name may have none (yet).
    """

    routed: frozenset[str] = frozenset()
    versions: Mapping[str, ServedVersion] = {}

    @property
    def ready(self) -> bool:
        """Whether every routed model answers."""
        return bool(self.routed) and self.routed == self.versions.keys()


class Plane:
    """Answers questions with the version that the route says.

    Args:
        settings: The limits.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self.serving = Serving()
        self.stopping = False
        self.in_flight = 0
        self._settings = settings
        threads = max(1, (os.cpu_count() or 2) - 1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="modelyard-rows")

    @property
    def ready(self) -> bool:
        """Whether to send requests here."""
        return self.serving.ready and not self.stopping

    def pick(self, name: str | None, version: str | None = None) -> ServedVersion:
        """Choose the version that answers.

        Args:
            name: The model; None where only one is served.
            version: The version that the caller insists on: its number or digest.

        Raises:
            NotFoundError: if the model, or that version of it, is not served.
            NotReadyError: if no version of it is loaded.
        """
        serving = self.serving
        if name is None:
            name = self._only(serving)
        found = serving.versions.get(name)
        if found is None:
            if name in serving.routed:
                raise NotReadyError(
                    f"no version of {name!r} is loaded", model=name, hint="ask again soon"
                )
            raise NotFoundError(
                f"no model {shorten(name)} is served here", subject=name, hint=_listing(serving)
            )
        if version is not None and version not in (found.version, found.digest):
            raise NotFoundError(
                f"version {shorten(version)} of {name!r} is not served here",
                subject=f"{name}:{version}",
                hint=f"the version served is {found.version}",
            )
        return found

    async def answer(self, version: ServedVersion, question: Question) -> dict[str, Array]:
        """Answer a question with a version, which the caller holds in ``in_flight``.

        Raises:
            TooLargeError: if it has more rows than the limit.
            RequestError: if it asks for an output that the model has not.
            ContractError: if the rows do not fit the contract.
            PredictError: if the model fails on rows that do.
        """
        failed = True
        try:
            if question.rows > self._settings.max_rows:
                raise TooLargeError(
                    f"{question.rows} rows are more than the {self._settings.max_rows} that one"
                    " request may have",
                    limit=self._settings.max_rows,
                    hint="send them in several requests",
                )
            self._check_outputs(version, question.outputs)
            heavy = question.rows > self._settings.thread_rows
            answers = await self.run(version.answer, question, heavy=heavy)
            failed = False
        finally:
            version.tally.count(question.rows, failed=failed)
        return answers

    async def run(
        self, work: Callable[[*Arguments], Result], *arguments: *Arguments, heavy: bool
    ) -> Result:
        """Do work here and now or, where it is heavy, in a thread, so that others need not wait."""
        if not heavy:
            return work(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def close(self) -> None:
        """Start no more threads; those at work are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _only(self, serving: Serving) -> str:
        if len(serving.routed) == 1:
            return next(iter(serving.routed))
        raise NotFoundError(
            "several models are served here, and the request names none", hint=_listing(serving)
        )

    def _check_outputs(self, version: ServedVersion, names: tuple[str, ...]) -> None:
        known = [output.name for output in version.contract.outputs]
        for name in names:
            if name not in known:
                raise RequestError(
                    f"{version.name!r} has no output {shorten(name)}",
                    hint="its outputs are: " + ", ".join(known),
                )


def _listing(serving: Serving) -> str:
    return "models served here: " + (", ".join(sorted(serving.routed)) or "none")
