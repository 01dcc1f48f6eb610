"""The command, verb by verb, on the project that ``modelyard init`` writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.app.cli.main import VERBS, load_verb
from modelyard.app.serving import serve_settings

ROOT = Path(__file__).parents[2]


def test_every_verb_has_a_file_and_every_file_a_verb():
    folder = ROOT / "src/modelyard/app/cli"
    files = {file.stem for file in folder.glob("*.py")} - {
        "__init__",
        "faults",
        "main",
        "output",
        "options",
    }
    assert files == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_says_what_the_verb_does_and_shows_examples(verb, modelyard):
    assert load_verb(verb).help.split("\n")[0] == VERBS[verb]
    said = modelyard(verb, "--help")
    assert said.code == 0
    assert "Examples" in said.out
    assert f"modelyard {verb}" in said.out


def test_without_a_verb_it_lists_them(modelyard):
    said = modelyard("--help")
    assert said.code == 0
    for verb, sentence in VERBS.items():
        assert verb in said.out
        assert sentence.split()[0] in said.out


def test_version(modelyard):
    assert modelyard("--version").out.startswith("modelyard 0.")


def test_starting_imports_no_verb():
    code = (
        "import sys\nfrom modelyard.app.cli.main import run\nrun(['--help'])\n"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " ('numpy','onnxruntime','sqlalchemy','sklearn','granian','narwhals')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_check_tells_each_gate_and_keeps_the_verdicts(project, modelyard):
    said = modelyard("check", "tumours:1", "--json")
    assert said.code == 0
    verdicts = {verdict["gate"]: verdict["status"] for verdict in said.json}
    assert list(verdicts) == ["parity", "schema", "metric", "champion", "latency", "size"]
    assert verdicts["parity"] == verdicts["metric"] == "pass"
    shown = modelyard("show", "tumours:1", "--json").json
    assert {verdict["gate"] for verdict in shown["verdicts"]} == set(verdicts)


def test_a_failing_gate_exits_with_1_and_stops_the_promotion(project, modelyard):
    toml = project / "modelyard.toml"
    toml.write_text(toml.read_text().replace("minimum = 0.95", "minimum = 0.9999"))
    said = modelyard("check", "tumours:1")
    assert said.code == 1
    assert "metric" in said.err
    refused = modelyard("promote", "tumours:1")
    assert refused.code == 1
    assert "metric" in refused.err
    assert "hint" in refused.err
    error = modelyard("promote", "tumours:1", "--json").json["error"]
    assert (error["code"], error["lacking"]) == ("policy", ["metric"])
    assert error["subject"] == "tumours:1"


def test_building_again_gives_the_same_digest_and_version(project, modelyard):
    first = modelyard("models", "--json").json[0]
    built = modelyard("build", "--json")
    assert built.code == 0, built.err
    assert built.json["digest"] == first["digest"]
    again = modelyard("register", built.json["path"], "--json").json
    assert again["version"] == 1


def test_the_champion_is_compared_with_itself_and_held_out_rows_may_be_a_file(project, modelyard):
    make_rows("held.to_csv('rows.csv', index=False)", drop=False)
    said = modelyard("check", "tumours:1", "--holdout", "rows.csv", "--json")
    assert said.code == 0
    verdicts = {verdict["gate"]: verdict for verdict in said.json}
    assert verdicts["metric"]["evidence"]["rows"] == 228
    digest = modelyard("show", "tumours:1", "--json").json["digest"]
    assert verdicts["champion"]["evidence"] == {"champion": digest}
    assert verdicts["schema"]["evidence"]["champion"] == digest
    unlabelled = modelyard("check", "tumours:1", "--holdout", "rows.csv", "--label", "no")
    assert unlabelled.code == 2
    assert "no label column 'no'" in unlabelled.err


def test_a_verdict_against_a_champion_of_yesterday_stops_the_promotion(project, modelyard):
    train = project / "train.py"
    text = train.read_text()
    for number in (2, 3):
        train.write_text(text.replace("max_iter=1000", f"max_iter=1000, C=0.{number}"))
        path = modelyard("build", "--json").json["path"]
        assert modelyard("check", path).code == 0
        assert modelyard("register", path).code == 0
    assert modelyard("promote", "tumours:2").code == 0
    stale = modelyard("promote", "tumours:3")
    assert stale.code == 1
    assert "'champion' compared with a version that is not champion now" in stale.err
    assert "modelyard check" in stale.err
    assert modelyard("check", "tumours:3").code == 0
    assert modelyard("promote", "tumours:3").code == 0


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise ValueError('boom')", "train.py:train failed: ValueError: boom"),
        ("raise SystemExit(0)", "train.py:train failed: SystemExit: 0"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("return 1 +", "SyntaxError"),
        ("return 7", "returned a int"),
    ],
)
def test_faults_of_the_training_code_are_told_as_its_own(project, modelyard, code, says):
    (project / "train.py").write_text(f"def train():\n    print('epoch 1')\n    {code}\n")
    said = modelyard("build", "--json")
    assert said.code == 2
    error = said.json["error"]  # what the code printed is not in the document
    assert says in error["message"]
    assert error["code"] in ("usage", "config")
    assert "fault of Modelyard" not in error["hint"]
    if "boom" in says:
        assert "train.py, line 3" in error["hint"]


def test_training_code_may_import_its_neighbours_late(project, modelyard):
    train = project / "train.py"
    (project / "neighbour_of_train.py").write_text("LIMIT = 1000\n")
    text = train.read_text().replace(
        "known, unseen = rows()", "import neighbour_of_train as n\n    known, unseen = rows()", 1
    )
    train.write_text(text.replace("max_iter=1000", "max_iter=n.LIMIT"))
    assert modelyard("build", "--json").code == 0


def test_a_second_version_is_compared_promoted_and_rolled_back(project, modelyard):
    train = project / "train.py"
    train.write_text(train.read_text().replace("max_iter=1000", "max_iter=1000, C=0.3"))
    path = modelyard("build", "--json").json["path"]
    assert modelyard("check", path).code == 0
    assert modelyard("register", path, "--json").json["version"] == 2
    changes = {
        change["path"] for change in modelyard("diff", "tumours:1", "tumours:2", "--json").json
    }
    assert any("parameters" in change for change in changes)
    assert modelyard("promote", "tumours:2").code == 0
    rows = modelyard("models", "--json").json
    assert [(row["version"], row["aliases"]) for row in rows] == [(2, ["champion"]), (1, [])]
    back = modelyard("rollback", "tumours", "--json")
    assert back.json["version"] == 1
    assert modelyard("show", "tumours@champion", "--json").json["listed"]["version"] == 1
    assert modelyard("rollback", "tumours").code == 2


def make_rows(code, *, drop=True):
    """Run code on the project's held-out rows; without labels three of them."""
    few = ".drop(columns='malignant').head(3)" if drop else ""
    code = f"import train; held = train.holdout(){few}; {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_predict_answers_a_file_and_standard_input(project, modelyard):
    made = make_rows("held.to_csv('rows.csv', index=False); print(held.to_json(orient='records'))")
    lines = modelyard("predict", "tumours@champion", "rows.csv").out.splitlines()
    assert len(lines) == 3
    whole = modelyard("predict", "tumours@champion", "rows.csv", "--json").json
    assert [json.loads(line)["label"] for line in lines] == whole["label"]
    piped = subprocess.run(
        [Path(sys.executable).with_name("modelyard"), "predict", "tumours", "-", "--json"],
        input=made,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(piped.stdout) == whole


def test_a_table_for_a_pipe_is_not_cut(project, modelyard):
    digest = modelyard("show", "tumours:1", "--json").json["digest"]
    said = modelyard("show", "tumours:1").out
    assert digest in said
    assert "\N{HORIZONTAL ELLIPSIS}" not in said + modelyard("models").out


def test_folders_are_served_without_a_registry(project):
    shutil.rmtree(project / ".modelyard")
    settings = serve_settings(["./bundle"])
    assert (settings.registry, settings.store) == ("", "")
    assert list(settings.route.models) == ["tumours"]
    assert not (project / ".modelyard").exists()


@pytest.mark.parametrize("words", [["models"], ["models", "--json"], ["--help"]])
def test_a_reader_that_has_gone_is_no_failure(project, words):
    reading, writing = os.pipe()
    os.close(reading)
    command = Path(sys.executable).with_name("modelyard")
    done = subprocess.run(
        [command, *words], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_verify_and_doctor_find_a_changed_byte(project, modelyard):
    assert modelyard("verify", "./bundle").code == 0
    assert modelyard("verify", "tumours:1", "--json").json["verified"] is True
    assert modelyard("doctor").code == 0
    model = project / "bundle/model/model.onnx"
    content = bytearray(model.read_bytes())
    content[100] ^= 1
    model.chmod(0o644)
    model.write_bytes(content)
    said = modelyard("verify", "./bundle")
    assert said.code == 1
    assert "model/model.onnx" in said.err
    for blob in (project / ".modelyard/store").rglob("*"):
        if blob.is_file() and blob.stat().st_size == len(content):
            blob.chmod(0o644)
            blob.write_bytes(content)
    assert modelyard("verify", "tumours:1").code == 1
    sick = modelyard("doctor", "--json")
    assert sick.code == 1
    assert [f["what"] for f in sick.json if f["state"] == "ill"] == ["champions"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show", "nothing"], "nothing"),
        (["show", "tumours:9"], "no version 9"),
        (["show", "tumours@nobody"], "nobody"),
        (["show", "tumours:zero"], "not a version number"),
        (["show", "Tumours"], "is not a model name"),
        (["verify", "./nowhere"], "nowhere"),
        (["promote", "tumours:1", "--to", "moon"], "no environment 'moon'"),
        (["rollback", "tumours", "--to", "staging"], "staging"),
        (["build", "model.pkl", "--sample", "rows.csv"], "there is no model file"),
        (["build", "train.py", "--sample", "train.py"], "train.py"),
        (["predict", "tumours", "nowhere.csv"], "nowhere.csv"),
        (["init", "."], "is there already"),
        (["serve", "nothing"], "nothing"),
        (["serve", "tumours", "--host", "0.0.0.0"], "0.0.0.0"),
        (["serve", "tumours", "--port", "99999"], "--port"),
        (["serve", "tumours", "./bundle"], "two models are called 'tumours'"),
        (["check", "tumours:1", "--holdout", "x.csv"], "x.csv"),
        (["build", "--sample", "x.csv"], "belong to a model file"),
        (["check", "tumours:1", "--label", "malignant"], "--holdout"),
        (["check", "tumours:1", "--holdout", "train.py", "--label", "x"], "train.py"),
    ],
)
def test_wrong_words_get_one_clear_error(project, modelyard, words, says):
    said = modelyard(*words)
    assert said.code == 2
    assert says in said.err
    assert "Traceback" not in said.err + said.out
    as_json = modelyard(*words, "--json")
    assert as_json.code == 2
    assert says in as_json.json["error"]["message"]


def test_an_unknown_verb_and_a_wrong_flag_are_usage_errors(modelyard):
    assert modelyard("biuld").code == 2
    assert modelyard("models", "--jsn").code == 2
    for words in (
        ["biuld"],
        ["show"],
        ["models", "--nmae", "x"],
        ["rollback", "x", "--version", "y"],
    ):
        said = modelyard(*words, "--json")
        assert (said.code, said.json["error"]["code"]) == (2, "usage")


@pytest.mark.parametrize("suffix", [".pkl", ".joblib", ".pickle", ".onnx"])
def test_pickles_are_refused_unread_with_the_way_out(project, modelyard, suffix):
    trap = project / f"model{suffix}"
    # A pickle that would make a file if anybody read it.
    trap.write_bytes(b"\x80\x04c__builtin__\neval\n(Vopen('trapped', 'w')\ntR.")
    (project / "rows.csv").write_text("a\n1\n")
    said = modelyard("build", trap, "--sample", "rows.csv", "--name", "x")
    assert said.code == 2
    assert "could run any code" in said.err
    assert "joblib.load" in said.err
    assert "modelyard.build" in said.err
    assert not (project / "trapped").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[projcet]\nname = 'x'", "projcet"),
        ("[gates.metric]\nmetric = 'aucc'\nminimum = 0.5", "aucc"),
        ("[gates.sise]", "sise"),
        ("[project]\nregistry = '$NOT_SET/x.db'", "NOT_SET"),
        ("not toml", "modelyard.toml"),
        ("[serve]\nport = 99999", "port"),
        ("[project]\nname = 'Bad Name'", "'Bad Name' is not a model name"),
        ("[environments.'Bad Place']", "'Bad Place' is not a environment name"),
        ("[environments.moon]\nalias = 'Bad Alias'", "environment 'moon'"),
    ],
)
def test_a_wrong_setting_is_named(project, modelyard, text, says):
    (project / "modelyard.toml").write_text(text)
    said = modelyard("check", "./bundle")
    assert said.code == 2
    assert says in said.err


