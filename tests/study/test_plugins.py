"""Plug-ins: everything of one's own from one file outside, and each mistake in it as a sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from study import data, experiments, learners, plugins
from study.data.reference import DataAccess, DatasetRef
from study.data.task import Classes
from study.errors import UserError
from study.learners import affordable
from study.report import assemble
from study.request import Request
from study.run import main
from study.trials import provenance
from study.trials.executor import open_workers
from study.trials.plan import to_json
from study.trials.store import Store
from study.trials.trial import Record, Trial
from study.trials.watch import Limits
from study.trials.worker import execute

HEAD = """\
import sys
import numpy as np
from dataclasses import dataclass
from study.analysis.section import Section
from study.data import DatasetEntry
from study.data.samples import Dataset, Images
from study.data.task import Classes
from study.learners import LearnerEntry
from study.learners.dense import evaluate
from study.learning.contract import Artefacts
from study.trials.addresses import Procedure
from study.trials.trial import Outcome, Trial
"""
LEARNER = """
@dataclass(frozen=True)
class Config:
    level: float = 0.5

def preset(profile, dataset):
    return Config()

class Threshold:
    def __init__(self, config, task):
        self.config, self.task = config, task
    def fit(self, train, validation, rng, progress): ...
    def evaluate(self, samples, rng):
        inputs = samples.pixels.reshape(len(samples), -1)
        predict = lambda some: (some.mean(1) > self.config.level).astype(int)
        weights = {"input": np.ones(4)}
        return evaluate(predict, weights, inputs, samples.labels, self.task)
    def keep(self):
        return Artefacts()

LEARNERS = {
    "half": LearnerEntry(__name__, "Config", "Threshold", ("images",), 1, "baseline", "above half")
}
"""
DATASET = """
def load(access):
    labels = np.arange(60) % 2
    noise = np.random.default_rng(0).random((60, 2, 2)) * 0.4
    both = Images((noise + 0.6 * labels[:, None, None]).astype(np.float32), labels)
    parts = [both.take(slice(start, start + 20)) for start in (0, 20, 40)]
    return Dataset("dots", *parts, Classes(2), "made up", "0")

DATASETS = {"dots": DatasetEntry("images", "dark and bright", load)}
"""
EXPERIMENT = """
TITLE = "Dice, 100 % fair"
ORDER = 61

def run(trial, context):
    return Outcome({"eyes": int(np.random.default_rng(trial.seed).integers(1, 7))})

def trials(request):
    throws = [Trial("dice", "die", None, {}, seed) for seed in request.seeds]
    return throws + request.learning_trials(["half", "linear"], ["dots"])

def section(records):
    eyes = [record.metrics["eyes"] for record in records if record.trial.subject == "die"]
    return Section("dice", TITLE, "Fair?", "Thrown.", findings=(f"Eyes: {sum(eyes)} in all.",))

