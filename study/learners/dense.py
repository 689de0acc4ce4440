"""What the two baselines without spikes share: features, and what their layers cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from study.data import steps
from study.data.samples import Images, Samples, Traces
from study.data.task import Task
from study.learning.contract import Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import timed

CODES = {
    "images": "brightness",
    "traces": "values at each time",
    "events": "spike counts by unit and time bin",
}
"""What `features` makes of each kind of samples, in words."""


def features(samples: Samples, time_bins: int) -> np.ndarray:
    """Return ``[N, F]`` float32: pixels, traces, or spike counts by unit and time bin."""
    if isinstance(samples, Images):
        return samples.pixels.reshape(len(samples), -1)
    if isinstance(samples, Traces):
        return samples.values.reshape(len(samples), -1)
    counts = np.zeros((len(samples), samples.n_units * time_bins), np.float32)
    for n, row in enumerate(counts):
        span = slice(*samples.offsets[n : n + 2])
        time_bin = steps.time_bins(samples.time_s[span], samples.duration_s, time_bins)
        cell = samples.unit[span].astype(int) * time_bins + time_bin
        row[:] = np.bincount(cell, minlength=len(row))
    return counts


def evaluate(
    predict: Callable[[np.ndarray], np.ndarray],
    weights: Mapping[str, np.ndarray],
    inputs: np.ndarray,
    labels: np.ndarray,
    task: Task,
) -> Evaluation:
    """Return answers, scores and cost of a network of dense layers.

    Parameters
    ----------
    predict
        Maps ``[N, F]`` inputs to ``[N]`` classes.
    weights
        One matrix a layer, by the name of the layer that it leaves; each non-zero weight is one
        multiply-accumulate.
    inputs, labels
        ``[N, F]`` and ``[N]``.
    task
        Scores the answers.
    """
    answers, timing = timed(lambda part: predict(inputs[part]), len(inputs))
    layers = tuple(
        Layer(name, macs=float(np.count_nonzero(weight)), weights=weight.size)
        for name, weight in weights.items()
    )
    classes = np.concatenate(answers)
    return Evaluation(classes, task.scores(classes, labels), Cost(layers, timing))
