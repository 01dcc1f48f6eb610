"""A bundle is somebody else's file: whatever is wrong with it, opening says so and does nothing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import random
import signal
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.bundle import storedzip
from modelyard.bundle.goldenfile import decode_outputs, decode_rows, encode_rows
from modelyard.bundle.opened import open_bundle, sidecar
from modelyard.bundle.source import DirectorySource
from modelyard.bundle.verify import verify
from modelyard.core import canonical
from modelyard.core.digest import digest_bytes
from modelyard.errors import BundleError, IntegrityError, ManifestError, UsageError


def check(directory, expect=None):
    verify(open_bundle(directory, expect))


def put_manifest(directory, content):
    """Write another manifest, with all the trust that somebody who can write there has."""
    (directory / "bundle.json").write_bytes(content)
    (directory / "bundle.sha256").write_bytes(sidecar(digest_bytes(content)))


def edit_manifest(directory, edit):
    plain = json.loads((directory / "bundle.json").read_bytes())
    put_manifest(directory, canonical.encode(edit(plain) or plain))


def put_file(directory, path, content):
    """Replace a file and tell the manifest."""
    (directory / path).write_bytes(content)

    def edit(plain):
        for file in plain["files"]:
            if file["path"] == path:
                file.update(size=len(content), sha256=hashlib.sha256(content).hexdigest())

    edit_manifest(directory, edit)


# --- the manifest ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"name":', b'"name":"other","name":', 1),
        lambda text: text.replace(b'"name":', b'"extra":1,"name":', 1),
        lambda text: text.replace(b'"size":', b'"mode":7,"size":', 1),
        lambda text: text.replace(b'"format":1', b'"format":2'),
        lambda text: text.replace(b'"format":1,', b""),
        lambda text: text + b"\n",
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b":", b": ", 1),
        lambda text: text.replace(b"small", b"\\u0073mall", 1),
        lambda text: text.replace(b"small", b"sm\xff\xfell", 1),
        lambda text: text.replace(b"0.5", b"NaN"),
        lambda text: text.replace(b"0.5", b"1e999"),
        lambda text: text.replace(b"0.5", b"0.50"),
        lambda text: text[:-1],
        lambda text: b"",
        lambda text: b"null",
        lambda text: b"[" * 100_000 + b"]" * 100_000,
        lambda text: text.replace(b'{"weight":1.0}', b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        lambda text: b" " * (16 * 2**20 - len(text)) + text,
    ],
)
def test_malformed_manifest_is_refused(directory, change):
    before = (directory / "bundle.json").read_bytes()
    after = change(before)
    assert after != before
    put_manifest(directory, after)
    with pytest.raises(ManifestError) as e:
        open_bundle(directory)
    assert e.value.file == "bundle.json"
    assert len(str(e.value)) < 500


def test_oversized_manifest_is_not_even_read(directory):
    with (directory / "bundle.json").open("r+b") as stream:
        stream.truncate(2**40)
    with pytest.raises(IntegrityError, match="larger than"):
        open_bundle(directory)


LEAVING = ["../x", "/etc/passwd", "model/../x", "a//b", "./x", "x/.", "a\\b", "a\0b", ""]


@pytest.mark.parametrize("path", [*LEAVING, "bundle.json", "model/model.onnx/x", "a\nb", "x" * 500])
def test_listed_paths_stay_inside(directory, path):
    def edit(plain):
        plain["files"] = sorted(
            [*plain["files"], {"path": path, "size": 1, "sha256": 64 * "0"}],
            key=lambda file: file["path"],
        )

    edit_manifest(directory, edit)
    with pytest.raises(ManifestError):
        open_bundle(directory)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", "a//b", "x\0", "."])
def test_source_reads_no_path_outside(directory, path):
    with pytest.raises(IntegrityError):
        DirectorySource(directory).read(path, 100)


def test_files_listed_twice_or_out_of_order(directory):
    edit_manifest(directory, lambda plain: plain | {"files": plain["files"][::-1]})
    with pytest.raises(ManifestError, match="not sorted"):
        open_bundle(directory)
    edit_manifest(directory, lambda plain: plain | {"files": [plain["files"][0], *plain["files"]]})
    with pytest.raises(ManifestError):
        open_bundle(directory)


def test_model_must_be_listed(directory):
    edit_manifest(directory, lambda plain: plain | {"model": "model/other.onnx"})
    with pytest.raises(ManifestError, match="not among the files"):
        open_bundle(directory)


# --- who it is ------------------------------------------------------------------------------


def test_expected_digest(directory, digest):
    assert open_bundle(directory, digest).digest == digest
    with pytest.raises(IntegrityError, match="asked for"):
        open_bundle(directory, "sha256:" + 64 * "0")
    with pytest.raises(UsageError):
        open_bundle(directory, "sha256:abc")


def test_another_valid_manifest_is_another_bundle(directory, digest):
    edit_manifest(directory, lambda plain: plain | {"name": "smell"})
    other = open_bundle(directory)  # side file and all were replaced: it is a bundle, but not ours
    assert other.digest != digest
    with pytest.raises(IntegrityError):
        open_bundle(directory, digest)


@pytest.mark.parametrize("form", ["{}", "sha256:{}", "sha256-{}", "sha256_{}"])
def test_directory_named_by_digest(directory, digest, form):
    named = directory.rename(directory.with_name(form.format(digest[7:])))
    (named / "bundle.sha256").unlink()
    assert open_bundle(named).digest == digest
    edit_manifest(named, lambda plain: plain | {"name": "smell"})
    with pytest.raises(IntegrityError, match="name of its directory"):
        open_bundle(named)


@pytest.mark.parametrize(
    "content", [b"", b"x", 64 * b"0", 64 * b"0" + b"  bundle.json", 64 * b"0" + b"  bundle.jsom\n"]
)
def test_side_file_must_be_there_and_whole(directory, content):
    (directory / "bundle.sha256").write_bytes(content)
    with pytest.raises(IntegrityError) as e:
        open_bundle(directory)
    assert e.value.file == "bundle.sha256"
    (directory / "bundle.sha256").unlink()
    with pytest.raises(IntegrityError) as e:
        open_bundle(directory)
    assert e.value.file == "bundle.sha256"


def test_no_bundle_there(tmp_path):
    for where in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(BundleError) as e:
            open_bundle(where)
        assert e.value.file == "bundle.json"
        assert str(tmp_path) not in str(e.value)


# --- the files ------------------------------------------------------------------------------


def _files(directory):
    return sorted(path for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("expecting", [True, False])
def test_200_bit_flips_200_refusals(directory, digest, expecting):
    rng = random.Random(20240501 + expecting)
    files = _files(directory)
    # With a digest to expect, nobody asks the side file, so no byte of it can do harm.
    files = [path for path in files if not expecting or path.name != "bundle.sha256"]
    for _ in range(200):
        path = rng.choice(files)
        before = path.read_bytes()
        bit = rng.randrange(8 * len(before))
        after = bytearray(before)
        after[bit // 8] ^= 1 << bit % 8
        path.write_bytes(after)
        name = str(path.relative_to(directory))
        with pytest.raises(BundleError) as e:
            check(directory, digest if expecting else None)
        # A flipped side file disagrees with the manifest, and which of the two is wrong is open.
        allowed = {name, "bundle.json"} if name == "bundle.sha256" else {name}
        assert e.value.file in allowed
        assert e.value.file in str(e.value)
        path.write_bytes(before)
    check(directory, digest if expecting else None)


@pytest.mark.parametrize("change", [lambda b: b + b"\0", lambda b: b[:-1], lambda b: b""])
def test_longer_and_shorter_files(directory, change):
    for path in _files(directory):
        before = path.read_bytes()
        path.write_bytes(change(before))
        with pytest.raises(BundleError) as e:
            check(directory)
        assert e.value.file == str(path.relative_to(directory))
        path.write_bytes(before)


@pytest.mark.parametrize("name", ["bundle.json", "model/model.onnx", "card.md", "bundle.sha256"])
@pytest.mark.parametrize("kind", ["missing", "link", "hard", "fifo", "folder", "socket", "device"])
def test_only_plain_files_of_its_own(directory, tmp_path, name, kind):
    path = directory / name
    outside = path.rename(tmp_path / "outside")
    if kind == "link":
        path.symlink_to(outside)
    elif kind == "hard":
        path.hardlink_to(outside)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        os.mknod(path, 0o140644)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    with pytest.raises(IntegrityError) as e:
        check(directory)
    assert e.value.file == name


@pytest.mark.parametrize("kind", ["fifo", "link", "hard"])
def test_file_swapped_between_look_and_open(directory, tmp_path, monkeypatch, kind):
    """What was looked at was a plain file; what is opened then is looked at again."""
    path = directory / "card.md"
    looked = path.stat()
    outside = path.rename(tmp_path / "outside")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(outside)
    else:
        path.hardlink_to(outside)
    monkeypatch.setattr(os, "stat", lambda *_, **__: looked)
    signal.alarm(10)  # a FIFO opened the plain way would wait for ever
    try:
        with pytest.raises(IntegrityError):
            DirectorySource(directory).read("card.md", 10_000)
    finally:
        signal.alarm(0)


@pytest.mark.parametrize("target", ["inside", "outside"])
def test_linked_folders_are_refused(directory, tmp_path, target):
    moved = (directory if target == "inside" else tmp_path) / "elsewhere"
    (directory / "model").rename(moved)
    (directory / "model").symlink_to(moved)
    with pytest.raises(IntegrityError) as e:
        check(directory)
    assert e.value.file == "model/model.onnx"


def test_file_swapped_after_it_was_verified(directory):
    bundle = open_bundle(directory)
    verify(bundle)
    path = directory / "model" / "model.onnx"
    path.write_bytes(path.read_bytes().replace(b"small", b"smell"))
    with pytest.raises(IntegrityError):
        bundle.read("model/model.onnx")
    (directory / "bundle.json").write_bytes(b"{}")
    with pytest.raises(IntegrityError, match="since"):
        verify(bundle)


def test_file_that_grows_while_it_is_read(directory, monkeypatch):
    path = directory / "card.md"
    size = path.stat().st_size
    real = os.read

    def grow(file, count):
        with path.open("ab") as stream:
            stream.write(b"x" * 1000)
        return real(file, count)

    bundle = open_bundle(directory)
    monkeypatch.setattr(os, "read", grow)
    with pytest.raises(IntegrityError, match=f"larger than {size}"):
        bundle.read("card.md")


def test_unlisted_files_are_never_read(directory):
    bundle = open_bundle(directory)
    os.mkfifo(directory / "model" / "model.onnx.data")
    os.mkfifo(directory / "pipe")
    (directory / "conftest.py").write_text("raise SystemExit")
    (directory / "model" / "__init__.py").write_text("raise SystemExit")
    check(directory)
    for path in ("pipe", "conftest.py", "bundle.json", "bundle.sha256", "../x"):
        with pytest.raises(BundleError, match="has no file"):
            bundle.read(path)


# --- golden rows ----------------------------------------------------------------------------


class Bomb:
    def __reduce__(self):
        return os.system, ("touch /tmp/modelyard-was-here",)


def _npz(compression=zipfile.ZIP_STORED, **arrays):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def _npy(value, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, value, **options)
    return stream.getvalue()


def _header(text):
    body = text.encode() + b" " * (63 - len(text) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body


def _hostile():
    objects = _npy(np.array([Bomb()] * 4, object), allow_pickle=True)
    zeros = _npy(np.zeros(2**27, np.uint8))
    yield "pickled objects", storedzip.write({"0.npy": objects, "1.npy": objects})
    yield "pickle", pickle.dumps(Bomb())
    yield "pickle in a zip", _npz(**{"0": pickle.dumps(Bomb())})
    yield "bomb", _npz(zipfile.ZIP_DEFLATED, **{"0.bytes": zeros, "0.lengths": zeros, "1": zeros})
    for shape in (
        "(999999999999,)",
        "(0, 99999999999999)",
        "(-1,)",
        "(4,4,)",
        "(" + "9," * 999 + ")",
    ):
        head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
        yield f"shape {shape[:20]}", storedzip.write({"1.npy": _header(head) + b"\0" * 16})
    for descr in ("'|O'", "'<f16'", "'<U9999999'", "[('a','<f4')]", "'<f3'", "__import__('os')"):
        head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (4,), }}"
        yield f"descr {descr}", storedzip.write({"1.npy": _header(head) + b"\0" * 16})
    yield "empty", b""
    yield "empty zip", storedzip.write({})
    yield "no npy", storedzip.write({"1.npy": b"\x93NUMPY"})


@pytest.mark.parametrize(
    ("what", "content"), [pytest.param(*each, id=each[0]) for each in _hostile()]
)
@pytest.mark.parametrize("path", ["golden/rows.npz", "golden/outputs.npz"])
def test_hostile_golden_files_are_refused(directory, what, content, path):
    put_file(directory, path, content)
    bundle = open_bundle(directory)
    with pytest.raises(BundleError) as e:
        verify(bundle)
    assert e.value.file == path
    assert not os.path.exists("/tmp/modelyard-was-here")  # noqa: S108, PTH110


def test_golden_has_one_form(directory):
    """The same arrays, written by numpy in its own way, are refused."""
    content = (directory / "golden" / "outputs.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        arrays = dict(loaded)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    put_file(directory, "golden/outputs.npz", stream.getvalue())
    with pytest.raises(BundleError, match=r"one form|stored members"):
        open_bundle(directory).golden()


@pytest.mark.parametrize("what", ["mask of nothing", "hidden value", "padding", "order"])
def test_golden_has_one_form_to_the_last_byte(directory, what):
    members = storedzip.read((directory / "golden" / "rows.npz").read_bytes())
    if what == "mask of nothing":
        members["0.missing.npy"] = members["1.missing.npy"][:-4] + bytes(4)
    elif what == "hidden value":
        content = bytearray(members["1.npy"])
        content[-16] ^= 1  # the third of four numbers, the missing one
        members["1.npy"] = bytes(content)
    elif what == "padding":
        head, _, body = members["1.npy"].partition(b"\n")
        members["1.npy"] = head[:8] + bytes([head[8] + 64]) + head[9:] + b" " * 64 + b"\n" + body
    else:
        members = dict(reversed(members.items()))
    put_file(directory, "golden/rows.npz", storedzip.write(members))
    with pytest.raises(BundleError, match="one form"):
        open_bundle(directory).golden()


def test_golden_shape_must_fit_the_contract(directory):
    members = storedzip.read((directory / "golden" / "outputs.npz").read_bytes())
    members["1.npy"] = _npy(np.zeros((4, 1), np.float32))
    put_file(directory, "golden/outputs.npz", storedzip.write(members))
    with pytest.raises(BundleError):
        open_bundle(directory).golden()
    del members["1.npy"]
    put_file(directory, "golden/outputs.npz", storedzip.write(members))
    with pytest.raises(BundleError):
        open_bundle(directory).golden()


@given(data=st.data())
def test_no_bytes_crash_the_golden_reader(making, data):
    good = storedzip.read(_rows(making))
    broken = dict(good)
    for name in data.draw(st.lists(st.sampled_from(sorted(good)), max_size=3)):
        content = bytearray(broken[name])
        for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
            content[at] = data.draw(st.integers(0, 255))
        broken[name] = bytes(content)
    for raw in (storedzip.write(broken), data.draw(st.binary(max_size=200))):
        for read in (
            lambda raw: decode_rows(raw, making.CONTRACT),
            lambda raw: decode_outputs(raw, making.CONTRACT, 4),
        ):
            try:
                read(raw)
            except BundleError:
                continue


def _rows(making):
    golden = making.golden()
    return encode_rows(golden.rows, golden.kinds, making.CONTRACT)


# --- opening executes nothing ---------------------------------------------------------------

_WATCHED = """
import json, sys
from modelyard.bundle.opened import open_bundle
from modelyard.bundle.verify import verify
from modelyard.runtime import load

