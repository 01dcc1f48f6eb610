"""One life of a server: bind, load, answer, stop."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

from modelyard.errors import ServeError
from modelyard.serve.keeper import Keeper
from modelyard.serve.listener import Listener, url_of
from modelyard.serve.log import Log, told
from modelyard.serve.plane import Plane
from modelyard.serve.rest import Rest
from modelyard.serve.source import open_sources

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from modelyard.serve.settings import ServeSettings

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Life:
    """Loads, answers and stops.

    Args:
        settings: What to serve.
        bound: The socket to answer at.
        ready: Called with the URL once every model answers.
    """

    def __init__(
        self, settings: ServeSettings, bound: socket.socket, ready: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._bound = bound
        self._url = url_of(bound)
        self._ready = ready
        self._log = Log()
        self._plane = Plane(settings)
        self._keeper = Keeper(self._plane, open_sources(settings), settings, self._log)
        self._stop = asyncio.Event()

    async def live(self) -> int:
        """Live until a signal comes.

        Returns:
            How many requests were given up because they did not end in time.

        Raises:
            ModelyardError: if a model cannot be loaded; then nothing was served.
        """
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        application = Rest(self._plane, self._keeper, self._settings, self._log)
        listener = Listener(application, self._bound)
        # Health answers while models load; a supervisor sees "live, not ready", not a dead port.
        serving = loop.create_task(listener.serve())
        try:
            if await self._load(time.monotonic()):
                await self._until_stopped(serving)
        finally:
            left = await self._end(listener, serving)
        return left

    async def _load(self, begun: float) -> bool:
        """Load all models; False if a signal came first."""
        loading = asyncio.get_running_loop().run_in_executor(None, self._keeper.load_all)
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if self._stop.is_set():
            return False
        try:
            await loading
        except Exception as e:
            self._log.event("start failed", {"why": told(e)})
            raise
        self._keeper.start()
        seconds = round(time.monotonic() - begun, 3)
        self._log.event("started", {"url": self._url, "seconds": seconds})
        self._ready(self._url)
        return True

    async def _until_stopped(self, serving: asyncio.Task[None]) -> None:
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not self._stop.is_set():
            why = serving.exception()
            self._log.event("listener ended", {"why": told(why) if why else ""})
            raise ServeError("the server stopped listening by itself") from why

    async def _end(self, listener: Listener, serving: asyncio.Task[None]) -> int:
        self._plane.stopping = True
        self._keeper.stop()
        listener.end()
        await asyncio.wait((serving,), timeout=self._settings.grace_seconds)
        left = self._plane.in_flight
        self._plane.close()
        self._log.event("stopped", {"given_up": left})
        return left
