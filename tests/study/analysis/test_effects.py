"""Effects of a grid, against marginal means, scipy and hand-made designs."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from study.analysis.effects import Difference, at_once, level_differences, level_means, variance
from study.analysis.stats import holm, mean_interval, share_interval

NAMES = "abcd"
WHOLE = np.array(list(product(range(3), repeat=4)))


def factors(points: np.ndarray) -> dict[str, np.ndarray]:
    return {name: points[:, column] for column, name in enumerate(NAMES[: points.shape[1]])}


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def functional_anova(response: np.ndarray, points: np.ndarray) -> dict[tuple[str, ...], float]:
    """Return shares by their definition: variances of marginal means, lower effects taken off."""
    mean = response.mean()

    def marginal(columns: tuple[int, ...]) -> np.ndarray:
        keys = points[:, columns]
        return np.array([response[(keys == key).all(axis=1)].mean() for key in keys]) - mean

    single = {c: marginal((c,)) for c in range(points.shape[1])}
    shares = {(NAMES[c],): (found**2).mean() for c, found in single.items()}
    for a, b in combinations(single, 2):
        both = marginal((a, b)) - single[a] - single[b]
        shares[(NAMES[a], NAMES[b])] = (both**2).mean()
    return {names: share / response.var() for names, share in shares.items()}


@given(st.integers(0, 1000))
def test_shares_of_a_whole_grid_are_those_of_the_functional_anova(seed: int) -> None:
    response = WHOLE[:, 0] + WHOLE[:, 1] * WHOLE[:, 2] + noise(81, seed)
    found = variance(response, factors(WHOLE), np.zeros(81))
    expected = functional_anova(response, WHOLE)
    assert {t.names: t.share for t in found.terms} == pytest.approx(expected)
    assert sum(term.share for term in found.terms) + found.rest == pytest.approx(1)


def test_one_factor_gives_the_one_way_f_test() -> None:
    levels = np.repeat([0, 1, 2], [5, 9, 4])
    response = levels * 0.4 + noise(18)
    found = variance(response, {"a": levels}, np.zeros(18))
    expected = stats.f_oneway(*(response[levels == level] for level in range(3)))
    assert found.terms[0].p == pytest.approx(expected.pvalue)
    within = sum(
        ((response[levels == k] - response[levels == k].mean()) ** 2).sum() for k in (0, 1, 2)
    )
    assert found.noise == pytest.approx((within / 15) ** 0.5)


def test_two_levels_of_one_factor_differ_as_in_students_t_test() -> None:
    levels = np.repeat([5, 7], [8, 6])
    response = 0.8 * (levels == 7) + noise(14)
    (found,) = level_differences(response, {"a": levels}, np.zeros(14))
    expected = stats.ttest_ind(response[levels == 7], response[levels == 5])
    low, high = expected.confidence_interval()
    assert (found.high, found.low) == (7, 5)
    assert found.interval[1:] == pytest.approx((low, high))
    assert (found.df, found.n_seeds) == (12, 0)


def test_level_means_of_a_whole_grid_are_plain_means() -> None:
    response = WHOLE @ [1.0, 2.0, 0.0, 0.5] + noise(81)
    found = level_means(response, factors(WHOLE), np.zeros(81))
    for column, name in enumerate(NAMES):
        for level in range(3):
            expected = response[WHOLE[:, column] == level].mean()
            assert found[name][level].mean == pytest.approx(expected)


@given(st.integers(0, 1000), st.integers(45, 80))
def test_planted_differences_are_recovered_from_a_grid_with_gaps(seed: int, n: int) -> None:
    kept = np.random.default_rng(seed).permutation(81)[:n]
    points = WHOLE[kept]
    response = 3.0 * points[:, 0] - 2.0 * points[:, 1] + 1e-3 * noise(n, seed)
    found = {d[:3]: d for d in level_differences(response, factors(points), np.zeros(n))}
    assert found["a", 2, 0].interval.mean == pytest.approx(6, abs=0.01)
    assert found["b", 1, 0].interval.mean == pytest.approx(-2, abs=0.01)
    assert found["a", 2, 0].interval.low > 5.9


def test_an_orthogonal_fraction_gives_effects_but_no_intervals() -> None:
    fraction = WHOLE[((WHOLE[:, 0] + WHOLE[:, 1] + WHOLE[:, 2]) % 3 == 0)
                     & ((WHOLE[:, 0] + 2 * WHOLE[:, 1] + WHOLE[:, 3]) % 3 == 0)]  # fmt: skip
    assert len(fraction) == 9
    response = fraction @ [1.0, 0.0, 5.0, 0.0]
    differences = level_differences(response, factors(fraction), np.zeros(9))
    found = {d[:3]: d for d in differences}
    assert found["c", 2, 0].interval.mean == pytest.approx(10)
    assert np.isnan(found["c", 2, 0].interval.low)


def test_a_third_of_a_grid_gives_main_effects_with_intervals() -> None:
    third = WHOLE[WHOLE[:, :3].sum(axis=1) % 3 == 0]
    response = third @ [1.0, 0.0, 5.0, 0.0] + 0.01 * noise(27)
    found = {d[:3]: d for d in level_differences(response, factors(third), np.zeros(27))}
    assert found["c", 2, 0].interval.low == pytest.approx(10, abs=0.1)
    assert {len(term.names) for term in variance(response, factors(third), np.zeros(27)).terms} == {
        1
    }
    assert variance(response, factors(third), np.zeros(27)).share("c") == pytest.approx(
        25 / 26, abs=0.01
    )


def test_levels_that_always_change_together_are_not_told_apart() -> None:
    levels = np.repeat([0, 1], 6)
    confounded = {"a": levels, "b": levels * 10}
    response = levels + noise(12)
    assert variance(response, confounded, np.zeros(12)).terms == ()
    assert all(
        np.isnan(d.interval.mean) for d in level_differences(response, confounded, levels * 0)
    )


def test_from_three_seeds_on_the_seeds_are_the_replicates() -> None:
    points = np.concatenate([WHOLE] * 3)
    seeds = np.repeat([0, 1, 2], 81)
    slope = np.array([1.0, 2.0, 3.0])[seeds]
    found = level_differences(slope * points[:, 0], factors(points), seeds)[0]
    # The difference of neighbouring levels is 1, 2 and 3 in the three seeds.
    assert found.interval.mean == pytest.approx(2)
    assert found.interval.high == pytest.approx(2 + stats.t.ppf(0.975, 2) / 3**0.5)
    assert (found.df, found.n_seeds) == (2, 3)
    (wider, *_) = at_once([found] * 10)
    assert wider.interval.high == pytest.approx(2 + stats.t.ppf(1 - 0.0025, 2) / 3**0.5)


def test_a_seed_that_has_only_begun_takes_nothing_from_the_others() -> None:
    points = np.concatenate([WHOLE, WHOLE, WHOLE[:4]])
    seeds = np.repeat([0, 1, 2], [81, 81, 4])
    response = points @ [1.0, 0.0, 0.5, 0.0] + 0.1 * noise(166)
    # Of two seeds and a bit, the other settings are still the replicates.
    found = level_differences(response, factors(points), seeds)
    assert found == level_differences(response, factors(points), seeds * 0)
    assert {d[:3]: d.interval.low for d in found}["a", 2, 0] > 1.5
    three = np.concatenate([WHOLE] * 3 + [WHOLE[:4]])
    kept = np.repeat([0, 1, 2, 3], [81, 81, 81, 4])
    values = three @ [1.0, 0.0, 0.5, 0.0] + 0.1 * noise(247)
    whole = level_differences(values[:243], factors(three[:243]), kept[:243])
    assert level_differences(values, factors(three), kept) == whole


def test_seeds_on_machines_of_their_own_are_replicates_all_the_same() -> None:
    points, seeds = np.concatenate([WHOLE] * 3), np.repeat([0, 1, 2], 81)
    machine = np.where(seeds == 0, "old", "new")
    slope = np.array([1.0, 2.0, 3.0])[seeds]
    response = slope * points[:, 0] + 5.0 * (seeds == 0)
    alone = level_differences(response, factors(points), seeds)
    both = {**factors(points), "machine": machine}
    beside = level_differences(response, both, seeds, frozenset({"machine"}))
    assert [d for d in beside if d.factor != "machine"] == alone


def test_seeds_that_disagree_leave_a_term_unsure() -> None:
    """Two-way ANOVA by hand: what the levels and the seeds do together is the error."""
    levels, seeds = np.tile(np.repeat([0, 1, 2], 27), 3), np.repeat([0, 1, 2], 81)
    response = np.array([2.0, -0.5, 1.0])[seeds] * levels + 0.1 * noise(243)
    cells = np.array(
        [[response[(levels == k) & (seeds == n)].mean() for n in range(3)] for k in range(3)]
    )
    effect = cells.mean(axis=1) - cells.mean()
    left = cells - cells.mean(axis=0) - effect[:, None]
    expected = stats.f.sf((3 * (effect**2).sum() / 2) / ((left**2).sum() / 4), 2, 4)
    (term,) = variance(response, {"a": levels}, seeds).terms
    assert term.p == pytest.approx(expected)
    assert term.p > 0.1
    assert variance(response, {"a": levels}, seeds * 0).terms[0].p < 1e-6
    means = level_means(response, {"a": levels}, seeds)["a"]
    assert means[2] == pytest.approx(mean_interval(cells[2].tolist()))


def test_where_nothing_is_planted_few_differences_are_sure() -> None:
    def families(seed: int) -> list[Difference]:
        return at_once(level_differences(noise(81, seed), factors(WHOLE), np.zeros(81)))

    sure = sum(
        any(d.interval.low > 0 or d.interval.high < 0 for d in families(seed))
        for seed in range(200)
    )
    # At most 5 % of families in expectation: binomial(200, 0.05) exceeds 19 with p < 0.005.
    assert sure <= 19


def test_a_response_without_variance_has_no_shares_and_no_warning() -> None:
    found = variance(np.ones(81), factors(WHOLE), np.zeros(81))
    assert all(term.share == 0 for term in found.terms)
    assert found.rest == 0


def test_holm_leaves_unknown_p_values_out_of_the_count() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01, float("nan"), 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)


def test_wilsons_interval_has_its_textbook_value() -> None:
    # Newcombe, Stat. Med. 17:857-872 (1998), table I, method 3: 81 of 263.
    assert share_interval(81 / 263, 263)[1:] == pytest.approx((0.2553, 0.3662), abs=5e-5)
