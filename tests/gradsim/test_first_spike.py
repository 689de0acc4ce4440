"""Networks of single spikes against a simulation tick by tick, and against rounded activations."""

import numpy as np
import pytest
import torch
from torch import nn

from gradsim import QCFS, convert_to_first_spikes
from gradsim.normalisation import scales, stages
from tests.gradsim import rectifiers

MAKERS = [rectifiers.dense, rectifiers.convolutional]


def window(spike_ticks, matrix, bias, n_ticks):
    """Return the potentials ``[out]`` after the window of inputs that spike in ``spike_ticks``."""
    slope, potential = np.zeros(len(matrix)), np.zeros(len(matrix))
    for tick in range(n_ticks):
        for unit in np.flatnonzero(spike_ticks == tick):
            slope += matrix[:, unit]
        slope += bias if tick == 0 else 0
        potential += slope
    return potential


def first_crossings(potential, n_ticks):
    """Return the tick of each neuron's spike under the falling threshold, -1 for none."""
    ticks = np.full(len(potential), -1)
    for tick in range(n_ticks):
        fires = (ticks < 0) & (potential >= n_ticks - tick - 0.5)
        ticks[fires] = tick
    return ticks


@pytest.mark.parametrize("n_ticks", [1, 5, 8])
@pytest.mark.parametrize("make", MAKERS)
def test_levels_are_those_of_a_simulation_tick_by_tick(make, n_ticks):
    network = rectifiers.dyadic(make(rectifier=rectifiers.quantised(n_ticks)), 2, largest=0.7)
    images = rectifiers.dyadic_images(6)
    spiking = convert_to_first_spikes(network, images, n_ticks=n_ticks)
    *levels, readout = spiking.levels(images)
    dense = rectifiers.matrices(spiking.synapses, images.shape[1:])
    shapes = [images.shape[1:], *(level.shape[1:] for level in levels[1:])]
    biases = [
        layer(torch.zeros(1, *shape, dtype=torch.float64)).flatten().numpy() / n_ticks
        for layer, shape in zip(spiking.synapses, shapes, strict=True)
    ]
    spikes = 0
    for b, image in enumerate(images.numpy()):
        ticks = first_crossings(image * n_ticks, n_ticks)
        for k, (matrix, bias) in enumerate(zip(dense, biases, strict=True)):
            level = levels[k][b].flatten().numpy()
            assert np.array_equal(np.where(ticks < 0, 0, n_ticks - ticks), level)
            spikes += (ticks >= 0).sum()
            potential = window(ticks, matrix.numpy(), bias, n_ticks)
            ticks = first_crossings(potential, n_ticks)
        assert potential == pytest.approx(readout[b].numpy(), rel=1e-12)
    assert spikes > 100
    assert sum(cost.spikes for cost in spiking(images).costs) == pytest.approx(spikes / 6)


@pytest.mark.parametrize("make", MAKERS)
def test_it_is_the_network_of_rounded_activations_and_pixels(make):
    network, images, n_ticks = make().eval(), rectifiers.images(), 8
    largest = iter(scales(stages(network), images, "percentile", 99.9))
    rounded = nn.Sequential(
        *(QCFS(n_ticks, next(largest)) if isinstance(each, nn.ReLU) else each for each in network)
    ).double()
    pixels = (images * n_ticks).round() / n_ticks
    expected, output = rectifiers.activations(rounded, pixels)
    spiking = convert_to_first_spikes(network, images, n_ticks=n_ticks)
    _, *levels, _ = spiking.levels(images)
    for level, activation, each in zip(
        levels, expected, (x for x in rounded if isinstance(x, QCFS)), strict=True
    ):
        assert torch.equal(level, (activation / each.threshold * n_ticks).round())
        assert len(level.unique()) >= n_ticks
    assert torch.allclose(spiking(images, batch_size=7).readout, output, atol=1e-6)


@pytest.mark.parametrize("make", MAKERS)
def test_counted_operations_equal_those_of_every_single_spike(make):
    network, images, n_ticks = make(), rectifiers.images(9), 4
    for layer in network:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.weight.data[layer.weight.abs() < 0.05] = 0
    spiking = convert_to_first_spikes(network, images, n_ticks=n_ticks)
    *levels, _ = spiking.levels(images)
    emitted = spiking(images, batch_size=4).costs
    dense = rectifiers.matrices(spiking.synapses, images.shape[1:])
    for k, (level, matrix) in enumerate(zip(levels, dense, strict=True)):
        units = torch.nonzero(level.flatten(1))[:, 1].tolist()
        additions = sum(int(torch.count_nonzero(matrix[:, unit])) for unit in units)
        assert emitted[k].spikes == pytest.approx(len(units) / 9)
        layer = emitted[k + 1]
        assert layer.additions == pytest.approx(additions / 9)
        assert (layer.updates, layer.states) == (n_ticks * len(matrix), 2 * len(matrix))
        assert layer.macs == 0
    assert emitted[0].additions == emitted[-1].spikes == 0


def test_no_input_no_spikes():
    network, images = rectifiers.dense(bias=False), rectifiers.images()
    response = convert_to_first_spikes(network, images)(0 * images)
    assert sum(cost.spikes for cost in response.costs) == response.readout.abs().sum() == 0


def test_what_does_not_fit_is_refused():
    network, images = rectifiers.dense(), rectifiers.images()
    with pytest.raises(ValueError, match="n_ticks must be at least 1, not 0"):
        convert_to_first_spikes(network, images, n_ticks=0)
    spiking = convert_to_first_spikes(network, images)
    with pytest.raises(ValueError, match=r"images must be \[B, 16\], not \[40, 15\]"):
        spiking(images[:, 1:])
    with pytest.raises(ValueError, match=r"images must lie in 0..1 to become spikes, not in -1"):
        spiking(-images / images.max())
