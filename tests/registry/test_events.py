"""What was recorded stays as it was, and whoever changes it all the same is found out."""

# ruff: noqa: S608 - SQL is put together here on purpose

from __future__ import annotations

import itertools
import random

import pytest
import sqlalchemy as sa

from modelyard.errors import RegistryError
from modelyard.registry import triggers
from modelyard.registry.events import GENESIS
from modelyard.registry.promotion import Policy
from modelyard.registry.registry import Registry
from modelyard.registry.schema import FROZEN

TABLES = tuple(table.name for table in FROZEN)
COLUMNS = ("time", "actor", "kind", "subject", "payload", "previous", "hash")


def run(registry, statement):
    with registry._database.write() as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture
def busy(registry, worker):
    """A registry with nine events of every kind but one."""
    for number in (1, 2, 3):
        registry.register(worker.make_bundle(number), actor="ann")
        registry.add_verdicts(worker.make_bundle(number).digest, worker.passed("size"), actor="ann")
    for number in (1, 2):
        registry.promote(f"fraud:{number}", "production", policy=Policy(), actor="ann")
    registry.rollback("fraud", "production", actor="ann")
    assert registry.verify() == registry.verify_events() == 9
    return registry


@pytest.fixture
def behind_its_back(busy):
    """Run SQL as somebody would who owns the database: without the triggers."""

    def forge(*statements):
        with busy._database.write() as connection:
            triggers.thaw(connection, TABLES)
            for statement in statements:
                connection.exec_driver_sql(statement)
            triggers.freeze(connection, TABLES)

    return forge


def test_rows_are_never_changed_nor_removed(busy):
    columns = {"events": "actor", "versions": "digest", "contents": "content", "verdicts": "status"}
    assert set(columns) == set(TABLES)
    for table, column in columns.items():
        for act in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(RegistryError, match="never changed"):
                run(busy, act)
    assert busy.verify() == 9


@pytest.mark.postgresql
def test_tables_are_never_emptied(postgresql, tmp_path, worker):
    with Registry.open(postgresql, tmp_path) as registry:
        registry.register(worker.make_bundle(1), actor="ann")
        for table in TABLES:
            with pytest.raises(RegistryError, match="never changed"):
                run(registry, f"TRUNCATE {table} CASCADE")
        assert registry.verify() == 1


def test_events_are_added_in_turn(busy):
    for seq in (-1, 0, 5, 9, 11):
        with pytest.raises(RegistryError, match="one after the other"):
            run(busy, f"INSERT INTO events VALUES ({seq}, '', '', '', '', '', '', '')")
    assert busy.verify() == 9


def test_sqlite_replaces_no_event(tmp_path, worker):
    with Registry.open(tmp_path / "registry.db", tmp_path) as registry:
        registry.register(worker.make_bundle(1), actor="ann")
        with pytest.raises(RegistryError, match="one after the other"):
            run(registry, "INSERT OR REPLACE INTO events VALUES (1, '', '', '', '', '', '', '')")
        assert registry.verify() == 1


def test_a_changed_event_is_named(busy, behind_its_back):
    for seq, column in itertools.product((1, 4, 9), COLUMNS):
        was = getattr(busy.events(after=seq - 1, limit=1)[0], column)
        behind_its_back(f"UPDATE events SET {column} = {column} || ' ' WHERE seq = {seq}")
        for prove in (busy.verify_events, busy.verify, busy.rebuild):
            with pytest.raises(RegistryError, match=f"event {seq} ") as caught:
                prove()
            assert caught.value.subject == f"event {seq}"
        behind_its_back(f"UPDATE events SET {column} = '{was}' WHERE seq = {seq}")
    assert busy.verify() == 9


@pytest.mark.parametrize("seq", [1, 5])
def test_a_removed_event_is_named(busy, behind_its_back, seq):
    behind_its_back(f"DELETE FROM events WHERE seq = {seq}")
    with pytest.raises(RegistryError, match=f"event {seq} is missing"):
        busy.verify_events()


def test_a_removed_event_is_named_after_renumbering(busy, behind_its_back):
    behind_its_back(
        "DELETE FROM events WHERE seq = 5",
        *(f"UPDATE events SET seq = {seq} - 1 WHERE seq = {seq}" for seq in range(6, 10)),
    )
    with pytest.raises(RegistryError, match="event 5 does not follow"):
        busy.verify_events()


