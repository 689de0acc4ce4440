"""The benchmark compares equals, and its table says what was done."""

from __future__ import annotations

import csv
import importlib
import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from gradsim import LIFParameters, raster
from gradsim.losses import max_over_time_nll
from study.bench import frame, gradsim, training
from study.bench.frame import Case
from study.bench.peers import IMPLEMENTATIONS, ours, sparse_csr, spytorch_unbind
from study.bench.works import W1, W2, Weights, initial_weights, samples, scaling
from study.run import main

SMALL = {
    "feed-forward": replace(W1, n_in=60, spikes=40, hidden=12, n_out=4, n_steps=30, batch=8),
    "recurrent": replace(
        W2, n_in=50, spikes=300, hidden=12, n_out=4, n_steps=30, batch=8, weight_scale=1.0
    ),
}


def small(name: str):
    """Return a small work, its weights in double precision, its raster and labels."""
    work = SMALL[name]
    events, labels = samples(work)
    weights = Weights(*(None if w is None else w.astype(float) for w in initial_weights(work)))
    return work, weights, raster(events, torch.float64), torch.from_numpy(labels)


@pytest.fixture(scope="module")
def jax_scan():
    """The scan in JAX; of the module, since importing JAX draws from NumPy's global generator."""
    pytest.importorskip("jax")
    return importlib.import_module("study.bench.peers.jax_scan")


def learned(module, x, labels):
    """Return the loss of a module and its gradients, in the order of `Weights`."""
    loss = max_over_time_nll(module.double()(x)[1], labels)
    loss.backward()
    by_shape = {tuple(p.shape): p.grad.numpy() for p in module.parameters()}
    return loss.item(), by_shape


def reference(work, weights, x, labels, neuron=None):
    """Return what `learned` does, of gradsim's readable engine."""
    module = ours.build(work, weights, engine="torch").module
    if neuron is not None:
        module.network.hidden[0].neuron = neuron
        module.network.config = replace(module.network.config, neuron=neuron)
    return learned(module, x, labels)


def assert_same(found, expected) -> None:
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    assert found[1].keys() == expected[1].keys()
    for shape, gradient in expected[1].items():
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(found[1][shape], gradient, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", SMALL)
def test_spytorchs_loop_has_the_loss_and_gradients_of_the_reference(name: str) -> None:
    work, weights, x, labels = small(name)
    found = learned(spytorch_unbind.build(work, weights).module, x, labels)
    assert_same(found, reference(work, weights, x, labels))


@pytest.mark.parametrize("name", SMALL)
def test_sparse_input_has_the_loss_and_gradients_of_the_reference(name: str) -> None:
    work, weights, x, labels = small(name)
    found = sparse_csr.sparse(samples(work)[0])
    rows, columns = (part.to(x.dtype) for part in found[:2])
    spikes = found._replace(rows=rows, columns=columns)
    told = learned(sparse_csr.build(work, weights).module, spikes, labels)
    assert_same(told, reference(work, weights, x, labels))


def test_bfloat16_rounds_products_and_no_more() -> None:
    work, weights, x, labels = small("feed-forward")
    exact, rounded = (
        max_over_time_nll(
            spytorch_unbind.build(work, weights, cast).module.float()(x.float())[1], labels
        )
        for cast in ("", "bfloat16")
    )
    assert exact.item() != rounded.item()
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)


@pytest.mark.parametrize("name", SMALL)
def test_the_jax_scan_has_the_loss_and_gradients_of_the_reference(jax_scan, name: str) -> None:
    work, weights, x, labels = small(name)
    with jax_scan.jax.enable_x64(True):
        loss, gradients = jax_scan.jax.value_and_grad(jax_scan.loss)(
            weights, x.numpy(), labels.numpy()
        )
        found = float(loss), {g.shape: np.asarray(g) for g in gradients if g is not None}
    assert_same(found, reference(work, weights, x, labels))


