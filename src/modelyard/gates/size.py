"""``size``: the bundle is no larger than the target can carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from modelyard.gates.base import Gate

if TYPE_CHECKING:
    from modelyard.core.verdict import Verdict
    from modelyard.gates.base import Evidence

_MEGA = 1_000_000
_SHOWN = 5


class SizeGate(Gate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Judge the bytes of the whole bundle.

    In ``modelyard.toml``::

        [gates.size]
        maximum_mb = 50

    Args:
        maximum_mb: At most this many megabytes (1 MB = 1,000,000 bytes).

    Example:
        >>> SizeGate(maximum_mb=50).maximum_mb
        50
    """

    maximum_mb: Annotated[float, msgspec.Meta(gt=0)] = 500.0

    def examine(self, evidence: Evidence) -> Verdict:
        """See ``Gate.examine``."""
        size = evidence.candidate.size
        files = sorted(evidence.candidate.manifest.files, key=lambda file: -file.size)
        return self.verdict(
            "pass" if size <= self.maximum_mb * _MEGA else "fail",
            f"{size:,} bytes, at most {int(self.maximum_mb * _MEGA):,}",
            {
                "bytes": size,
                "maximum_bytes": int(self.maximum_mb * _MEGA),
                "largest": {file.path: file.size for file in files[:_SHOWN]},
            },
        )
