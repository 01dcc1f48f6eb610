"""A bundle as gates see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard import runtime
from modelyard.bundle.writing import copy_bundle
from modelyard.gates.base import Subject
from modelyard.runtime.replay import replay

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelyard.bundle.opened import Bundle
    from modelyard.core.table import Array


def make_subject(bundle: Bundle, scratch: Path) -> Subject:
    """Load a bundle for gates.

    Args:
        bundle: The bundle.
        scratch: A folder, not there yet, for the copy that a fresh process replays.
    """

    def replay_packed() -> Mapping[str, Array]:
        copy_bundle(bundle, scratch)
        return replay(scratch)

    return Subject(
        name=bundle.manifest.name,
        digest=bundle.digest,
        manifest=bundle.manifest,
        predict=runtime.load(bundle).run,
        golden=bundle.golden(),
        replay=replay_packed,
        size=bundle.size,
    )