def test_the_comparison_tells_another_reset_apart() -> None:
    work, weights, x, labels = small("feed-forward")
    found = learned(spytorch_unbind.build(work, weights).module, x, labels)
    other = reference(work, weights, x, labels, LIFParameters(reset="subtract"))
    with pytest.raises(AssertionError):
        assert_same(found, other)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("work", SMALL.values(), ids=SMALL)
def test_every_implementation_that_is_installed_does_the_work(work, name: str) -> None:
    if not IMPLEMENTATIONS[name].installed:
        pytest.skip(f"{name} is not installed")
    # Peers draw initial weights from PyTorch's generator before they get ours.
    with torch.random.fork_rng():
        values, expected = (
            training.measure(each, vars(work), seconds=0, threads=torch.get_num_threads())
            for each in (name, "gradsim-torch")
        )
    assert values["median_ms"] > 0
    # Peers that reset within the step of a spike and keep the next input fire more.
    assert 0.5 < values["hidden_rate"] / expected["hidden_rate"] < 2.5


def test_adam_in_jax_makes_the_steps_of_pytorchs(jax_scan) -> None:
    work, weights, x, labels = small("recurrent")
    module = spytorch_unbind.build(work, weights).module.double()
    optimiser = torch.optim.Adam(module.parameters(), lr=jax_scan.LEARNING_RATE)
    with jax_scan.jax.enable_x64(True):
        trainer = jax_scan.build(work, weights)
        for _ in range(3):
            trainer.step((x.numpy(), labels.numpy()))
            optimiser.zero_grad()
            max_over_time_nll(module(x)[1], labels).backward()
            optimiser.step()
        moved = np.asarray(trainer.weights.hidden) - weights.hidden
    expected = module.hidden.weight.detach().numpy() - weights.hidden
    assert np.abs(expected).max() == pytest.approx(3 * jax_scan.LEARNING_RATE, rel=0.01)
    np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-12)


def test_works_have_the_statistics_that_they_are_named_for() -> None:
    events, labels = samples(W1)
    assert len(events) == len(labels) == 256
    assert events.counts.mean() == pytest.approx(383, rel=0.01)
    assert (events.step.min(), events.step.max()) == (4, 79)
    events, _ = samples(W2)
    assert events.counts.mean() == pytest.approx(8013, rel=0.01)


@pytest.mark.parametrize(("work", "rate"), [(W1, 0.013), (W2, 0.042)], ids=["W1", "W2"])
def test_hidden_neurons_fire_as_often_as_the_work_says(work, rate: float) -> None:
    events, _ = samples(work)
    few = events.take(np.arange(32))
    trainer = ours.build(work, initial_weights(work), engine="torch")
    assert trainer.hidden_rate((raster(few), None)) == pytest.approx(rate, rel=0.1)


def test_input_spikes_do_not_grow_with_the_number_of_steps() -> None:
    works = scaling()
    assert len({work.name for work in works}) == len(works)
    for work in works:
        if work.n_steps >= 100:
            few = replace(work, batch=16)
            assert samples(few)[0].counts.mean() == pytest.approx(work.spikes, rel=0.03)


def test_what_changes_while_it_is_timed_is_an_error() -> None:
    training._require_steady("loss", 2.0, 2.01)
    for after in (2.5, float("nan")):
        with pytest.raises(RuntimeError, match="loss went from 2 to"):
            training._require_steady("loss", 2.0, after)


def case(name: str, **values: object) -> Case:
    """Return a case whose process returns its own arguments."""
    return Case("work", name, name == "own", "1.0", "builtins:dict", values)