PROCEDURES = {"dice": Procedure(f"{__name__}:run")}
EXPERIMENTS = {"dice": sys.modules[__name__]}
"""
LAB = HEAD + LEARNER + DATASET + EXPERIMENT


def written(folder: Path, text: str = LAB, name: str = "lab.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return written(tmp_path)


@pytest.fixture
def known(lab: Path) -> Iterator[plugins.Plugin]:
    plugin = plugins.read(lab)
    with plugins.using([plugin]):
        yield plugin


def command(root: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder that has nothing to do with the project."""
    return subprocess.run(
        [sys.executable, "-m", "study", *words],
        capture_output=True, text=True, check=False, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert "Traceback" not in printed
    return printed


def require_report(out: Path) -> None:
    """Require the section at its place, the learner's row, and everything done."""
    page = (out / "report.html").read_text()
    assert "Dice, 100 % fair" in page
    assert "Eyes: " in page
    trials = pd.read_csv(out / "trials.csv")
    assert set(trials["status"]) == {"done"}
    assert set(trials["learner"]) == {"die", "half", "linear"}
    half = trials[trials["learner"] == "half"]
    assert (half["test_accuracy"] == 1).all()
    assert half["plugins"].str.startswith("lab ").all()
    assert json.loads((out / "provenance.json").read_text())["trials"]["plugins"].keys() == {"lab"}
    assert "<td>half</td>" in page.replace("\n", "") or ">half<" in page


def test_one_file_outside_runs_in_workers_and_stands_in_the_report(
    root: Path, tmp_path: Path, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["dice", "--plugin", lab.name, "--seeds", "2", "--jobs", "2", "--out", str(out)]
    done = command(root, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    require_report(out)
    saved = json.loads((out / "request.json").read_text())
    assert saved["command"] == (
        "python -m study.run dice --profile quick --seeds 2 --plugin lab.py"
    )
    assert saved["plugins"] == [
        {"name": "lab", "path": "lab.py", "digest": plugins.read(lab).digest}
    ]

    # Without the file: the trials stay, the section goes, and what is missing is told.
    capsys.readouterr()
    assert main(["report", "--out", str(out)]) == 0
    printed = " ".join(capsys.readouterr().err.split())
    assert "It takes a copy that you trust with --plugin lab.py." in printed
    assert "No experiment is called dice" in printed
    assert "Eyes: " not in (out / "report.html").read_text()
    assert len(pd.read_csv(out / "trials.csv")) == 6

    # With another file of that name: the records of the old one are told.
    other = written(tmp_path, LAB.replace("Fair?", "Is it fair?"))
    assert main(["status", "--out", str(out), "--plugin", str(other)]) == 0
    printed = capsys.readouterr().out
    assert f"not today's lab {plugins.read(other).digest}:" in printed
    assert printed.count("done by code") == 1  # nothing of our own code changed
    assert "linear · dots" in printed  # the data set is the plug-in's


@pytest.mark.slow
def test_one_file_outside_runs_on_a_cluster(root: Path, tmp_path: Path, lab: Path) -> None:
    distributed = pytest.importorskip("distributed")
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None,
        local_directory=str(elsewhere),
    ) as cluster:  # fmt: skip
        done = command(
            root, tmp_path, "dice", "--plugin", lab.name, "--seeds", "2", "--out", str(out),
            "--scheduler", cluster.scheduler_address,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    require_report(out)


def test_the_text_travels_and_a_worker_takes_each_version_for_itself(
    tmp_path: Path, lab: Path
) -> None:
    first = plugins.read(lab)
    lab.unlink()
    second = plugins.Plugin("lab", first.path, LAB.replace("integers(1, 7)", "integers(7, 8)"))
    trial = Trial("dice", "die", None, {}, seed=1)
    with open_workers(1, None, Limits(seconds=60)) as workers:
        found = []
        for plugin in (first, second, first):
            with plugins.using([plugin]):
                result = workers.submit(0, trial, (), DataAccess()).result(timeout=60)
            assert result.error is None, result.error
            assert result.provenance["plugins"] == {"lab": plugin.digest}
            found.append(result.outcome.metrics["eyes"])
        without = workers.submit(0, trial, (), DataAccess()).result(timeout=60)
    assert found == [3, 7, 3]
    assert "no procedure is called 'dice'" in without.error["message"]


def test_a_plugin_that_fails_in_a_worker_fails_its_trial_with_the_line(tmp_path: Path) -> None:
    plugin = plugins.Plugin("far", "/far/away.py", "import sys\nimport nowhere_else\n")
    trial = Trial("dice", "die", None, {}, seed=1)
    result = execute(trial, (), DataAccess(), lambda _: None, [plugin])
    assert "/far/away.py, line 2: ModuleNotFoundError" in result.error["message"]


def test_what_it_offers_is_known_meanwhile_only(lab: Path, capsys) -> None:
    assert main(["list", "--plugin", str(lab)]) == 0
    printed = capsys.readouterr().out
    for name in ("half", "dots", "dice"):
        assert f"│ {name} " in printed
    assert "half" not in learners.known()
    assert "dots" not in data.known()
    assert "dice" not in experiments.names()
    assert main(["list", "learners"]) == 0
    assert "half" not in capsys.readouterr().out


def test_an_experiment_has_its_place_among_the_others(known: plugins.Plugin) -> None:
    names = experiments.names()
    assert names.index("compare") < names.index("dice") < names.index("frugality")


def test_its_learner_and_data_meet_those_of_the_project(lab: Path, capsys) -> None:
    words = ["compare", "--plugin", str(lab), "--dataset", "dots", "--seeds", "1", "--dry-run"]
    assert main(words) == 0
    planned = capsys.readouterr().out
    own = [name for name in affordable("quick") if learners.find(name).fits("images", "classes")]
    assert [line.split()[2] for line in planned.splitlines()] == [*own, "half"]
    assert main([*words, "--set", "half.level=0.1,0.2", "--learner", "half"]) == 0
    assert capsys.readouterr().out.count("half · dots") == 2


def test_sections_name_the_plugin_in_their_command() -> None:
    request = Request(plugins=("my lab.py", "b.py"))
    assert request.command("dice").endswith("--plugin 'my lab.py' --plugin b.py")


MISTAKES = [
    ("x = 1\ny = (\n", "lab.py, line 2: SyntaxError"),
    ("x = 1\nimport nowhere_else\n", "lab.py, line 2: ModuleNotFoundError"),
    ("x = 1\n\n1 / 0\n", "lab.py, line 3: ZeroDivisionError"),
    ("import sys\nsys.exit(3)\n", "lab.py, line 2: SystemExit"),
    ("x = 1\n", "offers nothing"),
    ("x = 1\nLEARNERS = [1]\n", "line 2: LEARNERS: must be a dict by name, not list"),
    ("LEARNERS = {'half': 3}\n", "line 1: LEARNERS: 'half' must be a study.learners.LearnerEntry"),
    ("LEARNERS = {3: 3}\n", "3 is no name"),
    ("DATASETS = {'dots': 3}\n", "'dots' must be a study.data.DatasetEntry, not int"),
    ("PROCEDURES = {'dice': 'lab:run'}\n", "must be a study.trials.addresses.Procedure, not str"),
    ("EXPERIMENTS = {'dice': 3}\n", "an experiment with TITLE, ORDER, trials and section"),
    (LAB.replace('"half"', '"mlp"'), "'mlp' is a name that TwinSpike has already"),
    (LAB.replace('"dots":', '"digits":'), "'digits' is a name that TwinSpike has already"),
    (LAB.replace('{"dice": sys', '{"compare": sys'), "'compare' is a name that TwinSpike has"),
    (LAB.replace('{"dice": sys', '{"list": sys'), "an experiment 'list', as a command is called"),
    (LAB.replace('"Threshold", (', '"Treshold", ('), ""),
]


@pytest.mark.parametrize(("text", "reason"), MISTAKES, ids=range(len(MISTAKES)))
def test_each_mistake_in_a_plugin_is_told_with_its_line(tmp_path, capsys, text, reason) -> None:
    path = written(tmp_path, text)
    if reason:
        assert reason in told(capsys, "list", "--plugin", str(path))
    else:  # a class is looked up when it is built
        with plugins.using([plugins.read(path)]), pytest.raises(UserError, match="no Treshold"):
            learners.find("half").build({}, Classes(2))


def test_files_that_are_no_plugin_are_told(tmp_path: Path, capsys) -> None:
    assert "cannot read plug-in" in told(capsys, "list", "--plugin", str(tmp_path / "none.py"))
    assert "is a Python file" in told(capsys, "list", "--plugin", str(tmp_path / "lab.txt"))
    (tmp_path / "latin.py").write_bytes(b"# \xff\n")
    assert "no text in UTF-8" in told(capsys, "list", "--plugin", str(tmp_path / "latin.py"))
    assert "expected one argument" in told(capsys, "list", "--plugin")
    (tmp_path / "other").mkdir()
    same = [written(tmp_path), written(tmp_path / "other")]
    words = [word for path in same for word in ("--plugin", str(path))]
    assert "two plug-ins are called 'lab'" in told(capsys, "list", *words)


def test_two_plugins_cannot_offer_the_same_name(tmp_path: Path, lab: Path, capsys) -> None:
    twin = written(tmp_path, LAB, "twin.py")
    printed = told(capsys, "list", "--plugin", str(lab), "--plugin", str(twin))
    assert "twin.py, line" in printed
    assert f"that {lab} has already" in printed


def test_a_mistake_while_planning_is_told_with_its_line(tmp_path: Path, capsys) -> None:
    wrong = LAB.replace("    throws =", "    return request.nothing\n    throws =")
    path = written(tmp_path, wrong)
    line = path.read_text().splitlines().index("    return request.nothing") + 1
    printed = told(capsys, "dice", "--plugin", str(path), "--dry-run")
    assert f"{path}, line {line}: AttributeError" in printed


def test_a_mistake_in_a_section_leaves_the_others(tmp_path: Path) -> None:
    def record(trial: Trial) -> Record:
        source = provenance.of_trial() | {"started": datetime.now(UTC).isoformat()}
        return Record(trial, "done", {"eyes": 1}, None, source, tmp_path)

    path = written(tmp_path, LAB.replace("    eyes = [record.", "    eyes = [record.no."))
    throw = record(Trial("dice", "die", None, {}, 0))
    with plugins.using([plugins.read(path)]):
        report = assemble.gather({"dice": [throw]}, Request(), "command")[1]
    [caveat] = report.sections[0].caveats
    assert "AttributeError" in caveat
    assert f"{path}, line " in caveat


def test_what_a_folder_of_results_names_is_never_run(tmp_path: Path, capsys) -> None:
    marker, out = tmp_path / "was-run", tmp_path / "out"
    evil = written(tmp_path, f"import os\nos.mkdir({str(marker)!r})\nLEARNERS = {{}}\n", "evil.py")
    trial = Trial("twinspike_plugins.evil:run", "evil", DatasetRef("evil"), {}, 0)
    store = Store(out / "trials")
    store.prepare()
    store.put_failed(trial, {"type": "E", "message": "", "traceback": ""}, {})
    request = {
        "profile": "quick", "n_seeds": None, "learners": ["evil"], "settings": [],
        "datasets": [{"name": "evil"}], "plugins": [str(evil)],
    }  # fmt: skip
    plan = {"plan": to_json({"evil": [trial]}), "experiments": ["evil"], "command": "c"}
    named = {"name": "evil", "path": str(evil), "digest": "0" * 16}
    saved = json.dumps({"request": request, "plugins": [named], **plan})
    (out / "request.json").write_text(saved)
    assert main(["status", "--out", str(out)]) == 1
    assert main(["report", "--out", str(out)]) == 1
    assert f"--plugin {evil}" in capsys.readouterr().out
    assert pd.read_csv(out / "trials.csv")["learner"].tolist() == ["evil"]
    assert not marker.exists()
    main(["list", "--plugin", str(evil)])  # the user's own command line is another matter
    assert marker.exists()


def test_an_installed_plugin_is_known_without_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    info = tmp_path / "mylab-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mylab\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\nmylab = mylab_twinspike.lab\n")
    (tmp_path / "mylab_twinspike").mkdir()
    (tmp_path / "mylab_twinspike" / "__init__.py").write_text("")
    written(tmp_path / "mylab_twinspike")
    monkeypatch.syspath_prepend(tmp_path)
    [plugin] = plugins.installed()
    assert (plugin.name, plugin.module) == ("mylab", "mylab_twinspike.lab")
    assert main(["list", "learners"]) == 0
    assert "mylab_twinspike.lab" in "".join(capsys.readouterr().out.split())
    trial = Trial("dice", "die", None, {}, seed=1)
    with plugins.using([plugin]), open_workers(1, None, Limits(seconds=60)) as workers:
        result = workers.submit(0, trial, (), DataAccess()).result(timeout=60)
    assert result.outcome.metrics == {"eyes": 3}
    assert result.provenance["plugins"] == {"mylab": plugin.digest}


def test_examples_are_short_and_do_what_they_say(root: Path, monkeypatch, capsys) -> None:
    paths = sorted((root / "examples").glob("own_*.py"))
    assert len(paths) == 3
    monkeypatch.chdir(root)
    for path in paths:
        text = path.read_text()
        assert len(text.splitlines()) < 80
        [words] = re.findall(r"^    python -m study.run (.*)$", text, re.MULTILINE)
        assert main([*words.split(), "--dry-run"]) == 0
        assert capsys.readouterr().out.startswith("#1 ")

    def outcomes(known: Sequence[plugins.Plugin], trials: Sequence[Trial]) -> list[dict]:
        results = [execute(t, (), DataAccess(), lambda _: None, known) for t in trials]
        assert [result.error for result in results] == [None] * len(results)
        return [result.outcome.metrics for result in results if result.outcome]

    known = [plugins.read(path) for path in paths]
    with plugins.using(known):
        request = Request(n_seeds=1, datasets=(data.parse("stripes"),), learners=("mean",))
        learned = outcomes(known, experiments.load("compare").trials(request))
        thrown = outcomes(known, experiments.load("refractory").trials(Request(n_seeds=1)))
    assert learned[0]["test_accuracy"] > 0.9
    assert [round(metrics["cv"], 1) for metrics in thrown] == [1.0, 0.8, 0.6, 0.2]
