"""The keeper: follows the route and the registry, and brings the plane to what they say.

A changed version is loaded beside the old one, warmed and proved; then one assignment switches.
Requests that began on the old version end on it.  What cannot be loaded changes nothing.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modelyard.core.route import Route, decode_route
from modelyard.errors import ConfigError
from modelyard.serve.log import now, told
from modelyard.serve.plane import Serving
from modelyard.serve.version import load_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.core.route import Served
    from modelyard.serve.log import Log
    from modelyard.serve.plane import Plane
    from modelyard.serve.settings import ServeSettings
    from modelyard.serve.source import Source
    from modelyard.serve.version import ServedVersion

MAX_ROUTE = 2**20
_FIRST_RETRY = 1.0
_LAST_RETRY = 60.0


class Problem(NamedTuple):
    """Why something is not as the route says.

    Args:
        what: One line, for the operator.
        since: When it was seen last.
        digest: The version that could not be loaded, or "" where none was found.
        retry_at: When to try again, on the monotonic clock.
        pause: How long the last pause was, in seconds.
    """

    what: str
    since: str
    digest: str
    retry_at: float
    pause: float


class Keeper:
    """Brings the plane to what the route says, and keeps it there.

    Args:
        plane: What serves.
        source: Finds versions.
        settings: The route, and how often to look.
        log: Where events go.
    """

    def __init__(self, plane: Plane, source: Source, settings: ServeSettings, log: Log) -> None:
        self._plane = plane
        self._source = source
        self._settings = settings
        self._log = log
        self._route: Route | None = settings.route
        self._route_content: bytes | None = None
        self._sequence: object = None
        self._draining: list[ServedVersion] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelyard-keeper", daemon=True)
        self.route_problem = ""
        self.problems: dict[str, Problem] = {}

    @property
    def draining(self) -> tuple[ServedVersion, ...]:
        """Versions that were replaced while they had requests in flight."""
        return tuple(self._draining)

    def load_all(self) -> None:
        """Load every routed model for the first time.

        Raises:
            ModelyardError: the first thing that is in the way.
        """
        if self._settings.route_file:
            self._route_content = self._read_route()
            self._route = self._decoded(self._route_content)
        if self._route is None:
            raise ConfigError("there is no route", key="route")
        self._sequence = self._source.sequence()
        versions = {}
        self._plane.serving = Serving(frozenset(self._route.models))
        for name, served in self._route.models.items():
            versions[name] = self._load(name, served)
        self._switch(self._route, versions)

    def start(self) -> None:
        """Begin to follow the route and the registry, in a thread."""
        self._sequence = None  # the first look compares everything: paths were not yet watched
        self._thread.start()

    def stop(self) -> None:
        """Follow no more; a load that is under way is not waited for."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._settings.poll_seconds):
            try:
                self.step()
            except Exception as e:  # noqa: BLE001  # whatever it was, what serves goes on serving
                self._note("", "", e)

    def step(self) -> None:
        """Look once, and act on what changed."""
        self._drop_drained()
        changed = self._settings.route_file != "" and self._follow_route()
        sequence = self._source.sequence()
        retry = any(time.monotonic() >= problem.retry_at for problem in self.problems.values())
        if not changed and not retry and sequence == self._sequence:
            return
        self._reconcile()
        self._sequence = sequence

    def _follow_route(self) -> bool:
        """Read the route file; whether it says something new.  A broken one changes nothing."""
        try:
            content = self._read_route()
            if content == self._route_content:
                self.route_problem = ""
                return False
            route = self._decoded(content)
        except ConfigError as e:
            if told(e) != self.route_problem:
                self.route_problem = told(e)
                self._log.event("route refused", {"why": self.route_problem})
            return False
        self.route_problem = ""
        self._route_content = content
        changed = route != self._route
        self._route = route
        self._log.event("route read", {"models": sorted(route.models)})
        return changed

    def _read_route(self) -> bytes:
        try:
            with Path(self._settings.route_file).open("rb") as file:
                content = file.read(MAX_ROUTE + 1)
        except OSError as e:
            raise ConfigError(
                f"the route file cannot be read: {e.strerror}",
                key="route_file",
                hint=f"looked for it at {self._settings.route_file}",
            ) from e
        if len(content) > MAX_ROUTE:
            raise ConfigError(f"the route file is over {MAX_ROUTE} bytes", key="route_file")
        return content

    def _decoded(self, content: bytes) -> Route:
        form = "json" if self._settings.route_file.endswith(".json") else "toml"
        return decode_route(content, "json" if form == "json" else "toml")

    def _reconcile(self) -> None:
        route = self._route
        if route is None:
            return
        current = self._plane.serving.versions
        versions = {}
        self.problems = {n: p for n, p in self.problems.items() if n in route.models}
        for name, served in route.models.items():
            try:
                versions[name] = self._load(name, served)
                self.problems.pop(name, None)
            except Exception as e:  # noqa: BLE001  # one model's fault must not stop the others
                self._note(name, self._meant(served), e)
                if name in current:
                    versions[name] = current[name]
        self._switch(route, versions)

    def _load(self, name: str, served: Served) -> ServedVersion:
        """The version that is meant: the one that serves already, or a new one."""
        found = self._source.find(served.reference)
        old = self._plane.serving.versions.get(name)
        if old is not None and (old.digest, old.version) == (found.digest, found.version):
            old.reference = served.reference
            return old
        begun = time.monotonic()
        loaded = load_version(name, served.reference, found)
        seconds = round(time.monotonic() - begun, 3)
        self._log.event("loaded", _facts(loaded) | {"seconds": seconds})
        return loaded

    def _meant(self, served: Served) -> str:
        try:
            return self._source.find(served.reference).digest
        except Exception:  # noqa: BLE001  # it is that which went wrong, and is noted
            return ""

    def _switch(self, route: Route, versions: Mapping[str, ServedVersion]) -> None:
        before = self._plane.serving.versions
        self._plane.serving = Serving(frozenset(route.models), versions)
        for name, old in before.items():
            new = versions.get(name)
            if new is old:
                continue
            self._draining.append(old)
            if new is None:
                self._log.event("withdrawn", _facts(old))
            else:
                self._log.event("switched", _facts(new) | {"from": old.version})
        self._drop_drained()

    def _drop_drained(self) -> None:
        done = [version for version in self._draining if not version.in_flight]
        self._draining = [version for version in self._draining if version.in_flight]
        for version in done:
            self._log.event("drained", _facts(version))

    def _note(self, name: str, digest: str, error: Exception) -> None:
        before = self.problems.get(name)
        again = before is not None and (before.what, before.digest) == (told(error), digest)
        pause = min(2 * before.pause, _LAST_RETRY) if before and again else _FIRST_RETRY
        self.problems[name] = Problem(told(error), now(), digest, time.monotonic() + pause, pause)
        if not again:
            self._log.event("load failed", {"model": name, "digest": digest, "why": told(error)})


def _facts(version: ServedVersion) -> dict[str, Any]:
    return {
        "model": version.name,
        "version": version.version,
        "digest": version.digest,
        "reference": version.reference,
    }
