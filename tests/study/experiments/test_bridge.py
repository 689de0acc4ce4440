"""The bridge finds the same network where it is the same, and says so where it is not."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import pytest
import torch

from biosim.chain import ChainRecording, run_chain
from gradsim import CurrentEncoder, SpikingNetwork, Traces, from_raster
from gradsim.to_nir import to_bytes
from study import data
from study.analysis.agreement import Spikes, match
from study.data import fetch
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Traces as RecordedTraces
from study.experiments.bridge import experiment as bridge
from study.experiments.bridge import limit, plan, robustness, twin
from study.experiments.bridge import run as same
from study.experiments.bridge.limit import CostConfig, LimitConfig
from study.experiments.bridge.refined import run_refined
from study.experiments.bridge.robustness import RobustnessConfig, SubstituteConfig
from study.experiments.bridge.run import CONTROLS, BridgeConfig
from study.learners.surrogate_config import SurrogateConfig, preset
from study.request import Request
from study.trials.store import Store
from study.trials.trial import Context, Outcome, Record, Trial

FOLDERS = os.environ.get("SNN_DATA_DIR", "")  # a fixture hides it from tests
NETWORK = SurrogateConfig(hidden=20, n_steps=40, weight_scale=1.0)
SMALL = (
    BridgeConfig(tolerances_steps=(0.0, 2.0), max_samples=20),
    LimitConfig(refinements=(1, 10, 100), max_samples=10),
    CostConfig(refinements=(1, 4), tolerances_steps=(0.0, 1.0), max_samples=20),
    RobustnessConfig((0.2,), (8, 3), (1e-3,), refinement=2, max_samples=20),
    SubstituteConfig("traub", max_samples=3),
)


def needed(config: SurrogateConfig, seed: int = 3) -> tuple[Trial, Context]:
    """A trial as if it had trained a network, and the context in which that is known."""
    trained = Trial("x:y", "surrogate", DatasetRef("digits"), dataclasses.asdict(config), 0)
    network = SpikingNetwork(config.network(64, 10), torch.Generator().manual_seed(seed))
    return trained, Context(needs=(Outcome(files={"network.nir": to_bytes(network)}),))


def trial(config: Any, trained: Trial) -> Trial:
    name, procedure = plan.RUNS[type(config)]
    return Trial(procedure, name, trained.dataset, dataclasses.asdict(config), 0, needs=(trained,))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Every question about a network with random weights, kept in a store."""
    trained, context = needed(NETWORK)
    store = Store(tmp_path_factory.mktemp("trials"))
    asked = [trial(config, trained) for config in SMALL]
    return [store.put_done(each, each.resolve()(each, context), {}) for each in asked]


def test_at_equal_dt_it_is_the_same_network(records: list[Record]) -> None:
    found = records[0].metrics
    assert found["spikes_discrete"] > 300
    assert found["agreement_same"] == found["correlation_same"] == 1.0
    assert found["van_rossum_same"] == found["largest_shift_s_same"] == 0
    assert found["first_divergence_s"] is None
    assert found["trains_differing"] == 0
    assert found["membrane_error"] < 1e-9
    assert found["readout_error"] < 1e-9
    table = records[0].arrays["confusion"]
    assert np.trace(table) == table.sum() == 20


CROSSING: dict[str, dict[str, Any]] = {
    "recurrent": {"recurrent": True},
    "two layers that integrate first": {
        "recurrent": True, "order": "integrate_first", "reset": "subtract", "layers": 2,
    },
    "learned time constants": {"gain": "one_minus_beta", "weight_scale": 30.0, "learned_tau": True},
}  # fmt: skip


@pytest.mark.parametrize("changes", CROSSING.values(), ids=CROSSING)
def test_other_networks_cross_as_exactly(changes) -> None:
    config = dataclasses.replace(NETWORK, **changes)
    trained, context = needed(config)
    pair = twin.prepare(trial(SMALL[0], trained), context, 10)
    discrete = twin.run_discrete(pair)
    found = same._differences(pair, discrete, _equal_dt(pair))
    assert len(discrete.spikes) > 200
    assert found["trains_differing"] == 0
    assert found["membrane_error"] < 1e-9
    assert found["readout_error"] < 1e-9


