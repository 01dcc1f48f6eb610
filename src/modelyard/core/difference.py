"""What differs between two bundles, by their manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelyard.core.manifest import Manifest

# Lists of named things are compared by name: a column that moved is not a column that changed.
_KEYS = ("name", "path")
_FIRST = ("contract", "feeds", "runtime", "model", "flavor", "why", "tolerance")
_LAST = ("lineage", "metrics", "libraries", "name", "format", "files")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs.

    Args:
        path: What, from the outside in: ``contract.inputs.age.maximum``.
        before: The first one's value as plain JSON; None where it has none, or null.
        after: The second one's value; None where it has none.
    """

    path: str
    before: Any
    after: Any


def difference(before: Manifest, after: Manifest) -> list[Change]:
    """List what differs between two manifests: the contract first, the files' digests last.

    Named things (columns, outputs, feeds, metrics, files) are compared by their names, and an
    order that differs is a change of its own, written ``contract.inputs (order)``.
    """
    return list(_walk("", _plain(before), _plain(after)))


def _plain(manifest: Manifest) -> Any:
    fields = msgspec.json.decode(msgspec.json.encode(manifest))
    others = [key for key in fields if key not in _FIRST + _LAST]
    return {key: fields[key] for key in (*_FIRST, *others, *_LAST) if key in fields}


def _walk(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            below = f"{path}.{key}" if path else str(key)
            yield from _walk(below, before.get(key), after.get(key))
        return
    key = _key(before, after)
    if key is None:
        if before != after or isinstance(before, bool) is not isinstance(after, bool):
            yield Change(path=path, before=before, after=after)
        return
    yield from _walk(path, _named(before, key), _named(after, key))
    orders = [[item[key] for item in items] for items in (before, after)]
    if orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]):
        yield Change(path=f"{path} (order)", before=orders[0], after=orders[1])


def _key(before: Any, after: Any) -> str | None:
    """What names the things of two lists, or None where they are no lists of named things."""
    if not (isinstance(before, list) and isinstance(after, list)):
        return None
    items = [*before, *after]
    for key in _KEYS:
        if items and all(isinstance(item, dict) and key in item for item in items):
            names = [len({item[key] for item in some}) == len(some) for some in (before, after)]
            return key if all(names) else None
    return None


def _named(items: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    return {item[key]: {k: v for k, v in item.items() if k != key} for item in items}
