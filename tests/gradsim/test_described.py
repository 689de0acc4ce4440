"""A state_dict says of what it is, and goes into nothing else."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import gradsim
from gradsim.described import only_constants
from gradsim.neurons import Adaptation

GENERATOR = torch.Generator()


def network(n: int = 4, dt_s: float = 1e-3, **changes: Any) -> gradsim.SpikingNetwork:
    constants = {key: changes.pop(key) for key in ("per_neuron", "learned") if key in changes}
    neuron = gradsim.LIFParameters(dt_s=dt_s, **changes)
    config = gradsim.NetworkConfig(3, (n, 5), 2, neuron, **constants)
    return gradsim.SpikingNetwork(config, GENERATOR)


def encoded(**settings: Any) -> gradsim.EncodedNetwork:
    return gradsim.EncodedNetwork(
        gradsim.CurrentEncoder(3, 1, generator=GENERATOR, **settings), network()
    )


OTHERS: list[tuple[Callable[[], nn.Module], Callable[[], nn.Module], str]] = [
    (network, lambda: network(tau_mem_s=20e-3), "tau_mem_s is 0.01 there and 0.02 here"),
    (network, lambda: network(tau_syn_s=1e-3), "tau_syn_s"),
    (network, lambda: network(dt_s=2e-3), "dt_s is 0.001 there and 0.002 here"),
    (network, lambda: network(threshold=0.5), "threshold is 1.0"),
    (network, lambda: network(reset="subtract"), "reset is zero"),
    (network, lambda: network(strict=False), "strict"),
    (network, lambda: network(order="integrate_first"), "order"),
    (network, lambda: network(gain="one_minus_beta"), "gain"),
    (network, lambda: network(adaptation=Adaptation()), "adaptation is None"),
    (encoded, lambda: encoded(tau_mem_s=5e-3), "encoder.beta"),
    (encoded, lambda: encoded(steps_per_sample=2), "encoder.steps_per_sample"),
    (
        lambda: gradsim.ConvLIF(1, 2, 3, generator=GENERATOR),
        lambda: gradsim.ConvLIF(1, 2, 3, stride=2, generator=GENERATOR),
        "stride is 1",
    ),
    (lambda: gradsim.QCFS(4), lambda: gradsim.QCFS(8), "levels is 4 there and 8 here"),
    (
        lambda: gradsim.Sequential(gradsim.LIF(3, 3, generator=GENERATOR)),
        lambda: gradsim.Sequential(
            gradsim.LIF(3, 3, gradsim.LIFParameters(threshold=2.0), generator=GENERATOR)
        ),
        "0.threshold",
    ),
    (
        lambda: nn.Sequential(gradsim.Readout(3, 3, generator=GENERATOR)),
        lambda: nn.Sequential(
            gradsim.Readout(3, 3, gradsim.LIFParameters(tau_mem_s=1.0), generator=GENERATOR)
        ),
        "0.tau_mem_s",
    ),
]


@pytest.mark.parametrize(("make", "make_other", "message"), OTHERS)
def test_a_state_goes_into_no_other_network_and_changes_nothing_of_it(
    make: Callable[[], nn.Module], make_other: Callable[[], nn.Module], message: str
) -> None:
    state, other = make().state_dict(), make_other()
    before = [weight.clone() for weight in other.parameters()]
    for strict in (True, False):
        with pytest.raises(ValueError, match=f"belongs to another network: .*{message}"):
            other.load_state_dict(state, strict=strict)
    assert all(map(torch.equal, before, other.parameters()))
    again = make()
    again.load_state_dict(state)
    assert all(map(torch.equal, again.parameters(), state_of(state)))


def state_of(state: dict[str, Any]) -> list[torch.Tensor]:
    return [value for name, value in state.items() if name not in only_constants(state)]


def test_a_state_goes_through_a_file_of_plain_data() -> None:
    file = io.BytesIO()
    torch.save(network().state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert str(network().load_state_dict(state)) == "<All keys matched successfully>"
    with pytest.raises(ValueError, match="another network"):
        network(threshold=0.5).load_state_dict(state)


def test_what_only_shapes_gradients_may_differ() -> None:
    other = network(surrogate=gradsim.surrogate.triangle(), detach_reset=False)
    other.load_state_dict(network().state_dict())


def test_time_constants_that_stand_in_the_numbers_are_taken_from_there() -> None:
    learned = {"per_neuron": True, "learned": True}
    other = network(tau_mem_s=20e-3, **learned)
    other.load_state_dict(network(**learned).state_dict())
    _, beta = other.hidden[0].time_constants()
    assert float(beta[0].detach()) == pytest.approx(np.exp(-0.1))


def test_a_state_of_an_earlier_version_is_loaded_with_a_warning() -> None:
    state = network().state_dict()
    old = {name: value for name, value in state.items() if name not in only_constants(state)}
    assert len(old) == 3 < len(state)
    other = network(tau_mem_s=20e-3)
    with pytest.warns(UserWarning, match="does not say of which network it is"):
        told = other.load_state_dict(old)
    assert str(told) == "<All keys matched successfully>"
    assert torch.equal(other.hidden[0].weight, old["hidden.0.weight"])
    with pytest.raises(RuntimeError, match="Missing key"), pytest.warns(match="earlier"):
        other.load_state_dict({"readout.weight": old["readout.weight"]})


@pytest.mark.parametrize("state", [torch.tensor([1, 2], dtype=torch.uint8), None, {"a": 1}])
def test_constants_that_cannot_be_read_are_refused(state: Any) -> None:
    broken = network().state_dict() | {"hidden.0._extra_state": state}
    with pytest.raises(ValueError, match="cannot be read"):
        network().load_state_dict(broken)


@pytest.mark.parametrize("of", ["weight", "input"])
@pytest.mark.parametrize("engine", ["events", "auto"])
def test_a_gradient_penalty_is_refused_by_the_event_engine_and_had_from_torch(
    engine: Any, of: str
) -> None:
    def penalty(engine: Any) -> torch.Tensor:
        config = gradsim.NetworkConfig(3, (6,), 2, weight_scale=4.0)
        net = gradsim.SpikingNetwork(config, torch.Generator().manual_seed(0), engine)
        x = torch.ones(20, 2, 3, requires_grad=True)
        by = {"weight": net.hidden[0].weight, "input": x}[of]
        (gradient,) = torch.autograd.grad(net(x).readout.sum(), by, create_graph=True)
        gradient.square().sum().backward()
        assert net.hidden[0].weight.grad is not None
        return net.hidden[0].weight.grad

    assert penalty("torch").abs().max() > 0
    with pytest.raises(RuntimeError, match=r"second derivatives; .* engine='torch' has them"):
        penalty(engine)


def test_second_derivatives_of_a_layer_and_of_an_encoder_are_refused() -> None:
    layer = gradsim.LIF(3, 4, engine="events", generator=GENERATOR)
    encoder = gradsim.CurrentEncoder(3, 2, generator=GENERATOR)
    for module in (layer, encoder):
        total = module(torch.ones(20, 2, 3))[0].sum()
        with pytest.raises(RuntimeError, match="second derivatives"):
            torch.autograd.grad(total, next(module.parameters()), create_graph=True)


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm1d(5),
        nn.GroupNorm(1, 5),
        nn.InstanceNorm1d(5),
        nn.Dropout1d(),
        nn.Sequential(nn.ReLU(), nn.BatchNorm1d(5)),
        nn.Conv1d(5, 5, 1),
    ],
)
def test_what_takes_the_batch_for_channels_is_refused(layer: nn.Module) -> None:
    lif = gradsim.LIF(3, 5, generator=GENERATOR)  # as wide as the batch
    with pytest.raises(ValueError, match="takes the second axis for channels"):
        gradsim.Sequential(lif, layer)
    later = gradsim.Sequential(lif)
    later.append(layer)
    with pytest.raises(ValueError, match="takes the second axis for channels"):
        later(torch.ones(4, 5, 3))


def test_normalisation_of_features_and_over_flattened_time_and_batch_is_not_refused() -> None:
    steps = nn.Sequential(nn.Flatten(0, 1), nn.BatchNorm1d(5), nn.Unflatten(0, (4, 5)))
    lif = gradsim.LIF(3, 5, generator=GENERATOR)
    spikes, _ = gradsim.Sequential(lif, nn.LayerNorm(5), steps)(torch.ones(4, 5, 3))
    assert spikes.shape == (4, 5, 5)


class Residual(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


class Leaky(nn.ReLU):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(x > 0, x, 0.1 * x)


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU()],
        [Residual(nn.Linear(6, 6), nn.ReLU())],
        [nn.Linear(6, 6), Leaky()],
    ],
    ids=["normalised over another axis", "residual", "own rectifier"],
)
@pytest.mark.parametrize("convert", [gradsim.convert, gradsim.convert_to_first_spikes])
def test_what_a_conversion_would_leave_out_is_refused(
    layers: list[nn.Module], convert: Callable[..., nn.Module]
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(*layers, nn.Linear(6, 2))
        for _ in range(3):
            net(torch.rand(9, 6, 6) * torch.arange(1, 7)[:, None])  # moves running statistics
        with pytest.raises(ValueError, match="cannot be converted"):
            convert(net, torch.rand(9, 6, 6))


SPIKES = gradsim.encode.latency(np.random.default_rng(0).random((20, 3)), 30)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(10, int), r"training: labels must be \[20\]"),
        (np.zeros(30, int), r"training: labels must be \[20\]"),
        (np.zeros((20, 2)), "training: labels must be integers"),
        (np.zeros((20, 2), int), "training: labels must be"),
        (np.full(20, -100), "must be 0, 1 and so on, not -100"),
        (np.full(20, 2), r"labels must lie in 0\.\.1, not up to 2"),
        (np.zeros(20), "labels must be integers"),
    ],
)
def test_labels_that_are_not_one_class_for_each_sample_are_refused(
    labels: np.ndarray, message: str
) -> None:
    config = gradsim.TrainingConfig(epochs=1)
    rng, good = np.random.default_rng(0), gradsim.Labelled(SPIKES, np.zeros(20, int))
    with pytest.raises(ValueError, match=message):
        gradsim.train(network(), gradsim.Labelled(SPIKES, labels), None, config, rng)
    with pytest.raises(ValueError, match=message.replace("training", "validation")):
        gradsim.train(network(), good, gradsim.Labelled(SPIKES, labels), config, rng)


def test_labels_of_a_loss_are_checked_too() -> None:
    readout = torch.zeros(4, 20, 2)
    for labels in (np.zeros(10, int), np.full(20, -100), np.full(20, 2), torch.zeros(20, 2)):
        with pytest.raises(ValueError, match="labels must"):
            gradsim.losses.max_over_time_nll(readout, labels)


def test_nothing_cannot_be_predicted() -> None:
    with pytest.raises(ValueError, match="no samples"):
        gradsim.predict(network(), SPIKES.take([]))


def test_the_neuron_of_a_network_is_not_asked_for_more_than_it_has() -> None:
    named = {field.name for field in dataclasses.fields(gradsim.LIFParameters)}
    assert set(network().hidden[0].constants()) == named - {"surrogate", "detach_reset"}