def _equal_dt(pair: twin.Twin) -> ChainRecording:
    return run_chain(pair.chain, pair.inputs, pair.events.n_steps, membranes_of=len(pair.events))


@pytest.mark.parametrize("control", CONTROLS)
def test_each_control_is_detected(records: list[Record], control: str) -> None:
    found = records[0].metrics
    assert found[f"agreement_{control}"] < 0.9
    assert found[f"van_rossum_{control}"] > 0.01
    assert found[f"correlation_{control}"] < 1 - 1e-6


def test_what_acts_a_step_late_agrees_within_a_step() -> None:
    """The control is of the right kind: the same spikes, one step later."""
    trained, context = needed(NETWORK)
    pair = twin.prepare(trial(SMALL[0], trained), context, 5)
    late = twin.controls(pair.chain, ["late"], 0)["late"]
    here, there = (
        pair.spikes(_equal_dt(dataclasses.replace(pair, chain=chain)))
        for chain in (pair.chain, late)
    )
    shifted = Spikes(here.time_s + pair.chain.dt_s, here.train)
    kept = shifted.time_s < pair.duration_s - 1e-9
    assert {*zip(np.round(shifted.time_s[kept] * 1e3), shifted.train[kept], strict=True)} == {
        *zip(np.round(there.time_s * 1e3), there.train, strict=True)
    }


def test_both_simulators_have_the_same_limit(records: list[Record]) -> None:
    arrays, found = records[1].arrays, records[1].metrics
    assert (np.diff(arrays["share"]) > 0).all()
    assert arrays["share"][-1] > 0.99
    assert (np.diff(arrays["mean_shift_s"]) < 0).all()
    assert found["order"] == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("changes", CROSSING.values(), ids=CROSSING)
def test_refined_by_one_it_is_the_network_as_it_was_trained(changes) -> None:
    trained, context = needed(dataclasses.replace(NETWORK, **changes))
    pair = twin.prepare(trial(SMALL[0], trained), context, 6)
    discrete = twin.run_discrete(pair)
    spikes, readout = run_refined(pair, 1)
    assert len(spikes) > 50
    assert match(discrete.spikes, spikes, 0.0).share == 1
    np.testing.assert_allclose(readout, discrete.readout, atol=1e-9)


@pytest.mark.parametrize(("order", "delay"), [("fire_first", 10), ("integrate_first", -1)])
@pytest.mark.parametrize("gain", ["one", "one_minus_beta"])
def test_a_refined_network_keeps_its_delay_and_holds_its_current(order, delay, gain) -> None:
    """Its readout is the sum of what its own hidden spikes cause, in closed form."""
    scale = NETWORK.weight_scale * (1 if gain == "one" else 20)
    config = dataclasses.replace(NETWORK, order=order, gain=gain, weight_scale=scale)
    trained, context = needed(config)
    pair = twin.prepare(trial(SMALL[0], trained), context, 4)
    spikes, readout = run_refined(pair, 10)
    assert len(spikes) > 50
    layer, dt_s = pair.chain.layers[1], pair.chain.dt_s / 10
    alpha, beta = np.exp(-dt_s / config.tau_syn_s), np.exp(-dt_s / config.tau_mem_s)
    step = np.arange(len(readout)) * 10
    expected = np.zeros_like(readout)
    for fired, train in zip(np.round(spikes.time_s / dt_s), spikes.train, strict=True):
        _, sample, neuron = pair.place(int(train))
        since = np.maximum(step - fired - delay, 0)[:, None]
        shape = (1 - beta) / (beta - alpha) * (beta**since - alpha**since)
        expected[:, sample] += layer.resistance * layer.weight[:, neuron] * shape
    np.testing.assert_allclose(readout, expected, atol=1e-9)


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("order", ["fire_first", "integrate_first"])
def test_recurrent_networks_have_a_common_limit_too(order, reset) -> None:
    changes = {"order": order, "reset": reset, "recurrent": True, "layers": 2}
    config = dataclasses.replace(NETWORK, weight_scale=0.6, recurrent_scale=0.1, **changes)
    trained, context = needed(config)
    found = limit.run(trial(LimitConfig((1, 100), 4), trained), context)
    assert found.arrays["spikes_discrete"][1] > 100
    assert found.arrays["share"][1] > 0.98
    assert found.arrays["share"][1] > found.arrays["share"][0]


