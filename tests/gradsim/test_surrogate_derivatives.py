import math
import pickle

import pytest
import torch

from gradsim.surrogate import SURROGATES, Surrogate, fast_sigmoid, spike, superspike

X = torch.linspace(-40, 40, 800_001, dtype=torch.float64)

# name, parameters, h at x = 0.1, height h(0), area: worked out by hand from the formulas
KNOWN = [
    ("fast_sigmoid", (25.0,), 1 / 3.5**2, 1.0, 2 / 25),
    ("superspike", (100.0,), 1 / 11**2, 1.0, 2 / 100),
    ("sigmoid_prime", (10.0,), 1 / math.cosh(0.5) ** 2, 1.0, 4 / 10),
    ("atan", (2.0,), 1 / (1 + (0.1 * math.pi) ** 2), 1.0, 1.0),
    ("gaussian", (0.5,), 0.797884560802865 * math.exp(-0.02), 0.797884560802865, 1.0),
    ("triangle", (0.3, 1.0), 0.27, 0.3, 0.3),
    ("boxcar", (0.5,), 1.0, 1.0, 1.0),
    ("straight_through", (), 1.0, 1.0, 80.0),
]


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
