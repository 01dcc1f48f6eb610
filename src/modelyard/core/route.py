"""Routes: which models a server serves, and which version of each."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from modelyard.core import canonical
from modelyard.core.reference import Reference, check_name
from modelyard.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Format = Literal["toml", "json"]


class Served(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What is served under one name.

    Weights over several versions and shadows will be further fields, with today's meaning as
    their default: all traffic goes to ``reference``.

    Args:
        reference: ``fraud@champion`` follows the alias, ``fraud`` the latest version; ``fraud:3``,
            ``fraud@sha256:...`` and a path stay.
    """

    reference: str

    def __post_init__(self) -> None:
        if not is_path(self.reference):
            Reference.parse(self.reference)


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    r"""All that one server serves: name in the URL -> what is served under it.

    Example:
        >>> route = decode_route(b'[models]\nfraud = "fraud@champion"')
        >>> route.models["fraud"].reference
        'fraud@champion'
    """

    models: dict[str, Served]

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("a route serves at least one model")
        for name in self.models:
            check_name(name, what="model name")


def is_path(reference: str) -> bool:
    """Whether a reference is the path of a bundle: it has a slash, or is ``.`` or ``..``.

    Example:
        >>> is_path("./fraud"), is_path("fraud"), is_path("fraud@champion")
        (True, False, False)
    """
    return "/" in reference or reference in (".", "..")


def make_route(models: Mapping[str, str]) -> Route:
    """Make a route from name -> reference.

    Raises:
        ConfigError: if a name or a reference is none.
    """
    return _convert({"models": dict(models)})


def decode_route(content: bytes, form: Format = "toml") -> Route:
    """Read a route file strictly: an unknown key is an error.

    Raises:
        ConfigError: says what is wrong with the file.
    """
    try:
        plain = (
            canonical.decode(content) if form == "json" else tomllib.loads(content.decode("utf-8"))
        )
    except ValueError as e:  # of which TOMLDecodeError and UnicodeDecodeError are kinds
        raise ConfigError(f"the route is not {form.upper()}: {e}", key="route") from e
    return _convert(plain)


def _convert(plain: Any) -> Route:
    try:
        return msgspec.convert(_spelt_out(plain), Route)
    except UsageError as e:
        raise ConfigError(f"the route is wrong: {e.message}", key="route", hint=e.hint) from e
    except (msgspec.ValidationError, ValueError) as e:
        raise ConfigError(
            f"the route is wrong: {e}",
            key="route",
            hint='write a table [models] with lines such as fraud = "fraud@champion"',
        ) from e


def _spelt_out(plain: Any) -> Any:
    """``fraud = "fraud:3"`` is short for ``fraud = {reference = "fraud:3"}``."""
    if not isinstance(plain, dict) or not isinstance(plain.get("models"), dict):
        return plain
    models = {
        name: {"reference": served} if isinstance(served, str) else served
        for name, served in plain["models"].items()
    }
    return {**plain, "models": models}
