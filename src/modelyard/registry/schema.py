"""The tables: the events, and what follows from them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0001"
"""The newest revision under migrations/; a test holds the two together."""

VERSION_TABLE = "modelyard_schema"
"""Where the database keeps its revision; a name of our own, for others may use Alembic too."""

metadata = MetaData()

events = Table(
    "events",
    metadata,
    # SQLite makes only INTEGER the row's own number.
    Column(
        "seq",
        BigInteger().with_variant(Integer(), "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("time", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Index("events_by_subject", "subject", "seq"),
)
"""Everything that happened, in order; each row holds the hash of the one before it."""

versions = Table(
    "versions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("registered", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    UniqueConstraint("name", "digest", name="versions_by_digest"),
    Index("versions_of_digest", "digest"),
)
"""name + version -> digest; never changed, never removed."""

contents = Table(
    "contents",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("content", Text, primary_key=True),
    Index("contents_by_content", "content"),
)
"""bundle digest -> digests of all content in the store that it is made of, its manifest too."""

aliases = Table(
    "aliases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    ForeignKeyConstraint(["name", "version"], ["versions.name", "versions.version"]),
)
"""name + alias -> version."""

environments = Table(
    "environments",
    metadata,
    Column("name", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("alias", Text, nullable=False),
    Column("time", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    ForeignKeyConstraint(["name", "version"], ["versions.name", "versions.version"]),
)
"""name + environment -> the version that is live there, and the alias that moved with it."""

verdicts = Table(
    "verdicts",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("gate", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("time", Text, nullable=False),
    Column("actor", Text, nullable=False),
)
"""bundle digest + gate -> every verdict there ever was; the greatest seq is the one in force."""

PROJECTIONS = (versions, contents, aliases, environments, verdicts)
"""What follows from the events, in an order in which rows can be put in."""

FROZEN = (events, versions, contents, verdicts)
"""Tables whose rows are never changed and never removed; triggers see to it."""
