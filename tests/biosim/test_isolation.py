"""What a user keeps in Brian2 is as it was after any call of biosim, however the call ends."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading

import numpy as np
import pytest

from biosim import isolation
from biosim.backend import session
from biosim.chain import Chain, InputSpikes, Layer, calibrate, run_chain
from biosim.diehl_cook import DiehlCook, respond, train
from biosim.isolation import BrianObject, Network, brian2
from biosim.neurons import LIF
from biosim.plasticity import Competition, PairSTDP, compete, simulate_pairs, simulate_trains
from biosim.simulate import simulate

RULE = PairSTDP(bounds=(0, 1))
LAYER = Layer(np.array([[2.0]]), 10e-3, 5e-3, 4.0, 1.0)
CHAIN = Chain((LAYER,), dt_s=1e-3, delay_s=1e-3, hold_s=1e-3)
SPIKE = InputSpikes([0.0], [0], [0], 1)
NETWORK = DiehlCook(n_exc=2, weight_sum=5.0, present_s=0.01, rest_s=0.01, max_presentations=1)
IMAGES = np.ones((1, 4))


def pairs(progress=None):
    return simulate_pairs(RULE, [1e-3], target="numpy").weight


def trained(progress=lambda _fraction, _note: None):
    return train(NETWORK, IMAGES, [0], 0, "brian2", progress=progress).weights


CALLS = {
    "simulate": lambda: simulate(LIF(), [0.5e-9], dt_s=1e-4, duration_s=0.02, target="numpy"),
    "pairs": pairs,
    "trains": lambda: simulate_trains(RULE, [[0.0]], [[1e-3]], target="numpy"),
    "compete": lambda: compete(
        [RULE], Competition(n_inputs=2, total_conductance=1.0, duration_s=0.02), 0, "numpy"
    ),
    "run_chain": lambda: run_chain(CHAIN, SPIKE, 5),
    "calibrate": lambda: calibrate(LIF().model(), [0.0, 0.3e-9, 0.5e-9], 0.01, 1e-3, 1e-4, 0.1),
    "train": trained,
    "respond": lambda: respond(
        NETWORK, train(NETWORK, IMAGES, [], 0, "brian2"), IMAGES, 0, "brian2", batch=1
    ),
}


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")  # compiling would take most of the time


def state():
    """Return all that Brian2 keeps of a user, as far as it can be compared."""
    device, shared = brian2.get_device(), isolation.devices.runtime_device
    return {
        "device": device,
        "devices": list(isolation.devices.previous_devices),
        "options": (device.build_on_run, device.build_options),
        "queue": list(getattr(device, "main_queue", [])),
        "clock": (shared.defaultclock.dt_, shared.defaultclock.t_, id(shared.defaultclock)),
        "preferences": dict(brian2.prefs),
        "scope": BrianObject._scope_current_key,
        "magic": (brian2.magic_network.id, brian2.magic_network.t_),
        "running": (Network._globally_running, Network._globally_stopped),
        "random": np.random.get_state()[1].tolist(),  # noqa: NPY002 - what Brian2 uses
        "buffers": [int(shared.rand_buffer[0]), int(shared.rand_buffer_index[0])],
        "handlers": list(logging.getLogger("brian2").handlers),
        "interrupt": signal.getsignal(signal.SIGINT),
    }


@pytest.fixture
def own_model():
    """A user's model that has run for a while, with a clock that stands at 3 ms."""
    with isolation.isolated():
        brian2.prefs.codegen.target = "numpy"
        brian2.prefs.codegen.loop_invariant_optimisations = False
        group = brian2.NeuronGroup(
            1, "dv/dt = (2 - v) / (10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact"
        )
        brian2.run(3 * brian2.ms)
        yield group