def test_a_threshold_reaches_its_gate(project, modelyard):
    toml = project / "modelyard.toml"
    toml.write_text(toml.read_text().replace("maximum_mb = 50", "maximum_mb = 0.0001"))
    said = modelyard("check", "tumours:1", "--json")
    assert said.code == 1
    assert {v["gate"]: v["status"] for v in said.json}["size"] == "fail"


def damage(project, name="model/model.onnx"):
    """Change one byte of a stored file of the bundle; the bundle's folder stays whole."""
    content = bytearray((project / "bundle" / name).read_bytes())
    blobs = [b for b in (project / ".modelyard/store").rglob("*") if b.is_file()]
    (blob,) = [b for b in blobs if b.read_bytes() == bytes(content)]
    content[100] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(content)


def test_a_damaged_version_is_neither_promoted_nor_gone_back_to(project, modelyard):
    train = project / "train.py"
    train.write_text(train.read_text().replace("max_iter=1000", "max_iter=1000, C=0.3"))
    path = modelyard("build", "--json").json["path"]
    assert modelyard("check", path).code == modelyard("register", path).code == 0
    assert modelyard("promote", "tumours:2").code == 0
    damage(project)
    for words in (["promote", "tumours:1", "--to", "staging"], ["rollback", "tumours"]):
        refused = modelyard(*words, "--json")
        assert refused.code == 1
        error = refused.json["error"]
        assert (error["code"], error["file"]) == ("integrity", "model/model.onnx")
        assert "tumours:1 may not go live: 'model/model.onnx'" in error["message"]
        assert "modelyard register" in error["hint"]
    assert modelyard("show", "tumours@champion", "--json").json["listed"]["version"] == 2
    assert modelyard("register", "./bundle").code == 0
    assert modelyard("rollback", "tumours").code == 0
    assert modelyard("promote", "tumours:1", "--to", "staging").code == 0