def test_brian2_alone_does_not_agree_exactly(records: list[Record]) -> None:
    agreement = records[2].arrays["agreement"]
    assert agreement.shape == (2, 2)
    assert (agreement[:, 0] < 1).all()
    assert (agreement[:, 1] > agreement[:, 0]).all()


def test_perturbations_change_what_they_should() -> None:
    trained, context = needed(NETWORK)
    pair = twin.prepare(trial(SMALL[0], trained), context, 5)
    rng = np.random.default_rng(0)
    jittered = robustness.jittered(pair.chain, 0.1, rng)
    assert np.std(jittered.layers[0].threshold) == pytest.approx(0.1, rel=0.5)
    assert jittered.layers[1].threshold is None
    for bits in (2, 4, 8):
        weight = robustness.quantised(pair.chain, bits).layers[0].weight
        assert len(np.unique(weight)) <= 2**bits - 1
        assert np.abs(weight).max() == pytest.approx(np.abs(pair.chain.layers[0].weight).max())
        unit = np.abs(weight).max() / (2 ** (bits - 1) - 1)
        assert np.abs(weight - pair.chain.layers[0].weight).max() <= unit / 2 + 1e-12
    moved = robustness.shifted(pair.inputs, 2e-3, rng)
    assert (moved.time_s >= 0).all()
    late = pair.inputs.time_s > 10e-3
    assert np.std((moved.time_s - pair.inputs.time_s)[late]) == pytest.approx(2e-3, rel=0.2)


def test_a_level_of_nothing_changes_nothing() -> None:
    trained, context = needed(NETWORK)
    config = RobustnessConfig((0.0,), (24,), (0.0,), refinement=1, max_samples=5)
    arrays = robustness.run(trial(config, trained), context).arrays
    assert arrays["threshold_jitter_share"].tolist() == [1.0]
    assert arrays["time_noise_share"].tolist() == [1.0]
    assert arrays["weight_bits_share"][0] > 0.95


def test_other_neurons_fire_at_other_times(records: list[Record]) -> None:
    found = records[4].metrics
    assert found["spikes_cell"] > 10
    assert found["agreement"] < 1
    assert found["rate_error_hz"] < 5


def test_the_section_tells_all(records: list[Record]) -> None:
    section = bridge.section(records)
    assert "at least 100.000 % of hidden spikes agree" in section.findings[0]
    names = [figure.name for figure in section.figures]
    assert names == [
        "bridge-raster", "bridge-limit", "bridge-cost", "bridge-robustness", "bridge-calibration",
    ]  # fmt: skip
    assert len(section.tables) == 4
    for figure in section.figures:
        assert all(ax.get_xlabel() for ax in figure.drawing.axes)
    one = bridge.section(records[1:2])
    assert [figure.name for figure in one.figures] == ["bridge-limit"]
    assert one.tables == ()


@pytest.mark.parametrize("profile", ["quick", "standard"])
def test_every_question_is_asked_of_trained_networks(profile: str) -> None:
    asked = bridge.trials(Request(profile=profile, n_seeds=2))
    assert {each.procedure for each in asked} == {run for _, run in plan.RUNS.values()}
    assert all(each.needs[0].subject == "surrogate" for each in asked)
    steps = {
        each.needs[0].config["dt_s"] for each in asked if each.procedure == limit.COST_PROCEDURE
    }
    assert len(steps) == len(plan.TRAINING_DT[profile])
    assert len({each.id for each in asked}) == len(asked)


def test_another_training_step_keeps_durations_and_what_a_spike_does() -> None:
    trained, _ = needed(NETWORK)
    coarse = plan.at_step(trained, 4.0).config
    assert coarse["dt_s"] * coarse["n_steps"] == pytest.approx(
        trained.config["dt_s"] * trained.config["n_steps"]
    )
    assert coarse["weight_scale"] == pytest.approx(4 * NETWORK.weight_scale)
    held = dataclasses.replace(NETWORK, gain="one_minus_beta")
    trained, _ = needed(held)
    assert plan.at_step(trained, 4.0).config["weight_scale"] == NETWORK.weight_scale
    assert plan.at_step(trained, 1.0) is trained


