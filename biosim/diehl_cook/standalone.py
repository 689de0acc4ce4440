"""Brian2's standalone engine: learning as one C++ program, without Python between samples.

A control neuron does what `runtime` does in Python: it counts spikes, decides after each
presentation whether the sample is shown again, and ends the run. Brian2 writes and runs the
program in a process of its own, as it keeps the device in global state. The program is kept in
the user's cache: a lesson of the same specification and size runs it with new data and compiles
nothing.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import brian2
import numpy as np
from brian2 import second, volt

from biosim.cache import cache_folder
from biosim.diehl_cook import network
from biosim.diehl_cook.lesson import Lesson, Trained, normalised
from biosim.diehl_cook.runtime import given_spikes
from biosim.diehl_cook.specification import DiehlCook
from biosim.diehl_cook.stimulus import Progress
from biosim.stimuli import whole_steps

SEED = "BIOSIM_SEED"
# Brian2's own choice but for -fno-finite-math-only: nothing here is infinite.
FLAGS = ["-w", "-O3", "-ffast-math", "-march=native", "-std=c++11"]

_CONTROL = """
dtheta_mean/dt = -theta_mean / tau_theta : volt
sample : integer
shown : integer
spikes : integer
stopped : 1
"""
_AFTER_A_STEP = """
over = int((timestep(t, dt) + 1) % period == 0)
done = over * int(spikes >= min_spikes or shown >= max_presentations)
sample = sample + done
shown = (shown + over) * (1 - done) + done
spikes = spikes * (1 - over)
stopped = stop_if(int(sample >= n_samples))
"""
_STOP_IF = """
double stop_if(int over) {
    if (over) Network::_globally_stopped = true;
    return over;
}
"""


def learn(lesson: Lesson, progress: Progress) -> Trained:
    """Return the network after a lesson; it takes half a minute more where it must compile.

    Raises
    ------
    RuntimeError
        If Brian2 cannot build or run the program.
    """
    with tempfile.TemporaryDirectory(prefix="biosim-") as folder:
        given, learned = Path(folder, "lesson"), Path(folder, "learned")
        given.write_bytes(pickle.dumps(lesson))
        files = map(str, (given, learned, _program_folder(lesson)))
        command = [sys.executable, "-m", __name__, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Brian2's standalone program failed:\n{done.stderr[-2000:]}")
        trained: Trained = pickle.loads(learned.read_bytes())
    progress(1.0, f"{len(trained.spikes)} samples")
    return trained


def _program_folder(lesson: Lesson) -> Path:
    """Return a folder for all lessons whose program is the same."""
    n_given = None if lesson.spikes is None else sum(len(step) for step, _ in lesson.spikes)
    code = b"".join(Path(str(module)).read_bytes() for module in (__file__, network.__file__))
    shape = lesson.images.shape, len(lesson.order), n_given
    key = hashlib.sha256(repr((lesson.spec, shape)).encode() + code).hexdigest()[:16]
    return cache_folder(brian2.__version__) / f"diehl-cook-{key}"


def _learn_here(lesson: Lesson, folder: Path) -> Trained:
    """Write, compile and run the program; this changes Brian2's global state for good."""
    spec = lesson.spec
    brian2.set_device("cpp_standalone", build_on_run=False)
    brian2.prefs["codegen.cpp.extra_compile_args_gcc"] = FLAGS
    brian2.defaultclock.dt = spec.dt_s * second
    present, rest = (whole_steps(time_s, spec.dt_s) for time_s in (spec.present_s, spec.rest_s))
    control = _control(spec, lesson, period=present + rest)
    inputs = _inputs(lesson, control, present, present + rest)
    net = network.layers(spec, adapting=True)
    net.exc.theta = lesson.theta_v * volt
    net.exc.v -= spec.start_below_rest_v * volt
    net.inh.v -= spec.start_below_rest_v * volt
    synapses = network.plastic(spec, inputs, net.exc, lesson.weights, lesson.delays_s)
    _normalise(spec, net.exc, synapses, (present + rest) * spec.dt_s)
    counter = _counter(spec, net.exc, control, present, present + rest)
    ends = brian2.SpikeMonitor(control, ["sample", "shown", "spikes", "theta_mean"], name="ends")
    everything = brian2.Network(control, inputs, synapses, counter, ends, *net.objects())
    longest = len(lesson.order) * spec.max_presentations * (spec.present_s + spec.rest_s)
    everything.run(longest * second)
    device = brian2.device
    # Not brian2.seed: a number in the program would have it compiled for each seed.
    device.insert_code(
        "after_start",
        f'brian::_random_generators[0].seed(std::strtoul(std::getenv("{SEED}"), nullptr, 10));',
    )
    os.environ[SEED] = str(lesson.seed)
    device.build(directory=str(folder), with_output=False)
    last = np.flatnonzero(np.diff(np.array(ends.sample), append=len(lesson.order)))
    return Trained(
        weights=normalised(spec, np.array(synapses.w_[:]).reshape(lesson.weights.shape)),
        theta_v=np.array(net.exc.theta_[:]),
        delays_s=lesson.delays_s,
        spikes=np.array(ends.spikes, dtype=np.int64)[last],
        presentations=np.array(ends.shown, dtype=np.int64)[last],
        theta_mean_v=np.array(ends.theta_mean_)[last],
        engine="brian2 cpp_standalone",
    )


