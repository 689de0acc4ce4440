"""The quantised rectifier against its formula, forward and backward."""

import math

import numpy as np
import pytest
import torch

from gradsim import QCFS


@pytest.mark.parametrize("levels", [1, 3, 4])
def test_it_is_quantisation_clip_floor_and_shift(levels):
    activation = QCFS(levels, 1.3).double()
    x = torch.tensor(np.random.default_rng(0).normal(0.5, 1.0, 500))
    expected = [
        1.3 * min(max(math.floor(value * levels / 1.3 + 0.5) / levels, 0), 1)
        for value in x.tolist()
    ]
    assert activation(x).tolist() == pytest.approx(expected, rel=1e-6)
    assert len(set(activation(x).tolist())) == levels + 1


def test_the_gradient_takes_the_floor_for_the_identity():
    activation = QCFS(4, 2.0).double()
    x = torch.tensor([-1.0, 0.3, 1.1, 1.9, 2.5], dtype=torch.float64, requires_grad=True)
    output = activation(x)
    output.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]
    inside = ((output - x) / 2.0)[1:4].sum()
    assert activation.threshold.grad.item() == pytest.approx(inside.item() + 1)


def test_levels_and_threshold_must_be_positive():
    for options in ((0, 1.0), (4, 0.0), (4, math.nan)):
        with pytest.raises(ValueError, match="levels must be at least 1 and threshold positive"):
            QCFS(*options)


def test_it_says_its_levels():
    assert "levels=4" in repr(QCFS(4))
