"""One value, one sequence of bytes; and nothing but strict JSON is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core import canonical

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
def test_what_is_written_is_read_as_it_was(value):
    content = canonical.encode(value)
    assert canonical.decode(content) == value
    assert json.loads(content) == value
    assert canonical.encode(canonical.decode(content)) == content


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=6), st.randoms())
def test_the_order_of_keys_does_not_count(value, random):
    value = {key: n for key, n in value.items() if key.isprintable()}
    items = list(value.items())
    random.shuffle(items)
    assert canonical.encode(dict(items)) == canonical.encode(value)


@given(
    st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_read_or_refused_with_a_value_error(content):
    try:
        canonical.decode(content)
    except ValueError as e:
        told = str(e)
        assert told


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: [n], lambda n: {"a": {"b": (1, n)}}])
def test_what_is_not_finite_is_not_written(number, wrap):
    with pytest.raises(ValueError, match="cannot be written"):
        canonical.encode(wrap(number))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1, "a": 1}', "'a' stands twice"),
        (b'[{"b": {"a": 1, "a": 2}}]', "'a' stands twice"),
        (b"NaN", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"1e999", "1e999 is beyond"),
        (b"-1e999", "beyond all floats"),
        (b"[" * 100_000, "too deep"),
        (b'{"a":' * 100_000, "too deep"),
        (b"\xff", "not UTF-8"),
        ('"é"'.encode("latin-1"), "not UTF-8"),
        ("[1]".encode("utf-16"), "not UTF-8"),
        ("[1]".encode("utf-32-le"), "not JSON"),
        (b"\xef\xbb\xbf[1]", "not JSON"),
        (b"", "not JSON"),
        (b"[1] 2", "line 1, column 5"),
        (b"{'a': 1}", "not JSON"),
        (b"9" * 5000, "digit"),
        (b"1.5" + b"0" * 10**6 + b"e999", "beyond all floats"),
    ],
)
def test_what_is_not_strict_json_is_refused(content, words):
    with pytest.raises(ValueError, match=words) as caught:
        canonical.decode(content)
    assert len(str(caught.value)) < 300


def test_the_bytes_are_the_same_in_every_process(tmp_path):
    program = (
        "from modelyard.core import canonical; import sys;"
        "value = {key: [1.5, {key: None}] for key in sorted({'b', 'a', 'é', 'z', 'Z'}, key=hash)};"
        "sys.stdout.buffer.write(canonical.encode(value))"
    )
    written = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale},
            cwd=tmp_path,
            capture_output=True,
            check=True,
        ).stdout
        for seed, locale in (("0", "C"), ("1", "C.UTF-8"), ("2", "POSIX"))
    }
    assert len(written) == 1
