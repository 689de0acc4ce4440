import dataclasses
import math
import pickle
from statistics import NormalDist

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import LIFParameters
from gradsim.surrogate import SURROGATES, Surrogate, built_in, fast_sigmoid, spike, superspike

X = torch.linspace(-40, 40, 800_001, dtype=torch.float64)

PEAK = 0.797884560802865  # of a normal of deviation 0.5; a sixth of it for deviation 3

# name, parameters, h at x = 0.1, height h(0), area: worked out by hand from the formulas
KNOWN = [
    ("fast_sigmoid", (25.0,), 1 / 3.5**2, 1.0, 2 / 25),
    ("superspike", (100.0,), 1 / 11**2, 1.0, 2 / 100),
    ("sigmoid_prime", (10.0,), 1 / math.cosh(0.5) ** 2, 1.0, 4 / 10),
    ("atan", (2.0,), 1 / (1 + (0.1 * math.pi) ** 2), 1.0, 1.0),
    ("gaussian", (0.5,), PEAK * math.exp(-0.02), PEAK, 1.0),
    (
        "multi_gaussian",
        (0.5, 0.15, 6.0, 0.5),
        0.575 * PEAK * math.exp(-0.02)
        - 0.075 * PEAK / 6 * (math.exp(-(0.4**2) / 18) + math.exp(-(0.6**2) / 18)),
        0.575 * PEAK - 0.15 * PEAK / 6 * math.exp(-(0.5**2) / 18),
        0.425,
    ),
    ("triangle", (0.3, 1.0), 0.27, 0.3, 0.3),
    ("boxcar", (0.5,), 1.0, 1.0, 1.0),
    ("straight_through", (), 1.0, 1.0, 80.0),
    ("zero", (), 0.0, 0.0, 0.0),
]


def normal(x, mean, deviation):
    return NormalDist(mean, deviation).pdf(x)


def logistic(z):
    return math.exp(min(z, 0)) / (1 + math.exp(-abs(z)))


# The same shapes written a second time, from the papers, in plain Python.
FORMULAS = {
    "fast_sigmoid": lambda x, slope: 1 / (1 + slope * abs(x)) ** 2,
    "superspike": lambda x, slope: 1 / (1 + slope * abs(x)) ** 2,
    "sigmoid_prime": lambda x, slope: 4 * logistic(slope * x) * logistic(-slope * x),
    "atan": lambda x, alpha: alpha / 2 / (1 + (math.pi / 2 * alpha * x) ** 2),
    "gaussian": lambda x, sigma: normal(x, 0, sigma),
    "multi_gaussian": lambda x, sigma, a, w, scale: (
        scale
        * (
            (1 + a) * normal(x, 0, sigma)
            - a * normal(x, sigma, w * sigma)
            - a * normal(x, -sigma, w * sigma)
        )
    ),
    "triangle": lambda x, height, width: max(0.0, height * (1 - abs(x) / width)),
    "boxcar": lambda x, width: 1 / (2 * width) if abs(x) < width else 0.0,
    "straight_through": lambda _x: 1.0,
    "zero": lambda _x: 0.0,
}
LIMITS = dict.fromkeys(FORMULAS, 0.0) | {"straight_through": 1.0}


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=5), st.floats(0.1, 50))
@pytest.mark.parametrize("name", FORMULAS)
def test_the_gradient_of_a_spike_is_the_published_formula_at_any_width(name, at, width):
    n_parameters = len(SURROGATES[name]().parameters)
    parameters = (width, *SURROGATES[name]().parameters[1:])[:n_parameters]
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    spike(x, SURROGATES[name](*parameters)).sum().backward()
    expected = [FORMULAS[name](value, *parameters) for value in at]
    assert x.grad.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_every_surrogate_is_checked_against_its_formula():
    assert set(FORMULAS) == set(SURROGATES)
    assert {row[0] for row in KNOWN} == set(SURROGATES)


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_far_from_the_threshold_a_derivative_has_its_limit(name, limit):
    far = torch.tensor([-1e6, 1e6])  # float32, as in training
    assert SURROGATES[name]().derivative(far).tolist() == pytest.approx([limit] * 2, abs=1e-9)


@pytest.mark.parametrize(("name", "parameters", "value", "height", "area"), KNOWN)
def test_a_derivative_has_the_value_height_and_area_of_its_formula(
    name, parameters, value, height, area
):
    surrogate = SURROGATES[name](*parameters)
    at = torch.tensor([0.1, 0.0], dtype=torch.float64)
    assert surrogate.derivative(at).tolist() == pytest.approx([value, height], rel=1e-12)
    # The tails of 1/x^2 shapes hold what the grid leaves out.
    assert torch.trapezoid(surrogate.derivative(X), X).item() == pytest.approx(area, rel=0.01)


@pytest.mark.parametrize("factory", SURROGATES.values())
def test_a_surrogate_is_a_picklable_value_known_by_its_name(factory):
    surrogate = factory()
    assert pickle.loads(pickle.dumps(surrogate)) == surrogate
    assert SURROGATES[surrogate.name](*surrogate.parameters) == surrogate
    mirrored = surrogate.derivative(-X[::1000])
    assert torch.equal(mirrored, surrogate.derivative(X[::1000]))


def test_the_slope_belongs_to_the_instance():
    steep, shallow = fast_sigmoid(100), fast_sigmoid(1)
    x = torch.tensor([-1.0], dtype=torch.float64)
    assert steep.derivative(x).item() == pytest.approx(1 / 101**2)
    assert shallow.derivative(x).item() == pytest.approx(1 / 4)


def test_a_spike_needs_more_than_the_threshold_and_passes_the_surrogate_gradient():
    x = torch.tensor([-0.5, 0.0, 1e-12, 0.5], dtype=torch.float64, requires_grad=True)
    spikes = spike(x, superspike(4))
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    (spikes * weights).sum().backward()
    assert spikes.tolist() == [0, 0, 1, 1]
    assert x.grad.tolist() == pytest.approx([1 / 9, 2, 3, 4 / 9])


def test_a_shape_of_ones_own_is_a_surrogate():
    x = torch.tensor([0.3], requires_grad=True)
    spike(x, Surrogate("flat", torch.ones_like)).sum().backward()
    assert x.grad.item() == 1


def flat(x, slope, height):
    return height / (slope * x.abs() + 1) ** 2


@pytest.mark.parametrize("name", ["superspike", "fast_sigmoid", "own"])
def test_a_name_decides_nothing_in_either_engine(name):
    own = Surrogate(name, flat, (100.0, 0.3))
    assert not built_in(own)
    gradients = []
    for engine in ("torch", "events"):
        config = NetworkConfig(5, (4,), 3, LIFParameters(surrogate=own))
        net = SpikingNetwork(config, torch.Generator().manual_seed(0), engine=engine)
        x = (torch.rand(40, 6, 5, generator=torch.Generator().manual_seed(1)) < 0.2).float()
        net(x).readout.sum().backward()
        gradients.append(net.hidden[0].weight.grad)
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("factory", SURROGATES.values())
def test_what_a_factory_makes_is_built_in_and_another_shape_is_not(factory):
    made = factory()
    assert built_in(made)
    assert built_in(pickle.loads(pickle.dumps(made)))
    assert not built_in(dataclasses.replace(made, shape=flat))
    assert not built_in(dataclasses.replace(made, parameters=(1.0,) * 7))
