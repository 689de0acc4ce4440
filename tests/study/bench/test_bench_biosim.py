"""The benchmark of presentations: its table, what it cannot measure, and that the work is done."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from biosim.diehl_cook import DiehlCook, runtime
from biosim.diehl_cook.lesson import Lesson
from study.bench import biosim, frame, presentations
from study.bench.frame import Case
from study.bench.peers import diehl_cook_published
from study.run import main

TIMES = {"events": 2.0, "brian2-standalone": 10.0, "published-way": 400.0}


def fake_measurement(case: Case, number: int):
    if case.version is None:
        return "not installed"
    wall_s = 1e-3 * TIMES.get(case.implementation, 50.0)
    return presentations.values(wall_s, wall_s, 1) | {"compile_s": 30.0 + number}


def rows_of(folder) -> list[dict[str, str]]:
    with (folder / "bench.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_command_writes_presentations_a_second_and_ratios(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(frame, "_measure", fake_measurement)
    monkeypatch.setattr("biosim.backend.has_compiler", lambda: True)
    assert main(["bench", "biosim", "--out", str(tmp_path)]) == 0
    rows = rows_of(tmp_path)
    columns = {"work", "implementation", "presentations_per_s", "ratio_to_fastest_peer"}
    assert columns <= set(rows[0])
    assert {row["work"] for row in rows if row["work"].startswith("N=")} == {"N=100", "N=400"}
    growth = [row["n_exc"] for row in rows if row["work"].startswith("growth")]
    assert growth == ["100", "400", "1600", "6400"]
    of_400 = {row["implementation"]: row for row in rows if row["work"] == "N=400"}
    assert list(of_400) == list(biosim.IMPLEMENTATIONS)
    assert float(of_400["events"]["presentations_per_s"]) == pytest.approx(500)
    assert float(of_400["events"]["ratio_to_fastest_peer"]) == pytest.approx(200)
    assert float(of_400["brian2-standalone"]["ratio_to_fastest_peer"]) == pytest.approx(40)
    assert float(of_400["brian2-numpy"]["ratio_to_published_way"]) == pytest.approx(8)
    assert of_400["annarchy"]["ratio_to_published_way"] == ""
    assert float(of_400["brian2-standalone"]["compile_s"]) == 31.0
    told = capsys.readouterr().out
    assert "200.0 times as fast as the fastest peer, published-way" in told
    source = json.loads((tmp_path / "bench.json").read_text())
    assert source["command"].startswith("python -m study.run")


def test_what_cannot_be_measured_is_named_with_the_reason(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(frame, "_measure", fake_measurement)
    monkeypatch.setattr("biosim.backend.has_compiler", lambda: False)
    assert main(["bench", "biosim", "--quick", "--out", str(tmp_path)]) == 0
    rows = {row["implementation"]: row for row in rows_of(tmp_path)}
    assert rows["events"]["status"] == rows["brian2-numpy"]["status"] == "done"
    told = capsys.readouterr().out
    for name, reason in (
        ("brian2-standalone", "no C++ compiler was found"),
        ("brian2-cython", "no C++ compiler was found"),
        ("published-way", "no C++ compiler was found"),
        ("bindsnet", "no interpreter that has it was given; --python bindsnet=FILE"),
        ("bindsnet-250-steps", "no interpreter that has it was given; --python bindsnet=FILE"),
        ("annarchy", "no interpreter that has it was given; --python annarchy=FILE"),
    ):
        assert (rows[name]["status"], rows[name]["reason"]) == ("not measured", reason)
        assert f"{name} was not measured: {reason}" in told


def test_an_interpreter_without_the_peer_is_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(frame, "_measure", fake_measurement)
    command = ["bench", "biosim", "--quick", "--peers", "annarchy", "--out", str(tmp_path)]
    assert main([*command, "--python", f"annarchy={sys.executable}"]) == 0
    (row,) = (row for row in rows_of(tmp_path) if row["implementation"] == "annarchy")
    assert row["status"] == "not measured"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--peers", "bindsnett"], "Did you mean 'bindsnet'"),
        (["--peers", "events"], "unknown peer"),
        (["--python", "brian2=python"], "Allowed: annarchy, bindsnet"),
        (["--python", "bindsnet=/no/such/file"], "there is no interpreter"),
    ],
)
def test_mistakes_are_told(capsys, arguments, told) -> None:
    assert main(["bench", "biosim", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_images_have_the_size_of_mnists_and_as_much_input() -> None:
    shown, spec = presentations.images(), DiehlCook()
    assert shown.shape == (1797, 784)
    assert 0 <= shown.min() <= shown.max() <= 1
    frame_pixels = shown.reshape(-1, 28, 28).copy()
    frame_pixels[:, 4:24, 4:24] = 0
    assert not frame_pixels.any()
    spikes = (spec.max_rate_hz * spec.present_s * shown).sum(axis=1).mean()
    assert 2000 < spikes < 3500  # of MNIST: 2,300


def test_a_script_is_told_the_published_numbers_and_its_answer_is_read(tmp_path, monkeypatch):
    script = tmp_path / "peer.py"
    script.write_text(
        "import json, sys\n"
        "asked = json.load(sys.stdin)\n"
        "assert asked['dt_ms'] == 0.5 and asked['present_ms'] == 250 and asked['n_exc'] == 7\n"
        "print('talk')\n"
        "print(json.dumps({'wall_s': 6.0, 'cpu_s': 3.0, 'presentations': 30}))\n"
    )
    found = presentations.measure_elsewhere(str(script), sys.executable, 7, 3, present_ms=250)
    assert (found["median_ms"], found["cpu_ms"], found["presentations_per_s"]) == (200, 100, 5)
    script.write_text("raise ValueError('no such model')")
    with pytest.raises(RuntimeError, match="ValueError: no such model"):
        presentations.measure_elsewhere(str(script), sys.executable, 7, 3)


def test_the_published_way_shows_and_learns_what_the_engines_do(monkeypatch):
    """Brian2 without a compiler: a small network needs no waiting for one."""
    monkeypatch.setattr("biosim.backend.has_compiler", lambda: False)
    spec = DiehlCook(
        n_exc=5, present_s=0.05, rest_s=0.2, weight_sum=8.0, lockout_s=0.0, max_presentations=3
    )
    rng = np.random.default_rng(0)
    bright, dark = np.ones(20), np.zeros(20)
    weights = np.full((20, 5), spec.weight_sum / 20) * rng.uniform(0.9, 1.1, (20, 5))
    lesson = Lesson(
        replace(spec, max_rate_hz=800.0, extra_rate_hz=0.0),
        np.array([bright, dark]),
        np.array([0, 1, 0]),
        weights,
        np.zeros((20, 5)),
        np.full(5, spec.theta_start_v),
        seed=1,
    )
    seen = []
    found = diehl_cook_published.learn(lesson, lambda fraction, note: seen.append((fraction, note)))
    assert list(found) == [1, 3, 1]
    assert seen[-1][0] == 1.0
    # Both draw the same numbers in each step.
    reference = runtime.learn(lesson, lambda *_: None)
    assert list(reference.presentations) == [1, 3, 1]
    assert [note for _, note in seen] == [f"{n} spikes" for n in reference.spikes]
    assert reference.spikes.max() > 5


def test_a_measurement_counts_repeated_presentations(monkeypatch):
    def learn(lesson, progress):
        for _ in lesson.order:
            progress(0.5, "")
        return np.array([9, 2, 3])

    monkeypatch.setitem(presentations.LEARN, "fake", learn)
    monkeypatch.setattr(presentations, "LEARNED_BEFORE", 2)
    clock = iter([0.0, 1.0, 2.0])
    monkeypatch.setattr(presentations.time, "perf_counter", lambda: next(clock))
    found = presentations.measure("fake", n_exc=4, samples=3)
    assert found["presentations_per_s"] == 2.5
    assert found["median_ms"] == 400
