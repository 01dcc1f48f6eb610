"""References to a model: ``fraud``, ``fraud:3``, ``fraud@champion``, ``fraud@sha256:...``."""

from __future__ import annotations

import re

import msgspec

from modelyard.core.digest import is_digest
from modelyard.errors import UsageError

_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?")
_HINT = "write fraud (latest), fraud:3, fraud@champion or fraud@sha256:<64 hex digits>"


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed reference; at most one of version, alias and digest is set.

    Example:
        >>> str(Reference.parse("fraud@champion"))
        'fraud@champion'
        >>> Reference.parse("fraud:3").version
        3
    """

    name: str
    version: int | None = None
    alias: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference.

        Raises:
            UsageError: if the text is no reference.
        """
        name, at, label = text.partition("@")
        if at:
            check_name(name, what="model name")
            if label.startswith("sha256:"):
                if not is_digest(label):
                    raise UsageError(f"{label!r} is not a whole digest", hint=_HINT)
                return cls(name=name, digest=label)
            return cls(name=name, alias=check_name(label, what="alias"))
        name, colon, number = text.partition(":")
        check_name(name, what="model name")
        if not colon:
            return cls(name=name)
        if _VERSION.fullmatch(number) is None:
            raise UsageError(f"{number!r} is not a version number", hint=_HINT)
        return cls(name=name, version=int(number))

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name}:{self.version}"
        label = self.alias or self.digest
        return f"{self.name}@{label}" if label else self.name


def check_name(name: str, *, what: str) -> str:
    """Return a name for a model, alias, environment or deployment, if it is a fit one.

    Raises:
        UsageError: if it is not 1-128 characters of a-z, 0-9, dot, dash and underscore.
    """
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} is not a {what}: use 1 to 128 of a-z, 0-9, '.', '_' and '-',"
            " beginning and ending with a letter or digit",
            hint=_HINT if what == "model name" else "",
        )
    return name