def test_rows_hold_medians_ratios_and_what_could_not_be_measured() -> None:
    cases = [
        case("own", median_ms=2.0, cpu_ms=2.0, memory_mb=None),
        case("slow", median_ms=9.0, cpu_ms=5.0, memory_mb=3.0),
        case("fast", median_ms=5.0, cpu_ms=5.0, memory_mb=4.0),
        replace(case("absent"), version=None),
        replace(case("broken", x=4), function="math:sqrt"),
    ]
    rows = frame.run(cases, 2, "test")
    assert [row["implementation"] for row in rows] == [c.implementation for c in cases]
    assert [row["ratio_to_fastest_peer"] for row in rows] == [2.5, 5 / 9, 1.0, None, None]
    assert rows[1]["memory_mb"] == 3.0
    assert rows[0]["rounds"] == 2
    assert rows[3]["status"] == "not installed"
    assert rows[4]["status"].startswith("failed: TypeError")
    assert frame.failed(rows)
    assert not frame.failed(rows[:4])
    assert frame.fastest(rows, "work", 1) == ["fast"]
    told = frame.conclusions(rows)
    assert "own 2.0 ms, 2.5 times as fast as the fastest peer, fast 5.0 ms" in told[0]
    assert "had to wait for 44%" in told[1]
    assert len(frame.conclusions([rows[0], *rows[2:]])) == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds processes")
def test_a_process_of_its_own_is_bound_to_its_cores() -> None:
    code = "import os; print(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"
    asked = {"args": [sys.executable, "-c", code], "text": True}
    bound = replace(case("own", **asked), function="subprocess:check_output")
    assert frame._measure(bound, 0) == "1 1\n"


def fake_measurement(case: Case, number: int):
    if case.version is None:
        return "not installed"
    if case.implementation == "snntorch":
        return "failed: RuntimeError: no"
    time = 1.0 if case.ours else 30.0 + number
    return {"median_ms": time, "cpu_ms": time, "memory_mb": 10.0, "hidden_rate": 0.01}


def test_the_command_prints_and_writes_the_table(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(frame, "_measure", fake_measurement)
    assert main(["bench", "gradsim", "--out", str(tmp_path), "--peers", "spytorch-unbind"]) == 0
    with (tmp_path / "bench.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0])[:5] == frame.COLUMNS
    of_w1 = {row["implementation"]: row for row in rows if row["work"] == "W1"}
    assert list(of_w1) == ["gradsim-events", "gradsim-torch", "spytorch-unbind"]
    assert float(of_w1["gradsim-events"]["ratio_to_fastest_peer"]) == 31.0
    assert {row["work"] for row in rows} >= {"W2", "W1, T=400", "W2, T=400", "W1, H=800"}
    source = json.loads((tmp_path / "bench.json").read_text())
    assert source["implementations"]["spytorch-unbind"] == torch.__version__
    assert "python -m study.run" in source["command"]
    assert "31.0 times as fast as the fastest peer" in capsys.readouterr().out


def test_what_fails_gives_status_one_and_what_is_absent_does_not(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(frame, "_measure", fake_measurement)
    command = ["bench", "gradsim", "--quick", "--out", str(tmp_path), "--peers"]
    absent = replace(IMPLEMENTATIONS["norse"], package="a_package_that_nobody_has")
    present = replace(IMPLEMENTATIONS["snntorch"], package="torch")
    monkeypatch.setitem(IMPLEMENTATIONS, "norse", absent)
    monkeypatch.setitem(IMPLEMENTATIONS, "snntorch", present)
    assert main([*command, "norse"]) == 0
    assert "not installed" in (tmp_path / "bench.csv").read_text()
    assert main([*command, "snntorch"]) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["gradsim", "--peers", "snntorc"], "Did you mean 'snntorch'"),
        (["gradsim", "--peers", "gradsim-torch"], "unknown peer"),
        (["gradsin"], "gradsim"),
    ],
)
def test_mistakes_are_told(capsys, arguments, told) -> None:
    assert main(["bench", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_small_works_run_end_to_end(tmp_path, monkeypatch) -> None:
    for name, work in zip(("W1", "W2"), SMALL.values(), strict=True):
        monkeypatch.setattr(gradsim, name, work)
    command = ["bench", "gradsim", "--quick", "--peers", "spytorch-unbind"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    with (tmp_path / "bench.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["done"] * 6
    assert all(float(row["median_ms"]) > 0 for row in rows)
