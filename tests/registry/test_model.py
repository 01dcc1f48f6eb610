"""Any order of any calls: the registry always stands where a few plain dictionaries stand."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from modelyard.errors import ConflictError, NotFoundError, PolicyError
from modelyard.registry.promotion import Policy
from modelyard.registry.registry import Registry

_SPEC = importlib.util.spec_from_file_location(
    "registry_worker", Path(__file__).parent / "worker.py"
)
worker = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(worker)

NAMES = st.sampled_from(["fraud", "churn"])
NUMBERS = st.integers(1, 4)
ALIASES = st.sampled_from(["champion", "challenger"])
WHERE = st.sampled_from(["staging", "production"])
GATES = st.sampled_from(["size", "metric"])
BUNDLES = {number: worker.make_bundle(number) for number in range(1, 5)}


class Machine(RuleBasedStateMachine):
    """The registry beside a model of it."""

    def place(self):
        return f"sqlite:///{self.folder.name}/registry.db"

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.open()
        self.versions = {"fraud": [], "churn": []}
        self.aliases = {}
        self.live = {}
        self.passed = {}
        self.events = 0

    def open(self):
        self.registry = Registry.open(self.place(), f"{self.folder.name}/store")

    def teardown(self):
        self.registry.close()
        self.folder.cleanup()

    @rule(name=NAMES, number=NUMBERS)
    def register(self, name, number):
        known = self.versions[name]
        if number not in known:
            known.append(number)
            self.events += 1
        version = self.registry.register(BUNDLES[number], actor="ann", name=name)
        assert version.version == known.index(number) + 1
        assert version.digest == BUNDLES[number].digest

    @rule(name=NAMES, alias=ALIASES, version=NUMBERS, expected=st.none() | st.integers(0, 4))
    def set_alias(self, name, alias, version, expected):
        now = self.aliases.get((name, alias), 0)
        if version > len(self.versions[name]):
            kind = NotFoundError
        elif expected not in (None, now):
            kind = ConflictError
        else:
            self.registry.set_alias(name, alias, version, actor="ann", expected=expected)
            self.aliases[name, alias] = version
            self.events += now != version
            return
        with pytest.raises(kind):
            self.registry.set_alias(name, alias, version, actor="ann", expected=expected)

    @rule(name=NAMES, alias=ALIASES)
    def remove_alias(self, name, alias):
        if self.aliases.pop((name, alias), None):
            self.registry.remove_alias(name, alias, actor="ann")
            self.events += 1
        else:
            with pytest.raises(NotFoundError):
                self.registry.remove_alias(name, alias, actor="ann")

    @rule(number=NUMBERS, gate=GATES, good=st.booleans())
    def judge(self, number, gate, good):
        verdict = worker.Verdict(gate=gate, status="pass" if good else "fail", summary="")
        self.registry.add_verdicts(BUNDLES[number].digest, [verdict], actor="ann")
        self.passed[number, gate] = good
        self.events += 1

    @rule(name=NAMES, version=NUMBERS, where=WHERE, gates=st.lists(GATES, unique=True, max_size=2))
    def promote(self, name, version, where, gates):
        alias = "champion" if where == "production" else ""
        policy = Policy(requires=tuple(gates), alias=alias)
        kind = None
        if version > len(self.versions[name]):
            kind = NotFoundError
        elif not all(self.passed.get((self.versions[name][version - 1], g)) for g in gates):
            kind = PolicyError
        if kind is not None:
            with pytest.raises(kind):
                self.registry.promote(f"{name}:{version}", where, policy=policy, actor="ann")
            return
        self.registry.promote(f"{name}:{version}", where, policy=policy, actor="ann")
        stack = self.live.setdefault((name, where), [])
        stands = bool(stack) and stack[-1] == version
        if not stands or (alias and self.aliases.get((name, alias)) != version):
            self.events += 1
        if not stands:
            stack.append(version)
        if alias:
            self.aliases[name, alias] = version

    @rule(name=NAMES, where=WHERE)
    def rollback(self, name, where):
        stack = self.live.get((name, where), [])
        if len(stack) < 2:
            with pytest.raises(NotFoundError):
                self.registry.rollback(name, where, actor="ann")
            return
        gone = stack.pop()
        assert self.registry.rollback(name, where, actor="ann").version == stack[-1]
        if where == "production" and self.aliases.get((name, "champion")) == gone:
            self.aliases[name, "champion"] = stack[-1]
        self.events += 1

    @rule()
    def reopen(self):
        self.registry.close()
        self.open()

    @rule()
    def rebuild(self):
        assert self.registry.rebuild() == self.events

    @rule()
    def collect(self):
        self.registry.collect_garbage(0)

    @invariant()
    def stands_where_the_model_stands(self):
        assert self.registry.sequence() == self.events
        names = tuple(sorted(name for name, known in self.versions.items() if known))
        assert self.registry.names() == names
        for name in names:
            got = [version.digest for version in self.registry.versions(name)]
            assert got == [BUNDLES[number].digest for number in self.versions[name]]
            want = {alias: v for (of, alias), v in self.aliases.items() if of == name}
            assert self.registry.aliases(name) == want
            live = {where: stack[-1] for (of, where), stack in self.live.items() if of == name}
            assert self.registry.environments(name) == live
            assert self.registry.resolve(name).version == len(self.versions[name])

    @invariant()
    def follows_from_its_events(self):
        assert self.registry.verify() == self.events
        self.registry.verify_content()


def run(machine, examples):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_sqlite_stands_where_the_model_stands():
    run(Machine, 8)


@pytest.mark.slow
def test_sqlite_stands_where_the_model_stands_for_longer():
    run(Machine, 60)


@pytest.mark.slow
@pytest.mark.postgresql
def test_postgresql_stands_where_the_model_stands(empty_postgresql):
    class PostgreSQL(Machine):
        def __init__(self):
            self.url = empty_postgresql()
            super().__init__()

        def place(self):
            return self.url

    run(PostgreSQL, 20)