def test_errors_for_programs_carry_what_is_known(project, modelyard):
    rows = make_rows("print(held.to_csv(index=False))").splitlines()
    head, first = rows[0], rows[1].split(",")
    Path("rows.csv").write_text("\n".join([head, rows[1], ",".join(["much", *first[1:]])]))
    error = modelyard("predict", "tumours", "rows.csv", "--json").json["error"]
    assert (error["column"], error["row"]) == (head.split(",")[0], 1)
    assert "much" in error["got"]
    assert error["expected"]
    error = modelyard("promote", "tumours:1", "--to", "moon", "--json").json["error"]
    assert error["key"] == "environments.moon"
    error = modelyard("show", "tumours:9", "--json").json["error"]
    assert error["subject"] == "tumours:9"


def test_a_public_host_names_the_flag(project, modelyard):
    assert "--public-without-authentication" in modelyard("serve", "--host", "0.0.0.0").err


def test_diff_tells_the_contract_first_and_counts_files(project, modelyard):
    toml, train = project / "modelyard.toml", project / "train.py"
    train.write_text(train.read_text().replace("max_iter=1000", "max_iter=1000, C=0.3"))
    column = modelyard("show", "./bundle", "--json").json["manifest"]["contract"]["inputs"][0]
    toml.write_text(toml.read_text() + f'\n[contract."{column["name"]}"]\nmaximum = 1e6\n')
    path = modelyard("build", "--json").json["path"]
    said = modelyard("diff", "./bundle", path)
    lines = said.out.splitlines()
    assert lines[1].startswith("contract.inputs.")
    assert lines[1].endswith("-> 1000000.0")
    assert lines[-1].startswith("files: ")
    assert " differ" in lines[-1]
    assert not [line for line in lines if "sha256" in line or "\N{HORIZONTAL ELLIPSIS}" in line]
    assert not [line for line in lines if line != line.rstrip()]
    order = [line.split(".")[0] for line in lines[1:-1]]
    assert order.index("lineage") < order.index("metrics")
    listed = [change["path"] for change in modelyard("diff", "./bundle", path, "--json").json]
    assert [each for each in listed if each.startswith("files.") and each.endswith("sha256")]
    assert modelyard("diff", "tumours:1", "./bundle").out.splitlines()[-1] == "no difference"


