"""What the two baselines without spikes share: features, timing, cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from study.data.samples import Images, Samples, Traces
from study.learning.contract import Evaluation

TIMED_BATCH = 256
METHOD = f"median over batches of {TIMED_BATCH} after one warm-up batch, one thread"


def features(samples: Samples, time_bins: int) -> np.ndarray:
    """Return ``[N, F]`` float32: pixels, traces, or spike counts by unit and time bin."""
    if isinstance(samples, Images):
        return samples.pixels.reshape(len(samples), -1)
    if isinstance(samples, Traces):
        return samples.values.reshape(len(samples), -1)
    counts = np.zeros((len(samples), samples.n_units * time_bins), np.float32)
    for n, row in enumerate(counts):
        span = slice(*samples.offsets[n : n + 2])
        time_bin = (samples.time_s[span] / samples.duration_s * time_bins).astype(int)
        cell = samples.unit[span].astype(int) * time_bins + np.minimum(time_bin, time_bins - 1)
        row[:] = np.bincount(cell, minlength=len(row))
    return counts


def evaluate(
    predict: Callable[[np.ndarray], np.ndarray],
    weights: Sequence[np.ndarray],
    inputs: np.ndarray,
    labels: np.ndarray,
) -> Evaluation:
    """Return accuracy, multiply-accumulates and time of a network of dense layers.

    Parameters
    ----------
    predict
        Maps ``[N, F]`` inputs to ``[N]`` classes.
    weights
        One matrix a layer; each non-zero weight is one multiply-accumulate.
    inputs, labels
        ``[N, F]`` and ``[N]``.
    """
    predictions = predict(inputs)
    return Evaluation(
        predictions=predictions,
        accuracy=float(np.mean(predictions == labels)),
        spikes_per_sample={},
        synops_per_sample=0.0,
        macs_per_sample=float(sum(np.count_nonzero(weight) for weight in weights)),
        neuron_updates_per_sample=0.0,
        inference_ms_per_sample=_time_ms(predict, inputs),
        inference_method=METHOD,
    )


def _time_ms(predict: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray) -> float:
    predict(inputs[:TIMED_BATCH])
    times = []
    for start in range(0, len(inputs), TIMED_BATCH):
        batch = inputs[start : start + TIMED_BATCH]
        started = time.perf_counter()
        predict(batch)
        times.append((time.perf_counter() - started) / len(batch) * 1e3)
    return float(np.median(times))
