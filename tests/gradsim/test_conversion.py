"""Converted networks against the rectifier networks that they come from."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gradsim import convert
from tests.gradsim import rectifiers


def counts(network, images, n_steps, **options):
    """Return the spikes ``[B, ...]`` of input and hidden layers, and the last readout."""
    total = None
    for step in convert(network, images, **options).steps(images, n_steps):
        spikes = step.spikes
        total = spikes if total is None else [a + b for a, b in zip(total, spikes, strict=True)]
    return total, step.readout


def largest(activation, percentile=99.0):
    return np.percentile(activation[activation > 0].numpy(), percentile)


@pytest.mark.parametrize("make", [rectifiers.dense, rectifiers.convolutional])
def test_rates_are_the_activations_up_to_scale_and_so_is_the_readout(make):
    network, images, n_steps = make(), rectifiers.images(), 500
    (silent_input, *hidden), readout = counts(network, images, n_steps)
    rectified, output = rectifiers.activations(network, images)
    for spikes, activation in zip(hidden, rectified, strict=True):
        expected = (activation / largest(activation)).clamp(max=1)
        rates = spikes / n_steps
        assert np.corrcoef(rates.flatten(), expected.flatten())[0, 1] > 0.99
        assert 0.02 < rates.mean() < 0.7
    assert silent_input.sum() == 0
    _, exact = counts(network, images, n_steps, method="max")
    assert (exact / n_steps - output).abs().max() < 0.02
    assert (readout / n_steps - output).abs().max() < 0.1


@given(st.integers(0, 100), st.integers(1, 40), st.sampled_from([0.0, 0.25, 0.5, 0.9375]))
def test_the_first_layer_counts_the_quantised_current_exactly(seed, n_steps, initial):
    network = rectifiers.dense(rectifier=rectifiers.quantised(n_steps))
    rectifiers.dyadic(network, seed)
    images = rectifiers.dyadic_images()
    (_, first, _), _ = counts(network, images, n_steps, initial=initial)
    z = network[0](images).detach()
    assert torch.equal(first, (n_steps * z + initial).floor().clamp(0, n_steps))
    assert ((first - n_steps * z.clamp(0, 1)).abs() <= 1).all()
    if initial == 0.5:
        levels = network[1](z).detach() * n_steps
        assert torch.equal(first, levels.round())


@pytest.mark.parametrize("make", [rectifiers.dense, rectifiers.convolutional])
def test_with_one_step_a_network_of_one_level_is_converted_exactly(make):
    network = rectifiers.dyadic(make(rectifier=rectifiers.quantised(1, 0.5)), 3, largest=1.0)
    images = rectifiers.dyadic_images()
    (_, *hidden), readout = counts(network, images, 1)
    levels, output = rectifiers.activations(network, images)
    for spikes, level in zip(hidden, levels, strict=True):
        assert torch.equal(spikes, level / 0.5)
        assert 0 < spikes.mean() < 1
    assert torch.equal(readout, output)


@pytest.mark.parametrize("n_steps", [2, 4, 8])
def test_deeper_layers_are_exact_where_the_potential_that_remains_says_so(n_steps):
    network = rectifiers.dense(rectifier=rectifiers.quantised(n_steps), widths=(30, 20, 20))
    rectifiers.dyadic(network, 5)
    images = rectifiers.dyadic_images(400)
    (_, *hidden), readout = counts(network, images, n_steps)
    levels, output = rectifiers.activations(network, images)
    weights = [layer for layer in network if isinstance(layer, nn.Linear)]
    as_the_theory_says = torch.ones(len(images), dtype=torch.bool)
    for layer, before, spikes in zip(weights[1:], hidden, hidden[1:], strict=False):
        total = 0.5 + before @ layer.weight.T.detach() + n_steps * layer.bias.detach()
        rest = total - spikes
        fits = (rest >= 0) & (rest < 1) | (spikes == 0) & (rest < 0)
        fits |= (spikes == n_steps) & (rest >= 1)
        assert torch.equal(spikes == total.floor().clamp(0, n_steps), fits)
        as_the_theory_says &= fits.all(1)
    assert 3 < as_the_theory_says.sum() < len(images) - 3
    for spikes, level in zip(hidden, levels, strict=True):
        exact = (spikes == (level * n_steps).round()).all(1)
        assert exact[as_the_theory_says].all()
    error = (readout / n_steps - output).abs().max(1).values
    assert error[as_the_theory_says].max() < 1e-12
    assert error[~as_the_theory_says].max() > 0.01


def test_half_a_threshold_removes_the_bias_of_the_first_steps():
    network, images = rectifiers.dense(), rectifiers.images(200)
    (activation, _), _ = rectifiers.activations(network, images)
    expected = (activation / largest(activation, 100.0)).clamp(max=1)
    errors = {}
    for initial in (0.0, 0.5):
        (_, first, _), _ = counts(network, images, 4, initial=initial, method="max")
        errors[initial] = (first / 4 - expected)[activation > 0].mean().item()
    assert abs(errors[0.5]) < 0.02
    assert errors[0.0] < -0.09  # a floor of 4 levels loses 1/8 on average


def test_reset_to_zero_is_biased_low_where_subtraction_is_not():
    network, images, n_steps = rectifiers.dense(), rectifiers.images(), 1000
    (activation, _), _ = rectifiers.activations(network, images)
    activation = activation / largest(activation)
    active = (activation > 0) & (activation < 1)
    rates = {}
    for reset in ("subtract", "zero"):
        (_, first, _), _ = counts(network, images, n_steps, reset=reset)
        rates[reset] = first[active] / n_steps
    assert ((rates["subtract"] - activation[active]).abs() <= 1 / n_steps).all()
    interval = (1 / activation[active]).ceil()  # steps from 0 to the threshold
    assert ((rates["zero"] - 1 / interval).abs() <= 1 / n_steps).all()
    assert (rates["zero"] - activation[active]).mean() < -0.04


@pytest.mark.parametrize("input", ["current", "poisson"])
@pytest.mark.parametrize("make", [rectifiers.dense, rectifiers.convolutional])
def test_no_input_no_spikes(make, input):
    network, images = make(), rectifiers.images()
    for layer in network:
        if getattr(layer, "bias", None) is not None:
            layer.bias.data.zero_()
    converted, generator = convert(network, images, input=input), torch.Generator()
    response = converted(0 * images, 20, generator)
    assert response.spikes.sum() == response.additions.sum() == 0
    assert response.readout.abs().sum() == 0
    assert converted(images, 20, generator).spikes.sum() > 0


def test_poisson_input_converges_to_the_rectifier_network():
    network, images, n_steps = rectifiers.dense(), rectifiers.images(10), 1600
    converted = convert(network, images, method="max", input="poisson")
    response = converted(images, n_steps, torch.Generator().manual_seed(2))
    output = network.eval()(images).detach()
    errors = [(response.readout[t - 1] / t - output).abs().mean() for t in (16, 160, 1600)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.015
    rate = response.spikes[:, 0].sum() / n_steps
    assert rate.item() == pytest.approx(images.sum().item() / 10, rel=0.01)


@pytest.mark.parametrize("input", ["current", "poisson"])
@pytest.mark.parametrize("make", [rectifiers.dense, rectifiers.convolutional])
def test_counted_operations_equal_those_of_every_single_spike(make, input):
    network, images, n_steps = make(), rectifiers.images(12), 6
    for layer in network:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.weight.data[layer.weight.abs() < 0.05] = 0
    converted = convert(network, images, input=input)
    response = converted(images, n_steps, torch.Generator().manual_seed(3), batch_size=5)
    generator = torch.Generator().manual_seed(3)
    steps = [step for part in images.split(5) for step in converted.steps(part, n_steps, generator)]
    input_cost, *layers = response.costs()
    dense = rectifiers.matrices(converted.synapses, images.shape[1:])
    assert any((matrix == 0).any() for matrix in dense)
    emitted = [input_cost, *layers]
    for k, (layer, matrix) in enumerate(zip(layers, dense, strict=True)):
        spikes = additions = 0
        for step in steps:
            for _, unit in torch.nonzero(step.spikes[k].flatten(1)).tolist():
                spikes += 1
                additions += int(torch.count_nonzero(matrix[:, unit]))
        assert emitted[k].spikes == pytest.approx(spikes / 12, rel=1e-12)
        assert layer.additions == pytest.approx(additions / 12, rel=1e-12)
        assert (additions > 0) == (k > 0 or input == "poisson")
        first_of_current = k == 0 and input == "current"
        assert layer.macs == (torch.count_nonzero(matrix) if first_of_current else 0)
        assert (layer.updates, layer.states) == (n_steps * len(matrix), len(matrix))
    parameters = [
        sum(int(torch.count_nonzero(each)) for each in layer.parameters())
        for layer in network
        if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    assert [layer.weights for layer in layers] == parameters
    assert layers[-1].spikes == input_cost.additions == 0
    named = [str(k) for k, layer in enumerate(network) if isinstance(layer, nn.Linear | nn.Conv2d)]
    assert [cost.name for cost in response.costs()] == ["input", *named]


def test_the_first_steps_of_a_run_are_a_shorter_run_in_batches_of_any_size():
    network, images = rectifiers.convolutional(), rectifiers.images()
    converted = convert(network, images)
    whole, shorter = converted(images, 9), converted(images, 4, batch_size=7)
    assert torch.allclose(whole.readout[:4], shorter.readout, rtol=1e-12)
    for first, second in zip(whole.costs(4), shorter.costs(), strict=True):
        assert first == second
    for n_steps in (0, 10):
        with pytest.raises(ValueError, match=f"n_steps must lie in 1..9, not {n_steps}"):
            whole.costs(n_steps)


def test_the_network_that_is_converted_stays_as_it_is():
    network, images = rectifiers.dense(), rectifiers.images()
    before = copy.deepcopy(network.state_dict())
    converted = convert(network, images)
    converted(images, 3)
    assert network.training
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    assert all(each.requires_grad for each in network.parameters())
    assert not any(each.requires_grad for each in converted.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reset": "soft"}, "reset must be 'subtract' or 'zero'"),
        ({"input": "rate"}, "input 'current' or 'poisson', not 'subtract', 'rate'"),
        ({"initial": 1.0}, "initial must be a share of the threshold in 0..1, below 1, not 1.0"),
        ({"initial": -0.1}, "not -0.1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        convert(rectifiers.dense(), rectifiers.images(), **options)


def test_images_that_do_not_fit_are_refused():
    network, images = rectifiers.dense(), rectifiers.images()
    converted = convert(network, images)
    with pytest.raises(ValueError, match="n_steps must be at least 1, not 0"):
        converted(images, 0)
    with pytest.raises(ValueError, match=r"images must be \[B, 16\], not \[40, 15\]"):
        converted(images[:, 1:], 2)
    with pytest.raises(ValueError, match=r"images must be \[B, 16\], not \[0, 16\]"):
        converted(images[:0], 2)
    with pytest.raises(ValueError, match=r"images must lie in 0..1 to become spikes"):
        convert(network, images, input="poisson")(2 * images, 2)
