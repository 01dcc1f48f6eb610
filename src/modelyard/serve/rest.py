"""HTTP: paths and methods to the plane, and its answers back.  It translates and never decides."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import msgspec

from modelyard.errors import ModelyardError, RequestError, TooLargeError
from modelyard.serve import native, page, status, v2
from modelyard.serve.log import now, told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

    from modelyard.serve.keeper import Keeper
    from modelyard.serve.log import Log
    from modelyard.serve.plane import Plane
    from modelyard.serve.settings import ServeSettings
    from modelyard.serve.status import Refusal
    from modelyard.serve.version import ServedVersion

_HEADERS = [("content-type", "application/json"), ("x-content-type-options", "nosniff")]
_CLOSING = [*_HEADERS, ("connection", "close")]
_READ = frozenset(("GET", "HEAD"))
_SERVER_FAULT = 500
_PREDICT = "predict"


class Reply(NamedTuple):
    """A status and a body of JSON."""

    status: int
    body: bytes


class Target(NamedTuple):
    """Where a path points: what to do, and with which model."""

    verb: str
    name: str | None = None
    version: str | None = None


class RefusedError(Exception):
    """HTTP itself refuses: no such path, method or media type; never leaves this file."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class Rest:
    """The RSGI application.

    Args:
        plane: Decides.
        keeper: Knows what is in the way, for the operator's page.
        settings: The limits.
        log: Where events go.
    """

    def __init__(self, plane: Plane, keeper: Keeper, settings: ServeSettings, log: Log) -> None:
        self._plane = plane
        self._keeper = keeper
        self._settings = settings
        self._log = log
        self._since = now()
        self._reads: dict[str, Callable[[Target, Scope], Reply]] = {
            "server": lambda _target, _scope: Reply(200, v2.write_server()),
            "live": lambda _target, _scope: Reply(200, b'{"live":true}'),
            "ready": self._ready,
            "model": lambda target, _scope: Reply(200, v2.write_model(self._pick(target))),
            "model ready": self._model_ready,
            "status": self._status,
        }
        self._writes: dict[str, Callable[[Target, bytes], Awaitable[Reply]]] = {
            "infer": self._infer,
            "predict": self._predict,
        }

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        self._plane.in_flight += 1
        try:
            reply = await self._reply(scope, protocol)
            headers = _HEADERS
        except asyncio.CancelledError:
            raise
        except Exception as e:  # noqa: BLE001  # every error is answered; status.py says how
            reply, headers = self._refused(e, scope)
        finally:
            self._plane.in_flight -= 1
        if self._plane.stopping:
            headers = [*headers, ("connection", "close")]
        protocol.response_bytes(reply.status, headers, reply.body)

    async def _reply(self, scope: Scope, protocol: HTTPProtocol) -> Reply:
        target = find_target(scope.path)
        read = self._reads.get(target.verb)
        if read is not None:
            if scope.method not in _READ:
                raise RefusedError(status.wrong_method("GET, HEAD"))
            return read(target, scope)
        if scope.method != "POST":
            raise RefusedError(status.wrong_method("POST"))
        body = await self._body(scope, protocol)
        return await self._writes[target.verb](target, body)

    def _refused(self, error: Exception, scope: Scope) -> tuple[Reply, list[tuple[str, str]]]:
        refusal = error.refusal if isinstance(error, RefusedError) else status.refusal(error)
        fields: dict[str, Any] = {
            "method": scope.method,
            "path": scope.path[:200],
            "status": refusal.status,
            "code": refusal.code,
        }
        # A refusal's own sentence may quote the body; only our own faults are told in words.
        fields |= {key: refusal.where[key] for key in ("column", "row") if key in refusal.where}
        if refusal.status == _SERVER_FAULT:
            fields["why"] = _causes(error)
        self._log.event("request failed", fields)
        write = status.write_v2 if _is_v2(scope.path) else status.write_native
        # What was refused for its size was not read to its end, so the connection is of no use.
        base = _CLOSING if isinstance(error, TooLargeError) else _HEADERS
        return Reply(refusal.status, write(refusal)), [*base, *refusal.headers]

    async def _body(self, scope: Scope, protocol: HTTPProtocol) -> bytes:
        headers = scope.headers
        _check_media(headers)
        limit = self._settings.max_body
        length = headers.get("content-length")
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                if length is None:
                    return await _collect(protocol, limit)
                # granian refuses a length that is no number, and one that is not kept.
                _check_length(int(length), limit)
                return bytes(await protocol())
        except TimeoutError as e:
            raise RequestError(
                f"the body did not arrive within {self._settings.body_seconds:g} seconds"
            ) from e
        except ModelyardError:
            raise
        except Exception as e:
            raise RequestError("the body broke off, or is not chunked as it should be") from e

    def _pick(self, target: Target) -> ServedVersion:
        return self._plane.pick(target.name, target.version)

    def _ready(self, _target: Target, _scope: Scope) -> Reply:
        if self._plane.ready:
            return Reply(200, b'{"live":true,"ready":true}')
        return Reply(503, b'{"live":true,"ready":false}')

    def _model_ready(self, target: Target, _scope: Scope) -> Reply:
        version = self._pick(target)
        return Reply(200, msgspec.json.encode({"name": version.name, "ready": True}))

    def _status(self, _target: Target, scope: Scope) -> Reply:
        if not page.may_look(scope.client, scope.headers):
            raise RefusedError(status.unknown_path())
        return Reply(200, page.write_page(self._plane, self._keeper, self._since))

    async def _infer(self, target: Target, body: bytes) -> Reply:
        version = self._pick(target)
        heavy = len(body) > self._settings.thread_body
        version.in_flight += 1
        try:
            asked = await self._plane.run(v2.read, body, version.contract, heavy=heavy)
            answers = await self._plane.answer(version, asked.question)
            content = await self._plane.run(v2.write, version, answers, asked.id, heavy=heavy)
        finally:
            version.in_flight -= 1
        return Reply(200, content)

    async def _predict(self, target: Target, body: bytes) -> Reply:
        heavy = len(body) > self._settings.thread_body
        asked = await self._plane.run(native.read, body, heavy=heavy)
        if asked.model is not None and target.name not in (None, asked.model):
            raise RequestError("the path names one model and the body another")
        version = self._plane.pick(target.name or asked.model, target.version)
        version.in_flight += 1
        try:
            answers = await self._plane.answer(version, asked.question)
            content = await self._plane.run(native.write, version, answers, heavy=heavy)
        finally:
            version.in_flight -= 1
        return Reply(200, content)


