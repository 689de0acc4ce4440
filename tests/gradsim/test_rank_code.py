"""The rank code: filters and ranks against loops, and what a rank code does not see."""

import numpy as np
import pytest
import torch

from gradsim import rank_code
from gradsim.rank_code import RankCode


def images(n=6, side=12, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, side, side)) / 256 * (rng.random((n, side, side)) < 0.5)


def test_a_filter_has_no_mean_and_a_peak_of_one():
    for pair in ((1.0, 2.0), (2.0, 1.0), (0.5, 1.5)):
        kernel = rank_code.difference_of_gaussians(7, *pair).astype(float)
        assert abs(kernel.sum()) < 1e-5
        assert kernel.max() == 1.0
        np.testing.assert_array_equal(kernel, kernel.T)
    centre = rank_code.difference_of_gaussians(5, 1.0, 2.0)
    by_hand = np.exp(-1 / 2) - np.exp(-1 / 8) / 4
    assert (centre[2, 2] - centre[2, 3]) / (centre[2, 2] - centre[2, 1]) == 1
    middle = 1 - 1 / 4
    corner = np.exp(-8 / 2) - np.exp(-8 / 8) / 4
    assert (centre[2, 2] - centre[2, 3]) / (centre[2, 2] - centre[0, 0]) == pytest.approx(
        (middle - by_hand) / (middle - corner), rel=1e-5
    )


def test_contrasts_are_those_of_a_loop():
    given, code = images(2), RankCode(threshold=0.1)
    found = rank_code.contrasts(given, code)
    padded = np.pad(given, ((0, 0), (3, 3), (3, 3)))
    for channel, pair in enumerate(code.deviations):
        kernel = rank_code.difference_of_gaussians(7, *pair)
        for n, y, x in np.ndindex(given.shape):
            wanted = (padded[n, y : y + 7, x : x + 7] * kernel).sum()
            assert found[n, channel, y, x] == pytest.approx(wanted * (wanted >= 0.1), abs=1e-5)


@pytest.mark.parametrize("given", [images(), np.kron(images(side=4) > 0, np.ones((4, 4)))])
def test_steps_follow_the_order_of_contrasts(given):
    """The second images have four-fold pixels of two brightnesses: many contrasts are equal."""
    code = RankCode(threshold=0.05, n_steps=7)
    found = rank_code.contrasts(given, code)
    steps = rank_code.encode(given, code)
    for contrast, step in zip(found, steps, strict=True):
        active = [place for place in np.ndindex(contrast.shape) if contrast[place] > 0]
        active.sort(key=lambda place, contrast=contrast: -contrast[place])  # keeps ties in order
        assert [int(step[place]) for place in active] == [
            r * 7 // len(active) for r in range(len(active))
        ]
        assert (step[contrast == 0] == 7).all()


def test_few_spikes_and_none_have_steps_too():
    image = np.zeros((2, 9, 9))
    image[0, 4, 4] = 1
    steps = rank_code.encode(image, RankCode(((1.0, 2.0),), n_steps=200))
    assert (steps[1] == 200).all()
    assert 0 < (steps[0] < 200).sum() < 10
    assert steps[0, 0, 4, 4] == 0


def test_brightness_changes_no_spike_but_at_the_threshold():
    bright = images(8)
    for factor in (0.5, 0.25):
        code, dim = RankCode(threshold=0.2), RankCode(threshold=0.2 * factor)
        np.testing.assert_array_equal(
            rank_code.encode(bright, code), rank_code.encode(bright * factor, dim)
        )
    kept = rank_code.contrasts(bright * 0.5, RankCode(threshold=0.2)) > 0
    assert kept.sum() < (rank_code.contrasts(bright, RankCode(threshold=0.2)) > 0).sum()


def test_an_image_is_encoded_alone_whatever_comes_with_it():
    given = images(rank_code.BLOCK + 3, 8)
    whole = rank_code.encode(given)
    np.testing.assert_array_equal(whole[-1:], rank_code.encode(given[-1:]))
    np.testing.assert_array_equal(whole[:1], rank_code.encode(given[:1]))
    assert rank_code.encode(given[:0]).shape == (0, 2, 8, 8)


@pytest.mark.parametrize("kind", [list, torch.tensor, lambda each: np.asarray(each, ">f8")])
def test_numbers_may_come_in_any_form(kind):
    given = images(2)
    np.testing.assert_array_equal(rank_code.encode(kind(given.tolist())), rank_code.encode(given))


def test_shuffled_steps_keep_places_and_numbers_and_lose_the_order():
    steps = rank_code.encode(images())
    mixed = rank_code.shuffled(steps, 15, np.random.default_rng(0))
    np.testing.assert_array_equal(mixed == 15, steps == 15)
    for before, after in zip(steps, mixed, strict=True):
        np.testing.assert_array_equal(np.sort(before.ravel()), np.sort(after.ravel()))
        both = [each[before < 15].astype(float) for each in (before, after)]
        assert abs(np.corrcoef(*both)[0, 1]) < 0.3
    assert not np.shares_memory(mixed, steps)


@pytest.mark.parametrize(
    "wrong",
    [
        {"deviations": ()},
        {"deviations": ((1.0, 1.0),)},
        {"deviations": ((0.0, 1.0),)},
        {"size": 4},
        {"size": 1},
        {"threshold": 0.0},
        {"n_steps": 0},
        {"n_steps": 256},
    ],
)
def test_a_code_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RankCode(**wrong)


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.full((1, 3, 3), np.nan)])
def test_what_is_no_image_is_refused(wrong):
    with pytest.raises(ValueError, match=r"images must be \[N, H, W\] and finite"):
        rank_code.encode(wrong)
