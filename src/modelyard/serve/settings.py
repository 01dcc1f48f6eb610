"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
import socket
from typing import Annotated

import msgspec

from modelyard.core.route import Route
from modelyard.errors import UsageError

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one server.

    Args:
        route: What to serve; or
        route_file: the path of a .toml or .json file that says so, and is followed as it changes.
        root: The folder that relative paths in ``route`` start from; those in a route file start
            from the file's own folder.
        registry: The URL of the registry; "" where only paths are served.
        store: The path or URL of the registry's store.
        host: The address to listen at.
        port: The port; 0 takes a free one.
        allow_public_without_authentication: Says in words that whoever reaches a ``host`` that is
            not loopback may ask this server.
        max_body: The most bytes of a request's body.
        max_rows: The most rows of one request.
        thread_rows: Batches of more rows are computed in a thread, so that others need not wait.
        thread_body: Bodies of more bytes are decoded in a thread.
        body_seconds: How long a client may take to send its body.
        poll_seconds: How often the route file and the registry are looked at.
        grace_seconds: How long requests in flight may take to end when the server stops.
    """

    route: Route | None = None
    route_file: str = ""
    root: str = "."
    registry: str = ""
    store: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    allow_public_without_authentication: bool = False
    max_body: Count = 32 * 2**20
    max_rows: Count = 100_000
    thread_rows: Count = 256
    thread_body: Count = 256 * 2**10
    body_seconds: Seconds = 30.0
    poll_seconds: Seconds = 0.25
    grace_seconds: Seconds = 10.0

    def __repr__(self) -> str:
        # A registry's URL may hold a password, so only what tells servers apart is shown.
        what = self.route_file or ", ".join(sorted(self.route.models if self.route else ()))
        return f"ServeSettings({what!r}, host={self.host!r}, port={self.port})"


def check_settings(settings: ServeSettings) -> None:
    """Refuse settings that contradict themselves or would let anybody in unasked.

    Raises:
        UsageError: says which.
    """
    if (settings.route is None) == (not settings.route_file):
        raise UsageError(
            "a server needs a route or a route file, and not both",
            hint="name the models to serve, or a route file that does",
        )
    # msgspec judges what it decodes, and not what is made in Python.
    try:
        msgspec.convert(msgspec.to_builtins(settings), ServeSettings)
    except msgspec.ValidationError as e:
        raise UsageError(f"a setting of the server is wrong: {e}") from e
    if not settings.allow_public_without_authentication and not is_loopback(settings.host):
        raise UsageError(
            f"{settings.host!r} can be reached from other machines, and this server asks nobody"
            " who they are",
            hint="serve at 127.0.0.1 behind a proxy that does; or say in words that anybody may"
            " ask: --public-without-authentication, or in Python"
            " allow_public_without_authentication=True",
        )


def is_loopback(host: str) -> bool:
    """Whether an address, or all addresses that a name stands for, are this machine's own.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host or "0.0.0.0", None)}  # noqa: S104  # "" listens everywhere
    except OSError as e:
        raise UsageError(f"{host!r} is no address to listen at") from e
    return all(ipaddress.ip_address(str(address).split("%")[0]).is_loopback for address in found)
