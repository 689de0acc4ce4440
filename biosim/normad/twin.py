"""The taught neuron in Brian2, to hold `biosim.normad.single` against, spike for spike."""

from __future__ import annotations

import brian2
import numpy as np
from brian2 import second

from biosim.backend import session
from biosim.normad.neuron import Neuron

_EQUATIONS = """
dv/dt = (-v + slow - fast) / tau_m : 1 (unless refractory)
dslow/dt = -slow / tau_1 : 1
dfast/dt = -fast / tau_2 : 1
"""


def respond(neuron: Neuron, raster: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the spikes ``[T]`` of a neuron whose inputs spike as ``raster [T, n]``, 0 or 1."""
    n_steps, n_inputs = raster.shape
    step, who = np.nonzero(raster)
    times = {
        "tau_m": neuron.tau_mem_s * second,
        "tau_1": neuron.tau_decay_s * second,
        "tau_2": neuron.tau_rise_s * second,
    }
    with session(target="numpy", dt_s=neuron.dt_s):
        source = brian2.SpikeGeneratorGroup(n_inputs, who, step * neuron.dt_s * second)
        cell = brian2.NeuronGroup(
            1, _EQUATIONS, method="exact", namespace=times,
            threshold="v >= 1", reset="v = 0", refractory=neuron.refractory_s * second,
        )  # fmt: skip
        synapses = brian2.Synapses(source, cell, "w : 1", on_pre="slow += w; fast += w")
        synapses.connect()
        synapses.w = weights
        monitor = brian2.SpikeMonitor(cell)
        network = brian2.Network(source, cell, synapses, monitor)
        network.run(n_steps * neuron.dt_s * second)
        fired = np.array(monitor.t / second)
    spikes = np.zeros(n_steps, np.int8)
    spikes[np.round(fired / neuron.dt_s).astype(int)] = 1
    return spikes