def test_traces_come_as_the_spikes_of_the_encoder_that_was_trained() -> None:
    config = dataclasses.replace(NETWORK, n_steps=12, encoder_copies=2)
    values = np.random.default_rng(0).normal(size=(5, 6, 3)).astype(np.float32)
    samples = RecordedTraces(values, np.zeros(5, int), 1e-3)
    encoder = CurrentEncoder(
        3, 2, config.encoder_tau_s, config.dt_s, steps_per_sample=2,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    with torch.no_grad():
        encoder.gain *= 30
    gain, bias = (part.detach().numpy() for part in (encoder.gain, encoder.bias))
    found = twin.input_events(samples, config, {"encoder_gain": gain, "encoder_bias": bias})
    expected = from_raster(encoder(Traces(values).take(slice(None)))[0])
    assert len(expected.step) > 10
    np.testing.assert_array_equal(found.step, expected.step)
    np.testing.assert_array_equal(found.unit, expected.unit)
    with pytest.raises(ValueError, match="lacks its encoder"):
        twin.input_events(samples, config, {})


def test_a_train_is_found_by_layer_sample_and_neuron() -> None:
    config = dataclasses.replace(NETWORK, layers=2)
    trained, context = needed(config)
    pair = twin.prepare(trial(SMALL[0], trained), context, 7)
    assert pair.place(0) == (0, 0, 0)
    assert pair.place(20 * 3 + 4) == (0, 3, 4)
    assert pair.place(20 * 7 + 20 * 2 + 1) == (1, 2, 1)
    assert pair.n_trains == 2 * 7 * 20


def test_a_rounding_tie_is_told_from_a_difference() -> None:
    margin = np.full((10, 3), -0.5)
    margin[4, 0] = 1e-12
    spikes = Spikes(np.array([4e-3]), np.array([0]))
    discrete = twin.DiscreteRun(spikes, (), margin, np.zeros((1, 1, 1)))
    late = Spikes(np.array([5e-3, 2e-3]), np.array([0, 2]))
    assert twin.exceptions(discrete, late, 1e-3) == (2, 1)
    assert twin.exceptions(discrete, spikes, 1e-3) == (0, 0)


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (BridgeConfig, {"tolerances_steps": (-1.0,)}),
        (BridgeConfig, {"max_samples": 0}),
        (LimitConfig, {"refinements": (0,)}),
        (CostConfig, {"refinements": ()}),
        (RobustnessConfig, {"weight_bits": (1,)}),
        (RobustnessConfig, {"time_noise_s": (-1.0,)}),
        (SubstituteConfig, {"cell": "lif"}),
    ],
)
def test_plain_settings_out_of_range_are_refused(config, wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        config(**wrong)


@pytest.mark.slow
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("name", ["fashion-mnist", "tbl"])
def test_on_real_data_all_hidden_spikes_are_equal(name, recurrent, monkeypatch) -> None:
    """Two hundred test samples through a network with random weights."""
    monkeypatch.setenv("SNN_DATA_DIR", FOLDERS)
    files = data.DATASETS[name].files
    assert files is not None
    if not all(fetch.find(remote, DataAccess()) for remote in files()):
        pytest.skip(f"{name} is in no folder of SNN_DATA_DIR")
    config = dataclasses.replace(preset("quick", name), recurrent=recurrent, weight_scale=5.0)
    n_in = 784 if name == "fashion-mnist" else 4 * config.encoder_copies
    network = SpikingNetwork(config.network(n_in, 27), torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    encoder = {f"encoder_{k}": rng.normal(size=128).astype(np.float32) for k in ("gain", "bias")}
    trained = Trial("x:y", "surrogate", DatasetRef(name), dataclasses.asdict(config), 0)
    outcome = Outcome(arrays=encoder, files={"network.nir": to_bytes(network)})
    context = Context(data=DataAccess(offline=True), needs=(outcome,))
    pair = twin.prepare(trial(BridgeConfig(), trained), context, 200)
    discrete = twin.run_discrete(pair)
    found = same._differences(pair, discrete, _equal_dt(pair))
    assert len(discrete.spikes) > 10_000
    assert found["trains_differing"] == found["trains_differing_by_rounding_tie"]
    assert found["membrane_error"] < 1e-6
