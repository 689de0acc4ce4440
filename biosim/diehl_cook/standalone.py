"""Brian2's standalone engine: learning as one C++ program, without Python between samples.

A control neuron does what `runtime` does in Python: it counts spikes, decides after each
presentation whether the sample is shown again, as `lesson` says, and ends the run. Brian2 writes
and runs the program in a process of its own, as it keeps the device in global state. The program is
kept in the user's cache: a lesson of the same specification and size runs it with new data and
compiles nothing, or nothing but the main file, in which Brian2 may change the order of two lines.

Most of the time goes into arrivals of input spikes at synapses, hundreds of thousands a sample.
Two changes of form, which change results by rounding alone, halve it:

- traces do not decay, the unit in which they are counted grows: what a spike adds or takes is
  the same factor for all synapses in a step, and no exponential is computed for each. Each
  presentation begins with the unit that `network` has, so that nothing overflows;
- synapses of an input are stored in the order of their delays: those that a spike reaches in
  the same step lie side by side in memory.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import brian2
import numpy as np
from brian2 import second, volt

from biosim.cache import BRIEF, cache_folder
from biosim.diehl_cook import network
from biosim.diehl_cook.lesson import Lesson, Trained, normalised
from biosim.diehl_cook.runtime import given_spikes
from biosim.diehl_cook.specification import DiehlCook, PowerLaw, Triplet
from biosim.diehl_cook.stimulus import Progress, delay_steps
from biosim.plasticity.recipe import Recipe

SEED = "BIOSIM_SEED"
PROGRAMS_KEPT = 4
LONGEST = 600  # exp(600) is a number in double precision, exp(710) is none
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
_MODEL = """
w : 1
since = (timestep(t, dt) % period) * dt : second (shared)  # the presentation began
"""


class _Form(NamedTuple):
    """A rule of `network` with traces in units that grow; ``between`` presentations they shrink."""

    model: str
    on_pre: str
    on_post: str
    between: str


_FORMS = {
    Triplet: _Form(
        model="arrival : second\npost : 1",
        on_pre="""
        arrival = t
        w = clip(w - rate_pre * post * exp(-since / tau_post), 0, w_max)
        """,
        on_post="""
        gain = rate_post * exp((arrival - t) / tau_pre + (last_spike_post - t) / tau_post_slow)
        w = clip(w + gain, 0, w_max)
        post = exp(since / tau_post)
        """,
        between="post = post * exp(-period * dt / tau_post)",
    ),
    PowerLaw: _Form(
        model="trace : 1",
        on_pre="""
        trace += exp(since / tau_pre)
        """,
        on_post="""
        room = clip(w_max - w, 0, w_max) ** exponent
        w = clip(w + rate_post * (trace * exp(-since / tau_pre) - target) * room, 0, w_max)
        """,
        between="trace = trace * exp(-period * dt / tau_pre)",
    ),
}
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
    ValueError
        If presentations are hundreds of times as long as the traces last.
    RuntimeError
        If Brian2 cannot build or run the program.
    """
    with _files() as folder:
        learned = Path(folder, "learned")
        _in_a_process(lesson, learned)
        trained: Trained = pickle.loads(learned.read_bytes())
    progress(1.0, f"{len(trained.spikes)} samples")
    return trained


def prepare(spec: DiehlCook, n_images: int, n_in: int, n_samples: int) -> None:
    """Compile what `learn` needs for lessons of this size, so that it need not.

    Parameters
    ----------
    spec
        Network, stimulus and rule.
    n_images, n_in
        Shape of the images.
    n_samples
        How many are shown in a lesson.

    Raises
    ------
    ValueError, RuntimeError
        If Brian2 cannot build the program.
    """
    weights, theta_v = np.ones((n_in, spec.n_exc)), np.zeros(spec.n_exc)
    images, order = np.zeros((n_images, n_in)), np.zeros(n_samples, np.int64)
    _in_a_process(Lesson(spec, images, order, weights, 0 * weights, theta_v, seed=0))