def test_an_event_made_up_with_a_right_hash_breaks_the_next(busy, behind_its_back):
    event = busy.events()[3]
    forged = type(event)(
        **{name: getattr(event, name) for name in event.__struct_fields__} | {"actor": "mallory"}
    )
    behind_its_back(
        f"UPDATE events SET actor = 'mallory', hash = '{forged.computed_hash()}' WHERE seq = 4"
    )
    with pytest.raises(RegistryError, match="event 5 does not follow"):
        busy.verify_events()


def test_swapped_events_are_named(busy, behind_its_back):
    behind_its_back(
        "UPDATE events SET seq = 100 WHERE seq = 3",
        "UPDATE events SET seq = 3 WHERE seq = 4",
        "UPDATE events SET seq = 4 WHERE seq = 100",
    )
    with pytest.raises(RegistryError, match="event 3 "):
        busy.verify_events()


def test_events_cut_off_at_the_end_are_noticed(busy, behind_its_back):
    behind_its_back("DELETE FROM events WHERE seq > 7")
    assert busy.verify_events() == 7
    with pytest.raises(RegistryError, match="does not follow from the events"):
        busy.verify()


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE versions SET actor = 'mallory' WHERE version = 2", r"'versions'.*\(fraud, 2\)"),
        ("UPDATE aliases SET version = 3", r"'aliases'.*\(fraud, champion\)"),
        ("UPDATE environments SET version = 3", r"'environments'.*\(fraud, production\)"),
        ("DELETE FROM verdicts WHERE seq = 2", r"'verdicts'.*size, 2\)"),
        ("UPDATE verdicts SET status = 'fail'", "'verdicts'"),
        ("DELETE FROM contents", "'contents'"),
        ("DELETE FROM environments", r"'environments'.*\(fraud, production\)"),
    ],
)
def test_state_that_does_not_follow_is_named_and_mended(busy, behind_its_back, statement, row):
    behind_its_back(statement)
    assert busy.verify_events() == 9
    with pytest.raises(RegistryError, match=row):
        busy.verify()
    busy.rebuild()
    assert busy.verify() == 9
    # The triggers are back.
    with pytest.raises(RegistryError, match="never changed"):
        run(busy, "DELETE FROM versions")


def test_an_event_from_the_future_is_not_guessed_at(busy, behind_its_back):
    last = busy.events()[-1]
    future = type(last)(
        **{name: getattr(last, name) for name in last.__struct_fields__}
        | {"seq": 10, "kind": "sublimated", "previous": last.hash}
    )
    with busy._database.write() as connection:
        connection.execute(
            sa.text("INSERT INTO events VALUES (10, :t, :a, 'sublimated', :s, :p, :v, :h)"),
            {
                "t": future.time,
                "a": future.actor,
                "s": future.subject,
                "p": future.payload,
                "v": future.previous,
                "h": future.computed_hash(),
            },
        )
    assert busy.verify_events() == 10
    for prove in (busy.verify, busy.rebuild):
        with pytest.raises(RegistryError, match="'sublimated'"):
            prove()
    assert busy.resolve("fraud").version == 3


def test_any_single_changed_character_is_found(busy, behind_its_back):
    choose = random.Random(7)
    for _ in range(20):
        event = choose.choice(busy.events())
        column = choose.choice(COLUMNS)
        text = getattr(event, column)
        at = choose.randrange(len(text))
        other = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        quoted = [part.replace("'", "''").replace("%", "%%") for part in (other, text)]
        behind_its_back(f"UPDATE events SET {column} = '{quoted[0]}' WHERE seq = {event.seq}")
        with pytest.raises(RegistryError, match=f"event {event.seq} "):
            busy.verify_events()
        behind_its_back(f"UPDATE events SET {column} = '{quoted[1]}' WHERE seq = {event.seq}")
        assert busy.verify() == 9


def test_the_chain_begins_where_every_chain_begins(busy):
    first = busy.events(limit=1)[0]
    assert first.previous == GENESIS
    assert first.hash == first.computed_hash()
