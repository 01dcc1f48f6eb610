from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from modelyard.bundle.lock import BASE, Locked, closure, read_hashes, with_hashes, write_lock
from modelyard.bundle.sbom import write_sbom
from modelyard.errors import UsageError

HASHES = Path(__file__).parents[2] / "requirements" / "dev.txt"


def lines(lock):
    return [line for line in lock.decode().splitlines() if not line.startswith((" ", "#"))]


def test_lock_is_the_closure_at_its_versions(making, tmp_path):
    lock = making.write(tmp_path / "b").read("requirements.lock")
    pins = dict(line.split("==") for line in lines(lock))
    assert set(BASE) <= set(pins)
    assert "protobuf" in pins  # onnxruntime needs it
    assert list(pins) == sorted(pins)
    assert all(version(name) == pinned for name, pinned in pins.items())
    assert not {"onnx", "scikit-learn", "cyclonedx-python-lib", "typer"} & set(pins)
    assert lock.decode().startswith("# Without hashes: it knows no hashes.")


def test_lock_takes_hashes_where_versions_agree(making, tmp_path):
    lock = making.write(tmp_path / "b", lock=HASHES).read("requirements.lock").decode()
    assert "Without hashes" not in lock
    pins = re.findall(
        r"^([\w-]+==[\w.]+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", lock, re.MULTILINE
    )
    assert len(pins) == len(lines(lock.encode()))
    known = read_hashes(HASHES.read_text("utf-8"))
    for pin, hashes in pins:
        name, _, pinned = pin.partition("==")
        assert tuple(re.findall(r"[0-9a-f]{64}", hashes)) == known[name, pinned]


def test_pip_reads_the_lock(making, tmp_path):
    """As pip's own parser sees it: every line a pin, with at least one hash."""
    lock = making.write(tmp_path / "b", lock=HASHES).read("requirements.lock")
    assert read_hashes(lock.decode()) == {
        key: hashes
        for key, hashes in read_hashes(HASHES.read_text("utf-8")).items()
        if f"{key[0]}=={key[1]}" in lock.decode()
    }


def test_one_unknown_hash_drops_all_and_says_so(tmp_path):
    text = HASHES.read_text("utf-8").replace("numpy==", "numpy==1.")
    (tmp_path / "lock.txt").write_text(text)
    lock = write_lock(with_hashes(closure(BASE), tmp_path / "lock.txt"))
    assert lock.decode().startswith("# Without hashes: it lacks those of numpy.")
    assert b"--hash" not in lock


def test_no_such_lock_file(tmp_path):
    with pytest.raises(UsageError, match=r"missing\.txt"):
        with_hashes(closure(BASE), tmp_path / "missing.txt")
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError):
        with_hashes(closure(BASE), tmp_path / "odd")


@pytest.mark.parametrize(
    "text", ["", "-r other.txt\n--index-url x\n# numpy==1\n", "a @ file:///x", "a>=1", "a==1.*"]
)
def test_lines_that_pin_nothing(text):
    assert read_hashes(text) == {}


def test_what_is_not_installed_cannot_be_locked():
    with pytest.raises(UsageError, match="not-a-thing is not installed"):
        closure(["not_a.thing"])


def test_engines_bring_their_own():
    names = {locked.name for locked in closure([*BASE, "xgboost"])}
    assert {"xgboost", "scipy"} <= names
    by_name = {locked.name: locked for locked in closure([*BASE, "xgboost"])}
    assert "scipy" in by_name["xgboost"].needs
    assert set().union(*(locked.needs for locked in by_name.values())) <= names


def test_sbom_is_valid_cyclonedx(making, tmp_path):
    bundle = making.write(tmp_path / "b")
    content = bundle.read("sbom.cdx.json").decode()
    plain = json.loads(content)
    assert plain["specVersion"] == "1.6"
    model = plain["metadata"]["component"]
    assert model["type"] == "machine-learning-model"
    assert model["name"] == "small"
    assert model["hashes"][0]["content"] == bundle.manifest.file("model/model.onnx").sha256
    named = {component["name"]: component for component in plain["components"]}
    assert set(BASE) <= set(named)
    assert named["numpy"]["purl"] == f"pkg:pypi/numpy@{version('numpy')}"
    assert all(component["licenses"] for component in plain["components"])
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content) is None


def test_sbom_takes_odd_licences(making, tmp_path):
    manifest = making.write(tmp_path / "b").manifest
    odd = [
        Locked(f"p{n}", "1", text, ()) for n, text in enumerate(["", "Own <&> words", "MIT OR x"])
    ]
    assert json.loads(write_sbom(manifest, odd))["components"]
    assert write_sbom(manifest, odd) == write_sbom(manifest, odd[::-1])


def test_card_tells_what_matters(making, tmp_path):
    card = making.write(tmp_path / "b").read("card.md").decode()
    for fact in (
        "# small",
        "amount",
        "int64",
        "red, blue",
        "0.4 to 0.6",
        "4 golden rows",
        "onnxruntime",
    ):
        assert fact in card
    for title in ("What it takes", "What it answers", "How well", "Where it comes from", "Limits"):
        assert f"## {title}" in card


def test_card_holds_text_as_text(making, tmp_path):
    made = making.parts(why="[click](javascript:x) | <script>alert(1)</script>\n# Not a title")
    card = making.write(tmp_path / "b", why=made.why).read("card.md").decode()
    assert "<script" not in card.replace("\\<script", "")
    assert "\n# Not" not in card
    assert "[click](" not in card