@pytest.mark.parametrize("name", CALLS)
def test_a_users_model_goes_on_as_if_nothing_had_been_called(own_model, name) -> None:
    before, v = state(), float(own_model.v[0])
    CALLS[name]()
    assert state() == before
    brian2.run(2 * brian2.ms)
    assert float(brian2.magic_network.t) == pytest.approx(5e-3)
    assert float(own_model.v[0]) == pytest.approx(2 - (2 - v) * np.exp(-0.2), rel=1e-5)


@pytest.mark.parametrize("name", CALLS)
def test_a_standalone_device_is_neither_asked_nor_told_anything(name) -> None:
    with isolation.isolated(), tempfile.TemporaryDirectory() as folder:
        brian2.set_device("cpp_standalone", build_on_run=False, directory=folder)
        before = state()
        try:
            CALLS[name]()
            assert state() == before
        finally:
            brian2.get_device().reinit()


def test_preferences_and_the_clock_of_a_user_change_no_result() -> None:
    expected = CALLS["simulate"]().traces["v"]
    with isolation.isolated():
        brian2.prefs.core.default_float_dtype = np.float32
        brian2.prefs.legacy.refractory_timing = True
        brian2.defaultclock.dt = 1 * brian2.ms
        np.testing.assert_array_equal(CALLS["simulate"]().traces["v"], expected)


def failing(_fraction: float, _note: str) -> None:
    group = brian2.NeuronGroup(1, "v : 1")
    brian2.set_device("cpp_standalone", build_on_run=False)
    brian2.start_scope()
    assert simulate(LIF(), 0.0, dt_s=1e-4, duration_s=1e-3, target="numpy").n_units == len(group)
    raise RuntimeError("deliberate")


def test_an_error_in_the_middle_of_a_run_with_a_nested_call_leaves_nothing_behind() -> None:
    before = state()
    with pytest.raises(RuntimeError, match="deliberate"):
        trained(failing)
    assert state() == before


def test_an_inner_session_leaves_the_outer_one_its_objects() -> None:
    with session(target="numpy", seed=0, dt_s=1e-3):
        group = brian2.NeuronGroup(1, "dv/dt = 1/second : 1", method="euler")
        CALLS["simulate"]()
        brian2.run(5 * brian2.ms)
        assert group.v[0] == pytest.approx(5e-3)


def test_threads_take_turns_and_each_gets_what_it_would_get_alone() -> None:
    steps = (1e-4, 2e-4, 5e-4)
    found: dict[float, list] = {dt_s: [] for dt_s in steps}

    def work(dt_s: float) -> None:
        run = simulate(LIF(), [0.5e-9], dt_s=dt_s, duration_s=0.1, target="numpy")
        found[dt_s].append(run.spike_time_s)

    for dt_s in steps:
        work(dt_s)
    threads = [threading.Thread(target=work, args=(dt_s,)) for dt_s in steps * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for alone, *together in found.values():
        assert len(together) == 2
        for spikes in together:
            np.testing.assert_array_equal(spikes, alone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_is_forked_while_a_thread_holds_the_turn_does_not_wait_for_it() -> None:
    begun, end = threading.Event(), threading.Event()

    def hold() -> None:
        with isolation.isolated():
            begun.set()
            end.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(30)
    try:
        child = os.fork()
        if not child:
            os._exit(0 if isolation._turn.acquire(timeout=5) else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        end.set()
        thread.join()


def test_an_interrupt_ends_a_call_and_does_not_shorten_its_result(monkeypatch) -> None:
    # What is started in the background has interrupts ignored, and Brian2 remembers that.
    monkeypatch.setattr(brian2._int_handler, "previous_handler", signal.default_int_handler)

    def interrupt(_fraction: float, _note: str) -> None:
        signal.raise_signal(signal.SIGINT)

    with isolation.isolated():
        signal.signal(signal.SIGINT, brian2._int_handler)
        with pytest.raises(KeyboardInterrupt):
            trained(interrupt)
        assert signal.getsignal(signal.SIGINT) is brian2._int_handler