def _in_a_process(lesson: Lesson, *learned: Path) -> None:
    """Compile the program of a lesson and, if there is a file for what is learned, run it."""
    _check(lesson.spec)
    with _files() as folder:
        given = Path(folder, "lesson")
        given.write_bytes(pickle.dumps(lesson))
        files = map(str, (given, program_folder(lesson), *learned))
        command = [sys.executable, "-m", __name__, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Brian2's standalone program failed:\n{done.stderr[-2000:]}")


def _files() -> tempfile.TemporaryDirectory[str]:
    """Return a folder in the process's own cache, whose next holder removes what a kill leaves."""
    return tempfile.TemporaryDirectory(prefix=BRIEF, dir=cache_folder(brian2.__version__))


def _check(spec: DiehlCook) -> None:
    """Raise ValueError where the units of traces would outgrow double precision."""
    period_s = spec.present_s + spec.rest_s
    shortest_s = min(v for k, v in asdict(spec.rule).items() if k.startswith("tau_"))
    if period_s > LONGEST * shortest_s:
        raise ValueError(
            f"engine 'standalone' computes presentations of at most {LONGEST} time constants of "
            f"the traces ({LONGEST * shortest_s:g} s), not {period_s:g} s; choose engine 'events'"
        )


def program_folder(lesson: Lesson) -> Path:
    """Return a folder for all lessons whose program is the same; old programs are removed."""
    n_given = None if lesson.spikes is None else sum(len(step) for step, _ in lesson.spikes)
    code = b"".join(Path(str(module)).read_bytes() for module in (__file__, network.__file__))
    shape = lesson.images.shape, len(lesson.order), n_given
    key = hashlib.sha256(repr((lesson.spec, shape)).encode() + code).hexdigest()[:16]
    folder = cache_folder(brian2.__version__) / f"diehl-cook-{key}"
    folder.mkdir(exist_ok=True)
    os.utime(folder)
    programs = sorted(folder.parent.glob("diehl-cook-*"), key=lambda path: path.stat().st_mtime)
    for old in programs[:-PROGRAMS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def compiled(lesson: Lesson, folder: Path) -> Callable[[], Trained]:
    """Write and compile the program of a lesson, and return what runs it.

    This changes Brian2's global state for good: call it in a process that does nothing else.
    """
    spec = lesson.spec
    brian2.set_device("cpp_standalone", build_on_run=False)
    brian2.prefs["codegen.cpp.extra_compile_args_gcc"] = FLAGS
    brian2.defaultclock.dt = spec.dt_s * second
    present, rest = spec.present_steps, spec.rest_steps
    control = _control(spec, lesson, period=present + rest)
    beginning = brian2.Clock((present + rest) * spec.dt_s * second, name="beginning")
    inputs = _inputs(lesson, control, present, present + rest, beginning)
    net = network.about_to_learn(spec, lesson.theta_v)
    synapses = _plastic(lesson, inputs, net.exc, present + rest)
    _normalise(spec, net.exc, synapses, beginning)
    synapses.run_regularly(_FORMS[type(spec.rule)].between, clock=beginning)
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
    device.build(directory=str(folder), with_output=False, run=False)

    def run() -> Trained:
        os.environ[SEED] = str(lesson.seed)
        theta_mean = float(np.mean(lesson.theta_v)) * volt
        device.run(with_output=False, run_args={control.theta_mean: theta_mean})
        last = np.flatnonzero(np.diff(np.array(ends.sample), append=len(lesson.order)))
        weights = np.empty_like(lesson.weights)
        weights[synapses.i[:], synapses.j[:]] = synapses.w_[:]
        return Trained(
            weights=normalised(spec, weights),
            theta_v=np.array(net.exc.theta_[:]),
            delays_s=lesson.delays_s,
            spikes=np.array(ends.spikes, dtype=np.int64)[last],
            presentations=np.array(ends.shown, dtype=np.int64)[last],
            theta_mean_v=np.array(ends.theta_mean_)[last],
            engine="brian2 cpp_standalone",
        )

    return run


def _plastic(
    lesson: Lesson, inputs: brian2.SpikeSource, exc: brian2.NeuronGroup, period: int
) -> brian2.Synapses:
    """Return the learning synapses, as `network.plastic` does but for the two changes of form."""
    spec = lesson.spec
    form = _FORMS[type(spec.rule)]
    namespace = {"period": period} | network.rule_constants(spec)
    recipe = Recipe(_MODEL + form.model, form.on_pre, form.on_post, namespace)
    synapses = recipe.synapses(inputs, exc, effect=network.EFFECT, name="input_exc")
    source, target = np.indices(lesson.weights.shape).reshape(2, -1)
    order = np.lexsort((target, delay_steps(spec, lesson.delays_s).ravel(), source))
    synapses.connect(i=source[order], j=target[order])
    synapses.w = lesson.weights.ravel()[order]
    synapses.pre.delay = lesson.delays_s.ravel()[order] * second
    if "arrival" in synapses.variables:
        synapses.arrival = -1e9 * second
    return synapses


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
            "present": spec.present_steps,
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
    control.shown = 1
    return control


def _inputs(
    lesson: Lesson, control: brian2.NeuronGroup, present: int, period: int, beginning: brian2.Clock
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
        clock=beginning,
    )
    return inputs


def _normalise(
    spec: DiehlCook, exc: brian2.NeuronGroup, synapses: brian2.Synapses, beginning: brian2.Clock
) -> None:
    """Have the input weights of each neuron scaled at the beginning of each presentation."""
    synapses.namespace["weight_sum"] = spec.weight_sum
    exc.run_regularly("total = 0", clock=beginning, order=0)
    synapses.run_regularly("total_post += w", clock=beginning, order=1)
    synapses.run_regularly("w = w * weight_sum / total_post", clock=beginning, order=2)


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
    given, folder, *learned = map(Path, sys.argv[1:])
    run = compiled(pickle.loads(given.read_bytes()), folder)
    for file in learned:
        file.write_bytes(pickle.dumps(run()))
