"""Removing content that no version needs: what crashed or refused registrations left behind."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from modelyard.registry.schema import contents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from modelyard.registry.database import Database
    from modelyard.stores.base import Store

_BATCH = 100


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What a garbage collection removed: unreferenced content, and leftovers of crashes."""

    removed: int
    leftovers: int


def collect(database: Database, store: Store, grace: float) -> Collected:
    """Remove content that was put ``grace`` seconds ago or earlier and that no version needs.

    Content is removed only while this holds the writer's turn, and a registration looks once
    more, in its own turn, whether all its content is still there.  So nothing that is or becomes
    referenced is lost, whatever the grace; the grace only spares registrations under way the
    trouble of putting content twice.
    """
    removed = 0
    for batch in _batches(store.digests()):
        old = [digest for digest in batch if store.age(digest) >= grace]
        # Most content is needed; only what seems not to be is worth a writer's turn.
        with database.read() as connection:
            old = _unneeded(connection, old)
        if not old:
            continue
        with database.write() as connection:
            for digest in _unneeded(connection, old):
                store.delete(digest)
                removed += 1
    return Collected(removed=removed, leftovers=store.tidy(grace))


def needed(connection: Connection) -> list[str]:
    """The digests of all content that some version needs, in order."""
    return sorted(connection.scalars(sa.select(contents.c.content).distinct()))


def _unneeded(connection: Connection, digests: list[str]) -> list[str]:
    query = sa.select(contents.c.content).where(contents.c.content.in_(digests))
    kept = set(connection.scalars(query))
    return [digest for digest in digests if digest not in kept]


def _batches(digests: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(digests)
    while batch := list(islice(rest, _BATCH)):
        yield batch