NEVER = (
    "exec", "compile", "import", "marshal.load", "pickle", "subprocess", "os.system", "os.exec",
    "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.mkdir", "os.chmod", "os.truncate",
    "socket", "ctypes", "code.", "shutil", "urllib",
)
heard, opened, listening = [], [], False

def hook(event, arguments):
    if listening and event == "open":
        opened.append((str(arguments[0]), arguments[2]))
    elif listening and event.startswith(NEVER):
        heard.append((event, str(arguments)[:200]))

def use(directory):
    bundle = open_bundle(directory)
    verify(bundle)
    predictor = load(bundle)
    predictor.run(bundle.golden().rows)
    predictor.predict([{"amount": 1.0, "count": 1, "colour": "red", "when": "2024-01-01"}])

sys.addaudithook(hook)
use(sys.argv[1])  # what libraries import and compile of their own at first use, they do now
listening = True
use(sys.argv[2])
listening = False
ours = {name for name, _ in opened if not name.startswith((sys.prefix, sys.base_prefix))}
print(json.dumps([heard, sorted(ours), all(flags & 3 == 0 for _, flags in opened)]))
"""


def test_opening_loading_and_running_execute_nothing(directory, making, tmp_path):
    trusted = making.write(tmp_path / "trusted").source.directory
    for path in ("model/__init__.py", "sitecustomize.py", "json.py", "onnxruntime.py", "numpy.py"):
        (directory / path).write_text("raise SystemExit('ran')")
    (directory / "model" / "model.pkl").write_bytes(pickle.dumps(Bomb()))
    done = subprocess.run(
        [sys.executable, "-P", "-c", _WATCHED, trusted, directory],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    heard, opened, only_read = json.loads(done.stdout)
    assert heard == []
    names = {"bundle.json", "bundle.sha256", "model.onnx", "rows.npz", "outputs.npz"}
    names |= {"card.md", "requirements.lock", "sbom.cdx.json"}
    assert set(opened) == names | {str(directory), "golden", "model"}
    assert only_read
