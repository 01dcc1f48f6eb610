"""What a machine can say about the shape of the house."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import modelyard

ROOT = Path(modelyard.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(ROOT)], "modelyard.")
    if "._" not in module.name
)


def functions(tree):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_small_and_import_at_the_top(file):
    text = file.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= 400, "split it: one idea, one file"
    assert ast.get_docstring(tree), "say what it is for"
    for function in functions(tree):
        length = function.end_lineno - function.lineno + 1
        documented = len((ast.get_docstring(function) or "").splitlines())
        assert length - documented <= 60, f"{function.name} has {length} lines"
        inner = [n for n in ast.walk(function) if isinstance(n, (ast.Import, ast.ImportFrom))]
        assert not inner, f"{function.name} imports inside"


def test_no_room_is_a_lumber_room():
    names = {file.stem for file in FILES} | {file.parent.name for file in FILES}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc"}


@pytest.mark.parametrize("name", MODULES)
def test_all_names_what_exists(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        assert hasattr(module, public)


def test_the_face_is_short_and_whole():
    assert len(modelyard.__all__) <= 30
    assert modelyard.__all__ == sorted(modelyard.__all__)
    for name in modelyard.__all__:
        assert getattr(modelyard, name).__doc__


def test_importing_does_nothing():
    code = "import modelyard, sys; print(sorted(m.split('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    assert not loaded & {"numpy", "onnxruntime", "sklearn", "pandas", "sqlalchemy", "typer"}


def test_imports_only_go_down():
    command = [
        Path(sys.executable).with_name("lint-imports"),
        "--config",
        ROOT.parents[1] / "pyproject.toml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT.parents[1])
    assert done.returncode == 0, done.stdout
