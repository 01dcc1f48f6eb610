"""The operator's page: what is served, since when, and what is in the way."""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.serve.log import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.serve.keeper import Keeper
    from modelyard.serve.plane import Plane
    from modelyard.serve.version import ServedVersion

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_OWN_NAMES = frozenset(("localhost", "127.0.0.1", "[::1]", "::1"))


def may_look(client: str, headers: Any) -> bool:
    """Whether a request comes from this machine itself, and not through a proxy or a web page.

    Args:
        client: ``address:port`` of the peer.
        headers: The request's headers; a proxy on this machine says whom it speaks for, and a web
            page that had its name point here still names itself as the host.
    """
    address = client.rpartition(":")[0].strip("[]").split("%")[0]
    try:
        own = ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
    if not own or any(name in headers for name in _FORWARDED):
        return False
    host = headers.get("host") or "localhost"
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name in _OWN_NAMES


def write_page(plane: Plane, keeper: Keeper, since: str) -> bytes:
    """The page, as JSON."""
    serving = plane.serving
    names = sorted(serving.routed)
    return msgspec.json.encode(
        {
            "server": {
                "version": VERSION,
                "process": os.getpid(),
                "since": since,
                "ready": plane.ready,
                "stopping": plane.stopping,
                "in_flight": plane.in_flight,
            },
            "route_problem": keeper.route_problem or None,
            "problem": _problem(keeper.problems, ""),
            "models": {
                name: _model(serving.versions.get(name))
                | {"last_error": _problem(keeper.problems, name)}
                for name in names
            },
            "draining": [_model(version) for version in keeper.draining],
        }
    )


def _model(version: ServedVersion | None) -> dict[str, Any]:
    if version is None:
        return {"ready": False}
    return {
        "ready": True,
        "name": version.name,
        "reference": version.reference,
        "version": version.version,
        "digest": version.digest,
        "runtime": version.predictor.manifest.runtime,
        "since": version.since,
        "in_flight": version.in_flight,
        "requests": version.tally.requests,
        "rows": version.tally.rows,
        "failures": version.tally.failures,
    }


def _problem(problems: Mapping[str, Any], name: str) -> dict[str, str] | None:
    problem = problems.get(name)
    if problem is None:
        return None
    return {"what": problem.what, "since": problem.since, "digest": problem.digest}
