"""Changes under load: alias moves and route changes, good ones and broken ones."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx
import pytest

from modelyard.bundle.opened import open_bundle
from modelyard.registry.registry import Registry

ROW = {
    "id": 7,
    "age": 31,
    "income": 2.5,
    "debt": None,
    "member": True,
    "city": "Oslo",
    "seen": "2026-01-01",
}
OLD, NEW = 34.5, 69.0


def score(url, name="rich"):
    answer = httpx.post(f"{url}/models/{name}/predict", json=[ROW]).json()
    return answer["outputs"]["score"][0]


def models(url):
    return httpx.get(url + "/status").json()["models"]


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


class Clients:
    """Asks without pause from many threads, one connection each, and keeps every answer."""

    def __init__(self, url, count=16):
        self._url = url
        self._stop = threading.Event()
        self.answers = []
        self.gaps = []
        self.failures = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def _ask(self):
        with httpx.Client(base_url=self._url, timeout=20) as client:
            last = time.monotonic()
            while not self._stop.is_set():
                try:
                    response = client.post("/models/rich/predict", json=[ROW])
                    answer = response.json()
                    self.answers.append((answer["version"], answer["outputs"]["score"][0]))
                except Exception as e:  # noqa: BLE001 - any failure at all is what is looked for
                    self.failures.append(repr(e))
                now = time.monotonic()
                self.gaps.append(now - last)
                last = now

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def registry(tmp_path, yard):
    with Registry.open(tmp_path / "registry.db", tmp_path / "store") as made:
        made.register(open_bundle(yard.rich), actor="test")
        made.register(open_bundle(yard.rich2), actor="test")
        made.set_alias("rich", "champion", 1, actor="test")
        yield made


@pytest.fixture
def place(tmp_path):
    return {"registry": str(tmp_path / "registry.db"), "store": str(tmp_path / "store")}


def test_an_alias_move_swaps_under_load(registry, place, start):
    server = start({"rich": "rich@champion"}, **place)
    with Clients(server.url) as clients:
        for version in (2, 1, 2):
            registry.set_alias("rich", "champion", version, actor="test")
            wait_until(lambda wanted=str(version): models(server.url)["rich"]["version"] == wanted)
            time.sleep(0.1)
    assert clients.failures == []
    assert set(clients.answers) == {("1", OLD), ("2", NEW)}
    assert len(clients.answers) > 200
    events = [event["event"] for event in server.events()]
    assert events.count("switched") == 3
    wait_until(lambda: [e["event"] for e in server.events()].count("drained") == 3)
    assert "request failed" not in events


def test_references_of_each_kind_side_by_side(registry, place, start, yard):
    models = {"rich": "rich@champion", "last": "rich", "fixed": "rich:1", "grid": yard.grid}
    server = start(models, **place)
    assert [score(server.url, name) for name in ("rich", "last", "fixed")] == [OLD, NEW, OLD]
    assert httpx.get(server.url + "/v2/models/last").json()["versions"] == ["2"]
    registry.set_alias("rich", "champion", 2, actor="test")
    wait_until(lambda: score(server.url) == NEW)
    assert score(server.url, "fixed") == OLD


def write(route, text):
    beside = route.with_suffix(".new")
    beside.write_text(text)
    beside.replace(route)


def test_a_route_file_is_followed(tmp_path, yard, start):
    route = tmp_path / "route.toml"
    write(route, f'[models]\nrich = "{yard.rich}"\n')
    server = start(route_file=str(route))
    assert score(server.url) == OLD
    with Clients(server.url, 4) as clients:
        write(route, f'[models]\nrich = {{reference = "{yard.rich2}"}}\ngrid = "{yard.grid}"\n')
        wait_until(lambda: "grid" in models(server.url))
        assert score(server.url) == NEW
    assert clients.failures == []
    write(route, f'[models]\ngrid = "{yard.grid}"\n')
    wait_until(lambda: "rich" not in models(server.url))
    assert httpx.post(server.url + "/models/rich/predict", json=[ROW]).status_code == 404


def test_a_route_file_changed_in_place_and_relative_paths(tmp_path, yard, start):
    for name in ("rich", "rich2"):
        (tmp_path / name).symlink_to(Path(yard.rich).parent / name)
    route = tmp_path / "route.json"
    route.write_text('{"models": {"rich": "./rich"}}')
    server = start(route_file=str(route))
    assert score(server.url) == OLD
    route.write_text('{"models": {"rich": "./rich2"}}')
    wait_until(lambda: score(server.url) == NEW)


BROKEN = (
    "[models",
    "",
    "[models]\n",
    "[models]\nrich = 3\n",
    '[models]\nrich = "Rich Model"\n',
    '[models]\nrich = {reference = "rich", weight = 3}\n',
    '[model]\nrich = "rich"\n',
    None,
)


def test_a_broken_route_keeps_the_old_one(tmp_path, yard, start):
    route = tmp_path / "route.toml"
    good = f'[models]\nrich = "{yard.rich}"\n'
    write(route, good)
    server = start(route_file=str(route), poll_seconds=0.05)

    def problem():
        return httpx.get(server.url + "/status").json()["route_problem"]

    for broken in BROKEN:
        if broken is None:
            route.unlink()
        else:
            write(route, broken)
        wait_until(problem)
        assert problem().startswith("config")
        assert score(server.url) == OLD
        assert httpx.get(server.url + "/v2/health/ready").status_code == 200
        write(route, good)
        wait_until(lambda: not problem())
    assert [event["event"] for event in server.events()].count("route refused") == len(BROKEN)


def test_a_version_that_fails_parity_leaves_the_old_one(tmp_path, yard, start):
    route = tmp_path / "route.toml"
    write(route, f'[models]\nrich = "{yard.rich}"\n')
    server = start(route_file=str(route))
    write(route, f'[models]\nrich = "{yard.liar}"\ngrid = "{yard.grid}"\n')
    wait_until(lambda: "grid" in models(server.url))
    found = models(server.url)
    assert "golden rows" in found["rich"]["last_error"]["what"]
    assert found["rich"]["last_error"]["digest"] == open_bundle(yard.liar).digest
    assert found["rich"]["digest"] == open_bundle(yard.rich).digest
    assert found["grid"]["ready"]
    assert score(server.url) == OLD
    # The model is named in the log, once; no request failed.
    failed = [event for event in server.events() if event["event"] == "load failed"]
    assert [event["model"] for event in failed] == ["rich"]
    write(route, f'[models]\nrich = "{yard.rich2}"\n')
    wait_until(lambda: models(server.url)["rich"]["last_error"] is None)
    assert score(server.url) == NEW


def test_a_new_model_that_cannot_be_loaded_is_not_ready(tmp_path, yard, start):
    route = tmp_path / "route.toml"
    write(route, f'[models]\nrich = "{yard.rich}"\n')
    server = start(route_file=str(route))
    write(route, f'[models]\nrich = "{yard.rich}"\nlost = "./nowhere"\n')
    wait_until(lambda: "lost" in models(server.url))
    response = httpx.post(server.url + "/models/lost/predict", json=[{}])
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["error"]["code"] == "not_ready"
    assert httpx.get(server.url + "/v2/models/lost/ready").status_code == 503
    assert httpx.get(server.url + "/v2/health/ready").status_code == 503
    assert score(server.url) == OLD


def test_what_comes_to_be_later_is_loaded_later(tmp_path, yard, start):
    """A bundle whose files arrive after the route named it: tried again, not given up."""
    route = tmp_path / "route.toml"
    write(route, f'[models]\nrich = "{yard.rich}"\n')
    server = start(route_file=str(route))
    write(route, f'[models]\nrich = "{yard.rich}"\nlate = "./late"\n')
    wait_until(lambda: "late" in models(server.url))
    (tmp_path / "late").symlink_to(yard.rich2)
    wait_until(lambda: models(server.url)["late"]["ready"])
    assert score(server.url, "late") == NEW


def test_a_damaged_store_keeps_what_serves(registry, place, start, tmp_path):
    server = start({"rich": "rich@champion"}, **place)
    for file in sorted((tmp_path / "store").rglob("*")):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"damaged")
    registry.set_alias("rich", "champion", 2, actor="test")
    wait_until(lambda: models(server.url)["rich"]["last_error"])
    assert score(server.url) == OLD
