"""Stages of a rectifier network, and the scales of their activations."""

import numpy as np
import pytest
import torch
from torch import nn

from gradsim import QCFS
from gradsim.normalisation import normalised, scales, stages
from tests.gradsim import rectifiers


def run(chain, synapses, x):
    """Return what each stage puts out, the last what the network does."""
    found = []
    for stage, layer in zip(chain, synapses, strict=True):
        x = layer(x) if stage.rectifier is None else stage.rectifier(layer(x))
        found.append(x)
    return found


def own(chain):
    return [stage.synapses for stage in chain]


def folded_norms():
    return nn.Sequential(
        nn.Sequential(
            nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 2, bias=False), nn.BatchNorm2d(3), nn.ReLU()
        ),
        nn.Flatten(),
        nn.Linear(27, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(8, 3),
    )


@pytest.mark.parametrize("make", [rectifiers.dense, rectifiers.convolutional])
def test_stages_one_after_another_are_the_network(make):
    network, images = make().eval(), rectifiers.images()
    chain = stages(network)
    assert torch.equal(run(chain, own(chain), images)[-1], network(images))


def test_batch_normalisation_is_folded_into_the_weights():
    network, images = rectifiers.random(folded_norms), rectifiers.images()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):  # for the dropout
        for _ in range(20):
            network(images * torch.tensor(np.linspace(1, 3, 16)))
    chain = stages(network)  # as in evaluation, though it is in training
    assert network.training
    assert [stage.name for stage in chain] == ["0.1", "2", "6"]
    output = run(chain, own(chain), images)[-1]
    assert torch.allclose(output, network.eval()(images), rtol=1e-6, atol=1e-9)
    assert len(chain[0].synapses) == 2


@pytest.mark.parametrize("method", ["percentile", "max", "model"])
def test_scaled_weights_scale_the_activations_and_keep_the_output(method):
    network, images = rectifiers.convolutional(), rectifiers.images()
    chain = stages(network)
    found = scales(chain, images, method, 98.0)
    rectified, output = rectifiers.activations(network, images)
    scaled = run(chain, normalised(chain, found), images)
    for each, activation, scale in zip(scaled[:-1], rectified, found, strict=True):
        assert torch.allclose(each, activation / scale, rtol=1e-10, atol=1e-12)
        exceeding = (each > 1 + 1e-12).double().sum() / (each > 0).sum()
        assert exceeding == 0 if method != "percentile" else 0.01 < exceeding < 0.03
    assert torch.allclose(scaled[-1], output, rtol=1e-10)
    if method == "max":
        assert scaled[0].max().item() == pytest.approx(1)


def test_biases_can_come_in_other_units():
    chain = stages(rectifiers.dense())
    images = rectifiers.images()
    found = scales(chain, images)
    plain, times_8 = normalised(chain, found), normalised(chain, found, 8.0)
    for a, b in zip(run(chain, plain, images), run(chain, times_8, 8 * images), strict=True):
        assert torch.allclose(8 * a, b)


def test_percentiles_are_of_activations_above_zero():
    network, images = rectifiers.dense(), rectifiers.images()
    (first, second), _ = rectifiers.activations(network, images)
    expected = [np.percentile(each[each > 0].numpy(), 90) for each in (first, second)]
    assert scales(stages(network), images, "percentile", 90.0) == pytest.approx(expected)
    assert scales(stages(network), images, "max") == [first.max().item(), second.max().item()]


def test_a_quantised_rectifier_brings_its_own_scale():
    network = rectifiers.dense(rectifier=rectifiers.quantised(4, 1.7))
    assert scales(stages(network), rectifiers.images(), "model") == [pytest.approx(1.7)] * 2


def test_the_model_alone_says_far_too_large_a_scale_for_a_wide_network():
    network, images = rectifiers.dense(widths=(200, 200)), rectifiers.images(500)
    weights = [layer for layer in network if isinstance(layer, nn.Linear)]
    expected, before = [], 1.0
    for layer in weights[:-1]:
        sums = [
            sum(max(w, 0) * before for w in row) + bias
            for row, bias in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
        ]
        expected.append(before := max(sums))
    found = scales(stages(network), images, "model")
    assert found == pytest.approx(expected)
    largest = scales(stages(network), images, "max")
    assert found[1] > 10 * largest[1]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.Flatten, nn.MaxPool2d], r"layer 1 cannot be converted: MaxPool2d; allowed are Linear"),
        ([nn.Sigmoid], "layer 0 cannot be converted: Sigmoid"),
        ([nn.ReLU], r"Conv2d of its own, .* at 0 stand \[\]"),
        ([nn.Linear, nn.Linear, nn.ReLU], r"at 1 stand \['Linear', 'Linear'\]"),
        ([nn.Linear, nn.AvgPool2d, nn.ReLU], r"at 0 stand \['Linear', 'AvgPool2d'\]"),
        ([nn.Linear, nn.ReLU], r"at output stand \[\]"),
        ([nn.Linear, nn.ReLU, nn.Flatten], r"at output stand \['Flatten'\]"),
        ([nn.Linear], "the network has no ReLU or QCFS"),
        ([nn.BatchNorm1d], "batch normalisation 0 must stand right behind"),
        ([nn.Flatten, nn.BatchNorm1d], "batch normalisation 1 must stand right behind"),
    ],
)
def test_what_cannot_be_converted_is_refused_by_name(layers, message):
    sizes = {nn.Linear: (4, 4), nn.MaxPool2d: (2,), nn.AvgPool2d: (2,), nn.BatchNorm1d: (4,)}
    network = rectifiers.random(
        lambda: nn.Sequential(*(layer(*sizes.get(layer, ())) for layer in layers))
    )
    with pytest.raises(ValueError, match=message):
        stages(network)


def test_batch_normalisation_without_statistics_is_refused():
    network = rectifiers.random(
        lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False))
    )
    with pytest.raises(ValueError, match="batch normalisation 1 keeps no statistics"):
        stages(network)


def test_scales_that_mean_nothing_are_refused():
    network, images = rectifiers.dense(), rectifiers.images()
    chain = stages(network)
    for options in (("mean", 99.0), ("percentile", 0.0), ("percentile", 100.1)):
        with pytest.raises(ValueError, match="method must be one of percentile, max, model and"):
            scales(chain, images, *options)
    network[3].weight.data.fill_(-1)
    network[3].bias.data.zero_()
    for method in ("percentile", "max", "model"):
        with pytest.raises(ValueError, match="layer 3 is never active"):
            scales(stages(network), images, method)
    thresholds = rectifiers.dense(rectifier=rectifiers.quantised(4))
    thresholds[1].threshold.data.fill_(-0.5)
    with pytest.raises(ValueError, match="layer 0 is never active, or its threshold not positive"):
        scales(stages(thresholds), images)
    assert isinstance(thresholds[1], QCFS)
