"""A bundle as gates see it."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.app.subject import Remembering
from modelyard.core.table import Series, Table


def table(*values):
    return Table({"x": Series(np.array(values))})


def test_the_very_same_table_is_computed_once():
    asked = []

    def double(rows):
        asked.append(rows)
        return {"y": 2 * rows["x"].values}

    predict = Remembering(double)
    first, second = table(1.0), table(2.0)
    assert predict(first)["y"] == predict(first)["y"] == 2.0
    assert predict(second)["y"] == 4.0
    assert predict(first)["y"] == 2.0
    assert asked == [first, second, first]


def test_no_gate_can_change_what_the_next_one_gets():
    predict = Remembering(lambda rows: {"y": rows["x"].values.copy()})
    rows = table(1.0)
    with pytest.raises(ValueError, match="read-only"):
        predict(rows)["y"][0] = 7.0
    assert predict(rows)["y"][0] == 1.0


def test_a_failure_is_not_remembered():
    calls = []

    def fails_once(rows):
        calls.append(rows)
        if len(calls) == 1:
            raise RuntimeError("once")
        return {"y": rows["x"].values}

    predict = Remembering(fails_once)
    rows = table(3.0)
    with pytest.raises(RuntimeError):
        predict(rows)
    assert predict(rows)["y"][0] == 3.0
