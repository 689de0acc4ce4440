"""The mirrored autoencoder: rules told apart, the Brian2 twin, what the control must not do."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from biosim.mirrored import Network, Specification, initial, learn, respond, twin
from biosim.mirrored.training import _show, input_spikes

SPEC = Specification(n_hidden=4, weight_start=0.5, threshold_start=1.0, rate=0.02, rate_last=0.02)
N_IN = 9


def images(n: int, seed: int = 0) -> np.ndarray:
    """Return bright bars in one of three places."""
    rng = np.random.default_rng(seed)
    found = np.zeros((n, N_IN))
    for image, place in zip(found, rng.integers(3, size=n), strict=True):
        image[3 * place : 3 * place + 3] = rng.uniform(0.6, 1.0, 3)
    return found


def network(spec: Specification = SPEC) -> Network:
    return initial(spec, N_IN, np.random.default_rng(1))


@pytest.mark.parametrize("feedback", ["mirrored", "classical"])
@pytest.mark.parametrize("tau_trace_s", [None, 0.01])
def test_brian2_computes_the_same_spikes_and_weights(feedback, tau_trace_s) -> None:
    spec = dataclasses.replace(SPEC, feedback=feedback, tau_trace_s=tau_trace_s)
    shown, rates = images(6), np.array([0.02, 0.02, 0.0, 0.02, 0.01, 0.02])
    given = input_spikes(spec, shown, np.random.default_rng(2))
    wanted, found = twin.show(spec, network(), given, rates)
    net = Network(*(each.copy() for each in network()))
    counts = _show(spec, net, shown, rates, np.random.default_rng(2))
    for name in ("given", "hidden", "rebuilt"):
        np.testing.assert_array_equal(getattr(counts, name), getattr(found, name))
    for own, other in zip(net, wanted, strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-12)
    assert counts.hidden.sum() > 5
    assert counts.rebuilt.sum() > 5
    assert not np.allclose(net.forward, network().forward)


def changes(spec: Specification, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how W and the transpose of Q change in one image, and eta (x - r) h^T."""
    net, shown = network(), images(1)
    after = Network(*(each.copy() for each in net))
    counts = _show(spec, after, shown, np.array([spec.rate]), np.random.default_rng(seed))
    outer = np.outer(counts.given[0] - counts.rebuilt[0], counts.hidden[0])
    return after.forward - net.forward, (after.feedback - net.feedback).T, spec.rate * outer


def test_an_image_changes_both_by_its_error_times_the_hidden_spikes() -> None:
    forward, feedback, wanted = changes(SPEC)
    assert np.abs(wanted).max() > 0
    np.testing.assert_allclose(forward, wanted, atol=1e-14)
    np.testing.assert_allclose(feedback, wanted, atol=1e-14)


def test_the_control_changes_feedback_the_other_way() -> None:
    forward, feedback, wanted = changes(dataclasses.replace(SPEC, feedback="classical"))
    np.testing.assert_allclose(forward, wanted, atol=1e-14)
    np.testing.assert_allclose(feedback, -wanted, atol=1e-14)


def test_traces_that_decay_favour_growth() -> None:
    kept = changes(SPEC)[0].sum()
    assert changes(dataclasses.replace(SPEC, tau_trace_s=0.01))[0].sum() != pytest.approx(kept)


def test_silence_changes_no_weight_and_rate_0_changes_nothing() -> None:
    net, rng = network(), np.random.default_rng(0)
    silent, _ = learn(SPEC, net, np.zeros((1, N_IN)), [0] * 5, rng)
    np.testing.assert_array_equal(silent.forward, net.forward)
    np.testing.assert_array_equal(silent.feedback, net.feedback)
    assert (silent.threshold < net.threshold).all()
    still = dataclasses.replace(SPEC, rate=0.0, rate_last=0.0)
    same, _ = learn(still, net, images(4), [0, 1, 2, 3], rng)
    for before, after in zip(net, same, strict=True):
        np.testing.assert_array_equal(before, after)


def error(spec: Specification) -> tuple[float, float]:
    """Return the error of rebuilt images beside the mean image's, and the symmetry of weights."""
    rng, shown = np.random.default_rng(3), images(400)
    net, history = learn(spec, network(spec), shown, np.tile(np.arange(400), 3), rng)
    rebuilt = respond(spec, net, shown, rng).rebuilt / spec.white_spikes
    assert history.seen.tolist() == [500, 1000, 1200]
    assert history.symmetry[-1] == net.symmetry
    assert history.error.shape == (3,)
    assert (history.error[-1] < history.error[0]) == (spec.feedback == "mirrored")
    return float(((rebuilt - shown) ** 2).sum() / ((shown.mean(axis=0) - shown) ** 2).sum()), (
        net.symmetry
    )


def test_weights_come_to_mirror_each_other_and_images_are_rebuilt_but_for_the_control() -> None:
    found, symmetry = error(SPEC)
    assert abs(network().symmetry) < 0.5
    assert symmetry > 0.95
    assert found < 0.25
    wrong, opposed = error(dataclasses.replace(SPEC, feedback="classical"))
    assert opposed < -0.9
    assert wrong > 1.0


def test_what_is_given_stays_and_the_same_seed_gives_the_same_bits() -> None:
    net, shown = network(), images(30)
    before = [each.copy() for each in net]
    once, again = (
        learn(SPEC, net, shown.tolist(), range(30), np.random.default_rng(5))[0] for _ in range(2)
    )
    for old, own, one, other in zip(before, net, once, again, strict=True):
        np.testing.assert_array_equal(old, own)
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"white_spikes": 6.0}, "at most one a step"),
        ({"bout_s": 4.5e-3}, "not a multiple"),
        ({"feedback": "both"}, "'mirrored' or 'classical'"),
        ({"n_hidden": 0}, "n_hidden"),
        ({"rate": -1.0}, "rate"),
        ({"tau_trace_s": 0.0}, "tau_trace_s"),
    ],
)
def test_what_cannot_be_is_refused(change, told) -> None:
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(SPEC, **change)


def test_images_that_do_not_fit_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="9 pixels"):
        respond(SPEC, network(), np.zeros((2, 3)), rng)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        respond(SPEC, network(), np.full((2, N_IN), 2.0), rng)
    with pytest.raises(ValueError, match="order"):
        learn(SPEC, network(), images(2), [2], rng)
    assert respond(SPEC, network(), np.zeros((0, N_IN)), rng).hidden.shape == (0, 4)
