"""Small rectifier networks with random weights, for the tests of conversion."""

import numpy as np
import torch
from torch import nn

from gradsim import QCFS

N_IN, N_OUT = 16, 5


def random(build, seed=0):
    """Return what ``build`` makes, float64, with PyTorch's own initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().double()


def dense(seed=0, rectifier=nn.ReLU, widths=(30, 20), bias=True):
    def build():
        layers, n_in = [], N_IN
        for n in widths:
            layers += [nn.Linear(n_in, n, bias=bias), rectifier(), nn.Dropout(0.5)]
            n_in = n
        return nn.Sequential(*layers, nn.Linear(n_in, N_OUT, bias=bias))

    return random(build, seed)


def convolutional(seed=0, rectifier=nn.ReLU):
    return random(
        lambda: nn.Sequential(
            nn.Unflatten(1, (1, 4, 4)),
            nn.Conv2d(1, 3, 3, padding=1),
            rectifier(),
            nn.AvgPool2d(2),
            nn.Conv2d(3, 6, 2, padding=1, stride=2),
            rectifier(),
            nn.Flatten(),
            nn.Linear(24, N_OUT),
        ),
        seed,
    )


def images(n=40, seed=1):
    return torch.tensor(np.random.default_rng(seed).random((n, N_IN)))


def dyadic(network, seed, step=1 / 16, largest=0.5):
    """Give a network weights that are multiples of ``step``: sums of them are exact."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.Linear | nn.Conv2d):
                for weight in layer.parameters():
                    values = rng.uniform(-largest, largest, weight.shape)
                    weight.copy_(torch.tensor(np.round(values / step) * step))
    return network


def dyadic_images(n=40, seed=1):
    return (images(n, seed) * 8).round() / 8


def quantised(levels, threshold=1.0):
    return lambda: QCFS(levels, threshold)


def activations(network, x):
    """Return the output of every rectifier, and of the network."""
    found = []
    with torch.no_grad():
        for layer in network.eval():
            x = layer(x)
            if isinstance(layer, nn.ReLU | QCFS):
                found.append(x)
    return found, x


def matrices(synapses, shape):
    """Return the dense matrix ``[out, in]`` of each layer, without bias, by single inputs."""
    found = []
    for layer in synapses:
        n_in = int(np.prod(shape))
        units = torch.eye(n_in, dtype=torch.float64).reshape(n_in, *shape)
        outputs = layer(units) - layer(torch.zeros_like(units))
        found.append(outputs.flatten(1).T)
        shape = outputs.shape[1:]
    return found
