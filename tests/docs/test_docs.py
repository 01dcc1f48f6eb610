"""The documents cannot lie: reference pages are generated, links lead somewhere, blocks run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
PAGES = [page for page in PAGES if ".work" not in page.parts]


def generated():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_reference_pages_are_what_the_code_says():
    for name, text in generated().items():
        assert (ROOT / "docs/reference" / name).read_text() == text, f"run `make docs`: {name}"


def test_every_setting_and_option_is_explained():
    for name, text in generated().items():
        assert not re.search(r"\| `[^|]*` \|  \|", text), f"{name} has a row without a meaning"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not link.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / link).exists(), link
