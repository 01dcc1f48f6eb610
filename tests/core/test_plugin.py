"""Families find their members by file and by entry point."""

from __future__ import annotations

import importlib
import sys

import pytest

from modelyard.core.plugin import Family
from modelyard.errors import MissingExtraError, UnknownPluginError, UsageError
from modelyard.gates.base import Gate

MEMBERS = "from BASE import Base\nclass Nomad(Base): pass\n"


@pytest.fixture
def family(tmp_path, monkeypatch):
    """A family in a package of its own; returns how to add to it."""
    package = f"family_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "base.py").write_text("class Base: pass\n")
    (folder / "checks.py").write_text("raise RuntimeError\n")
    (folder / "_inner.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    base = importlib.import_module(f"{package}.base").Base

    def add(name: str, text: str) -> None:
        (folder / f"{name}.py").write_text(text.replace("BASE", f"{package}.base"))
        importlib.invalidate_caches()

    def enter(name: str, value: str) -> None:
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{package}]\n{name} = {value}\n")
        importlib.invalidate_caches()

    yield Family(package, base), add, enter
    for module in [name for name in sys.modules if name.startswith((package, "added_"))]:
        del sys.modules[module]


def test_a_file_of_the_folder_is_a_member(family):
    found, add, _ = family
    add("nomad", MEMBERS)
    assert found.names() == found.built_in() == ["nomad"]
    assert found.load("nomad").__name__ == "Nomad"


def test_naming_members_loads_none(family):
    found, add, _ = family
    add("nomad", "raise RuntimeError\n")
    assert found.names() == ["nomad"]


def test_an_entry_point_adds_a_module_or_a_class(family, tmp_path):
    found, _, enter = family
    base = found.base.__module__
    (tmp_path / "added_module.py").write_text(MEMBERS.replace("BASE", base))
    (tmp_path / "added_class.py").write_text(MEMBERS.replace("BASE", base))
    enter("one", "added_module")
    enter("two", "added_class:Nomad")
    assert found.names() == ["one", "two"]
    assert found.built_in() == []
    assert {found.load(name).__name__ for name in ("one", "two")} == {"Nomad"}


def test_an_entry_point_never_hides_a_built_in(family, tmp_path):
    found, add, enter = family
    add("nomad", MEMBERS)
    (tmp_path / "added_other.py").write_text(MEMBERS.replace("BASE", found.base.__module__))
    enter("nomad", "added_other")
    with pytest.raises(UsageError, match="hides the built-in"):
        found.load("nomad")


def test_an_unknown_name_lists_the_known_ones(family):
    found, add, _ = family
    add("nomad", MEMBERS)
    add("swarm", MEMBERS)
    with pytest.raises(UnknownPluginError, match="choose one of: nomad, swarm") as caught:
        found.load("nomda")
    assert caught.value.name == "nomda"
    for name in ("base", "checks", "_inner", "../nomad", ""):
        with pytest.raises(UnknownPluginError):
            found.load(name)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("from BASE import Base\n", 0),
        ("from BASE import Base\nclass _Hidden(Base): pass\n", 0),
        ("from BASE import Base\nclass A(Base): pass\nclass B(Base): pass\n", 2),
    ],
)
def test_a_member_holds_one_class(family, text, count):
    found, add, _ = family
    add("nomad", text)
    with pytest.raises(UsageError, match=f"holds {count} classes"):
        found.load("nomad")


def test_a_missing_library_names_its_extra(family):
    found, add, _ = family
    add("nomad", "import a_library_that_is_not_there\n" + MEMBERS)
    with pytest.raises(MissingExtraError, match="a_library_that_is_not_there") as caught:
        found.load("nomad")
    assert caught.value.extra == "nomad"


def test_a_fault_of_our_own_is_not_called_a_missing_library(family):
    found, add, _ = family
    add("nomad", "import modelyard.not_a_room\n" + MEMBERS)
    with pytest.raises(ModuleNotFoundError, match="not_a_room"):
        found.load("nomad")


def test_real_families_name_their_members_without_importing_them():
    assert "size" in Family("modelyard.gates", Gate).names()
