"""Every member of every family proves what its family asks for: ``family:member:check``."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

from modelyard.core.plugin import Family
from modelyard.flavors.base import Flavor
from modelyard.gates.base import Gate
from modelyard.runtime.engines.base import Engine
from modelyard.stores.base import Store

FAMILIES = {
    "flavors": Family("modelyard.flavors", Flavor),
    "gates": Family("modelyard.gates", Gate),
    "stores": Family("modelyard.stores", Store),
    "engines": Family("modelyard.runtime.engines", Engine),
}


def cases(family: str) -> dict[str, list[object]]:
    file = Path(__file__).parent / "cases" / f"{family}.py"
    spec = importlib.util.spec_from_file_location(f"cases_{family}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        name: list(found) if isinstance(found, list) else [found]
        for name, found in module.CASES.items()
    }


def proofs():
    for label, family in FAMILIES.items():
        checks = importlib.import_module(f"{family.package}.checks").CHECKS
        for member, found in cases(label).items():
            for number, case in enumerate(found):
                for check in checks:
                    which = f"{member}-{number}" if len(found) > 1 else member
                    yield pytest.param(check, case, id=f"{label}:{which}:{check.__name__}")


# Newer releases of XGBoost say of linear boosters, which are still about, that they will go.
@pytest.mark.filterwarnings("ignore:.*gblinear.*deprecated.*")
@pytest.mark.parametrize(("check", "case"), list(proofs()))
def test_member_proves(check, case):
    check(case)


@pytest.mark.parametrize("label", list(FAMILIES))
def test_every_member_has_a_case(label):
    missing = set(FAMILIES[label].built_in()) - set(cases(label))
    assert not missing, f"add {sorted(missing)} to tests/cases/{label}.py"


@pytest.mark.parametrize("label", list(FAMILIES))
def test_every_member_loads(label):
    family = FAMILIES[label]
    for name in family.built_in():
        assert issubclass(family.load(name), family.base)
