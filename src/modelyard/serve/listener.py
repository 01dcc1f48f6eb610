"""The socket, and granian on it: the one file that knows the HTTP server."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from modelyard.errors import ServeError

if TYPE_CHECKING:
    from modelyard.serve.settings import ServeSettings

BACKLOG = 2048
_MAX_HEADERS = 64 * 2**10


def bind(settings: ServeSettings) -> socket.socket:
    """Take the address, for this process alone.

    Granian itself would bind with SO_REUSEPORT, and two servers on one port would then share its
    requests without a word.  Several workers of one server will share this socket on purpose.

    Raises:
        ServeError: if it is taken, or not to be had.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as e:
        raise ServeError(
            f"cannot listen at {settings.host}:{settings.port}: {e.strerror}",
            hint="another server may be there; choose another port, or 0 for a free one",
        ) from e
    bound.setblocking(False)  # noqa: FBT003  # its signature
    return bound


def url_of(bound: socket.socket) -> str:
    """The URL of a bound socket.

    Example:
        >>> with socket.create_server(("127.0.0.1", 0)) as bound:
        ...     url_of(bound)
        'http://127.0.0.1:...'
    """
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Listener(Granian):
    """Granian inside this process and its event loop, on a socket that is already bound.

    The supervised server of granian forks: after onnxruntime has started threads that is unsafe,
    and measured it starts later and answers no faster.

    Args:
        application: The RSGI application.
        bound: The socket.
    """

    def __init__(self, application: Any, bound: socket.socket) -> None:
        host, port = bound.getsockname()[:2]
        super().__init__(
            application,
            host,
            port,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=_MAX_HEADERS),
            log_enabled=False,
        )
        self._bound = bound

    def _init_shared_socket(self) -> None:
        # granian's stub knows neither the holder's arguments nor what these attributes hold.
        holder: Any = SocketHolder
        # Granian closes what it listens at, so it is given away and not lent.
        self._shd = holder(self._bound.detach(), False, BACKLOG)  # noqa: FBT003  # its signature
        self._ssp = None

    def end(self) -> None:
        """Accept no more; ``serve`` returns once the requests in flight have ended."""
        self.signal_handler_interrupt()  # type: ignore[no-untyped-call]
