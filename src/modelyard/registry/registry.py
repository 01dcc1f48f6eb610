"""The registry: what a model is called, which version is live where, and how it came to be so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from modelyard.bundle.opened import open_bundle
from modelyard.core import manifest as manifests
from modelyard.core.digest import PREFIX
from modelyard.core.reference import Reference, check_name
from modelyard.errors import IntegrityError
from modelyard.registry import changes, events, garbage, projection, queries
from modelyard.registry.database import Database
from modelyard.registry.source import StoreSource
from modelyard.stores.base import Store, check_digest, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from sqlalchemy import Connection

    from modelyard.bundle.opened import Bundle
    from modelyard.core.verdict import Verdict
    from modelyard.registry.events import Event, Stamp
    from modelyard.registry.garbage import Collected
    from modelyard.registry.promotion import Policy
    from modelyard.registry.version import Move, Placement, Recorded, Version

Answer = TypeVar("Answer")

HOUR = 3600.0


def utc_now() -> str:
    """The time now: UTC, ISO 8601, microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Registry:
    """Names, versions, aliases, environments and verdicts over a database and a store.

    Every change is one event in one transaction: it happens wholly or not at all, for any number
    of threads, processes and machines that share the database.  A store belongs to one registry,
    for a garbage collection removes what this registry does not know.

    Args:
        database: Where the events and all that follows from them are kept.
        store: Where the bytes of the bundles rest.
        clock: Tells the time that events carry.
    """

    def __init__(
        self, database: Database, store: Store, *, clock: Callable[[], str] = utc_now
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock

    @classmethod
    def open(
        cls, url: str | Path, store: Store | str | Path, *, clock: Callable[[], str] = utc_now
    ) -> Self:
        """Open a registry; it is made where there is none.

        Args:
            url: ``sqlite:///path``, ``postgresql://user@host/database``, or a SQLite file's path.
            store: A store, or the path or URL of one.
            clock: Tells the time that events carry.

        Raises:
            RegistryError: if the database cannot be opened, or is no registry.
        """
        found = store if isinstance(store, Store) else open_store(store)
        return cls(Database(url), found, clock=clock)

    def __repr__(self) -> str:
        return f"Registry({self._database!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection to the database."""
        self._database.close()

    # -- versions

    def register(self, bundle: Bundle, *, actor: str, name: str | None = None) -> Version:
        """Keep a bundle and give it the next version of its name.

        A bundle that the name already has keeps its version; its content is put once more, which
        heals what was damaged.

        Args:
            bundle: An opened bundle; every byte of it is verified while it is read.
            actor: Who registers it.
            name: The model's name; by default the one that the bundle carries.
        """
        name = check_name(bundle.manifest.name if name is None else name, what="model name")
        stamp = self._stamp(actor)
        contents = [PREFIX + file.sha256 for file in bundle.manifest.files]
        self._put(bundle)
        with self._database.write() as connection:
            # A garbage collection may have come between; it cannot while we have the turn.
            if not all(map(self._store.has, [*contents, bundle.digest])):
                self._put(bundle)
            return changes.register(connection, stamp, name, bundle.digest, contents)

    def resolve(self, reference: str | Reference) -> Version:
        """Find the version that a reference means.

        Raises:
            NotFoundError: if there is none.
        """
        parsed = Reference.parse(reference) if isinstance(reference, str) else reference
        with self._database.read() as connection:
            return queries.resolve(connection, parsed)

    def bundle(self, reference: str | Reference) -> Bundle:
        """Open the bundle that a reference means; its files are read from the store, verified."""
        digest = self.resolve(reference).digest
        return open_bundle(StoreSource(self._store, digest), expect=digest)

    def names(self) -> tuple[str, ...]:
        """The names of all models, in order."""
        with self._database.read() as connection:
            return queries.names(connection)

    def versions(self, name: str) -> tuple[Version, ...]:
        """All versions of a model, oldest first."""
        return self._about(name, queries.versions_of)

    # -- aliases

    def aliases(self, name: str) -> dict[str, int]:
        """The version of each alias of a model."""
        return self._about(name, queries.aliases_of)

    def set_alias(
        self, name: str, alias: str, version: int, *, actor: str, expected: int | None = None
    ) -> None:
        """Point an alias at a version.

        Args:
            name: The model's name.
            alias: The alias; it is made where there is none.
            version: The version it shall mean from now on.
            actor: Who sets it.
            expected: The version that it must mean now, 0 for an alias that must not exist yet,
                None to set it in any case.

        Raises:
            ConflictError: if it stands elsewhere than expected.
        """
        target = Reference(name=name, version=version)
        check_name(alias, what="alias")
        stamp = self._stamp(actor)
        with self._database.write() as connection:
            found = queries.resolve(connection, target)
            changes.set_alias(connection, stamp, alias, found, expected)

    def remove_alias(
        self, name: str, alias: str, *, actor: str, expected: int | None = None
    ) -> None:
        """Take an alias away; see ``set_alias``."""
        stamp = self._stamp(actor)
        with self._database.write() as connection:
            changes.remove_alias(connection, stamp, alias, name, expected)

    # -- verdicts

    def add_verdicts(self, digest: str, verdicts: Iterable[Verdict], *, actor: str) -> None:
        """Add what gates said about a bundle, registered or not; nothing said is ever replaced.

        Args:
            digest: The digest of the bundle.
            verdicts: One a gate.
            actor: Who ran the gates.
        """
        check_digest(digest)
        said = list(verdicts)
        changes.check_gates([verdict.gate for verdict in said])
        stamp = self._stamp(actor)
        if said:
            with self._database.write() as connection:
                changes.judge(connection, stamp, digest, said)

    def verdicts(self, digest: str) -> tuple[Verdict, ...]:
        """The latest verdict of each gate about a bundle, in order of the gates' names."""
        latest = queries.in_force(self.verdict_history(digest))
        return tuple(recorded.verdict for recorded in latest.values())

    def verdict_history(self, digest: str) -> tuple[Recorded, ...]:
        """Every verdict about a bundle, oldest first."""
        with self._database.read() as connection:
            return queries.verdicts_of(connection, check_digest(digest))

    # -- environments

    def environments(self, name: str) -> dict[str, int]:
        """The version that is live in each environment of a model."""
        return {where: placed.version for where, placed in self.placements(name).items()}

    def placements(self, name: str) -> dict[str, Placement]:
        """What is live in each environment of a model, since when and by whom."""
        return self._about(name, queries.placements)

    def history(self, name: str, environment: str) -> tuple[Move, ...]:
        """What was live in an environment, oldest first."""
        return self._about(name, lambda connection, _: changes.moves(connection, name, environment))

    def promote(
        self,
        reference: str | Reference,
        environment: str,
        *,
        policy: Policy,
        actor: str,
        expected: int | None = None,
    ) -> Version:
        """Make a version live in an environment, and point the policy's alias at it.

        Args:
            reference: The version.
            environment: Where it goes live, e.g. ``production``.
            policy: What the environment asks of it.
            actor: Who promotes it.
            expected: The version that must be live there now, 0 for none, None for any.

        Raises:
            PolicyError: if a gate that the policy requires did not say pass.
            ConflictError: if another version than the expected one is live there.
            IntegrityError: names a file of the bundle whose bytes are damaged or gone.
        """
        parsed = Reference.parse(reference) if isinstance(reference, str) else reference
        check_name(environment, what="environment")
        policy.check_alias()
        stamp = self._stamp(actor)
        with self._database.read() as connection:
            meant = queries.resolve(connection, parsed)
        # Before the turn to write: a large bundle takes long to read.
        self._prove(meant)
        with self._database.write() as connection:
            version = queries.resolve(connection, parsed)
            if version.digest != meant.digest:
                self._prove(version)
            changes.promote(connection, stamp, environment, version, policy, expected)
            return version

    def rollback(
        self, name: str, environment: str, *, actor: str, to: int | None = None
    ) -> Version:
        """Make the version live again that was live before; done again it goes further back.

        Args:
            name: The model's name.
            environment: Where.
            actor: Who rolls back.
            to: A version further back, or None for the one before.

        Raises:
            NotFoundError: if there is no such version to go back to.
            IntegrityError: names a file of its bundle whose bytes are damaged or gone.
        """
        stamp = self._stamp(actor)
        with self._database.read() as connection:
            meant = changes.back_to(connection, environment, name, to)
        self._prove(meant)
        with self._database.write() as connection:
            version = changes.rollback(connection, stamp, environment, name, to)
            if version.digest != meant.digest:
                self._prove(version)
            return version

    # -- events

    def events(
        self, name: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> tuple[Event, ...]:
        """Events after a number, in order; with ``name`` only those about that model."""
        with self._database.read() as connection:
            return events.read(connection, name=name, after=after, limit=limit)

    def sequence(self) -> int:
        """The number of the last event: cheap, and it grows with every change."""
        with self._database.read() as connection:
            return events.last(connection)

    def verify_events(self) -> int:
        """Prove that no event was changed, removed or put between; count them.

        Events cut off at the end leave no gap: ``verify`` notices them by what is left over.

        Raises:
            RegistryError: names the first broken event.
        """
        with self._database.read() as connection:
            return sum(1 for _ in events.check_chain(events.everything(connection)))

    def verify(self) -> int:
        """Prove that the events are whole and that all state follows from them; count them.

        Raises:
            RegistryError: names the first broken event, or the first row that differs.
        """
        with self._database.read() as connection:
            return projection.verify(connection)

    def rebuild(self) -> int:
        """Make all state anew from the events; count them."""
        with self._database.write() as connection:
            return projection.rebuild(connection)

    # -- content

    def verify_content(self) -> int:
        """Read every content that a version needs; count them.

        Raises:
            StoreError: names content that is missing.
            IntegrityError: names content that is damaged.
        """
        with self._database.read() as connection:
            needed = garbage.needed(connection)
        for digest in needed:
            self._store.get(digest)
        return len(needed)

    def collect_garbage(self, grace: float = HOUR) -> Collected:
        """Remove content that no version needs.

        Args:
            grace: Seconds for which content is spared after it was put.
        """
        return garbage.collect(self._database, self._store, grace)

    def _stamp(self, actor: str) -> Stamp:
        return events.Stamp(self._clock(), events.check_actor(actor))

    def _prove(self, version: Version) -> None:
        """Read every byte of a version that is to go live, where no server has looked yet."""
        source = StoreSource(self._store, version.digest)
        try:
            bundle = open_bundle(source, expect=version.digest)
            for file in bundle.manifest.files:
                bundle.read(file.path)
        except IntegrityError as e:
            raise IntegrityError(
                f"{version} may not go live: {e.message}",
                file=e.file,
                hint="register it again from the bundle's folder, which heals it:"
                " modelyard register FOLDER",
            ) from e

    def _put(self, bundle: Bundle) -> None:
        # The manifest comes last: where it is, all that it lists has been.
        for file in bundle.manifest.files:
            self._store.put(bundle.read(file.path))
        if self._store.put(manifests.encode(bundle.manifest)) != bundle.digest:
            raise IntegrityError(
                f"{manifests.MANIFEST} is not what the digest of the bundle says",
                file=manifests.MANIFEST,
            )

    def _about(self, name: str, ask: Callable[[Connection, str], Answer]) -> Answer:
        """Ask about a model that must exist."""
        with self._database.read() as connection:
            queries.resolve(connection, Reference(name=name))
            return ask(connection, name)
