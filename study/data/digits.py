"""Handwritten digits 8x8 (Alpaydin & Kaynak 1998), the copy bundled with scikit-learn."""

from __future__ import annotations

import hashlib

import numpy as np
from sklearn.datasets import load_digits

from study.data.reference import DataAccess
from study.data.samples import Dataset, Images
from study.data.splits import stratified_split
from study.data.task import Classes


def load(_access: DataAccess) -> Dataset:
    """Return 1,797 images, 64 % training, 16 % validation, 20 % test, stratified."""
    bunch = load_digits()
    pixels = (bunch.images / 16.0).astype(np.float32)
    labels = bunch.target.astype(np.int64)
    samples = Images(pixels, labels)
    train, validation, test = stratified_split(labels, (0.64, 0.16, 0.20))
    return Dataset(
        name="digits",
        train=samples.take(train),
        validation=samples.take(validation),
        test=samples.take(test),
        task=Classes(10),
        source=(
            "1,797 handwritten digits 8x8 bundled with scikit-learn (Alpaydin & Kaynak 1998), "
            "stratified 64/16/20 split with a fixed seed"
        ),
        checksum=hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest(),
    )
