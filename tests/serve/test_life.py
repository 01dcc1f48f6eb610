"""A server's life: start, refusal to start, end with requests in flight, crash, restart."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import msgspec
import pytest

from modelyard.core.route import make_route
from modelyard.errors import ServeError, UsageError
from modelyard.serve.server import Server, run
from modelyard.serve.settings import ServeSettings, check_settings

BODY = b'[{"a":1,"b":2,"c":3}]'


def open_slow(url):
    """A request of which all but the last byte was sent."""
    url = httpx.URL(url)
    connection = socket.create_connection((url.host, url.port), timeout=10)
    connection.sendall(
        b"POST /models/grid/predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
        % (len(BODY), BODY[:-1])
    )
    time.sleep(0.2)
    return connection


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_in_flight_end(start, yard, number):
    server = start({"grid": yard.grid})
    with open_slow(server.url) as slow, httpx.Client(base_url=server.url) as idle:
        assert idle.get("/v2").status_code == 200
        os.kill(server.pid, number)
        time.sleep(0.5)
        assert server.alive
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url + "/v2")
        slow.sendall(BODY[-1:])
        said = b""
        while part := slow.recv(65536):
            said += part
        assert b"[[22.0,28.0]]" in said
    deadline = time.monotonic() + 30
    while server.alive and time.monotonic() < deadline:
        time.sleep(0.05)  # a second signal, sent by stop, could hit an interpreter that is ending
    assert server.stop() == 0
    events = server.events()
    assert events[-1] == {"time": events[-1]["time"], "event": "stopped", "given_up": 0}


def test_the_end_is_bounded(start, yard):
    server = start({"grid": yard.grid}, grace_seconds=0.5)
    with open_slow(server.url):
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 3
    assert server.events()[-1]["given_up"] == 1


def test_a_slow_body_is_given_up(start, yard):
    server = start({"grid": yard.grid}, body_seconds=0.3)
    with open_slow(server.url) as slow:
        assert b"400 Bad Request" in slow.recv(65536)
    assert httpx.post(server.url + "/predict", json=[{"a": 1, "b": 2, "c": 3}]).status_code == 200


def test_a_crash_and_a_restart_at_the_same_port(start, yard):
    server = start({"grid": yard.grid})
    port = httpx.URL(server.url).port
    before = httpx.post(server.url + "/predict", content=BODY).content
    os.kill(server.pid, signal.SIGKILL)
    settings = ServeSettings(route=make_route({"grid": yard.grid}), port=port)
    with Server.start(settings) as again:
        assert httpx.post(again.url + "/predict", content=BODY).content == before


def test_two_servers_never_share_a_port(start, yard):
    server = start({"grid": yard.grid})
    settings = ServeSettings(route=make_route({"grid": yard.grid}), port=httpx.URL(server.url).port)
    with pytest.raises(ServeError, match="cannot listen"):
        Server.start(settings)


def test_it_ends_with_its_parent(tmp_path, yard):
    code = (
        "import sys, os, msgspec\n"
        "from modelyard.serve.server import Server\n"
        "from modelyard.serve.settings import ServeSettings\n"
        "settings = msgspec.json.decode(sys.argv[1], type=ServeSettings)\n"
        "server = Server.start(settings)\n"
        "print(server.pid, server.url, flush=True)\n"
        "os._exit(1)\n"
    )
    settings = ServeSettings(route=make_route({"grid": yard.grid}), port=0)
    done = subprocess.run(
        [sys.executable, "-c", code, msgspec.json.encode(settings).decode()],
        capture_output=True,
        text=True,
        check=False,
    )
    url = done.stdout.split()[1]
    end = time.monotonic() + 10
    while True:
        try:
            httpx.get(url + "/v2")
        except httpx.TransportError:
            break
        assert time.monotonic() < end, "the orphan goes on"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"grid": "./nowhere"}, "bundle"),
        ({"grid": "grid@champion"}, "no registry is set"),
    ],
)
def test_what_cannot_be_loaded_at_the_start_is_an_error(models, message, tmp_path):
    settings = ServeSettings(route=make_route(models), port=0, root=str(tmp_path))
    with pytest.raises(ServeError, match=message):
        Server.start(settings)


def test_a_liar_is_not_served(yard):
    with pytest.raises(ServeError, match="golden rows"):
        Server.start(ServeSettings(route=make_route({"rich": yard.liar}), port=0))


def test_a_missing_route_file_is_an_error(tmp_path):
    with pytest.raises(ServeError, match="route file cannot be read"):
        Server.start(ServeSettings(route_file=str(tmp_path / "route.toml"), port=0))


def test_others_may_not_reach_it_unless_words_say_so(yard):
    route = make_route({"grid": yard.grid})
    for host in ("0.0.0.0", "::", ""):
        with pytest.raises(UsageError, match="reached from other machines"):
            run(ServeSettings(route=route, host=host))
    check_settings(
        ServeSettings(
            route=route,
            host="0.0.0.0",
            allow_public_without_authentication=True,
        )
    )
    check_settings(ServeSettings(route=route, host="localhost"))


@pytest.mark.parametrize("wrong", [{"port": 65536}, {"max_body": 0}, {"poll_seconds": -1.0}])
def test_settings_out_of_range_are_refused_however_they_were_made(yard, wrong):
    settings = ServeSettings(route=make_route({"grid": yard.grid}), **wrong)
    with pytest.raises(UsageError, match=next(iter(wrong))):
        check_settings(settings)


def test_a_route_and_a_route_file_contradict(yard):
    with pytest.raises(UsageError, match="not both"):
        check_settings(ServeSettings())
    with pytest.raises(UsageError, match="not both"):
        check_settings(ServeSettings(route=make_route({"a": "./b"}), route_file="r.toml"))


def test_secrets_do_not_print(yard):
    settings = ServeSettings(
        route=make_route({"grid": yard.grid}), registry="postgresql://me:s3cr3t@db/models"
    )
    assert "s3cr3t" not in repr(settings)


def test_health_answers_while_heavy_batches_run(start, yard):
    server = start({"grid": yard.grid}, max_rows=1_000_000, max_body=2**27)
    body = json.dumps({"columns": {name: [1.5] * 100_000 for name in "abc"}})
    done = threading.Event()
    statuses = []

    def ask():
        while not done.is_set():
            response = httpx.post(server.url + "/predict", content=body, timeout=60)
            statuses.append(response.status_code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    waits = []
    with httpx.Client(base_url=server.url, timeout=20) as client:
        while len(waits) < 40:
            begun = time.monotonic()
            assert client.get("/v2/health/live").status_code == 200
            waits.append(time.monotonic() - begun)
            time.sleep(0.02)
    done.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert max(waits) < 1.0