def _control(spec: DiehlCook, lesson: Lesson, period: int) -> brian2.NeuronGroup:
    """Return the neuron that goes from sample to sample and fires when one has been shown."""
    stop_if = brian2.implementation("cpp", _STOP_IF, headers=['"network.h"'])(
        brian2.check_units(over=1, result=1)(lambda over: over)
    )
    control = brian2.NeuronGroup(
        1,
        _CONTROL,
        threshold="timestep(t, dt) % period == present",
        method="euler",
        namespace={
            "tau_theta": spec.tau_theta_s * second,
            "period": period,
            "present": whole_steps(spec.present_s, spec.dt_s),
            "min_spikes": spec.min_spikes,
            "max_presentations": spec.max_presentations,
            "n_samples": len(lesson.order),
            "stop_if": stop_if,
        },
        name="control",
    )
    # Before anything else happens in the step after a presentation.
    control.thresholder["spike"].when = "start"
    control.run_regularly(_AFTER_A_STEP, when="end")
    control.theta_mean = float(np.mean(lesson.theta_v)) * volt
    control.shown = 1
    return control


def _inputs(
    lesson: Lesson, control: brian2.NeuronGroup, present: int, period: int
) -> brian2.SpikeSource:
    if lesson.spikes is not None:
        return given_spikes(lesson)
    spec, n_in = lesson.spec, lesson.images.shape[1]
    # Arrays that are indexed by number, not by time: one second is one image.
    per_image = {"dt": 1 * second}
    inputs = brian2.NeuronGroup(
        n_in,
        # Not "rate": synapses would take the rule's rate_pre for the rate of their input.
        "frequency : Hz\nsample : integer (linked)\nshown : integer (linked)",
        threshold="timestep(t, dt) % period < present and rand() < frequency * dt",
        namespace={
            "period": period,
            "present": present,
            "max_rate": spec.max_rate_hz * brian2.Hz,
            "extra_rate": spec.extra_rate_hz * brian2.Hz,
            "pixel": brian2.TimedArray(lesson.images.astype(float), name="pixel", **per_image),
            "image": brian2.TimedArray(lesson.order.astype(float), name="image", **per_image),
        },
        name="input",
    )
    inputs.sample = brian2.linked_var(control, "sample")
    inputs.shown = brian2.linked_var(control, "shown")
    inputs.run_regularly(
        """
        now = (image((sample + 0.5) * second) + 0.5) * second
        frequency = (max_rate + (shown - 1) * extra_rate) * pixel(now, i)
        """,
        dt=period * spec.dt_s * second,
    )
    return inputs


def _normalise(
    spec: DiehlCook, exc: brian2.NeuronGroup, synapses: brian2.Synapses, period_s: float
) -> None:
    """Have the input weights of each neuron scaled before each presentation."""
    synapses.namespace["weight_sum"] = spec.weight_sum
    dt = period_s * second
    exc.run_regularly("total = 0", dt=dt, order=0)
    synapses.run_regularly("total_post += w", dt=dt, order=1)
    synapses.run_regularly("w = w * weight_sum / total_post", dt=dt, order=2)


def _counter(
    spec: DiehlCook,
    exc: brian2.NeuronGroup,
    control: brian2.NeuronGroup,
    present: int,
    period: int,
) -> brian2.Synapses:
    """Return synapses by which the control neuron learns of spikes."""
    counter = brian2.Synapses(
        exc,
        control,
        on_pre="""
        spikes_post += int(timestep(t, dt) % period < present)
        theta_mean_post += theta_plus / n_exc
        """,
        namespace={
            "present": present,
            "period": period,
            "theta_plus": spec.theta_plus_v * volt,
            "n_exc": spec.n_exc,
        },
        name="counter",
    )
    counter.connect()
    return counter


if __name__ == "__main__":
    given, learned, folder = map(Path, sys.argv[1:])
    learned.write_bytes(pickle.dumps(_learn_here(pickle.loads(given.read_bytes()), folder)))
