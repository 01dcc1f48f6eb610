from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modelyard.bundle.opened import open_bundle
from modelyard.bundle.packing import pack
from modelyard.bundle.verify import verify
from modelyard.bundle.writing import copy_bundle
from modelyard.core import manifest as manifests
from modelyard.errors import BundleError, IntegrityError

FILES = [
    "bundle.json",
    "bundle.sha256",
    "card.md",
    "golden/outputs.npz",
    "golden/rows.npz",
    "model/model.onnx",
    "requirements.lock",
    "sbom.cdx.json",
]


def listing(directory):
    return sorted(
        str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()
    )


def test_layout_and_digest(directory, digest):
    assert listing(directory) == FILES
    content = (directory / "bundle.json").read_bytes()
    assert digest == "sha256:" + hashlib.sha256(content).hexdigest()
    bundle = open_bundle(directory)
    assert bundle.digest == digest
    assert [file.path for file in bundle.manifest.files] == FILES[2:]
    # bundle.sha256 is the only file that the manifest does not answer for
    assert bundle.size == sum((directory / path).stat().st_size for path in FILES) - 78
    verify(bundle)


def test_sidecar_is_what_sha256sum_reads(directory):
    subprocess.run(["sha256sum", "-c", "bundle.sha256"], cwd=directory, check=True)  # noqa: S607


def test_nothing_of_time_place_or_machine(directory, tmp_path):
    whole = b"".join((directory / path).read_bytes() for path in FILES)
    for secret in (os.uname().nodename, str(tmp_path), str(Path.home()), sys.prefix, "/usr/"):
        assert secret.encode() not in whole
    assert b"timestamp" not in (directory / "sbom.cdx.json").read_bytes()
    assert b"serialNumber" not in (directory / "sbom.cdx.json").read_bytes()


def test_golden_comes_back(directory, making):
    want, got = making.golden(), open_bundle(directory).golden()
    assert got.kinds == want.kinds
    assert list(got.rows) == list(want.rows)
    for name in want.rows:
        lost = want.rows[name].missing
        assert got.rows[name].values.dtype == want.rows[name].values.dtype
        if lost is not None:
            np.testing.assert_array_equal(got.rows[name].missing, lost)
        kept = slice(None) if lost is None else ~lost
        np.testing.assert_array_equal(got.rows[name].values[kept], want.rows[name].values[kept])
    for name in want.outputs:
        np.testing.assert_array_equal(got.outputs[name], want.outputs[name])


def test_what_is_missing_does_not_change_the_digest(making, tmp_path, digest):
    golden = making.golden()
    other = golden.rows["count"].values.copy()
    other[2] = 77
    golden.rows.columns["count"] = golden.rows["count"]._replace(values=other)
    assert making.write(tmp_path / "b", golden=golden).digest == digest


