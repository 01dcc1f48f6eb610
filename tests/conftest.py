"""What all tests share."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines are noisy: how long an example takes says nothing about the law it tries.
settings.register_profile("modelyard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("modelyard")


def _load():
    file = Path(__file__).parent / "bundle" / "making.py"
    spec = importlib.util.spec_from_file_location("making", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def making():
    return _load()


@pytest.fixture(scope="session")
def _packed(making, tmp_path_factory):
    return making.write(tmp_path_factory.mktemp("packed") / "bundle")


@pytest.fixture
def directory(_packed, tmp_path):
    """A fresh copy of a whole bundle, to be damaged."""
    return Path(shutil.copytree(_packed.source.directory, tmp_path / "bundle"))


@pytest.fixture
def digest(_packed):
    return _packed.digest