_FIXED = {
    "/v2": Target("server"),
    "/v2/": Target("server"),
    "/v2/health/live": Target("live"),
    "/v2/health/ready": Target("ready"),
    "/predict": Target(_PREDICT),
    "/status": Target("status"),
}
_V2_TAILS = {(): "model", ("ready",): "model ready", ("infer",): "infer"}


def find_target(path: str) -> Target:
    """Read a path.

    Example:
        >>> find_target("/v2/models/fraud/versions/3/infer")
        Target(verb='infer', name='fraud', version='3')
    """
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    parts = [unquote(part) for part in path.split("/")[1:]]
    v2_path = parts[:1] == ["v2"]
    parts = parts[1:] if v2_path else parts
    if parts[:1] == ["models"] and len(parts) > 1:
        name, version, tail = parts[1], None, parts[2:]
        if tail[:1] == ["versions"] and len(tail) > 1:
            version, tail = tail[1], tail[2:]
        verb = _V2_TAILS.get(tuple(tail)) if v2_path else (_PREDICT if tail == [_PREDICT] else None)
        if verb is not None:
            return Target(verb, name, version)
    raise RefusedError(status.unknown_path())


def _is_v2(path: str) -> bool:
    return path == "/v2" or path.startswith("/v2/")


def _check_media(headers: Any) -> None:
    kind = headers.get("content-type")
    if kind is not None:
        media = kind.partition(";")[0].strip().lower()
        if media != "application/json" and not media.endswith("+json"):
            raise RefusedError(status.wrong_media(f"the body is {media[:60]!r}, not JSON"))
    if headers.get("content-encoding", "identity") != "identity":
        raise RefusedError(status.wrong_media("the body is compressed; this server reads it plain"))
    if "inference-header-content-length" in headers:
        raise RequestError(
            "this server does not speak the binary tensor extension",
            hint="send JSON data: binary_data=False",
        )


async def _collect(protocol: HTTPProtocol, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in protocol:
        size += len(chunk)
        _check_length(size, limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _check_length(length: int, limit: int) -> None:
    if length > limit:
        raise TooLargeError(
            f"the body is over the limit of {limit} bytes",
            limit=limit,
            hint="send fewer rows in one request",
        )


def _causes(error: BaseException) -> str:
    """An error and what caused it, in one line, for the operator."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(texts) < 4:  # noqa: PLR2004  # enough to see the root
        texts.append(told(cause))
        cause = cause.__cause__ or cause.__context__
    return " <- ".join(texts)
