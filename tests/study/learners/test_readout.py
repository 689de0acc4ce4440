"""The linear read-out against the library that solves it, and against its own promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.svm import LinearSVC

from study.learners.readout import fit_readout


def clouds(rng: np.random.Generator, classes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.choice(classes, 300)
    centres = rng.normal(0, 1, (max(classes) + 1, 6))
    return centres[labels] + rng.normal(0, 0.7, (300, 6)), labels


@pytest.mark.parametrize("classes", [(0, 1), (3, 5), (0, 2, 7)])
def test_answers_are_those_of_the_library(classes: tuple[int, ...]) -> None:
    features, labels = clouds(np.random.default_rng(0), classes)
    found = fit_readout((features, labels), (features, labels), [0.1], np.random.default_rng(1))
    seed = int(np.random.default_rng(1).integers(2**31))
    model = LinearSVC(C=0.1, random_state=seed).fit(features, labels)
    np.testing.assert_array_equal(found.answers(features), model.predict(features))
    assert found.accuracy == pytest.approx(100 * model.score(features, labels))
    assert found.weights.shape == (6, len(classes))


def test_sparse_features_give_the_answers_of_dense_ones() -> None:
    features, labels = clouds(np.random.default_rng(2), (0, 1, 2))
    features *= features > 0
    dense, rows = (
        fit_readout((each, labels), (each, labels), [1], np.random.default_rng(3))
        for each in (features, sparse.csr_array(features))
    )
    np.testing.assert_array_equal(dense.answers(features), rows.answers(sparse.csr_array(features)))


def test_validation_samples_choose_the_penalty() -> None:
    rng = np.random.default_rng(4)
    features, labels = clouds(rng, (0, 1, 2))
    features[:, 0] += 30  # a weak classifier leans on this one, which tells nothing
    shown: list[str] = []
    penalties = [1e-6, 1.0, 1e-6]
    parts = (features[:200], labels[:200]), (features[200:], labels[200:])
    found = fit_readout(*parts, penalties, rng, lambda _, text: shown.append(text))
    weak, strong = (
        fit_readout(*parts, [c], np.random.default_rng(5)).accuracy for c in penalties[:2]
    )
    assert found.accuracy == strong > weak
    assert found.inverse_penalty == 1.0
    assert shown == ["C = 1e-06", "C = 1", "C = 1e-06"]
    with pytest.raises(ValueError, match="at least one"):
        fit_readout(*parts, [], rng)
