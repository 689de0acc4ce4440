"""Both engines against a loop over plain numbers, and against each other where that is too slow."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradsim import kernels
from gradsim.events import from_raster, if_sparse
from gradsim.kernels import buffers
from gradsim.kernels.autograd import SPARSE
from gradsim.losses import max_over_time_nll
from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import Adaptation, Decay, LIFParameters, Population
from gradsim.surrogate import (
    SURROGATES,
    Surrogate,
    fast_sigmoid,
    sigmoid_prime,
    superspike,
    zero,
)
from tests.gradsim import scalar

ORDERS = ("fire_first", "integrate_first")
NEURONS = st.builds(
    LIFParameters,
    tau_mem_s=st.sampled_from([2e-3, 10e-3, 30e-3]),
    tau_syn_s=st.sampled_from([1e-3, 5e-3, 30e-3]),
    gain=st.sampled_from(["one", "one_minus_beta"]),
    order=st.sampled_from(ORDERS),
    threshold=st.sampled_from([0.3, 1.0]),
    strict=st.booleans(),
    reset=st.sampled_from(["zero", "subtract"]),
    detach_reset=st.booleans(),
    surrogate=st.sampled_from([factory() for factory in SURROGATES.values()] + [fast_sigmoid(4.0)]),
)
DETACHED = NEURONS.map(lambda neuron: dataclasses.replace(neuron, detach_reset=True))
WIDTHS = st.one_of(st.integers(1, 70), st.sampled_from([16, 17, 64, 65, 200]))


@dataclasses.dataclass
class Case:
    """A network, its input counts ``[T, B, in]`` and the random numbers of a loss."""

    config: NetworkConfig
    seed: int
    x: torch.Tensor
    kernel: torch.Tensor
    strengths: list[torch.Tensor]

    def network(self, engine, dtype=torch.float64):
        return SpikingNetwork(self.config, torch.Generator().manual_seed(self.seed), engine).to(
            dtype
        )

    def loss(self, recording):
        """Return a random linear functional of the readout plus a quadratic one of the counts."""
        total = (recording.readout * self.kernel.to(recording.readout)).sum()
        for counts, strength in zip(recording.counts, self.strengths, strict=True):
            total = total + (strength.to(counts) * counts**2).sum()
        return total


def make_case(config, n_steps, n_samples, density, seed):
    rng = np.random.default_rng(seed)
    n_recorded = n_steps + (config.neuron.order == "fire_first")
    return Case(
        config,
        seed,
        torch.tensor(rng.poisson(density, (n_steps, n_samples, config.n_in)), dtype=torch.float64),
        torch.tensor(rng.standard_normal((n_recorded, n_samples, config.n_out))),
        [torch.tensor(rng.standard_normal(n)) for n in config.hidden],
    )


def cases(neurons, widths, at_most, scales=(1.0, 2.0, 4.0), densities=(0.0, 0.02, 0.1, 0.5)):
    """Return cases of at most so many layers, steps and samples."""
    n_layers, n_steps, n_samples = at_most
    configs = st.builds(
        NetworkConfig,
        n_in=widths,
        hidden=st.lists(widths, min_size=1, max_size=n_layers).map(tuple),
        n_out=st.integers(1, 4),
        neuron=neurons,
        weight_scale=st.sampled_from(scales),
        recurrent=st.booleans(),
    )
    return st.builds(
        make_case,
        configs,
        st.integers(1, n_steps),
        st.integers(1, n_samples),
        st.sampled_from(densities),
        st.integers(0, 2**31),
    )


def outcome(network, x, loss):
    """Return by name what a network did, and the gradients of the loss that this has."""
    network.zero_grad()
    recording = network(x)
    # In a single step nothing may depend on the weights: gradients of 0, not an error.
    leaves = [*network.parameters(), *([x] if isinstance(x, torch.Tensor) else [])]
    (loss(recording) + sum(0 * leaf.sum() for leaf in leaves)).backward()
    counts = {f"counts {k}": layer.detach() for k, layer in enumerate(recording.counts)}
    rasters = {f"spikes {k}": layer for k, layer in enumerate(recording.spikes)}
    weights = {name: weight.grad.clone() for name, weight in network.named_parameters()}
    return {"readout": recording.readout.detach()} | counts | rasters | weights


def outcome_by_numbers(case, loss=None):
    """Return the same from plain numbers, with the gradient of the input beside."""
    parameters = dict(case.network("torch").named_parameters())
    known = {name: scalar.variables(weight.tolist()) for name, weight in parameters.items()}
    x = scalar.variables(case.x)
    readout, spikes = scalar.network(
        x,
        [weight for name, weight in known.items() if name.endswith("weight")],
        [known.get(f"hidden.{k}.recurrent") for k in range(len(case.config.hidden))],
        case.config.neuron,
    )
    counts = [scalar.counts(layer) for layer in spikes]
    if loss is None:
        total = scalar.dot(np.ravel(readout), scalar.variables(case.kernel.ravel()))
        for layer, strength in zip(counts, case.strengths, strict=True):
            for row in layer:
                total = total + sum(s * c * c for s, c in zip(strength.tolist(), row, strict=True))
    else:
        total = loss(readout)
    total.backward()
    recorded = {"readout": readout}
    recorded |= {f"counts {k}": layer for k, layer in enumerate(counts)}
    recorded |= {f"spikes {k}": layer for k, layer in enumerate(spikes)}
    return (
        {name: scalar.values(each) for name, each in recorded.items()}
        | {name: scalar.gradients(weight) for name, weight in known.items()},
        scalar.gradients(x),
    )


def distance(found, expected):
    """Return the norm of a difference, relative to that of what is expected."""
    found, expected = (np.asarray(each, float) for each in (found, expected))
    assert found.shape == expected.shape
    return np.linalg.norm(found - expected) / (np.linalg.norm(expected) or 1)


def assert_equal_outcomes(found, expected, tolerance):
    assert found.keys() == expected.keys()
    off = {name: distance(found[name], expected[name]) for name in expected}
    assert max(off.values()) < tolerance, off


def engines_for(neuron):
    return ["torch", "events"] if neuron.detach_reset else ["torch"]


@given(cases(NEURONS, st.integers(1, 3), at_most=(2, 7, 3)))
def test_every_engine_and_form_of_input_equals_the_loop_over_plain_numbers(case):
    expected, expected_input = outcome_by_numbers(case)
    for engine in engines_for(case.config.neuron):
        network, x = case.network(engine), case.x.clone().requires_grad_()
        assert_equal_outcomes(outcome(network, x, case.loss), expected, 1e-12)
        assert distance(x.grad, expected_input) < 1e-12
        assert_equal_outcomes(outcome(network, from_raster(case.x), case.loss), expected, 1e-12)


VARIANTS = [
    {},
    {"reset": "subtract", "threshold": 0.7},
    {"detach_reset": False},
    {"reset": "subtract", "detach_reset": False},
    {"recurrent": True},
    {"recurrent": True, "gain": "one_minus_beta", "threshold": 0.1, "strict": False},
    {"hidden": (5, 4, 6), "surrogate": sigmoid_prime(5.0)},
]


def lively(order, surrogate=None, hidden=(5,), recurrent=False, **neuron):
    """Return a case in which every neuron of every layer has something to do."""
    parameters = LIFParameters(
        tau_mem_s=12e-3,
        tau_syn_s=6e-3,
        order=order,
        surrogate=surrogate or fast_sigmoid(7.0),
        **neuron,
    )
    config = NetworkConfig(6, hidden, 4, parameters, 2.0, recurrent)
    return make_case(config, n_steps=25, n_samples=3, density=0.3, seed=3)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_lively_network_equals_the_loop_over_plain_numbers(variant, order):
    case = lively(order, **variant)
    expected, _ = outcome_by_numbers(case)
    for k in range(len(case.config.hidden)):
        assert expected[f"counts {k}"].sum() > 20
    for engine in engines_for(case.config.neuron):
        assert_equal_outcomes(outcome(case.network(engine), case.x, case.loss), expected, 1e-12)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", SURROGATES)
def test_every_surrogate_equals_the_loop_over_plain_numbers(name, order):
    neuron = LIFParameters(order=order, threshold=0.5, surrogate=SURROGATES[name]())
    case = make_case(NetworkConfig(3, (4,), 2, neuron, 3.0, recurrent=True), 10, 2, 0.5, seed=1)
    expected, _ = outcome_by_numbers(case)
    assert expected["counts 0"].sum() > 5
    for engine in ("torch", "events"):
        found = outcome(case.network(engine), from_raster(case.x), case.loss)
        assert_equal_outcomes(found, expected, 1e-12)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("change", [{"reset": "subtract"}, {"detach_reset": False}])
def test_the_variants_differ_so_that_the_comparison_can_fail(change, order):
    plain, changed = (lively(order, **variant) for variant in ({}, change))
    gradients = [
        outcome(case.network("torch"), case.x, plain.loss)["hidden.0.weight"]
        for case in (plain, changed)
    ]
    assert distance(*gradients) > 1e-3


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("engine", ["torch", "events"])
def test_the_gradient_of_the_loss_on_maxima_over_time_equals_that_of_plain_numbers(engine, order):
    case, labels = lively(order, recurrent=True), [0, 3, 1]
    expected, _ = outcome_by_numbers(case, lambda r: scalar.max_over_time_nll(r, labels))
    found = outcome(
        case.network(engine),
        from_raster(case.x),
        lambda recording: max_over_time_nll(recording.readout, torch.tensor(labels)),
    )
    assert np.abs(expected["hidden.0.recurrent"]).max() > 1e-4
    assert_equal_outcomes(found, expected, 1e-12)


@settings(max_examples=80)
@given(cases(DETACHED, WIDTHS, at_most=(2, 30, 20)))
def test_the_event_driven_engine_equals_pytorch_at_any_width_batch_and_length(case):
    expected = outcome(case.network("torch"), case.x, case.loss)
    network = case.network("events")
    assert_equal_outcomes(outcome(network, from_raster(case.x), case.loss), expected, 1e-12)
    assert_equal_outcomes(outcome(network, case.x, case.loss), expected, 1e-12)


@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("values", ["sparse", "dense", "fractions", "negative"])
def test_a_raster_may_hold_anything_and_gets_its_gradient(values, recurrent):
    config = NetworkConfig(30, (20,), 3, weight_scale=4.0, recurrent=recurrent)
    density = 2 * SPARSE if values == "dense" else SPARSE / 4
    case = make_case(config, 20, 9, density, seed=4)
    x = case.x * {"fractions": 0.7, "negative": -1.0}.get(values, 1.0)
    assert (if_sparse(x, SPARSE) is None) == (values != "sparse")
    outcomes, gradients = [], []
    for engine in ("torch", "events"):
        leaf = x.clone().requires_grad_()
        outcomes.append(outcome(case.network(engine), leaf, case.loss))
        gradients.append(leaf.grad)
    assert outcomes[0]["counts 0"].sum() > 0 or values == "negative"
    assert gradients[0].abs().sum() > 0
    assert_equal_outcomes(outcomes[1], outcomes[0], 1e-12)
    assert distance(gradients[1], gradients[0]) < 1e-12


def test_a_raster_gets_its_gradient_where_the_weights_are_frozen():
    case = lively("fire_first")
    gradients = []
    for engine in ("torch", "events"):
        network, x = case.network(engine).requires_grad_(False), case.x.clone().requires_grad_()
        case.loss(network(x)).backward()
        gradients.append(x.grad)
    assert distance(gradients[1], gradients[0]) < 1e-12


@pytest.mark.parametrize("n_samples", [1, 7, 8, 9, 16, 17])
@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("density", [0.01, 0.4])
def test_batches_around_a_group_of_samples_are_exact(n_samples, recurrent, density):
    config = NetworkConfig(200, (65,), 3, weight_scale=3.0, recurrent=recurrent)
    case = make_case(config, 20, n_samples, density, seed=n_samples)
    expected = outcome(case.network("torch"), case.x, case.loss)
    found = outcome(case.network("events"), from_raster(case.x), case.loss)
    assert_equal_outcomes(found, expected, 1e-12)


@given(
    cases(
        st.builds(
            LIFParameters,
            order=st.sampled_from(ORDERS),
            reset=st.sampled_from(["zero", "subtract"]),
            # Rounding errors grow with slope and drive, in PyTorch's single precision as well.
            surrogate=st.sampled_from([fast_sigmoid(5.0), superspike(5.0), sigmoid_prime(5.0)]),
        ),
        WIDTHS,
        at_most=(2, 30, 20),
        scales=(1.0, 2.0),
        densities=(0.0, 0.02, 0.1),
    )
)
def test_single_precision_is_close_to_double_where_it_fires_alike(case):
    expected = outcome(case.network("torch"), case.x, case.loss)
    found = outcome(case.network("events", torch.float32), from_raster(case.x), case.loss)
    # A membrane within rounding of the threshold may fire in one precision only.
    assume(all(torch.equal(found[k].double(), expected[k]) for k in expected if "spikes" in k))
    assert_equal_outcomes(found, expected, 5e-5)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
def test_single_precision_is_close_to_double_at_the_slope_and_size_of_the_tutorials(
    order, recurrent
):
    neuron = LIFParameters(order=order, surrogate=superspike(100.0))
    config = NetworkConfig(100, (100,), 10, neuron, weight_scale=1.0, recurrent=recurrent)
    case = make_case(config, 50, 20, 0.02, seed=4)
    expected = outcome(case.network("torch"), case.x, case.loss)
    found = outcome(case.network("events", torch.float32), from_raster(case.x), case.loss)
    assert torch.equal(found["spikes 0"].double(), expected["spikes 0"])
    assert 100 < expected["spikes 0"].sum() < 50_000
    assert_equal_outcomes(found, expected, 5e-5)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("n_samples", [1, 8, 17])
@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
def test_the_number_of_threads_changes_nothing_but_the_order_of_sums(threads, recurrent, n_samples):
    config = NetworkConfig(30, (40, 20), 3, weight_scale=3.0, recurrent=recurrent)
    case = make_case(config, 30, n_samples, 0.05, seed=1)
    outcomes = []
    for n in (1, 2, 3):
        threads(n)
        outcomes.append(outcome(case.network("events"), from_raster(case.x), case.loss))
    for each in outcomes[1:]:
        assert_equal_outcomes(each, outcomes[0], 1e-13)
        assert torch.equal(each["readout"], outcomes[0]["readout"])


@pytest.mark.slow
def test_a_long_recording_and_a_wide_layer_need_wider_indices_and_get_them():
    config = NetworkConfig(3, (2,), 2, weight_scale=3.0)
    long = make_case(config, 4_100, 9, 0.05, seed=1)  # 8 samples x 4,100 steps > 2^15 rows
    wide = make_case(dataclasses.replace(config, n_in=40_000, weight_scale=40.0), 4, 2, 1e-3, 1)
    for case in (long, wide):
        expected = outcome(case.network("torch"), case.x, case.loss)
        found = outcome(case.network("events"), from_raster(case.x), case.loss)
        assert expected["counts 0"].sum() > 0
        assert_equal_outcomes(found, expected, 1e-12)


BIG = NetworkConfig(50, (100,), 10, weight_scale=3.0, recurrent=True)


def big(seed):
    return make_case(BIG, n_steps=60, n_samples=16, density=0.03, seed=seed)


def test_two_forward_passes_before_their_backward_passes_do_not_share_memory():
    first, second = big(1), big(2)
    network = first.network("events")
    alone = [outcome(network, from_raster(case.x), case.loss) for case in (first, second)]
    recordings = [network(from_raster(case.x)) for case in (first, second)]
    for case, recording, expected in zip((first, second), recordings, alone, strict=True):
        network.zero_grad()
        case.loss(recording).backward()
        for name, weight in network.named_parameters():
            assert torch.equal(weight.grad, expected[name])
        assert torch.equal(recording.readout, expected["readout"])
        assert torch.equal(recording.spikes[0], expected["spikes 0"])


def test_a_graph_that_is_kept_can_be_gone_through_again():
    case = big(1)
    network = case.network("events")
    loss = case.loss(network(from_raster(case.x)))
    loss.backward(retain_graph=True)
    once = [weight.grad.clone() for weight in network.parameters()]
    loss.backward()
    for weight, gradient in zip(network.parameters(), once, strict=True):
        assert torch.equal(weight.grad, 2 * gradient)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_weights_changed_between_forward_and_backward_are_noticed():
    case = big(1)
    network = case.network("events")
    loss = case.loss(network(from_raster(case.x)))
    with torch.no_grad():
        network.readout.weight += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_second_derivatives_are_refused_rather_than_wrong():
    case = big(1)
    network = case.network("events")
    for loss in (case.loss(network(from_raster(case.x))), network(case.x).readout.sum()):
        with pytest.raises(RuntimeError, match="asks for second derivatives"):
            torch.autograd.grad(loss, [network.hidden[0].weight], create_graph=True)


def test_a_prediction_equals_the_forward_pass_and_takes_less_memory(monkeypatch):
    case = big(1)
    network, x = case.network("events"), from_raster(case.x)
    asked, empty = [], buffers.empty

    def counted(shape, dtype):
        array = empty(shape, dtype)
        asked.append(array.nbytes)
        return array

    monkeypatch.setattr(buffers, "empty", counted)
    trained = network(x)
    for_training, asked[:] = sum(asked), []
    with torch.no_grad():
        predicted = network(x)
    assert sum(asked) < 0.7 * for_training
    assert torch.equal(predicted.readout, trained.readout)
    assert torch.equal(predicted.counts[0], trained.counts[0])
    assert not predicted.readout.requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("order", ORDERS)
def test_nothing_is_read_before_it_is_written(monkeypatch, order, recurrent, dtype):
    neuron = LIFParameters(order=order, surrogate=sigmoid_prime())
    config = NetworkConfig(7, (19, 35), 3, neuron, weight_scale=3.0, recurrent=recurrent)
    case = make_case(config, 20, 9, 0.1, seed=5)
    empty = buffers.empty
    filled = []
    for content in (0, 127, 255):  # as floats 0, enormous, and not a number
        monkeypatch.setattr(buffers, "empty", lambda *args, c=content: filled_with(c, empty(*args)))
        network = case.network("events", dtype)
        filled.append(outcome(network, from_raster(case.x), case.loss))
        filled.append(outcome(network, case.x.to(dtype), case.loss))
    for k, dirty in enumerate(filled[2:]):
        assert all(torch.equal(dirty[name], value) for name, value in filled[k % 2].items())


def filled_with(content, array):
    array.view(np.uint8).fill(content)
    return array


@pytest.mark.parametrize("n", [1, 15, 16, 17, 63, 64])
@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
def test_padded_neurons_never_fire_and_carry_no_gradient(n, recurrent):
    eager = LIFParameters(
        threshold=1e-300, strict=False, surrogate=SURROGATES["straight_through"]()
    )
    config = NetworkConfig(4, (n,), 3, eager, weight_scale=2.0, recurrent=recurrent)
    case = make_case(config, 6, 3, 0.5, seed=n)
    # The same neurons, followed by others that have no connection.
    larger = make_case(dataclasses.replace(config, hidden=(n + 20,)), 6, 3, 0.5, seed=n)
    networks = [each.network("events") for each in (case, larger)]
    small = dict(networks[0].named_parameters())
    with torch.no_grad():
        for name, weight in networks[1].named_parameters():
            weight.zero_()
            weight[tuple(slice(size) for size in small[name].shape)] = small[name]
    silent = dataclasses.replace(case, strengths=[torch.zeros(n, dtype=torch.float64)])
    wide = dataclasses.replace(case, strengths=[torch.zeros(n + 20, dtype=torch.float64)])
    expected = outcome(networks[0], from_raster(case.x), silent.loss)
    found = outcome(networks[1], from_raster(case.x), wide.loss)
    assert expected["counts 0"].sum() > 0
    assert found["counts 0"][:, n:].sum() == 0
    for name in expected:
        kept = found[name][tuple(slice(size) for size in expected[name].shape)]
        assert distance(kept, expected[name]) < 1e-14
    # A raster has no place for a padded neuron: one that fires is an IndexError or a surplus.
    assert torch.equal(expected["spikes 0"].sum(dim=0), expected["counts 0"])


@pytest.mark.parametrize("engine", ["torch", "events"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threshold", [1.0, 0.7])
@pytest.mark.parametrize(("strict", "n_spikes"), [(True, 0), (False, 1)])
def test_a_membrane_at_exactly_the_threshold_fires_unless_strict(
    engine, dtype, threshold, strict, n_spikes
):
    neuron = LIFParameters(
        tau_mem_s=1e-5, tau_syn_s=1e-5, threshold=threshold, strict=strict, order="integrate_first"
    )
    network = SpikingNetwork(NetworkConfig(1, (1,), 1, neuron), torch.Generator(), engine).to(dtype)
    with torch.no_grad():
        network.hidden[0].weight.fill_(threshold)
    x = torch.zeros(5, 1, 1, dtype=dtype)
    x[1] = 1
    assert network(x).counts[0].item() == n_spikes


@pytest.mark.parametrize("engine", ["torch", "events"])
def test_a_flat_zero_surrogate_freezes_hidden_weights_and_only_those(engine):
    case = lively("fire_first", surrogate=zero(), recurrent=True)
    found = outcome(case.network(engine), case.x, case.loss)
    assert found["hidden.0.weight"].abs().max() == 0
    assert found["hidden.0.recurrent"].abs().max() == 0
    assert found["readout.weight"].abs().max() > 0


def test_a_surrogate_is_known_by_its_formula_and_not_by_its_name_alone():
    mine = Surrogate("fast", lambda x: 1 / (1 + 7 * x.abs()) ** 2)
    cases_of = [lively("fire_first", surrogate=each) for each in (mine, fast_sigmoid(7.0))]
    mine, known = (outcome(case.network("events"), case.x, case.loss) for case in cases_of)
    assert_equal_outcomes(mine, known, 1e-12)


CURRENT = torch.zeros(1)
DECAY = LIFParameters().decay
LEARNED = Decay(torch.tensor(0.8, requires_grad=True), 0.9)
OBSTACLES = [
    (LIFParameters(adaptation=Adaptation()), DECAY, CURRENT, "an adaptive threshold"),
    (LIFParameters(detach_reset=False), DECAY, CURRENT, "a reset that is not detached"),
    (LIFParameters(), LEARNED, CURRENT, "learned time constants"),
    (LIFParameters(), DECAY, CURRENT.half(), "torch.float16"),
    (LIFParameters(), DECAY, CURRENT.to("meta"), "tensors on meta"),
]


@pytest.mark.parametrize(("neuron", "decay", "like", "reason"), OBSTACLES)
def test_auto_falls_back_to_pytorch_and_events_says_why_it_cannot(neuron, decay, like, reason):
    hindered = Population(neuron, decay, None)
    free = Population(LIFParameters(), DECAY, None)
    assert kernels.resolve("auto", [free, hindered], like) == "torch"
    assert kernels.resolve("torch", [free, hindered], like) == "torch"
    with pytest.raises(ValueError, match=f"engine 'events' cannot do {reason}; use 'auto'"):
        kernels.resolve("events", [free, hindered], like)


@pytest.mark.parametrize("like", [CURRENT, CURRENT.double()])
def test_auto_takes_the_event_driven_engine_where_it_can(like):
    fixed = Decay(torch.tensor([0.8]), torch.tensor([0.9]))
    populations = [Population(LIFParameters(), decay, None) for decay in (DECAY, fixed)]
    assert kernels.resolve("auto", populations, like) == "events"
    assert kernels.resolve("events", populations, like) == "events"
    assert kernels.resolve("torch", populations, like) == "torch"


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="'auto', 'torch' or 'events', not 'numba'"):
        kernels.resolve("numba", [], CURRENT)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("order", ORDERS)
def test_auto_runs_pytorch_on_cuda_and_equals_the_cpu(order, recurrent):
    case = lively(order, recurrent=recurrent)
    network = case.network("auto").cuda()
    assert network.resolved_engine == "torch"
    expected = outcome(case.network("torch"), case.x, case.loss)
    for x in (case.x.cuda(), from_raster(case.x)):
        found = outcome(network, x, case.loss)
        on_cpu = {name: each.cpu() for name, each in found.items()}
        assert_equal_outcomes(on_cpu, expected, 1e-12)