@pytest.mark.parametrize("shape", ["rows", "columns", "list", "object", "bare columns"])
def test_standard_input_takes_what_the_server_takes(project, shape):
    rows = json.loads(make_rows("print(held.to_json(orient='records'))"))[:1]
    columns = {name: [value] for name, value in rows[0].items()}
    body = {
        "rows": {"rows": rows, "model": "tumours", "outputs": ["label"]},
        "columns": {"columns": columns, "outputs": ["label"]},
        "list": rows,
        "object": rows[0],
        "bare columns": columns,
    }[shape]
    answer = piped(body)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["label"] in ([0], [1])
    if shape in ("rows", "columns"):
        assert list(json.loads(answer.stdout)) == ["label"]


def piped(body):
    command = Path(sys.executable).with_name("modelyard")
    return subprocess.run(
        [command, "predict", "tumours", "-", "--json"],
        input=json.dumps(body),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"rows": [{}], "model": "other"}, "'other'"),
        ({"rows": [{}], "outputs": ["nothing"]}, "no output 'nothing'"),
        ({"rows": [], "columns": {}}, "neither rows nor columns, or both"),
        ({"rows": [{"a": 1}]}, "unexpected column 'a'"),
        ([], "no rows"),
        ([3], "holds no rows"),
        ("rows", "holds no rows"),
    ],
)
def test_standard_input_that_is_no_rows(project, body, says):
    answer = piped(body)
    assert answer.returncode == 2
    assert says in json.loads(answer.stdout)["error"]["message"]


