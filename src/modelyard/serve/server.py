"""One server: ``run`` is the server; ``Server`` has one as a child process."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, Self

import msgspec
import uvloop

from modelyard.errors import ServeError
from modelyard.serve.life import Life
from modelyard.serve.listener import bind
from modelyard.serve.settings import ServeSettings, check_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_CHILD = (sys.executable, "-P", "-m", "modelyard.serve")  # -P: nothing from the current folder


def run(settings: ServeSettings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is in flight, and return.

    Args:
        settings: What to serve, and where.
        ready: Called with the URL once every model answers; by default it prints one line.

    Raises:
        UsageError: if the settings contradict themselves, or would let anybody in unasked.
        ServeError: if the address is not to be had.
        ModelyardError: if a model cannot be loaded.
    """
    check_settings(settings)
    with bind(settings) as bound:
        given_up = uvloop.run(Life(settings, bound, ready or _print_ready).live())
    if given_up:
        # Threads are still at work in a model, and Python would wait for them without bound.
        sys.stdout.flush()
        os._exit(0)


def _print_ready(url: str) -> None:
    sys.stdout.write(f"serving at {url}\n")
    sys.stdout.flush()


class Server:
    """A server as a child process: for tests, demonstrations and notebooks.

    It ends with ``stop``, with the ``with`` block, or when the parent dies.

    Example:
        ``with Server.start(ServeSettings(route=route, port=0)) as server: get(server.url)``
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Any, url: str) -> None:
        self._process = process
        self._log = log
        self.url = url

    @classmethod
    def start(cls, settings: ServeSettings, *, seconds: float = 60.0) -> Server:
        """Start a server and wait until every model answers.

        Args:
            settings: What to serve; port 0 takes a free one.
            seconds: How long to wait.

        Raises:
            ServeError: if it does not start; the message is the server's own.
        """
        # A file, and not a pipe, that nobody might read and that would then stop the server.
        log = tempfile.TemporaryFile(mode="w+b")  # noqa: SIM115  # lives as long as the server
        process = subprocess.Popen(  # noqa: S603  # our own command
            _CHILD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # a Ctrl-C in a notebook means the cell, not the server
        )
        server = cls(process, log, "")
        try:
            assert process.stdin is not None  # noqa: S101  # it was asked for
            # Not as an argument: those are for all to see, and a registry's URL may be secret.
            process.stdin.write(msgspec.json.encode(settings) + b"\n")
            process.stdin.flush()
            server.url = server._first_line(seconds)
        except BaseException:
            server.kill()
            server.close()
            raise
        return server

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def events(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        self._log.seek(0)
        lines = self._log.read().splitlines()
        return [msgspec.json.decode(line) for line in lines if line.startswith(b"{")]

    def stop(self, seconds: float = 30.0) -> int:
        """Let it finish what is in flight and end.

        Returns:
            Its exit code.

        Raises:
            ServeError: if it had to be killed.
        """
        if self.alive:
            self._process.terminate()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired as e:
            self.kill()
            raise ServeError(f"the server did not stop within {seconds:g} seconds") from e
        self._close()
        return code

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()
        self._close()

    def close(self) -> None:
        """Let go of the log, after which ``events`` has nothing to read."""
        self._close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.alive:
            self.stop()
        self.close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def _first_line(self, seconds: float) -> str:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101  # it was asked for
        deadline = time.monotonic() + seconds
        said = b""
        while not said.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise ServeError(f"the server was not ready within {seconds:g} seconds")
            part = os.read(pipe.fileno(), 4096)
            if not part:
                raise ServeError(self._last_words(), hint="see its log above")
            said += part
        answer = msgspec.json.decode(said)
        if "url" in answer:
            return str(answer["url"])
        raise ServeError(answer["message"], hint=answer["hint"])

    def _last_words(self) -> str:
        code = self._process.wait()
        self._log.seek(0)
        words = self._log.read().decode(errors="replace").strip().splitlines()
        return f"the server ended with code {code}: {words[-1] if words else 'without a word'}"
