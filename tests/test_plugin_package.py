"""A package of somebody else's, really installed, adds a gate and a store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LIST = """
import json
from modelyard.core.plugin import Family
from modelyard.gates.base import Gate
from modelyard.gates.making import make_gates
from modelyard.stores.base import STORES, open_store
gates = make_gates({"four_eyes": {"people": ["Ada", "Grace"]}})
store = open_store("memory://here")
print(json.dumps({
    "gates": Family("modelyard.gates", Gate).names(),
    "people": list(gates["four_eyes"].people),
    "stores": STORES.names(),
    "kept": store.get(store.put(b"bytes")).decode(),
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    place = tmp_path_factory.mktemp("plugin")
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", place, HERE / "plugin"], check=True)
    return place


def run(installed, code):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_entry_point_adds_members(installed):
    done = run(installed, LIST)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "four_eyes" in found["gates"]
    assert found["people"] == ["Ada", "Grace"]
    assert found["stores"] == ["file", "memory"]
    assert found["kept"] == "bytes"


def test_without_the_package_they_are_unknown():
    done = run(Path("nowhere"), LIST)
    assert done.returncode != 0
    assert "'four_eyes' is no kind of gate" in done.stderr
