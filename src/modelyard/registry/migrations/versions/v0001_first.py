"""The first schema: events, and versions, aliases, environments and verdicts from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from modelyard.registry.triggers import freeze

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables, and freeze those that only grow."""
    _events()
    _versions()
    _pointers()
    _verdicts()
    freeze(op.get_bind(), ("events", "versions", "contents", "verdicts"))


def _events() -> None:
    seq = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "events",
        sa.Column("seq", seq, primary_key=True, autoincrement=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("time", "actor", "kind", "subject", "payload", "previous")
        ),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
    )
    op.create_index("events_by_subject", "events", ["subject", "seq"])


def _versions() -> None:
    op.create_table(
        "versions",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("registered", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("name", "digest", name="versions_by_digest"),
    )
    op.create_index("versions_of_digest", "versions", ["digest"])
    op.create_table(
        "contents",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("content", sa.Text, primary_key=True),
    )
    op.create_index("contents_by_content", "contents", ["content"])


def _pointers() -> None:
    op.create_table(
        "aliases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("alias", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["name", "version"], ["versions.name", "versions.version"]),
    )
    op.create_table(
        "environments",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("alias", sa.Text, nullable=False),
        sa.Column("time", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["name", "version"], ["versions.name", "versions.version"]),
    )


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("gate", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("status", "verdict", "time", "actor")
        ),
    )