def test_packing_twice_is_fine_and_another_is_refused(making, tmp_path, digest):
    place = tmp_path / "deep" / "down"
    assert making.write(place).digest == digest
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    assert making.write(place).digest == digest
    assert before == {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    with pytest.raises(BundleError, match="holds something else"):
        making.write(place, why="another")
    assert open_bundle(place).digest == digest
    assert [path.name for path in place.parent.iterdir()] == ["down"]


def test_packing_over_a_damaged_bundle_is_refused(making, directory):
    (directory / "card.md").write_bytes(b"other")
    with pytest.raises(BundleError, match="holds something else"):
        making.write(directory)


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_packing_over_anything_else_is_refused(making, tmp_path, kind):
    place = tmp_path / "there"
    (tmp_path / "other").mkdir()
    if kind == "file":
        place.write_text("mine")
    elif kind == "link":
        place.symlink_to(tmp_path / "other")
    else:
        place.mkdir()
        (place / "mine").write_text("mine")
    with pytest.raises(BundleError, match="holds something else"):
        making.write(place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "there"]
    assert not any((tmp_path / "other").iterdir())


def test_packing_into_an_empty_folder(making, tmp_path, digest):
    (tmp_path / "empty").mkdir()
    assert making.write(tmp_path / "empty").digest == digest


OUTSIDE = [
    "../model.onnx",
    "model/../../x",
    "/etc/x",
    "model/",
    "model//x",
    "model/./x",
    "model\\x",
]


@pytest.mark.parametrize("path", [*OUTSIDE, "", "model/a\nb", "golden/rows.npz", "card.md"])
def test_paths_that_leave_the_bundle_are_refused(making, tmp_path, path):
    made = making.parts()
    export = made.export._replace(files={**made.export.files, path: b"x"})
    with pytest.raises(BundleError):
        pack(made._replace(export=export), tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["../x", "bundle.json", "golden/rows.npz", "/x", "model/model.onnx"]
)
def test_documents_stay_inside_and_apart(making, tmp_path, path):
    with pytest.raises(BundleError):
        making.write(tmp_path / "b", documents={path: b"x"})
    assert list(tmp_path.iterdir()) == []


def test_documents_are_kept(making, tmp_path):
    bundle = making.write(tmp_path / "b", documents={"profile.json": b"{}"})
    assert bundle.read("profile.json") == b"{}"


@pytest.mark.parametrize(
    "changes",
    [{"name": "Not A Name"}, {"name": ""}, {"flavor": ""}, {"lineage": None}, {"runtime": 7}],
)
def test_parts_that_do_not_fit_are_refused(making, tmp_path, changes):
    with pytest.raises(BundleError):
        making.write(tmp_path / "b", **changes)
    assert list(tmp_path.iterdir()) == []


def test_golden_that_does_not_fit_is_refused(making, tmp_path):
    golden = making.golden()
    few = {"label": golden.outputs["label"]}
    with pytest.raises(BundleError, match="not those of the contract"):
        making.write(tmp_path / "b", golden=golden._replace(outputs=few))
    wide = {**golden.outputs, "prediction": np.array([1, 2, 3, 4])}
    with pytest.raises(BundleError, match="golden values are int64"):
        making.write(tmp_path / "b", golden=golden._replace(outputs=wide))


def test_a_crash_leaves_whole_or_none(making, tmp_path, monkeypatch):
    seen = []

    def crash(folder):
        seen.append(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr("modelyard.bundle.writing._sync", crash)
    with pytest.raises(KeyboardInterrupt):
        making.write(tmp_path / "b")
    assert seen
    assert list(tmp_path.iterdir()) == []


def test_copy_from_any_source(directory, digest, tmp_path):
    files = {path: (directory / path).read_bytes() for path in FILES}

    class Memory:
        def read(self, path, limit):
            return files[path]

    bundle = open_bundle(Memory(), digest)
    copied = copy_bundle(bundle, tmp_path / "copy")
    assert listing(tmp_path / "copy") == FILES
    verify(copied)
    files["card.md"] = files["card.md"].replace(b"small", b"smell")
    with pytest.raises(IntegrityError):
        copy_bundle(bundle, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_manifest_round_trip(directory):
    content = (directory / "bundle.json").read_bytes()
    assert manifests.encode(manifests.decode(content)) == content
    assert json.loads(content)["format"] == 1


_PACK = """
import importlib.util, os, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("making", sys.argv[1])
making = importlib.util.module_from_spec(spec)
spec.loader.exec_module(making)
print(making.write(Path(sys.argv[2]), lock=Path(sys.argv[3])).digest)
"""


def test_two_processes_two_time_zones_one_digest(tmp_path):
    root = Path(__file__).parents[2]
    making = Path(__file__).with_name("making.py")
    digests = []
    for number, zone in enumerate(("Pacific/Kiritimati", "America/Los_Angeles")):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", _PACK, making, "here/b", root / "requirements" / "dev.txt"],
            env={"PYTHONHASHSEED": str(number + 1), "TZ": zone, "HOME": str(folder)},
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.append(done.stdout.strip())
    assert digests[0].startswith("sha256:")
    assert digests[0] == digests[1]