def test_slips_of_the_pen_are_helped(project, modelyard):
    assert "did you mean promote?" in modelyard("prmote", "x").err
    error = modelyard("prmote", "x", "--json").json["error"]
    assert (error["code"], error["hint"]) == ("usage", "did you mean promote?")
    built = modelyard("build", "--name", "cells", "--json").json["path"]
    said = modelyard("register", "cells")
    assert said.code == 2
    assert f"modelyard register {Path(built).relative_to(project)}" in said.err
    assert modelyard("register", "nothing").err.rstrip().endswith("modelyard register FOLDER")


def test_tables_say_what_there_is_and_no_more(project, modelyard):
    row = modelyard("models", "--json").json[0]
    said = modelyard("models").out
    assert row["registered"][:19].replace("T", " ") in said
    shown = modelyard("show", "tumours:1").out
    assert " to " in shown.split("metrics\n")[1].splitlines()[1]
    assert "not recorded (no clean git checkout)" in shown
    for text in (said, shown, modelyard("doctor").out):
        assert not [line for line in text.splitlines() if line != line.rstrip()]
    train = "import numpy as np, modelyard\nfrom sklearn.linear_model import LinearRegression\n"
    train += "def train():\n    rows = np.arange(60.0).reshape(30, 2)\n"
    train += "    return modelyard.Trained(LinearRegression().fit(rows, rows[:, 0]), rows)\n"
    (project / "train.py").write_text(train)
    built = modelyard("build")
    assert built.code == 0, built.err
    assert "metric" not in built.out


def test_who_acted_is_recorded(project, modelyard, monkeypatch):
    monkeypatch.setenv("MODELYARD_ACTOR", "ada")
    assert modelyard("promote", "tumours:1", "--to", "staging", "--json").code == 0
    from_python = "import modelyard; print(modelyard.open_yard().registry.events()[-1].actor)"
    done = subprocess.run(
        [sys.executable, "-c", from_python],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert done.stdout.strip() == "ada"


def test_a_bundle_in_a_folder_needs_no_database_library(promoted):
    code = (
        "import sys, modelyard\n"
        f"model = modelyard.load({str(promoted / 'bundle')!r})\n"
        f"modelyard.verify({str(promoted / 'bundle')!r})\n"
        "assert 'sqlalchemy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_library_is_named_with_the_extra_that_brings_it(project):
    code = (
        "import sys\nsys.modules['sqlalchemy'] = None\nfrom modelyard.app.cli.main import run\n"
        "raise SystemExit(run(['models']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "modelyard[registry]" in done.stderr
