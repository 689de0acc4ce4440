"""Diehl & Cook's network in ANNarchy, run as a script by an interpreter that has ANNarchy.

The equations and the triplet rule are those of `biosim.diehl_cook`; ANNarchy writes C++ for them
and compiles it. What differs: delays are at least one step, and time does not pass for the
lock-out and for theta while a neuron is refractory.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

import ANNarchy as ann  # type: ignore[import-not-found]
import numpy as np


def main() -> None:
    """Read what to do from standard input; print seconds and presentations as JSON."""
    asked = json.load(sys.stdin)
    images = np.load(asked["images"])
    sys.stdout, told = sys.stderr, sys.stdout
    net, inputs, exc, synapses = _network(asked, images.shape[1])
    with tempfile.TemporaryDirectory() as folder:
        compiling = time.perf_counter()
        net.compile(directory=os.path.join(folder, "program"), silent=True)
        compile_s = time.perf_counter() - compiling
        presentations = 0
        for number, image in enumerate(images):
            if number == 1:  # the first one is for warming up
                started, presentations = (time.perf_counter(), time.process_time()), 0
            presentations += _show(net, inputs, exc, synapses, image, asked)
        wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
    done = {"wall_s": wall_s, "cpu_s": cpu_s, "presentations": presentations}
    print(json.dumps(done | {"compile_s": compile_s}), file=told)


def _show(net: Any, inputs: Any, exc: Any, synapses: Any, image: np.ndarray, asked: dict) -> int:
    """Show a sample until there are enough spikes; return how often."""
    for shown in range(asked["max_presentations"]):
        weights = np.asarray(synapses.w)  # [n_exc, n_in]
        synapses.w = weights * (asked["weight_sum"] / weights.sum(axis=1, keepdims=True))
        inputs.rates = (asked["max_rate_hz"] + shown * asked["extra_rate_hz"]) * image
        exc.fired = 0.0
        net.simulate(asked["present_ms"])
        enough = exc.fired.sum() >= asked["min_spikes"]
        inputs.rates = 0.0
        net.simulate(asked["rest_ms"])
        if enough:
            break
    return shown + 1


def _network(asked: dict, n_in: int) -> tuple[Any, Any, Any, Any]:
    net = ann.Network(dt=asked["dt_ms"], seed=1)
    inputs = net.create(ann.PoissonPopulation(n_in, rates=0.0))
    exc = net.create(asked["n_exc"], _excitatory())
    inh = net.create(asked["n_exc"], _inhibitory())
    synapses = net.connect(inputs, exc, target="exc", synapse=_triplet())
    synapses.all_to_all(ann.Uniform(0.003, 0.303), ann.Uniform(asked["dt_ms"], 10.0))
    net.connect(exc, inh, target="exc").one_to_one(10.4)
    net.connect(inh, exc, target="inh").all_to_all(17.0, allow_self_connections=False)
    return net, inputs, exc, synapses


def _excitatory() -> Any:
    return ann.Neuron(
        equations="""
        dv/dt = (-65.0 - v + g_exc * (0.0 - v) + g_inh * (-100.0 - v)) / 100.0 : init = -65.0
        dg_exc/dt = -g_exc / 1.0
        dg_inh/dt = -g_inh / 2.0
        dtheta/dt = -theta / 1e7 : init = 20.0
        timer += dt
        fired = fired
        """,
        spike="(v > -72.0 + theta) and (timer > 45.0)",
        reset="""
        v = -65.0
        theta += 0.05
        timer = 0.0
        fired += 1.0
        """,
        refractory=5.0,
    )


def _inhibitory() -> Any:
    return ann.Neuron(
        equations="""
        dv/dt = (-60.0 - v + g_exc * (0.0 - v)) / 10.0 : init = -60.0
        dg_exc/dt = -g_exc / 1.0
        """,
        spike="v > -40.0",
        reset="v = -45.0",
        refractory=2.0,
    )


def _triplet() -> Any:
    return ann.Synapse(
        equations="""
        dx/dt = -x / 20.0 : event-driven
        dy/dt = -y / 20.0 : event-driven
        dslow/dt = -slow / 40.0 : event-driven
        """,
        pre_spike="""
        g_target += w
        x = 1.0
        w = clip(w - 1e-4 * y, 0.0, 1.0)
        """,
        post_spike="""
        w = clip(w + 1e-2 * x * slow, 0.0, 1.0)
        y = 1.0
        slow = 1.0
        """,
    )


if __name__ == "__main__":
    main()
