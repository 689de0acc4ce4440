"""Compiled stochastic gradient descent of rectifier networks, one image after another.

What `gradsim.kernels.herding` approximates with spikes, in real numbers: with one-hot targets y,
``z_l = a_(l-1) W_l``, ``a_l = max(z_l, 0)``, ``d_L = (a_L - y) [z_L >= 0]``,
``d_l = (W_(l+1) d_(l+1)) [z_l >= 0]`` and ``W_l <- W_l - rate a_(l-1) d_l``, all errors first.
"""

from __future__ import annotations

import numpy as np

from gradsim.kernels.jit import compiled


@compiled(fastmath=True)
def _forward(rows, inputs, drive, outputs):
    """Set drive and outputs of a layer."""
    drive[:] = 0
    for i in range(len(rows)):
        if inputs[i] != 0:
            for j in range(len(drive)):
                drive[j] += inputs[i] * rows[i, j]
    for j in range(len(drive)):
        outputs[j] = max(drive[j], 0)


@compiled(fastmath=True)
def _backward(rows, behind, drive, errors):
    """Set the errors of a layer from those behind its weights."""
    for i in range(len(rows)):
        error = drive[i] * 0
        for k in range(len(behind)):
            error += rows[i, k] * behind[k]
        errors[i] = error if drive[i] >= 0 else 0


@compiled(fastmath=True)
def _learn(rows, inputs, errors, rate):
    for i in range(len(rows)):
        if inputs[i] != 0:
            change = rate * inputs[i]
            for k in range(len(errors)):
                rows[i, k] -= change * errors[k]


@compiled(fastmath=True)
def descend(images, labels, weights, rate):
    """Change ``weights``, one ``[in, out]`` a layer, by each of ``images [N, n_in]`` in turn."""
    widest, last = max([max(rows.shape) for rows in weights]), len(weights)
    outputs = np.zeros((last + 1, widest), images.dtype)
    drive, errors = outputs.copy(), outputs.copy()
    sizes = [len(rows) for rows in weights] + [weights[last - 1].shape[1]]
    for sample in range(len(images)):
        outputs[0, : sizes[0]] = images[sample]
        for k in range(last):
            n = sizes[k + 1]
            _forward(weights[k], outputs[k], drive[k + 1, :n], outputs[k + 1])
        errors[last] = outputs[last]
        errors[last, labels[sample]] -= 1
        for j in range(sizes[last]):
            if drive[last, j] < 0:
                errors[last, j] = 0
        for k in range(last - 1, 0, -1):
            _backward(weights[k], errors[k + 1, : sizes[k + 1]], drive[k], errors[k])
        for k in range(last):
            _learn(weights[k], outputs[k], errors[k + 1, : sizes[k + 1]], rate)
