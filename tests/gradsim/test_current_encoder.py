import math

import numpy as np
import pytest
import torch

from gradsim.current_encoder import CurrentEncoder
from gradsim.network import EncodedNetwork, NetworkConfig, SpikingNetwork
from gradsim.recording import Traces
from gradsim.surrogate import spike, straight_through, superspike, triangle
from gradsim.training import Labelled, TrainingConfig, predict, train


def encoder(n_in=3, copies=4, seed=0, **settings):
    generator = torch.Generator().manual_seed(seed)
    made = CurrentEncoder(n_in, copies, generator=generator, **settings).double()
    with torch.no_grad():
        made.gain *= 3  # so that most neurons fire
    return made


def traces(n_steps=40, n_samples=5, n_in=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_steps, n_samples, n_in, dtype=torch.float64, generator=generator) + 0.5


def step_by_step(module, x, mem=None):
    """The equations of the docstring, by PyTorch's own differentiation."""
    copies = len(module.gain) // x.shape[2]
    currents = module.gain * (x.tile(copies) + module.bias)
    mem = torch.zeros_like(currents[0]) if mem is None else mem
    recorded = []
    for current in currents:
        spikes = spike(mem - 1, module.surrogate)
        recorded.append(spikes)
        mem = (module.beta * mem + (1 - module.beta) * current) * (1 - spikes.detach())
    return torch.stack(recorded), mem


@pytest.mark.parametrize("surrogate", [superspike(20), triangle(), straight_through()])
def test_spikes_state_and_gradients_are_those_of_the_equations(surrogate):
    module, x = encoder(surrogate=surrogate), traces().requires_grad_()
    generator = torch.Generator().manual_seed(2)
    start = torch.rand(5, 12, dtype=torch.float64, generator=generator).requires_grad_()
    inputs = [x, start, module.gain, module.bias]
    found, expected = module(x, start), step_by_step(module, x, start)
    assert torch.equal(found[0], expected[0])
    assert torch.allclose(found[1], expected[1], rtol=1e-12)
    assert 0.01 < found[0].mean() < 0.5
    weights = torch.randn(found[0].shape, dtype=torch.float64, generator=generator)
    gradients = [
        torch.autograd.grad((spikes * weights).sum() + (mem**2).sum(), inputs)
        for spikes, mem in (found, expected)
    ]
    for one, other in zip(*gradients, strict=True):
        assert other.abs().max() > 0
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_sequence_in_two_parts_is_the_whole_sequence():
    module, x = encoder(), traces()
    whole, end = module(x)
    first, mem = module(x[:17])
    second, last = module(x[17:], mem)
    assert torch.equal(torch.cat([first, second]), whole)
    # A matrix product of other sizes may round otherwise.
    assert torch.allclose(last, end, rtol=1e-12)


def test_a_constant_current_fires_at_the_analytic_interval_and_never_twice_running():
    module = encoder(n_in=1, copies=3)
    with torch.no_grad():
        module.gain[:] = torch.tensor([1.05, 2.0, 30.0])
        module.bias[:] = 0
    spikes, _ = module(torch.ones(400, 1, 1, dtype=torch.float64))
    for current, train_of_neuron in zip(module.gain.tolist(), spikes[:, 0].T, strict=True):
        # mem after k steps from 0 is I (1 - beta^k).
        k = math.floor(math.log(1 - 1 / current) / math.log(module.beta)) + 1
        times = train_of_neuron.nonzero()[:, 0]
        assert times[0] == k
        assert set(times.diff().tolist()) == {k + 1}


def test_spytorchs_order_fires_in_pairs_and_this_one_does_not():
    module, x = encoder(), traces(n_steps=200)
    mem = spikes = torch.zeros(5, 12, dtype=torch.float64)
    recorded = []
    for current in module.gain * (x.tile(4) + module.bias):
        new_mem = (module.beta * mem + (1 - module.beta) * current) * (1 - spikes)
        spikes = (mem > 1).double()  # resets only the step after the next
        recorded.append(spikes)
        mem = new_mem
    late, ours = torch.stack(recorded), module(x)[0]
    assert (late[1:] * late[:-1]).sum() > 0
    assert (ours[1:] * ours[:-1]).sum() == 0


def test_neuron_k_n_plus_c_sees_channel_c_alone():
    module, x = encoder(), traces()
    other = x.clone()
    other[:, :, 1] = 0
    changed = (module(x)[0] != module(other)[0]).any(dim=0).any(dim=0)
    assert changed.view(4, 3).any(dim=0).tolist() == [False, True, False]


def test_samples_are_held_for_their_steps():
    x = traces()
    held, single = encoder(steps_per_sample=3), encoder()
    assert torch.equal(held(x)[0], single(x.repeat_interleave(3, dim=0))[0])


@pytest.mark.parametrize(
    ("wrong", "message"), [({"copies": 0}, "copies"), ({"tau_mem_s": 0.0}, "times")]
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        CurrentEncoder(**({"n_in": 2, "copies": 2} | wrong))


def test_traces_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"traces must be \[T, B, 3\]"):
        encoder()(torch.zeros(5, 2, 4))


def test_batches_of_traces_are_time_first():
    values = np.arange(24.0).reshape(2, 3, 4)
    batch = Traces(values).take(np.array([1]))
    assert np.array_equal(batch.numpy(), values[1:].transpose(1, 0, 2))
    assert len(Traces(values)) == 2


def labelled(n_samples, seed):
    """Two classes by the side on which a bump stands in a noisy trace."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n_samples)
    time = np.arange(30)
    bump = 3 * np.exp(-0.5 * ((time[None] - np.where(labels, 20, 8)[:, None]) / 3) ** 2)
    values = np.stack([bump, -bump], axis=2) + 0.3 * rng.standard_normal((n_samples, 30, 2))
    return Labelled(Traces(values.astype(np.float32)), labels)


def small(seed=0, tau_mem_s=5e-3):
    generator = torch.Generator().manual_seed(seed)
    return EncodedNetwork(
        CurrentEncoder(2, 8, tau_mem_s, generator=generator),
        SpikingNetwork(NetworkConfig(16, (20,), 2), generator),
    )


def test_an_encoder_and_the_network_behind_it_learn_together():
    model = small()
    before = model.encoder.gain.detach().clone()
    config = TrainingConfig("adamax", 1e-2, (0.9, 0.995), epochs=8, batch_size=32)
    train(model, labelled(150, 1), labelled(50, 2), config, np.random.default_rng(0))
    test = labelled(200, 3)
    prediction = predict(model, test.inputs)
    assert np.mean(prediction.classes == test.labels) >= 0.95
    assert prediction.spikes[0].shape == (200, 20)
    assert not torch.equal(model.encoder.gain, before)


def test_a_checkpoint_of_another_encoder_is_refused(tmp_path):
    data, config = labelled(20, 1), TrainingConfig(epochs=1)
    path = tmp_path / "training.pt"
    train(small(), data, data, config, np.random.default_rng(0), checkpoint=path)
    with pytest.raises(ValueError, match=r"model is .*beta=0.818\S* .* there and .*beta=0.904"):
        train(small(0, 10e-3), data, data, config, np.random.default_rng(0), checkpoint=path)
