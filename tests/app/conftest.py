from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from modelyard.app.cli.main import run


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def modelyard(capfd):
    """Run the command in this process: modelyard("build", "--json") -> code, out, err."""

    def call(*words):
        capfd.readouterr()
        code = run([str(word) for word in words])
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return call


@pytest.fixture(scope="session")
def promoted(tmp_path_factory):
    """A project that was started, built, checked, registered and promoted by the command."""
    folder = tmp_path_factory.mktemp("yard") / "tumours"
    here = Path.cwd()
    try:
        assert run(["init", str(folder)]) == 0
        os.chdir(folder)
        for words in (
            "build -o bundle",
            "check ./bundle",
            "register ./bundle",
            "promote tumours:1",
        ):
            assert run(words.split()) == 0, words
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def project(promoted, tmp_path, monkeypatch):
    """A copy of it that a test may change, as the current folder."""
    folder = tmp_path / "tumours"
    shutil.copytree(promoted, folder)
    monkeypatch.chdir(folder)
    return folder
