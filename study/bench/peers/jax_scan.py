"""SpyTorch's equations in plain JAX: ``lax.scan`` over time, the whole step compiled by XLA.

What Spyx and other libraries over JAX come down to. The surrogate is a custom derivative, Adam is
written out. One scan with the matrix products inside was the fastest of the forms tried: products
before and after the scan, transposed weights and unrolled scans took longer.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gradsim import LIFParameters, SpikeEvents, raster
from study.bench.works import Weights, Work

NEURON = LIFParameters()
SLOPE = 100.0
LEARNING_RATE = 1e-7


@jax.custom_jvp
def _spike(x: Array) -> Array:
    return (x > 0).astype(x.dtype)


@_spike.defjvp
def _spike_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    return _spike(x), dx / (SLOPE * jnp.abs(x) + 1.0) ** 2


def forward(weights: Weights, x: Array) -> tuple[Array, Array]:
    """Return hidden spikes ``[T, B, H]`` and readout ``[T, B, C]``, without its initial 0."""
    alpha, beta = NEURON.alpha, NEURON.beta

    def step(state: tuple[Array, ...], x_t: Array) -> tuple[tuple[Array, ...], tuple[Array, Array]]:
        mem, syn, out, readout_mem, readout_syn = state
        current = x_t @ weights.hidden.T
        if weights.recurrent is not None:
            current += out @ weights.recurrent.T
        out = _spike(mem - 1.0)
        mem = (beta * mem + syn) * (1.0 - lax.stop_gradient(out))
        readout_mem = beta * readout_mem + readout_syn
        syn, readout_syn = alpha * syn + current, alpha * readout_syn + out @ weights.readout.T
        return (mem, syn, out, readout_mem, readout_syn), (out, readout_mem)

    hidden = jnp.zeros((x.shape[1], len(weights.hidden)), x.dtype)
    readout = jnp.zeros((x.shape[1], len(weights.readout)), x.dtype)
    return lax.scan(step, (hidden, hidden, hidden, readout, readout), x)[1]


def loss(weights: Weights, x: Array, labels: Array) -> Array:
    """Return the mean negative log-likelihood of the softmax of the maximum over time, in nats."""
    # The recording starts with 0, so no logit is negative, and 0 itself takes no gradient.
    logits = jax.nn.relu(forward(weights, x)[1].max(axis=0))
    likelihood = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(likelihood, labels[:, None], axis=1).mean()


class _Adam(NamedTuple):
    count: Array
    mean: Weights
    square: Weights


@partial(jax.jit, donate_argnums=(0, 1))
def _step(weights: Weights, adam: _Adam, x: Array, labels: Array) -> tuple[Weights, _Adam, Array]:
    value, gradient = jax.value_and_grad(loss)(weights, x, labels)
    count = adam.count + 1
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, adam.mean, gradient)
    square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, adam.square, gradient)
    rate, correction = LEARNING_RATE / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
    weights = jax.tree.map(
        lambda w, m, s: w - rate * m / (jnp.sqrt(s) / correction + 1e-8), weights, mean, square
    )
    return weights, _Adam(count, mean, square), value


class _Trainer:
    def __init__(self, weights: Weights) -> None:
        self.weights = jax.tree.map(jnp.array, weights)
        zeros = [jax.tree.map(jnp.zeros_like, self.weights) for _ in range(2)]
        self.adam = _Adam(jnp.zeros(()), *zeros)
        self.run: Any = _step

    def prepare(self, events: SpikeEvents, labels: np.ndarray) -> tuple[Array, Array]:
        return jax.block_until_ready((jnp.asarray(raster(events).numpy()), jnp.asarray(labels)))

    def compile(self, batch: tuple[Array, Array]) -> None:
        self.run = _step.lower(self.weights, self.adam, *batch).compile()

    def step(self, batch: tuple[Array, Array]) -> float:
        done = self.run(self.weights, self.adam, *batch)
        self.weights, self.adam, value = jax.block_until_ready(done)
        return float(value)

    def hidden_rate(self, batch: tuple[Array, Array]) -> float:
        return float(forward(self.weights, batch[0])[0].mean())


def build(work: Work, weights: Weights) -> _Trainer:  # noqa: ARG001
    """Return a trainer of the network in JAX."""
    return _Trainer(weights)
