"""A manifest is read strictly, and its digest is its identity."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core import canonical
from modelyard.core import manifest as manifests
from modelyard.core.contract import Column, Contract, Output
from modelyard.core.digest import digest_bytes
from modelyard.core.manifest import Feed, File, Lineage, Manifest, Metric, Tolerance
from modelyard.errors import ManifestError

ZERO = "0" * 64


def make(**changes):
    made = Manifest(
        name="fraud",
        flavor="sklearn",
        runtime="onnxruntime",
        model="model/model.onnx",
        why="it agrees",
        contract=Contract(
            inputs=(
                Column(name="age", dtype="int64", minimum=0),
                Column(name="city", dtype="string", categories=("a", "b"), nullable=True),
                Column(name="image", dtype="float32", shape=(2, 2)),
            ),
            outputs=(Output(name="label", dtype="int64"),),
            task="classification",
        ),
        feeds=(Feed(name="x", columns=("age",), dtype="float32"),),
        files=(
            File(path="golden/rows.npz", size=3, sha256=ZERO),
            File(path="model/model.onnx", size=5, sha256=ZERO),
        ),
        tolerance=Tolerance(),
        lineage=Lineage(data={"sample": digest_bytes(b"")}, parameters={"depth": 3}),
        metrics=(Metric(name="auc", value=0.9, low=0.88, high=0.92, rows=100, data="test"),),
        libraries={"scikit-learn": "1.9.1"},
    )
    return msgspec.structs.replace(made, **changes)


def refuse(content):
    with pytest.raises(ManifestError) as caught:
        manifests.decode(content)
    assert caught.value.file == "bundle.json"
    assert len(str(caught.value)) < 600
    return str(caught.value)


def test_a_manifest_is_read_as_it_was_written():
    made = make()
    content = manifests.encode(made)
    assert manifests.decode(content) == made
    assert manifests.decode(content).digest == made.digest == digest_bytes(content)


def test_every_field_counts_in_the_digest():
    digests = {
        make(**changes).digest
        for changes in (
            {},
            {"name": "other"},
            {"why": "other"},
            {"runtime": "xgboost"},
            {"tolerance": Tolerance(absolute=0)},
            {"lineage": Lineage()},
            {"metrics": ()},
            {"libraries": {}},
            {"feeds": ()},
        )
    }
    assert len(digests) == 9


@given(st.data())
def test_no_byte_of_a_manifest_can_change_and_keep_its_digest(data):
    content = bytearray(manifests.encode(make()))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        changed = manifests.decode(bytes(content))
    except ManifestError:
        return
    assert changed.digest != make().digest


def change(path, value):
    plain = json.loads(manifests.encode(make()))
    place = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return canonical.encode(plain)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["extra"], 1, "unknown field"),
        (["format"], 2, "Invalid"),
        (["name"], "Fraud", "not a model name"),
        (["name"], "../fraud", "not a model name"),
        (["name"], "", "length"),
        (["model"], "model/other.onnx", "not among the files"),
        (["files", 0, "path"], "../rows.npz", "not a plain path"),
        (["files", 0, "path"], "/etc/passwd", "not a plain path"),
        (["files", 0, "path"], "a//b", "not a plain path"),
        (["files", 0, "path"], "a/./b", "not a plain path"),
        (["files", 0, "path"], "a\\b", "not a plain path"),
        (["files", 0, "path"], "a\u0000b", "not a plain path"),
        (["files", 0, "path"], "a\nb", "not a plain path"),
        (["files", 0, "path"], "", "length"),
        (["files", 0, "path"], "a/" * 300 + "b", "length"),
        (["files", 0, "path"], "bundle.json", "cannot list itself"),
        (["files", 0, "path"], "model", "both a file and a folder"),
        (["files", 0, "path"], "model/model.onnx", "stands twice"),
        (["files", 0, "path"], "z", "not sorted"),
        (["files", 0, "size"], -1, "Expected"),
        (["files", 0, "size"], 1.5, "Expected"),
        (["files", 0, "sha256"], "A" * 64, "regex"),
        (["files", 0, "sha256"], ZERO + "\n", "regex"),
        (["files", 0, "mode"], 0o777, "unknown field"),
        (["feeds", 0, "columns"], ["nothing"], "the contract lacks"),
        (["feeds", 0, "columns"], [], "the contract lacks"),
        (["feeds", 0, "columns"], ["age", "image"], "one column only"),
        (["contract", "inputs", 0, "maximum"], -1, "lies above"),
        (["contract", "inputs", 1, "categories"], ["a", "a"], "each stands once"),
        (["contract", "inputs", 0, "name"], "city", "stands twice"),
        (["contract", "task"], "guessing", "Invalid"),
        (["tolerance", "absolute"], -1.0, "Expected"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(path, value, words):
    assert words in refuse(change(path, value))


def test_a_number_that_no_json_writer_of_ours_writes_is_refused():
    content = manifests.encode(make())
    for number in (b"1e999", b"NaN", b"3.00", b"+3", b"03"):
        refuse(content.replace(b'"depth":3', b'"depth":' + number))


def test_two_feeds_of_one_name_are_refused():
    feed = Feed(name="x", columns=("age",), dtype="float32")
    assert "two feeds" in refuse(manifests.encode(make(feeds=(feed, feed))))
    wide = Feed(name="x", columns=("age", "city"), dtype="string", squeeze=True)
    assert "one column only" in refuse(manifests.encode(make(feeds=(wide,))))


def test_only_the_canonical_form_is_read():
    content = manifests.encode(make())
    assert "canonical" in refuse(json.dumps(json.loads(content), indent=1).encode())
    assert "canonical" in refuse(content + b"\n")
    assert "stands twice" in refuse(b'{"format":1,' + content[1:])
    assert "canonical" in refuse(content.replace(b'"absolute":1e-6', b'"absolute":0.000001'))


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"[]", b"\xff", b"[" * 10**6, b"NaN"])
def test_what_is_no_manifest_is_refused(content):
    refuse(content)


def test_a_manifest_has_a_largest_size():
    assert "larger than" in refuse(b" " * (manifests.MAX_BYTES + 1))
    many = tuple(
        File(path=f"model/{n:06}", size=0, sha256=ZERO) for n in range(manifests.MAX_FILES + 1)
    )
    assert "length" in refuse(manifests.encode(make(files=many)))


def test_files_are_found_by_path():
    assert make().file("golden/rows.npz").size == 3
    with pytest.raises(KeyError):
        make().file("golden")
