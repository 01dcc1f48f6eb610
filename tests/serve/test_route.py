"""Routes are read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.route import decode_route, make_route
from modelyard.errors import ConfigError
from modelyard.serve.strictjson import count_keys

GOOD = ("fraud", "fraud:3", "fraud@champion", "./fraud", "/srv/fraud", "fraud@sha256:" + 64 * "0")


@pytest.mark.parametrize("reference", GOOD)
def test_toml_and_json_say_the_same(reference):
    short = decode_route(f'[models]\na = "{reference}"'.encode())
    long = decode_route(f'[models.a]\nreference = "{reference}"'.encode())
    same = decode_route(f'{{"models": {{"a": "{reference}"}}}}'.encode(), "json")
    assert short == long == same == make_route({"a": reference})


@pytest.mark.parametrize(
    "content",
    [
        b'{"models": {"a": "b", "a": "c"}}',
        b'{"models": {"a": "b"}, "x": 1}',
        b'{"models": {"A": "b"}}',
        b'{"models": {"../a": "b"}}',
        b'{"models": {"a": "b@"}}',
        b'{"models": {"a": "b:0"}}',
        b'{"models": {"a": {"reference": "b", "weight": 1}}}',
        b'{"models": {"a": null}}',
        b'{"models": {}}',
        b"[]",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_no_route_is_refused(content):
    with pytest.raises(ConfigError):
        decode_route(content, "json")


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=50, deadline=None)
@given(NESTED)
def test_keys_are_counted_wherever_they_are(value):
    def count(part):
        if isinstance(part, dict):
            return len(part) + sum(map(count, part.values()))
        return sum(map(count, part)) if isinstance(part, list) else 0

    assert count_keys(value) == count(value)
