import numpy as np
import pytest

from study.data.randman import DURATION_S, N_UNITS, generate


@pytest.fixture(scope="module", params=[False, True], ids=["randman", "shuffled"])
def dataset(request):
    return generate(shuffle_times=request.param)


def parts(dataset):
    return dataset.train, dataset.validation, dataset.test


def times(samples):
    return samples.time_s.reshape(len(samples), N_UNITS)


def nearest_neighbour_accuracy(dataset):
    train, test = times(dataset.train), times(dataset.test)
    distance = ((test[:, None] - train[None]) ** 2).sum(axis=2)
    return np.mean(dataset.train.labels[distance.argmin(axis=1)] == dataset.test.labels)


def test_every_unit_fires_exactly_once_in_every_sample(dataset):
    for samples in parts(dataset):
        units = samples.unit.reshape(len(samples), N_UNITS)
        assert (np.sort(units, axis=1) == np.arange(N_UNITS)).all()
        assert samples.time_s.min() >= 0
        assert samples.time_s.max() <= DURATION_S == samples.duration_s


def test_classes_are_balanced_in_every_part(dataset):
    sizes = [np.bincount(samples.labels).tolist() for samples in parts(dataset)]
    assert sizes == [[128] * 10, [32] * 10, [40] * 10]


def test_it_is_always_the_same_data(dataset):
    again = generate(shuffle_times=dataset.name == "randman-shuffled")
    assert again.checksum == dataset.checksum
    assert np.array_equal(again.train.time_s, dataset.train.time_s)


def test_times_tell_the_class_until_they_are_shuffled():
    plain, shuffled = generate(), generate(shuffle_times=True)
    assert plain.checksum != shuffled.checksum
    assert nearest_neighbour_accuracy(plain) > 0.95
    # 400 test samples at chance 0.1: four standard errors are 0.06.
    assert nearest_neighbour_accuracy(shuffled) < 0.16


def test_shuffling_keeps_the_overall_distribution_of_times():
    pooled = [
        np.sort(np.concatenate([samples.time_s for samples in parts(dataset)]))
        for dataset in (generate(), generate(shuffle_times=True))
    ]
    assert np.array_equal(*pooled)


def test_manifolds_are_smooth_one_dimensional_curves():
    train = generate().train
    points = times(train)[train.labels == 0] / DURATION_S
    distance = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    nearest = np.sort(distance, axis=1)[:, 1]
    # 128 points on a curve lie close to a neighbour; in a 20-dimensional cloud they do not.
    assert np.median(nearest) < 0.2 * np.median(distance)
