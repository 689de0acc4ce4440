"""Networks by name, and the spikes that their thresholds allow."""

import dataclasses

import numpy as np
import pytest

from biosim.diehl_cook import (
    DiehlCook,
    PowerLaw,
    Triplet,
    brian2_ports,
    budgeted,
    paper,
    published_code,
    spike_budget,
    train,
)
from biosim.diehl_cook.compiled import EventNetwork
from biosim.diehl_cook.stimulus import poisson_spikes

# Thresholds that settle within some hundred short presentations.
FAST = DiehlCook(
    n_exc=12,
    present_s=0.1,
    rest_s=0.03,
    weight_sum=20.0,
    max_rate_hz=250.0,
    max_delay_s=0.0,
    min_spikes=0,
    theta_plus_v=2e-3,
    tau_theta_s=3.0,
)


def bars(n_images):
    rng = np.random.default_rng(0)
    images = np.tile(np.kron(np.eye(4), np.ones(15)), (n_images // 4, 1))
    return np.clip(images + 0.05 * rng.random(images.shape), 0, 1)


def test_networks_by_name_differ_in_what_their_sources_say() -> None:
    code, ports, text = published_code(), brian2_ports(), paper()
    assert {spec.n_exc for spec in (code, ports, text, budgeted())} == {400}
    assert (code.lockout_s, code.excitatory.refractory_s) == (5e-3, 0.0)
    assert (ports.lockout_s, ports.excitatory.refractory_s) == (50e-3, 5e-3)
    excitatory = dataclasses.replace(ports.excitatory, refractory_s=0.0)
    assert dataclasses.replace(ports, lockout_s=5e-3, excitatory=excitatory) == code
    assert dataclasses.replace(text, rule=Triplet(), max_delay_s=10e-3) == code
    assert isinstance(text.rule, PowerLaw)
    assert dataclasses.replace(budgeted(), max_delay_s=10e-3) == code


@pytest.mark.parametrize("n_exc", [25, 100, 400, 1600, 6400])
def test_a_budgeted_network_has_as_many_spikes_whatever_its_size(n_exc: int) -> None:
    assert spike_budget(budgeted(n_exc), 40e-3) == pytest.approx(16.0)
    assert spike_budget(published_code(n_exc), 40e-3) == pytest.approx(n_exc / 25)


def test_the_spike_budget_is_what_a_network_fires_once_its_thresholds_have_settled() -> None:
    """Within 15 %, of which the sampling of 200 presentations is a part."""
    images, late, budgets = bars(800), slice(600, None), []
    for theta_plus_v in (2e-3, 4e-3):
        spec = dataclasses.replace(FAST, theta_plus_v=theta_plus_v)
        trained = train(spec, images, np.arange(800), seed=0)
        budgets.append(spike_budget(spec, trained.theta_mean_v[late].mean()))
        assert trained.spikes[late].mean() == pytest.approx(budgets[-1], rel=0.15)
        assert set(trained.presentations) == {1}
    assert budgets[0] > 1.3 * budgets[1]


def test_the_spike_budget_has_no_bound_without_adaptation_and_refuses_nonsense() -> None:
    assert spike_budget(dataclasses.replace(FAST, theta_plus_v=0.0), 0.04) == float("inf")
    with pytest.raises(ValueError, match="theta_v must not be negative"):
        spike_budget(FAST, -1e-3)


@pytest.mark.parametrize("rule", [Triplet(1e-3, 0.1), PowerLaw(0.05)])
def test_a_row_added_is_the_calendar_with_delays_of_zero_bit_for_bit(rule) -> None:
    spec = dataclasses.replace(FAST, rule=rule)
    rng = np.random.default_rng(1)
    weights, delays_s = 0.7 * rng.random((60, 12)), np.zeros((60, 12))
    networks = [
        EventNetwork(spec, weights, delays_s, np.full(12, 0.02), plastic=True) for _ in range(2)
    ]
    rows = {"calendar": (4, 12), "sent": (4, 60), "n_sent": (4,), "trace": (4, 60)}
    longer = {n: np.zeros(shape, getattr(networks[1].state, n).dtype) for n, shape in rows.items()}
    networks[1].state = networks[1].state._replace(**longer)
    for image in bars(8):
        spikes = poisson_spikes(spec, 250.0 * image, rng)
        for network in networks:
            network.normalise()
            network.advance(spikes, spec.present_steps + spec.rest_steps)
    short, long = networks
    assert short.state.spikes.sum() > 20
    for name in set(short.state._fields) - set(rows):
        assert np.array_equal(getattr(short.state, name), getattr(long.state, name)), name
    assert np.array_equal(short.synapses.weight, long.synapses.weight)


def test_without_inhibition_neurons_compute_alone_what_they_compute_among_others() -> None:
    """Of any number of neurons; some start where a step would overshoot."""
    n_exc, rng = 1100, np.random.default_rng(2)
    spec = dataclasses.replace(FAST, n_exc=n_exc, weight_inh_exc=0.0)
    weights, conductance = 0.7 * rng.random((60, n_exc)), 400.0 * rng.random(n_exc)
    drawn = [poisson_spikes(spec, 250.0 * image, rng) for image in bars(4)]

    def run(some: slice) -> EventNetwork:
        columns, n = weights[:, some], len(conductance[some])
        part = dataclasses.replace(spec, n_exc=n)
        network = EventNetwork(part, columns, 0 * columns, np.full(n, 0.02), plastic=True)
        network.state.g_e[:] = conductance[some]
        for spikes in drawn:
            network.normalise()
            network.advance(spikes, spec.present_steps + spec.rest_steps)
        return network

    whole, parts = run(slice(None)), [run(slice(700)), run(slice(700, None))]
    assert whole.state.spikes.sum() > 1000
    for name in ("v", "g_e", "theta", "since", "spikes"):
        alone = np.concatenate([getattr(part.state, name) for part in parts])
        assert np.array_equal(getattr(whole.state, name), alone), name
    alone = np.concatenate([part.synapses.weight for part in parts], axis=1)
    assert np.array_equal(whole.synapses.weight, alone)
