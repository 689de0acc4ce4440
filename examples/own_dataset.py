"""A data set of your own, in one file: stripes of two directions in noise.

    python -m study.run compare --plugin examples/own_dataset.py --dataset stripes

Every learner that takes images runs on it. Data that lie in a file need no plug-in: an ``.npz`` of
images, traces or spike events goes to ``--dataset`` as it is.
"""

from __future__ import annotations

import hashlib

import numpy as np

from study.data import DatasetEntry
from study.data.reference import DataAccess
from study.data.samples import Dataset, Images
from study.data.splits import stratified_split
from study.data.task import Classes

SIZE, PERIOD, NOISE_SD = 8, 4, 0.6
N_SAMPLES = 300


def load(_access: DataAccess) -> Dataset:
    """Return gratings, across or upright, with Gaussian noise on the pixels.

    The split belongs to the data: it is the same for every trial, so that results pair by test
    sample, and nothing is chosen by the test part.
    """
    rng = np.random.default_rng(0)
    labels = np.arange(N_SAMPLES) % 2
    across = np.tile(np.arange(SIZE) % PERIOD < PERIOD / 2, (SIZE, 1))
    clean = np.where(labels[:, None, None] == 0, across, across.T)
    pixels = np.clip(clean + rng.normal(0, NOISE_SD, clean.shape), 0, 1).astype(np.float32)
    samples = Images(pixels, labels.astype(np.int64))
    train, validation, test = map(samples.take, stratified_split(labels, (0.64, 0.16, 0.20)))
    return Dataset(
        name="stripes",
        train=train,
        validation=validation,
        test=test,
        task=Classes(2),
        source=f"generated stripes, noise {NOISE_SD}; stratified 64/16/20 split, fixed seed",
        checksum=hashlib.sha256(pixels.tobytes()).hexdigest(),
    )


DATASETS = {"stripes": DatasetEntry("images", "stripes of two directions in noise", load)}
