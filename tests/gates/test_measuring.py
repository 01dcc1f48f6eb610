"""The gates metric, champion and slices, on real models and on data that cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score

from modelyard.core.contract import Column, Contract, Output
from modelyard.core.table import Series, Table
from modelyard.errors import ContractError, PredictError
from modelyard.gates.base import Evidence, Labelled
from modelyard.gates.champion import ChampionGate
from modelyard.gates.checks import plain_subject
from modelyard.gates.metric import MetricGate
from modelyard.gates.slices import SlicesGate

FAST = {"resamples": 400}


def table(x):
    return Table({f"x{i}": Series(x[:, i]) for i in range(x.shape[1])})


def contract(width, classes=None):
    inputs = tuple(Column(name=f"x{i}", dtype="float64") for i in range(width))
    if classes is None:
        return Contract(inputs=inputs, outputs=(Output(name="prediction", dtype="float64"),))
    dtype = "string" if isinstance(classes[0], str) else "int64"
    label = Output(name="label", dtype=dtype, labels=classes)
    chances = Output(name="probabilities", dtype="float64", shape=(len(classes),), labels=classes)
    return Contract(inputs=inputs, outputs=(label, chances), task="classification")


def subject(model, rows, name=""):
    """A fitted scikit-learn model as a subject."""
    names = list(rows)

    def answers(given):
        x = np.column_stack([given[column].values for column in names])
        if hasattr(model, "predict_proba"):
            return {"label": model.predict(x), "probabilities": model.predict_proba(x)}
        return {"prediction": model.predict(x)}

    classes = tuple(model.classes_.tolist()) if hasattr(model, "classes_") else None
    fit = contract(len(names), classes)
    return plain_subject(fit, answers, rows.take(np.arange(3)), name or type(model).__name__)


@pytest.fixture(scope="module")
def cancer():
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    names = np.array(["malignant", "benign"], object)[y]
    train, test = slice(0, 250), slice(250, None)
    weak = LogisticRegression().fit(x[train, :2], names[train])
    strong = LogisticRegression().fit(x[train], names[train])
    rows = table(x[test])
    labelled = Labelled(rows, names[test], {}, digest="sha256:cancer")
    champion = subject(weak, rows.select(["x0", "x1"]), "weak")
    return subject(strong, rows, "strong"), champion, labelled


def answers(outputs, classes=None, rows=None):
    """A subject that gives these outputs, whatever it is asked."""
    count = len(next(iter(outputs.values())))
    rows = rows or table(np.zeros((count, 1)))
    fit = contract(len(list(rows)), classes)
    return plain_subject(
        fit, lambda given: {k: v[: given.rows] for k, v in outputs.items()}, rows, "given"
    )


def judged(gate, labels, outputs, classes=None, **rest):
    candidate = answers(outputs, classes)
    rows = table(np.zeros((len(labels), 1)))
    return gate.judge(Evidence(candidate, Labelled(rows, labels, {}, **rest)))


def test_a_real_classifier_is_measured(cancer):
    strong, _, labelled = cancer
    verdict = MetricGate(metric="roc_auc", minimum=0.95, **FAST).judge(Evidence(strong, labelled))
    assert verdict.passed
    chance = strong.predict(labelled.rows)["probabilities"][:, 1]
    auc = roc_auc_score(labelled.labels == "malignant", chance)
    assert verdict.evidence["value"] == pytest.approx(auc)
    assert verdict.evidence["low"] < auc < verdict.evidence["high"]
    assert verdict.evidence["data"] == "sha256:cancer"


def test_a_real_regressor_is_measured_and_weights_count():
    x, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(x[:200], y[:200])
    rows = table(x[200:])
    gate = MetricGate(metric="rmse", maximum=70, **FAST)
    plain = gate.judge(Evidence(subject(model, rows), Labelled(rows, y[200:], {})))
    assert plain.passed
    error = np.abs(model.predict(x[200:]) - y[200:])
    heavy = Labelled(rows, y[200:], {}, weights=error**2)
    assert gate.judge(Evidence(subject(model, rows), heavy)).status == "fail"


def test_the_champion_has_another_contract_and_the_same_rows(cancer):
    strong, weak, labelled = cancer
    evidence = Evidence(strong, labelled, weak, labelled.rows.select(["x0", "x1"]))
    verdict = ChampionGate(metric="log_loss", better=True, **FAST).judge(evidence)
    assert verdict.passed, verdict.summary
    assert verdict.evidence["champion"] == weak.digest
    assert verdict.evidence["gain"]["low"] > 0
    swapped = Evidence(
        weak,
        labelled._replace(rows=labelled.rows.select(["x0", "x1"])),
        strong,
        labelled.rows,
    )
    assert ChampionGate(metric="log_loss", **FAST).judge(swapped).status == "fail"
    missing = evidence._replace(champion_rows=None)
    assert ChampionGate(metric="log_loss").judge(missing).status == "inconclusive"
    fewer = evidence._replace(champion_rows=labelled.rows.take(np.arange(5)))
    assert "not the same rows" in ChampionGate(metric="log_loss").judge(fewer).summary


def test_the_first_version_has_nothing_to_be_compared_with(cancer):
    strong, _, labelled = cancer
    verdict = ChampionGate(metric="log_loss").judge(Evidence(strong, labelled))
    assert verdict.passed
    assert verdict.summary == "no champion yet: nothing to compare with"
    strict = ChampionGate(metric="log_loss", first="inconclusive")
    assert strict.judge(Evidence(strong, labelled)).status == "inconclusive"


def test_the_champion_itself_is_no_worse_and_no_better(cancer):
    strong, _, labelled = cancer
    evidence = Evidence(strong, labelled, strong)
    assert ChampionGate(metric="f1").judge(evidence).passed
    assert ChampionGate(metric="f1", better=True).judge(evidence).status == "fail"


def test_twins_pass_only_with_rows_enough_for_the_margin(cancer):
    """Equal answers on 60 rows leave room for a few rows in a hundred that differ."""
    strong, _, labelled = cancer
    twin = strong._replace(digest="sha256:twin")
    gate = ChampionGate(metric="accuracy", margin=0.02, relative=False, **FAST)
    assert gate.judge(Evidence(strong, labelled, twin)).passed
    few = labelled._replace(rows=labelled.rows.take(np.arange(60)), labels=labelled.labels[:60])
    verdict = gate.judge(Evidence(strong, few, twin))
    assert verdict.status == "inconclusive"
    assert verdict.evidence["more_labels"] > 0


def test_classes_in_another_order_are_the_same_question():
    random = np.random.default_rng(0)
    y = random.random(300) < 0.4
    p = np.clip(0.4 + 0.3 * (y - 0.4) + 0.1 * random.normal(size=300), 0.01, 0.99)
    labels = np.where(y, "bad", "good").astype(object)
    one = answers({"probabilities": np.column_stack([1 - p, p])}, ("good", "bad"))
    other = answers({"probabilities": np.column_stack([p, 1 - p])}, ("bad", "good"))
    rows = table(np.zeros((300, 1)))
    evidence = Evidence(one, Labelled(rows, labels, {}), other._replace(digest="sha256:b"), rows)
    for metric in ("roc_auc", "average_precision", "brier", "ece"):
        verdict = ChampionGate(metric=metric, **FAST).judge(evidence)
        assert verdict.evidence["gain"]["value"] == 0, metric


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "log_loss", "precision", "ece"])
def test_one_class_only(metric):
    p = np.linspace(0.1, 0.4, 200)
    outputs = {"label": np.zeros(200, np.int64), "probabilities": np.column_stack([1 - p, p])}
    gate = MetricGate(metric=metric, minimum=0.0, **FAST)
    verdict = judged(gate, np.zeros(200, np.int64), outputs, (0, 1))
    defined = metric in ("accuracy", "log_loss", "ece")
    assert verdict.status == ("pass" if defined else "inconclusive"), verdict.summary


def test_constant_predictions_are_judged():
    y = np.random.default_rng(0).integers(0, 2, 300)
    outputs = {
        "label": np.zeros(300, np.int64),
        "probabilities": np.full((300, 2), 0.5),
    }
    auc = judged(MetricGate(metric="roc_auc", minimum=0.6, **FAST), y, outputs, (0, 1))
    assert auc.status == "fail"
    assert auc.evidence["value"] == 0.5
    constant = {"prediction": np.full(300, 2.0)}
    r2 = judged(MetricGate(metric="r2", minimum=0.1, **FAST), y * 1.0, constant)
    assert r2.status == "fail"


def test_a_perfect_score_on_few_rows_is_no_certainty():
    gate = MetricGate(metric="accuracy", minimum=0.95, minimum_rows=2, **FAST)
    for rows, status in ((2, "inconclusive"), (20, "inconclusive"), (200, "pass")):
        y = np.arange(rows) % 2
        assert judged(gate, y, {"label": y}, (0, 1)).status == status
    assert (
        judged(MetricGate(metric="mae", maximum=9), np.ones(2), {"prediction": np.ones(2)}).status
        == "inconclusive"
    )


def test_better_and_worse_are_said_in_words(cancer):
    strong, weak, labelled = cancer
    fewer = labelled.rows.select(["x0", "x1"])
    gate = ChampionGate(metric="log_loss", margin=0.02, **FAST)
    worse = gate.judge(Evidence(weak, labelled._replace(rows=fewer), strong, labelled.rows))
    low, high = worse.evidence["gain"]["low"], worse.evidence["gain"]["high"]
    loss = -worse.evidence["gain"]["value"]
    assert f": worse by {loss:.3g} [{-high:.3g}, {-low:.3g}] on " in worse.summary
    assert worse.summary.endswith("; at most 2 % worse is allowed")
    better = Evidence(strong, labelled, weak, fewer)
    gate = ChampionGate(metric="log_loss", margin=0.01, relative=False, **FAST)
    assert f": better by {loss:.3g} [" in gate.judge(better).summary
    assert gate.judge(better).summary.endswith("; at most 0.01 worse is allowed")
    gate = ChampionGate(metric="log_loss", better=True, **FAST)
    assert gate.judge(better).summary.endswith("; it must be better")


def test_labels_that_are_not_known_yet_are_left_out():
    y = np.r_[np.ones(100), np.zeros(100), np.full(50, np.nan)]
    label = np.r_[np.ones(100), np.zeros(150)].astype(np.int64)
    gate = MetricGate(metric="accuracy", minimum=0.9, **FAST)
    verdict = judged(gate, y, {"label": label}, (0, 1))
    assert verdict.passed
    assert (verdict.evidence["rows"], verdict.evidence["unlabelled"]) == (200, 50)
    nothing = judged(gate, np.full(9, np.nan), {"label": label[:9]}, (0, 1))
    assert nothing.status == "inconclusive"
    texts = np.array(["a", None, "b"] * 50, object)
    answer = np.array(["a", "a", "b"] * 50, object)
    assert judged(gate, texts, {"label": answer}, ("a", "b")).evidence["rows"] == 100


@pytest.mark.parametrize(
    ("labels", "classes", "metric", "word"),
    [
        (np.array(["0", "1"] * 50, object), (0, 1), "accuracy", "no label is one of"),
        (np.array(["0", "1"] * 50, object), (0, 1), "roc_auc", "no label is one of"),
        (np.arange(100) % 3, (0, 1), "log_loss", "2 is none of"),
        (np.array(["a", "b"] * 50, object), None, "mae", "must be numbers"),
        (np.array([1.0, np.inf] * 50), None, "mae", "infinite"),
        (np.zeros((100, 2)), (0, 1), "accuracy", "do not belong"),
        (np.zeros(99), (0, 1), "accuracy", "do not belong"),
        (np.array([0.0, 1.0] * 50), None, "mape", "use wape"),
    ],
)
def test_labels_of_the_wrong_kind_cannot_tell(labels, classes, metric, word):
    p = np.linspace(0, 1, 100)
    outputs = {"prediction": p}
    if classes:
        outputs = {"label": np.arange(100) % 2, "probabilities": np.column_stack([1 - p, p])}
    candidate = answers(outputs, classes)
    evidence = Evidence(candidate, Labelled(table(np.zeros((100, 1))), labels, {}))
    verdict = MetricGate(metric=metric, minimum=0.5).judge(evidence)
    assert verdict.status == "inconclusive"
    assert word in verdict.summary


def test_numbers_and_truth_values_are_the_classes_that_equal_them():
    gate = MetricGate(metric="accuracy", minimum=0.9, **FAST)
    whole = np.arange(100) % 2
    for labels in (whole, whole == 1, whole * 1.0, whole.astype(object)):
        assert judged(gate, labels, {"label": whole}, (0, 1)).passed


def test_a_class_that_the_model_never_saw_is_an_error_of_it():
    gate = MetricGate(metric="accuracy", maximum=0.9, **FAST)
    labels = np.array(["a", "b", "new", "b"] * 50, object)
    verdict = judged(gate, labels, {"label": np.array(["a", "b"] * 100, object)}, ("a", "b"))
    assert verdict.evidence["value"] == 0.75


@pytest.mark.parametrize(
    "outputs",
    [
        {"prediction": np.r_[np.ones(99), np.nan]},
        {"prediction": np.ones(98)},
    ],
)
def test_what_no_answer_can_be_fails_the_candidate(outputs):
    verdict = judged(MetricGate(metric="mae", maximum=1), np.ones(100), outputs)
    assert verdict.status == "fail"
    assert "cannot predict" in verdict.summary


def test_probabilities_that_are_none_fail_the_candidate():
    gate = MetricGate(metric="log_loss", maximum=1)
    for wrong in (np.full((100, 2), 0.7), np.tile([-0.5, 1.5], (100, 1))):
        assert judged(gate, np.arange(100) % 2, {"probabilities": wrong}, (0, 1)).status == "fail"


def test_outputs_that_are_not_there_cannot_tell():
    verdict = judged(
        MetricGate(metric="roc_auc", minimum=0), np.ones(50), {"prediction": np.ones(50)}
    )
    assert verdict.status == "inconclusive"
    assert "its outputs are: prediction" in verdict.summary
    named = MetricGate(metric="mae", maximum=1, output="q50", **FAST)
    assert judged(named, np.ones(50), {"q50": np.ones((50, 1))}).passed


def test_a_champion_that_cannot_predict_is_no_fault_of_the_candidate(cancer):
    strong, weak, labelled = cancer
    for error in (PredictError("it broke", model="old"), ContractError("no such column")):

        def fail(_, error=error):
            raise error

        evidence = Evidence(strong, labelled, weak._replace(predict=fail), labelled.rows)
        verdict = ChampionGate(metric="f1").judge(evidence)
        assert verdict.status == "inconclusive"


def test_groups_widen_the_interval_and_too_few_of_them_cannot_tell():
    random = np.random.default_rng(0)
    store = np.repeat(np.arange(30), 20)
    y = random.gamma(2, 10, 600)
    answer = y * np.exp(0.5 * random.normal(size=30)[store])
    candidate = answers({"prediction": answer})
    rows = table(np.zeros((600, 1)))
    labelled = Labelled(rows, y, {"store": store, "region": store // 10})
    alone = MetricGate(metric="wape", maximum=1, **FAST).judge(Evidence(candidate, labelled))
    grouped = MetricGate(metric="wape", maximum=1, group="store", **FAST)
    whole = grouped.judge(Evidence(candidate, labelled))
    assert whole.evidence["groups"] == 30
    assert whole.evidence["value"] == alone.evidence["value"]
    assert whole.evidence["standard_error"] > 2 * alone.evidence["standard_error"]
    few = MetricGate(metric="wape", maximum=1, group="region").judge(Evidence(candidate, labelled))
    assert "3 groups are too few" in few.summary
    none = MetricGate(metric="wape", maximum=1, group="shop").judge(Evidence(candidate, labelled))
    assert "no column 'shop'" in none.summary


def test_the_point_alone_can_be_judged():
    y = np.arange(50) % 2
    label = np.where(np.arange(50) < 10, 1 - y, y)
    gate = MetricGate(metric="accuracy", minimum=0.75, **FAST)
    assert judged(gate, y, {"label": label}, (0, 1)).status == "inconclusive"
    point = MetricGate(metric="accuracy", minimum=0.75, judge_by="point", **FAST)
    assert judged(point, y, {"label": label}, (0, 1)).passed


def test_pinball_is_about_its_quantile():
    y = np.random.default_rng(0).normal(size=400)
    low = MetricGate(metric="pinball", alpha=0.1, maximum=0.3, **FAST)
    assert judged(low, y, {"prediction": np.full(400, -1.28)}).passed
    assert judged(low, y, {"prediction": np.full(400, 1.28)}).status == "fail"
    assert "pinball(0.1)" in judged(low, y, {"prediction": y}).summary


# Slices


def sliced(right, columns, extra, **rest):
    """Accuracy, given which rows are right."""
    y = np.zeros(len(right), np.int64)
    candidate = answers({"label": np.where(right, 0, 1)}, (0, 1))
    labelled = Labelled(table(np.zeros((len(right), 1))), y, extra, digest=str(right.sum()))
    options = {"metric": "accuracy", "minimum": 0.8, "resamples": 400} | rest
    return SlicesGate(columns=columns, **options).judge(Evidence(candidate, labelled))


def test_models_that_are_right_in_each_slice_rarely_fail():
    """Ten slices, each at the very threshold: Holm keeps false failures near 2.5 %, not 22 %."""
    random = np.random.default_rng(21)
    part = np.repeat(np.arange(10), 100)
    failed = alone = 0
    runs = 150
    for _ in range(runs):
        verdict = sliced(random.random(1000) < 0.8, ("part",), {"part": part}, resamples=300)
        failed += verdict.status == "fail"
        alone += any(one["p_wrong"] < 0.025 for one in verdict.evidence["slices"])
    assert failed / runs <= 0.06  # 2.5 % and three standard deviations
    assert alone / runs > 0.12  # without the correction


def test_a_slice_that_is_wrong_is_found_by_name():
    random = np.random.default_rng(22)
    shop = np.array(["north", "south", "east"], object)[random.integers(0, 3, 900)]
    right = random.random(900) < np.where(shop == "east", 0.55, 0.95)
    verdict = sliced(right, ("shop",), {"shop": shop})
    assert verdict.status == "fail"
    assert "shop = 'east'" in verdict.summary
    worst = verdict.evidence["slices"][0]
    assert worst["slice"] == "shop = 'east'"
    assert worst["rows"] == (shop == "east").sum()
    assert worst["p_wrong_adjusted"] == pytest.approx(min(1, 3 * worst["p_wrong"]))


def test_small_slices_are_told_and_not_judged():
    random = np.random.default_rng(23)
    shop = np.array(["big"] * 400 + ["tiny"] * 8, object)
    verdict = sliced(random.random(408) < 0.95, ("shop",), {"shop": shop})
    assert verdict.passed
    assert verdict.evidence["not_judged"][0]["slice"] == "shop = 'tiny'"
    assert "1 too small to judge" in verdict.summary
    every = sliced(np.ones(20, bool), ("shop",), {"shop": shop[-20:]})
    assert every.status == "inconclusive"


def test_numbers_are_cut_at_quantiles_and_missing_values_are_a_slice():
    right = np.random.default_rng(24).random(1000) < 0.97
    age = np.random.default_rng(1).normal(40, 10, 1000)
    age[:100] = np.nan
    verdict = sliced(right, ("age",), {"age": age})
    rows = {one["slice"]: one["rows"] for one in verdict.evidence["slices"]}
    assert rows.pop("age = missing") == 100
    assert sum(rows.values()) == 900
    assert all(abs(count - 225) <= 1 for count in rows.values())
    months = np.arange("2024-01", "2024-05", dtype="datetime64[M]")[np.arange(1000) % 4]
    by_value = sliced(right, ("month",), {"month": months})
    assert by_value.evidence["judged_count"] == 4
    assert by_value.evidence["slices"][0]["slice"].startswith("month = 2024-0")
    days = np.datetime64("2024-01-01", "us") + np.arange(1000) * np.timedelta64(1, "D")
    assert sliced(right, ("day",), {"day": days}).evidence["judged_count"] == 4


def test_a_column_of_many_values_is_judged_by_its_largest_slices():
    right = np.random.default_rng(25).random(3000) < 0.97
    shop = np.array([f"s{i}" for i in range(30)], object)[np.arange(3000) % 30]
    verdict = sliced(right, ("shop",), {"shop": shop}, maximum_slices=20)
    assert verdict.evidence["judged_count"] == 20
    assert verdict.evidence["not_judged_count"] == 10


def test_slices_by_a_column_that_is_not_there_cannot_tell():
    verdict = sliced(np.ones(100, bool), ("shop",), {})
    assert verdict.status == "inconclusive"
    assert "no column 'shop'" in verdict.summary


def test_slices_are_compared_with_the_champion(cancer):
    strong, weak, labelled = cancer
    evidence = Evidence(strong, labelled, weak, labelled.rows.select(["x0", "x1"]))
    gate = SlicesGate(metric="brier", margin=0.0, columns=("x0",), parts=2, **FAST)
    verdict = gate.judge(evidence)
    assert verdict.passed, verdict.summary
    assert all(one["champion_value"] > one["value"] for one in verdict.evidence["slices"])
    assert verdict.evidence["champion"] == weak.digest
    alone = SlicesGate(metric="brier", maximum=0.9, columns=("x0",), parts=2, **FAST)
    assert "champion" not in alone.judge(evidence).evidence
    assert gate.judge(evidence._replace(champion=None)).passed
    strict = SlicesGate(metric="brier", margin=0.0, columns=("x0",), first="inconclusive")
    assert strict.judge(evidence._replace(champion=None)).status == "inconclusive"


def test_a_better_model_is_shown_to_be_better_by_pairing(cancer):
    """Boosted trees and a linear model: the paired interval is narrower than either's own."""
    strong, _, labelled = cancer
    x = np.column_stack([labelled.rows[name].values for name in labelled.rows])
    trees = HistGradientBoostingClassifier(max_iter=20).fit(x[:100], labelled.labels[:100])
    other = subject(trees, labelled.rows)
    verdict = ChampionGate(metric="accuracy", **FAST).judge(Evidence(other, labelled, strong))
    own = MetricGate(metric="accuracy", minimum=0.5, **FAST).judge(Evidence(other, labelled))
    both = MetricGate(metric="accuracy", minimum=0.5, **FAST).judge(Evidence(strong, labelled))
    unpaired = np.hypot(own.evidence["standard_error"], both.evidence["standard_error"])
    assert verdict.evidence["gain"]["standard_error"] < unpaired


def test_a_candidate_that_is_worse_by_the_margin_rarely_passes_and_one_as_good_does():
    """Non-inferiority keeps its word: at the very margin about 2.5 of 100 pass."""
    random = np.random.default_rng(26)
    rows = table(np.zeros((300, 1)))
    y = np.zeros(300)
    gate = ChampionGate(metric="mae", margin=0.1, relative=True, resamples=300)
    passed = {1.1: 0, 1.0: 0}
    for run in range(200):
        hard = random.gamma(4, 1, 300)
        noise = random.normal(0, 0.4, 300)
        champion = answers({"prediction": hard})._replace(digest="sha256:champion")
        for worse in passed:
            candidate = answers({"prediction": hard * worse + noise})
            labelled = Labelled(rows, y, {}, digest=str(run))
            passed[worse] += gate.judge(Evidence(candidate, labelled, champion)).passed
    assert passed[1.1] / 200 <= 0.06
    assert passed[1.0] / 200 > 0.95
