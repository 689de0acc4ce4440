"""The engines against each other: exactly with given spikes, statistically with drawn ones."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from biosim.backend import brian2, has_compiler, session
from biosim.diehl_cook import (
    DiehlCook,
    PowerLaw,
    Triplet,
    brian2_ports,
    budgeted,
    paper,
    published_code,
    respond,
    standalone,
    train,
)
from biosim.diehl_cook.compiled import EventNetwork
from biosim.diehl_cook.engines import resolve_engine
from biosim.diehl_cook.lesson import Lesson
from biosim.diehl_cook.network import layers, plastic
from biosim.diehl_cook.stimulus import poisson, poisson_spikes

N_IN, N_EXC = 60, 12
# Fewer inputs than published, so less weight and more rate; fast learning and short windows.
SMALL = DiehlCook(
    n_exc=N_EXC,
    present_s=0.1,
    rest_s=0.03,
    weight_sum=20.0,
    max_rate_hz=250.0,
    min_spikes=3,
    max_presentations=4,
    theta_plus_v=0.3e-3,
)
PRESETS = {preset.__name__: preset() for preset in (published_code, brian2_ports, paper, budgeted)}


def small(preset):
    """Return what makes a network by name out of the small one."""
    chosen = ("excitatory", "lockout_s", "max_delay_s", "rule")
    return dataclasses.replace(SMALL, **{name: getattr(preset, name) for name in chosen})


# Learning so fast that weights reach both bounds; no lock-out, so that spikes come in quick
# succession, while input is on its way; and inhibition with its own rhythm.
CASES = {
    "triplet": dataclasses.replace(SMALL, rule=Triplet(rate_pre=1e-3, rate_post=0.1)),
    "triplet at its bounds": dataclasses.replace(
        SMALL, rule=Triplet(rate_pre=0.05, rate_post=0.5), lockout_s=0.0, weight_sum=40.0
    ),
    "power": dataclasses.replace(SMALL, rule=PowerLaw(rate_post=0.05)),
    "power at its bounds": dataclasses.replace(
        SMALL, rule=PowerLaw(0.5, target=2.4), lockout_s=0.0, weight_sum=40.0, weight_inh_exc=1.0
    ),
    "no delay": dataclasses.replace(SMALL, max_delay_s=0.0),
    # One neuron inhibits as thirty that fire at once.
    "volleys": dataclasses.replace(SMALL, weight_inh_exc=510.0, lockout_s=0.0),
    **{name: small(preset) for name, preset in PRESETS.items()},
}


@pytest.fixture
def interpreted(monkeypatch):
    """Brian2 without a compiler: small networks need no waiting for one."""
    monkeypatch.setattr("biosim.backend.has_compiler", lambda: False)


def bars(n_images=12):
    rng = np.random.default_rng(0)
    images = np.tile(np.kron(np.eye(4), np.ones(N_IN // 4)), (n_images // 4, 1))
    return np.clip(images + 0.05 * rng.random(images.shape), 0, 1)


def start(spec, seed=1):
    rng = np.random.default_rng(seed)
    weights = 0.3 * (rng.random((N_IN, spec.n_exc)) + 0.01)
    return weights * spec.weight_sum / weights.sum(axis=0), spec.max_delay_s * rng.random(
        weights.shape
    )


def trains_in_brian2(spec, spikes, n_steps):
    """Return spikes of both populations as (step, neuron), final weights and theta."""
    weights, delays_s = start(spec)
    with session(target="numpy", seed=0, dt_s=spec.dt_s):
        times = spikes[0] * spec.dt_s * brian2.second
        source = brian2.SpikeGeneratorGroup(N_IN, spikes[1], times)
        net = layers(spec, adapting=True)
        synapses = plastic(spec, source, net.exc, weights, delays_s)
        monitors = [brian2.SpikeMonitor(group) for group in (net.exc, net.inh)]
        network = brian2.Network(source, synapses, *monitors, *net.objects())
        network.run(n_steps * spec.dt_s * brian2.second)
        fired = [
            set(zip(np.rint(m.t_ / spec.dt_s).astype(int), np.array(m.i), strict=True))
            for m in monitors
        ]
        return *fired, np.array(synapses.w_[:]).reshape(weights.shape), np.array(net.exc.theta_)


def trains_in_events(spec, spikes, n_steps):
    weights, delays_s = start(spec)
    theta_v = np.full(spec.n_exc, spec.theta_start_v)
    network = EventNetwork(spec, weights, delays_s, theta_v, plastic=True)
    state, fired = network.state, (set(), set())
    for step in range(n_steps):
        now = spikes[0] == step
        network.advance((np.zeros(now.sum(), np.int32), spikes[1][now]), 1)
        fired[0].update((step, j) for j in np.flatnonzero(state.since == 0))
        fired[1].update((step, i) for i in np.flatnonzero(state.inh_since == step))
    return *fired, network.weights(), state.theta


@pytest.mark.parametrize("case", CASES)
def test_given_the_same_input_every_neuron_fires_in_the_same_steps(case):
    spec, n_steps = CASES[case], 500
    drive = dataclasses.replace(spec, present_s=n_steps * spec.dt_s)
    spikes = poisson_spikes(drive, np.full(N_IN, 120.0), np.random.default_rng(3))
    exc, inh, weights, theta_v = trains_in_brian2(spec, spikes, n_steps)
    # The last arrivals are still on their way: the kernel has done their depression already.
    found = trains_in_events(spec, spikes, n_steps)
    assert found[0] == exc
    assert found[1] == inh
    assert len(exc) > 10
    assert len(inh) > 10
    assert found[3] == pytest.approx(theta_v, abs=1e-13)
    if isinstance(spec.rule, PowerLaw) or not spec.max_delay_s:
        assert found[2] == pytest.approx(weights, abs=1e-12)
    assert not np.allclose(weights, start(spec)[0], atol=1e-3)
    if "bounds" in case:
        assert np.count_nonzero(weights == 0) > 5
        assert np.count_nonzero(weights == spec.max_weight) > 5


def test_a_volley_leaves_membranes_between_their_reversal_potentials():
    spec = CASES["volleys"]
    weights, delays_s = start(spec)
    theta_v = np.full(spec.n_exc, spec.theta_start_v)
    network = EventNetwork(spec, weights, delays_s, theta_v, plastic=True)
    drive = dataclasses.replace(spec, present_s=0.5)
    step, unit = poisson_spikes(drive, np.full(N_IN, 120.0), np.random.default_rng(3))
    lowest = 0.0
    for now in range(1000):
        here = step == now
        network.advance((np.zeros(here.sum(), np.int32), unit[here]), 1)
        assert (network.state.v >= spec.excitatory.inhibitory_v - 1e-12).all()
        lowest = min(lowest, network.state.v.min())
    assert lowest < spec.excitatory.inhibitory_v + 1e-3  # inhibition was strong


@pytest.mark.parametrize("case", ["triplet", "power", "triplet at its bounds", *PRESETS])
def test_given_the_same_input_engines_learn_the_same(case, interpreted):
    """With repeated presentations, normalisation and silences."""
    spec = dataclasses.replace(CASES[case], min_spikes=12)
    images, order = bars(), np.arange(3)
    rng = np.random.default_rng(4)
    spikes = [poisson_spikes(spec, 150.0 * images[k % 3], rng) for k in range(12)]
    reference, found = (
        train(spec, images, order, seed=1, engine=engine, spikes=spikes)
        for engine in ("brian2", "events")
    )
    same(found, reference)
    assert 1 < found.presentations.mean() <= spec.max_presentations


def same(found, reference):
    assert np.array_equal(found.spikes, reference.spikes)
    assert np.array_equal(found.presentations, reference.presentations)
    assert found.spikes.sum() > 5
    assert found.weights == pytest.approx(reference.weights, abs=1e-12)
    assert found.theta_v == pytest.approx(reference.theta_v, abs=1e-13)
    assert found.theta_mean_v == pytest.approx(reference.theta_mean_v, abs=1e-13)


def test_given_the_same_seed_engines_respond_the_same(interpreted):
    images = bars()
    spec = dataclasses.replace(SMALL, max_rate_hz=80.0)
    trained = train(spec, images, np.arange(4), seed=0)
    reference, found = (
        respond(spec, trained, images, seed=5, engine=engine, batch=5)
        for engine in ("brian2", "events")
    )
    for name in ("counts", "input_spikes", "excitatory_spikes", "inhibitory_spikes"):
        assert np.array_equal(getattr(found, name), getattr(reference, name))
    assert np.array_equal(found.presentations, reference.presentations)
    assert found.counts.sum() > 20
    assert found.presentations.max() > 1
    assert (reference.engine, found.engine.split(",")[0]) == ("brian2 numpy", "events")


def test_threads_that_share_samples_count_the_same():
    images = bars()
    spec = dataclasses.replace(SMALL, max_rate_hz=80.0)
    trained = train(spec, images, np.arange(4), seed=0)
    one, *others = (
        respond(spec, trained, images, seed=5, batch=5, threads=threads) for threads in (1, 2, 9)
    )
    assert one.counts.sum() > 20
    for other in others:
        for name in ("counts", "input_spikes", "inhibitory_spikes", "presentations"):
            assert np.array_equal(getattr(other, name), getattr(one, name))
    with pytest.raises(ValueError, match="threads must be at least 1"):
        respond(spec, trained, images, seed=5, threads=0)


def test_drawn_spikes_teach_alike(interpreted):
    """Each engine draws its own: means over seeds must agree, and do not for another rule."""
    images, order = bars(), np.arange(12).repeat(1)
    spec = dataclasses.replace(CASES["power"], present_s=0.05)

    def seen(engine, seeds, spec=spec):
        runs = [train(spec, images, order, seed, engine) for seed in seeds]
        theta_mv = [1e3 * run.theta_v.mean() for run in runs]
        spikes = [run.spikes.mean() for run in runs]
        largest = [run.weights.max(axis=0).mean() for run in runs]
        return theta_mv, spikes, largest

    reference, found = seen("brian2", range(6)), seen("events", range(100, 130))
    for ours, theirs in zip(found, reference, strict=True):
        assert stats.ttest_ind(ours, theirs, equal_var=False).pvalue > 0.01
    other = seen(
        "events", range(100, 130), dataclasses.replace(spec, rule=PowerLaw(0.2, target=1.5))
    )
    assert stats.ttest_ind(other[2], reference[2], equal_var=False).pvalue < 1e-4


def compiled_parts(folder):
    """Return when each was compiled, but for the main file, whose lines may change order."""
    parts = (file for file in folder.rglob("*.o") if file.name != "main.o")
    return {file: file.stat().st_mtime_ns for file in parts}


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="needs a C++ compiler")
@pytest.mark.parametrize("case", ["triplet", "power", *PRESETS])
def test_the_standalone_program_learns_the_same_and_runs_again_with_new_data(
    case, monkeypatch, tmp_path
):
    """Slow: a C++ program is written and compiled."""
    monkeypatch.setattr(standalone, "cache_folder", lambda _version: tmp_path)
    spec = dataclasses.replace(CASES[case], min_spikes=12)
    images, order = bars(), np.arange(3)
    rng = np.random.default_rng(4)
    spikes = [poisson_spikes(spec, 150.0 * images[k % 3], rng) for k in range(12)]
    before = dict(brian2.prefs)
    start, compiled = None, []
    for seed in (1, 2):
        reference, found = (
            train(spec, images, order, seed, engine, start=start, spikes=spikes)
            for engine in ("events", "standalone")
        )
        same(found, reference)
        # The second time with other weights and thresholds, which cost no compiling.
        start = reference
        compiled.append(compiled_parts(tmp_path))
    assert len(compiled[0]) > 10
    assert compiled[0] == compiled[1]
    assert dict(brian2.prefs) == before
    standalone.prepare(spec, *images.shape, len(order))
    prepared = compiled_parts(tmp_path)
    one, again, other = (
        train(spec, images, order, seed, "standalone").spikes for seed in (1, 1, 2)
    )
    assert compiled_parts(tmp_path) == prepared
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_of_the_standalone_programs_the_last_used_are_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(standalone, "cache_folder", lambda _version: tmp_path)
    (tmp_path / "another").mkdir()
    lessons = [
        Lesson(SMALL, bars(), np.arange(n), *start(SMALL), np.zeros(N_EXC), seed=0)
        for n in range(standalone.PROGRAMS_KEPT + 2)
    ]
    first = standalone.program_folder(lessons[0])
    (first / "main").touch()
    for age, lesson in enumerate(lessons[1:]):
        folder = standalone.program_folder(lesson)
        os.utime(folder, (1000 + age, 1000 + age))
        assert standalone.program_folder(lessons[0]) == first
    assert (first / "main").exists()
    assert folder.exists()
    assert len(list(tmp_path.glob("diehl-cook-*"))) == standalone.PROGRAMS_KEPT
    assert (tmp_path / "another").exists()


def test_standalone_refuses_presentations_in_which_traces_would_overflow(monkeypatch):
    monkeypatch.setattr("biosim.diehl_cook.engines.has_compiler", lambda: True)
    spec = dataclasses.replace(SMALL, present_s=12.0)
    with pytest.raises(ValueError, match=r"\(12 s\), not 12.03 s; choose engine 'events'"):
        train(spec, bars(), [0], seed=0, engine="standalone")


def test_without_a_compiler_standalone_says_what_to_do(monkeypatch):
    monkeypatch.setattr("biosim.diehl_cook.engines.has_compiler", lambda: False)
    with pytest.raises(RuntimeError, match=r"compiler.*choose engine 'events'"):
        train(SMALL, bars(), [0], seed=0, engine="standalone")
    assert resolve_engine("auto") == "events"
    with pytest.raises(ValueError, match="unknown engine 'nest'; allowed: auto, events"):
        resolve_engine("nest")


def test_learning_in_parts_is_learning_at_once():
    """But for membranes, which start below rest, and traces that 30 ms of silence leave."""
    spec = dataclasses.replace(CASES["triplet"], rest_s=1.0, start_below_rest_v=0.0)
    images, rng = bars(), np.random.default_rng(4)
    spikes = [poisson_spikes(spec, 250.0 * images[k], rng) for k in range(12)]
    whole = train(spec, images, np.arange(12), seed=1, spikes=spikes)
    assert set(whole.presentations) == {1}
    first = train(spec, images, np.arange(5), seed=1, spikes=spikes[:5])
    second = train(spec, images, np.arange(5, 12), seed=9, start=first, spikes=spikes[5:])
    assert np.array_equal([*first.spikes, *second.spikes], whole.spikes)
    assert second.weights == pytest.approx(whole.weights, abs=1e-9)
    assert second.theta_v == pytest.approx(whole.theta_v, abs=1e-13)
    with pytest.raises(ValueError, match="start has weights"):
        train(spec, images[:, :30], [0], seed=0, start=first)


def test_nothing_shown_leaves_random_normalised_weights():
    untouched = train(SMALL, bars(), [], seed=3)
    assert untouched.weights.sum(axis=0) == pytest.approx(SMALL.weight_sum)
    assert np.all(untouched.theta_v == SMALL.theta_start_v)
    assert len(untouched.spikes) == 0


@given(
    st.lists(st.sampled_from([0.0, 1e-300, 1e-3, 0.3, 0.999, 1.0, 1.5]), max_size=20),
    st.integers(1, 60),
    st.integers(0, 2**32 - 1),
)
def test_drawn_spikes_are_in_order_and_at_most_one_a_step(probabilities, n_steps, seed):
    step, unit = poisson(np.array(probabilities), n_steps, np.random.default_rng(seed))
    place = step.astype(int) * 20 + unit
    assert np.all(np.diff(place) > 0)
    if len(step):
        assert 0 <= step.min() <= step.max() < n_steps
    counts = np.bincount(unit, minlength=len(probabilities))
    for count, probability in zip(counts, probabilities, strict=True):
        assert count == (0 if probability < 1e-9 else n_steps if probability >= 1 else count)


def test_drawn_spikes_have_the_rate_and_the_gaps_of_a_coin():
    p, n_steps = np.array([0.02, 0.3]), 200_000
    step, unit = poisson(p, n_steps, np.random.default_rng(0))
    for u in range(2):
        mine = step[unit == u]
        assert stats.binomtest(len(mine), n_steps, p[u]).pvalue > 0.01
        gaps = np.minimum(np.diff(mine), 12)
        expected = stats.geom.pmf(np.arange(1, 12), p[u])
        expected = np.append(expected, 1 - expected.sum()) * len(gaps)
        found = np.bincount(gaps, minlength=13)[1:]
        assert stats.chisquare(found, expected).pvalue > 0.01


def test_importing_the_network_changes_no_preference_of_brian2():
    code = (
        "import brian2; before = dict(brian2.prefs)\n"
        "import biosim.diehl_cook\n"
        "assert dict(brian2.prefs) == before"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
