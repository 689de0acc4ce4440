"""Smooth random manifolds coded in spike times: classes that spike counts cannot tell apart."""

from __future__ import annotations

import hashlib

import numpy as np

from study.data.samples import Dataset, Events
from study.data.splits import stratified_split
from study.data.task import Classes

N_CLASSES = 10
N_UNITS = 20
N_PER_CLASS = 200
ALPHA = 1.5  # smoothness of the curves
N_MODES = 100  # amplitudes beyond are below 1e-3
DURATION_S = 0.1
SEED = 20210325  # the data belong to no trial: every seed of a learner sees the same ones


def generate(shuffle_times: bool = False) -> Dataset:
    """Return 2,000 samples of 10 one-dimensional manifolds, 64/16/20 split, always the same.

    Each class is a smooth random curve through the cube of 20 spike times: for a position ``x``
    on the curve, drawn uniformly from 0..1, unit ``i`` fires exactly once, at the fraction
    ``f_i(x)`` of the duration. Counts are equal in all samples, so only times inform.

    Parameters
    ----------
    shuffle_times
        Permute the times over all events of the data set. Counts and the overall distribution of
        times stay, what the times say is gone: a control on which nothing can be learned.

    References
    ----------
    Zenke & Vogels, Neural Comput. 33:899-925 (2021), doi:10.1162/neco_a_01367.
    """
    rng = np.random.default_rng(SEED)
    times = np.concatenate([_manifold(rng) for _ in range(N_CLASSES)]) * DURATION_S
    if shuffle_times:
        times = rng.permuted(times.ravel()).reshape(times.shape)
    labels = np.repeat(np.arange(N_CLASSES), N_PER_CLASS)
    samples = Events(
        time_s=times.ravel(),
        unit=np.tile(np.arange(N_UNITS, dtype=np.int32), len(labels)),
        offsets=np.arange(len(labels) + 1) * N_UNITS,
        labels=labels,
        n_units=N_UNITS,
        duration_s=DURATION_S,
    )
    train, validation, test = stratified_split(labels, (0.64, 0.16, 0.20))
    return Dataset(
        name="randman-shuffled" if shuffle_times else "randman",
        train=samples.take(train),
        validation=samples.take(validation),
        test=samples.take(test),
        task=Classes(N_CLASSES),
        source=(
            f"{N_CLASSES} generated smooth random manifolds of dimension 1 (Zenke & Vogels 2021, "
            f"alpha {ALPHA:g}), {N_UNITS} units of one spike each"
            + (", spike times shuffled over all events" if shuffle_times else "")
            + ", stratified 64/16/20 split with a fixed seed"
        ),
        checksum=hashlib.sha256(times.tobytes() + labels.tobytes()).hexdigest(),
    )


def _manifold(rng: np.random.Generator) -> np.ndarray:
    """Return points of one random curve, ``[N_PER_CLASS, N_UNITS]``, each unit scaled to 0..1.

    ``f_i(x) = sum_k a_ik k^-alpha sin(2 pi (k x b_ik + c_ik))`` with a, b, c uniform in 0..1.
    """
    amplitude, frequency, phase = rng.random((3, N_UNITS, N_MODES))
    k = np.arange(1, N_MODES + 1)
    x = rng.random((N_PER_CLASS, 1, 1))
    waves = np.sin(2 * np.pi * (k * x * frequency + phase))
    points = (amplitude * k**-ALPHA * waves).sum(axis=2)
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - low) / (high - low)
