"""References to models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.digest import digest_bytes
from modelyard.core.reference import Reference, check_name
from modelyard.errors import UsageError

DIGEST = digest_bytes(b"")
names = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?", fullmatch=True)
references = st.one_of(
    st.builds(Reference, name=names),
    st.builds(Reference, name=names, version=st.integers(1, 999_999_999)),
    st.builds(Reference, name=names, alias=names),
    st.builds(Reference, name=names, digest=st.binary(max_size=4).map(digest_bytes)),
)


@given(references)
def test_a_reference_is_read_as_it_is_written(reference):
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("fraud", ("fraud", None, None, None)),
        ("fraud:3", ("fraud", 3, None, None)),
        ("fraud@champion", ("fraud", None, "champion", None)),
        (f"fraud@{DIGEST}", ("fraud", None, None, DIGEST)),
        ("a.b-c_d", ("a.b-c_d", None, None, None)),
    ],
)
def test_the_four_ways_to_name_a_model(text, parts):
    found = Reference.parse(text)
    assert (found.name, found.version, found.alias, found.digest) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Fraud",
        "fraud:",
        "fraud:0",
        "fraud:01",
        "fraud:-1",
        "fraud:1.0",
        "fraud:1:2",
        "fraud:٣",
        "fraud:9999999999",
        "fraud@",
        "fraud@Champion",
        "fraud@a@b",
        "fraud@sha256:12",
        f"fraud@{DIGEST}0",
        f"fraud@{DIGEST.upper()}",
        "fraud:3@champion",
        ":3",
        "@champion",
        "../fraud",
        "a/b",
        "fraud ",
        "fraud\n",
        "-fraud",
        "fraud.",
        "f" * 129,
        "\ud800",
    ],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(UsageError):
        Reference.parse(text)


@given(st.text(max_size=12))
def test_any_text_is_a_reference_that_is_written_alike_or_is_refused(text):
    try:
        found = Reference.parse(text)
    except UsageError:
        return
    assert str(found) == text


def test_a_name_says_what_it_is_a_name_of():
    assert check_name("prod-eu.1", what="environment") == "prod-eu.1"
    with pytest.raises(UsageError, match=r"'Prod' is not an? environment"):
        check_name("Prod", what="environment")
