"""What the registry answers, on both databases."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from modelyard.core.reference import Reference
from modelyard.core.verdict import Verdict
from modelyard.errors import (
    ConflictError,
    IntegrityError,
    NotFoundError,
    PolicyError,
    StoreError,
    UsageError,
)
from modelyard.registry.promotion import Policy
from modelyard.registry.registry import Registry
from modelyard.stores.base import open_store

FREE = Policy()


def read_all(bundle):
    return {file.path: bundle.read(file.path) for file in bundle.manifest.files}


@pytest.fixture
def fraud(registry, worker):
    """A registry with fraud:1, fraud:2 and fraud:3."""
    for number in (1, 2, 3):
        registry.register(worker.make_bundle(number), actor="ann")
    return registry


class TestVersions:
    def test_versions_count_from_one(self, registry, worker):
        bundle = worker.make_bundle(1)
        version = registry.register(bundle, actor="ann")
        assert (version.name, version.version, version.digest) == ("fraud", 1, bundle.digest)
        assert version.actor == "ann"
        assert registry.register(worker.make_bundle(2), actor="bob").version == 2
        assert registry.names() == ("fraud",)
        assert [v.version for v in registry.versions("fraud")] == [1, 2]

    def test_the_same_bundle_keeps_its_version(self, fraud, worker):
        before = fraud.sequence()
        again = fraud.register(worker.make_bundle(2), actor="somebody else")
        assert (again.version, again.actor) == (2, "ann")
        assert fraud.sequence() == before

    def test_one_bundle_under_two_names(self, fraud, worker):
        other = fraud.register(worker.make_bundle(2), actor="ann", name="other")
        assert str(other) == "other:1"
        assert fraud.names() == ("fraud", "other")
        assert fraud.bundle("other").digest == fraud.bundle("fraud:2").digest
        assert fraud.verify() == 4

    @pytest.mark.parametrize("name", ["", "Fraud", "../x", "a" * 129, "fraud:1", "fraud@x", "é"])
    def test_unfit_names_are_refused(self, registry, worker, name):
        with pytest.raises(UsageError, match="is not a model name"):
            registry.register(worker.make_bundle(1), actor="ann", name=name)
        assert registry.sequence() == 0

    @pytest.mark.parametrize("actor", ["", "  ", "a" * 201, "ann\nbob", "\0"])
    def test_unfit_actors_are_refused(self, registry, worker, actor):
        with pytest.raises(UsageError, match="who acts"):
            registry.register(worker.make_bundle(1), actor=actor)
        assert registry.names() == ()

    def test_resolves_every_kind_of_reference(self, fraud, worker):
        fraud.set_alias("fraud", "champion", 2, actor="ann")
        digest = worker.make_bundle(1).digest
        assert fraud.resolve("fraud").version == 3
        assert fraud.resolve("fraud:2").version == 2
        assert fraud.resolve("fraud@champion").version == 2
        assert fraud.resolve(f"fraud@{digest}").version == 1
        assert fraud.resolve(Reference(name="fraud", version=1)).digest == digest

    @pytest.mark.parametrize(
        ("reference", "message", "hint"),
        [
            ("nope", "no model 'nope'", "there are: fraud"),
            ("nope:1", "no model 'nope'", "there are: fraud"),
            ("fraud:4", "no version 4", "newest version is 3"),
            ("fraud:999999999", "no version 999999999", "newest version is 3"),
            ("fraud@champion", "no alias 'champion'", "no alias yet"),
            ("fraud@sha256:" + 64 * "0", "no version with that digest", "newest version is 3"),
        ],
    )
    def test_what_is_not_there(self, fraud, reference, message, hint):
        with pytest.raises(NotFoundError, match=message) as caught:
            fraud.resolve(reference)
        assert hint in caught.value.hint
        assert caught.value.subject == reference

    def test_an_unknown_model_has_no_lists(self, fraud):
        for ask in (fraud.versions, fraud.aliases, fraud.environments, fraud.placements):
            with pytest.raises(NotFoundError, match="no model 'nope'"):
                ask("nope")

    def test_time_comes_from_the_clock(self, place, worker):
        ticks = (f"2026-01-01T00:00:{n:02}.000000Z" for n in itertools.count())
        with place.open(clock=lambda: next(ticks)) as registry:
            version = registry.register(worker.make_bundle(1), actor="ann")
            assert version.registered == "2026-01-01T00:00:00.000000Z"
            assert registry.resolve("fraud") == version
            assert registry.events()[0].time == version.registered

    def test_everything_is_there_when_opened_anew(self, fraud, place):
        fraud.promote("fraud:2", "production", policy=FREE, actor="ann")
        with place.open() as again:
            assert again.versions("fraud") == fraud.versions("fraud")
            assert again.placements("fraud") == fraud.placements("fraud")
            assert again.verify() == 4


class TestBundles:
    def test_a_bundle_comes_back_whole(self, fraud, worker):
        want = worker.make_bundle(2)
        got = fraud.bundle("fraud:2")
        assert got.digest == want.digest
        assert got.manifest == want.manifest
        assert read_all(got) == read_all(want)

    def test_every_damage_is_found_and_healed(self, fraud, place, worker):
        bundle = worker.make_bundle(2)
        store = open_store(place.store)
        assert fraud.verify_content() == 3 * 2 + 1
        for digest in ("sha256:" + file.sha256 for file in bundle.manifest.files):
            store.delete(digest)
            with pytest.raises(IntegrityError):
                read_all(fraud.bundle("fraud:2"))
            with pytest.raises(StoreError, match=digest):
                fraud.verify_content()
            fraud.register(bundle, actor="ann")
            read_all(fraud.bundle("fraud:2"))
        store.delete(bundle.digest)
        with pytest.raises(IntegrityError):
            fraud.bundle("fraud:2")

    def test_a_changed_byte_in_the_store_names_the_file(self, fraud, place, worker):
        file = worker.make_bundle(2).manifest.files[0]
        blob = next(Path(place.store).rglob(file.sha256))
        blob.chmod(0o644)
        blob.write_bytes(b"?" + blob.read_bytes()[1:])
        with pytest.raises(IntegrityError, match=repr(file.path)) as caught:
            read_all(fraud.bundle("fraud:2"))
        assert caught.value.file == file.path
        assert "heals it" in caught.value.hint

    def test_a_damaged_version_does_not_go_live(self, fraud, place, worker):
        for number in (1, 2):
            fraud.promote(f"fraud:{number}", "production", policy=FREE, actor="ann")
        before = fraud.sequence()
        bundle = worker.make_bundle(1)
        store = open_store(place.store)
        damaged = {file.path: "sha256:" + file.sha256 for file in bundle.manifest.files}
        for file, digest in {**damaged, "bundle.json": bundle.digest}.items():
            store.delete(digest)
            for go in (
                lambda: fraud.promote("fraud:1", "production", policy=FREE, actor="ann"),
                lambda: fraud.rollback("fraud", "production", actor="ann"),
            ):
                with pytest.raises(IntegrityError, match="fraud:1 may not go live") as caught:
                    go()
                assert caught.value.file == file
                assert "modelyard register" in caught.value.hint
            assert fraud.sequence() == before
            fraud.register(bundle, actor="ann")
        assert fraud.rollback("fraud", "production", actor="ann").version == 1

    def test_a_damaged_bundle_is_not_registered(self, registry, worker):
        bundle = worker.make_bundle(1)
        bundle.source.files["card.md"] = b"the cart"
        with pytest.raises(IntegrityError, match=r"card\.md"):
            registry.register(bundle, actor="ann")
        assert registry.names() == ()
        assert registry.sequence() == 0


class TestAliases:
    def test_set_move_and_remove(self, fraud):
        fraud.set_alias("fraud", "champion", 1, actor="ann")
        fraud.set_alias("fraud", "challenger", 3, actor="ann")
        fraud.set_alias("fraud", "champion", 2, actor="ann")
        assert fraud.aliases("fraud") == {"challenger": 3, "champion": 2}
        fraud.remove_alias("fraud", "challenger", actor="ann")
        assert fraud.aliases("fraud") == {"champion": 2}
        with pytest.raises(NotFoundError, match="no alias 'challenger'"):
            fraud.remove_alias("fraud", "challenger", actor="ann")
        assert fraud.verify() == 7

    def test_compare_and_swap(self, fraud):
        fraud.set_alias("fraud", "champion", 1, actor="ann", expected=0)
        with pytest.raises(ConflictError, match="stands at version 1, not at none"):
            fraud.set_alias("fraud", "champion", 2, actor="bob", expected=0)
        with pytest.raises(ConflictError, match="stands at version 1, not at version 2"):
            fraud.set_alias("fraud", "champion", 3, actor="bob", expected=2)
        with pytest.raises(ConflictError, match="is not set, not at version 1"):
            fraud.set_alias("fraud", "other", 3, actor="bob", expected=1)
        with pytest.raises(ConflictError, match="stands at version 1"):
            fraud.remove_alias("fraud", "champion", actor="bob", expected=2)
        fraud.set_alias("fraud", "champion", 2, actor="bob", expected=1)
        assert fraud.aliases("fraud") == {"champion": 2}

    def test_setting_what_is_set_is_no_event(self, fraud):
        fraud.set_alias("fraud", "champion", 1, actor="ann")
        before = fraud.sequence()
        fraud.set_alias("fraud", "champion", 1, actor="ann")
        assert fraud.sequence() == before

    def test_only_versions_that_exist(self, fraud):
        with pytest.raises(NotFoundError, match="no version 9"):
            fraud.set_alias("fraud", "champion", 9, actor="ann")
        with pytest.raises(UsageError, match="is not a alias"):
            fraud.set_alias("fraud", "Champion!", 1, actor="ann")
        assert fraud.aliases("fraud") == {}


class TestVerdicts:
    def test_the_latest_of_each_gate_counts(self, fraud):
        digest = fraud.resolve("fraud:1").digest
        old = Verdict(gate="metric", status="fail", summary="0.1", evidence={"auc": 0.1})
        new = Verdict(gate="metric", status="pass", summary="0.9", evidence={"auc": 0.9})
        size = Verdict(gate="size", status="inconclusive", summary="?")
        fraud.add_verdicts(digest, [old, size], actor="ann")
        fraud.add_verdicts(digest, [new], actor="bob")
        assert fraud.verdicts(digest) == (new, size)
        history = fraud.verdict_history(digest)
        assert [(r.verdict, r.actor) for r in history] == [
            (old, "ann"),
            (size, "ann"),
            (new, "bob"),
        ]
        assert fraud.verdicts(fraud.resolve("fraud:2").digest) == ()
        assert fraud.verify() == 5

    def test_verdicts_may_come_before_the_version(self, registry, worker):
        bundle = worker.make_bundle(1)
        registry.add_verdicts(bundle.digest, worker.passed("size"), actor="ann")
        registry.register(bundle, actor="ann")
        registry.promote("fraud", "production", policy=Policy(requires=("size",)), actor="ann")
        assert [event.kind for event in registry.events("fraud")] == [
            "judged",
            "registered",
            "promoted",
        ]

    def test_unfit_verdicts_are_refused(self, registry, worker):
        digest = worker.make_bundle(1).digest
        twice = worker.passed("size", "size")
        with pytest.raises(UsageError, match="two things at once"):
            registry.add_verdicts(digest, twice, actor="ann")
        for evidence in ({"auc": float("nan")}, {"auc": object()}, {"auc": {1: float("inf")}}):
            odd = Verdict(gate="metric", status="pass", summary="", evidence=evidence)
            with pytest.raises(UsageError, match="JSON"):
                registry.add_verdicts(digest, [odd], actor="ann")
        with pytest.raises(StoreError, match="no digest"):
            registry.add_verdicts("sha256:12", worker.passed("size"), actor="ann")
        for gate in ("", "a\nb", "\0", "g" * 201):
            with pytest.raises(UsageError, match="names no gate"):
                registry.add_verdicts(digest, worker.passed(gate), actor="ann")
        registry.add_verdicts(digest, [], actor="ann")
        assert registry.sequence() == 0

    def test_any_text_is_kept(self, registry, worker):
        digest = worker.make_bundle(1).digest
        odd = Verdict(
            gate="g",
            status="pass",
            summary="\0 '; DROP TABLE events; -- \u2028 %s %(x)s",
            evidence={"\0": "\0é"},
        )
        registry.add_verdicts(digest, [odd], actor="O'Brien %s é")
        assert registry.verdicts(digest) == (odd,)
        assert registry.verify() == 1


class TestPromotion:
    def test_moves_environment_and_alias_in_one_event(self, fraud):
        before = fraud.sequence()
        version = fraud.promote("fraud:2", "production", policy=FREE, actor="ann")
        assert version == fraud.resolve("fraud:2")
        assert fraud.sequence() == before + 1
        assert fraud.environments("fraud") == {"production": 2}
        assert fraud.aliases("fraud") == {"champion": 2}
        placed = fraud.placements("fraud")["production"]
        assert (placed.actor, placed.alias, placed.digest) == ("ann", "champion", version.digest)

    def test_a_policy_without_an_alias_moves_none(self, fraud):
        fraud.promote("fraud:2", "staging", policy=Policy(alias=""), actor="ann")
        assert fraud.aliases("fraud") == {}
        assert fraud.environments("fraud") == {"staging": 2}

    def test_no_data_is_no_pass(self, fraud):
        digest = fraud.resolve("fraud:1").digest
        fraud.add_verdicts(
            digest,
            [
                Verdict(gate="parity", status="pass", summary="equal"),
                Verdict(gate="metric", status="fail", summary="auc 0.5"),
                Verdict(gate="slices", status="inconclusive", summary="17 rows"),
            ],
            actor="ann",
        )
        policy = Policy(requires=("parity", "metric", "slices", "champion"))
        with pytest.raises(PolicyError) as caught:
            fraud.promote("fraud:1", "production", policy=policy, actor="ann")
        assert caught.value.lacking == ("metric", "slices", "champion")
        for part in ("'metric' says fail (auc 0.5)", "'slices' is inconclusive (17 rows)"):
            assert part in caught.value.message
        assert "no verdict of 'champion'" in caught.value.message
        assert fraud.environments("fraud") == {}
        assert fraud.sequence() == 4

    def test_a_pass_that_turned_to_fail_is_no_pass(self, fraud, worker):
        digest = fraud.resolve("fraud:1").digest
        policy = Policy(requires=("size",))
        fraud.add_verdicts(digest, worker.passed("size"), actor="ann")
        fraud.promote("fraud:1", "staging", policy=policy, actor="ann")
        bad = Verdict(gate="size", status="fail", summary="grew")
        fraud.add_verdicts(digest, [bad], actor="ann")
        with pytest.raises(PolicyError, match="grew"):
            fraud.promote("fraud:1", "production", policy=policy, actor="ann")

    def test_a_comparison_with_a_champion_of_yesterday_is_no_pass(self, fraud):
        digest = {number: fraud.resolve(f"fraud:{number}").digest for number in (1, 2, 3)}
        policy = Policy(requires=("champion", "size"))

        def judge(number, champion):
            said = [
                Verdict(
                    gate="champion", status="pass", summary="", evidence={"champion": champion}
                ),
                Verdict(gate="size", status="pass", summary="", evidence={"bytes": 3}),
            ]
            fraud.add_verdicts(digest[number], said, actor="ann")

        def promote(number, where="production"):
            fraud.promote(f"fraud:{number}", where, policy=policy, actor="ann")

        judge(1, None)
        judge(2, None)
        judge(3, None)
        promote(1)
        with pytest.raises(PolicyError, match="not champion now") as caught:
            promote(2)
        assert caught.value.lacking == ("champion",)
        assert "modelyard check" in caught.value.hint
        judge(2, digest[1])
        judge(3, digest[1])
        promote(2)
        promote(2, "elsewhere")  # it is the champion itself, which no move makes stale
        with pytest.raises(PolicyError, match="not champion now"):
            promote(3)
        fraud.rollback("fraud", "production", actor="ann")
        promote(3)
        assert fraud.environments("fraud") == {"elsewhere": 2, "production": 3}

    def test_a_comparison_is_stale_where_there_is_no_champion_any_more(self, fraud):
        fraud.set_alias("fraud", "champion", 1, actor="ann")
        verdict = Verdict(
            gate="champion",
            status="pass",
            summary="",
            evidence={"champion": fraud.resolve("fraud:1").digest},
        )
        fraud.add_verdicts(fraud.resolve("fraud:2").digest, [verdict], actor="ann")
        fraud.remove_alias("fraud", "champion", actor="ann")
        policy = Policy(requires=("champion",))
        with pytest.raises(PolicyError):
            fraud.promote("fraud:2", "production", policy=policy, actor="ann")
        fraud.promote("fraud:2", "staging", policy=Policy(requires=(), alias=""), actor="ann")

    def test_expected_version(self, fraud):
        fraud.promote("fraud:1", "production", policy=FREE, actor="ann", expected=0)
        with pytest.raises(ConflictError, match="stands at version 1, not at version 2"):
            fraud.promote("fraud:3", "production", policy=FREE, actor="ann", expected=2)
        fraud.promote("fraud:3", "production", policy=FREE, actor="ann", expected=1)
        assert fraud.environments("fraud") == {"production": 3}

    def test_promoting_what_is_live_is_no_event(self, fraud):
        fraud.promote("fraud:1", "production", policy=FREE, actor="ann")
        before = fraud.sequence()
        fraud.promote("fraud:1", "production", policy=FREE, actor="ann")
        assert fraud.sequence() == before
        fraud.set_alias("fraud", "champion", 2, actor="ann")
        fraud.promote("fraud:1", "production", policy=FREE, actor="ann")
        assert fraud.aliases("fraud") == {"champion": 1}

    def test_unfit_environments_and_aliases(self, fraud):
        with pytest.raises(UsageError, match="environment"):
            fraud.promote("fraud:1", "Production!", policy=FREE, actor="ann")
        with pytest.raises(UsageError, match="alias"):
            fraud.promote("fraud:1", "production", policy=Policy(alias="no way"), actor="ann")


class TestRollback:
    def test_walks_back_step_by_step(self, fraud):
        for number in (1, 2, 3):
            fraud.promote(f"fraud:{number}", "production", policy=FREE, actor="ann")
        for number in (2, 1):
            assert fraud.rollback("fraud", "production", actor="bob").version == number
            assert fraud.environments("fraud") == {"production": number}
            assert fraud.aliases("fraud") == {"champion": number}
        with pytest.raises(NotFoundError, match="no version to go back to"):
            fraud.rollback("fraud", "production", actor="bob")
        acts = [(m.act, m.version, m.previous) for m in fraud.history("fraud", "production")]
        assert acts == [
            ("promoted", 1, None),
            ("promoted", 2, 1),
            ("promoted", 3, 2),
            ("rolled_back", 2, 3),
            ("rolled_back", 1, 2),
        ]
        assert fraud.verify() == 8

    def test_what_was_rolled_back_is_not_gone_back_to(self, fraud):
        for number in (1, 2):
            fraud.promote(f"fraud:{number}", "production", policy=FREE, actor="ann")
        fraud.rollback("fraud", "production", actor="ann")
        fraud.promote("fraud:3", "production", policy=FREE, actor="ann")
        assert fraud.rollback("fraud", "production", actor="ann").version == 1

    def test_to_a_version_further_back(self, fraud):
        for number in (1, 2, 3):
            fraud.promote(f"fraud:{number}", "production", policy=FREE, actor="ann")
        with pytest.raises(NotFoundError, match="cannot go back to version 3") as caught:
            fraud.rollback("fraud", "production", actor="ann", to=3)
        assert "1, 2" in caught.value.hint
        assert fraud.rollback("fraud", "production", actor="ann", to=1).version == 1
        with pytest.raises(NotFoundError, match="cannot go back to version 2"):
            fraud.rollback("fraud", "production", actor="ann", to=2)

    def test_environments_go_back_each_for_itself(self, fraud):
        for number in (1, 2):
            fraud.promote(f"fraud:{number}", "production", policy=FREE, actor="ann")
        fraud.promote("fraud:3", "staging", policy=FREE, actor="ann")
        fraud.rollback("fraud", "production", actor="ann")
        assert fraud.environments("fraud") == {"production": 1, "staging": 3}
        # The alias was staging's last; rolling production back leaves it.
        assert fraud.aliases("fraud") == {"champion": 3}

    def test_where_nothing_was_ever_live(self, fraud):
        with pytest.raises(NotFoundError, match="ever live in 'production'"):
            fraud.rollback("fraud", "production", actor="ann")
        with pytest.raises(NotFoundError, match="no model 'nope'"):
            fraud.rollback("nope", "production", actor="ann")
        assert fraud.history("fraud", "production") == ()


class TestEvents:
    def test_pages(self, fraud, worker):
        fraud.register(worker.make_bundle(1), actor="ann", name="other")
        assert [event.seq for event in fraud.events()] == [1, 2, 3, 4]
        assert [event.seq for event in fraud.events(after=1, limit=2)] == [2, 3]
        assert [event.seq for event in fraud.events("other")] == [4]
        assert fraud.events("nope") == ()
        first = fraud.events()[0]
        assert (first.kind, first.subject, first.actor) == ("registered", "fraud", "ann")
        assert first.details["version"] == 1

    def test_the_sequence_grows_with_every_change(self, registry, place, worker):
        with place.open() as other:
            assert other.sequence() == 0
            registry.register(worker.make_bundle(1), actor="ann")
            assert other.sequence() == 1
            registry.set_alias("fraud", "champion", 1, actor="ann")
            assert other.sequence() == 2

    def test_rebuild_makes_the_same_state(self, fraud, worker):
        digest = fraud.resolve("fraud:2").digest
        fraud.add_verdicts(digest, worker.passed("size"), actor="ann")
        for number in (1, 2):
            fraud.promote(f"fraud:{number}", "production", policy=FREE, actor="ann")
        fraud.rollback("fraud", "production", actor="ann")
        fraud.remove_alias("fraud", "champion", actor="ann")
        before = (fraud.versions("fraud"), fraud.placements("fraud"), fraud.verdicts(digest))
        assert fraud.rebuild() == fraud.verify() == 8
        assert before == (
            fraud.versions("fraud"),
            fraud.placements("fraud"),
            fraud.verdicts(digest),
        )


def test_any_store_will_do(tmp_path, worker):
    for store in (tmp_path / "a", str(tmp_path / "b"), (tmp_path / "c").as_uri()):
        with Registry.open(tmp_path / "registry.db", store) as registry:
            registry.register(worker.make_bundle(1), actor="ann")
            assert registry.verify_content() == 3
