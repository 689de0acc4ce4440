"""The same network in Brian2, to hold the kernel against: two groups, and synapses both ways.

What it guarantees: it computes what `network` says, spike for spike what `kernel` does; it is some
thousand times slower.
"""

from __future__ import annotations

import brian2
import numpy as np
from brian2 import second

from biosim.backend import session
from biosim.mirrored.network import Network, Specification
from biosim.mirrored.training import Response

_VISIBLE = """
v : 1
dx/dt = -x / tau_trace : 1
bout = int(t / bout_length + 1e-6) % 3 : integer
count : integer
"""
_HIDDEN = """
v : 1
dx/dt = -x / tau_trace : 1
theta : 1
bout = int(t / bout_length + 1e-6) % 3 : integer
count : integer
"""
FOREVER_S = 1e12


def show(
    spec: Specification, net: Network, given: np.ndarray, rates: np.ndarray
) -> tuple[Network, Response]:
    """Show input spikes ``[N, n_steps, n_in]`` one image after another, with a rate each.

    Returns
    -------
    The network afterwards, and the spikes.
    """
    n_in, n_hidden = net.forward.shape
    found = Response(*(np.zeros((len(given), n), np.int64) for n in (n_in, n_hidden, n_in)))
    silence = np.zeros((2 * spec.bout_steps, n_in))
    with session(target="numpy", dt_s=spec.dt_s):
        shown = np.concatenate([np.concatenate([image, silence]) for image in given])
        visible, hidden, forward, feedback = _network(spec, net, shown)
        network = brian2.Network(visible, hidden, forward, feedback)
        for n, rate in enumerate(rates):
            for group in (visible, hidden):
                group.v, group.x, group.count = 0, 0, 0
            for bout in range(3):
                network.run(spec.bout_s * second, namespace={"eta": float(rate)})
                counted = hidden if bout == 1 else visible
                found[bout][n] = counted.count[:]
                counted.count = 0
            if rate > 0:
                moved = hidden.theta[:] + spec.threshold_rate * (
                    found.hidden[n] - spec.wanted_spikes
                )
                hidden.theta = np.maximum(moved, spec.threshold_least)
        after = Network(
            np.array(forward.w[:]).reshape(n_in, n_hidden),
            np.array(feedback.w[:]).reshape(n_hidden, n_in),
            np.array(hidden.theta[:]),
        )
    return after, found


def _network(
    spec: Specification, net: Network, shown: np.ndarray
) -> tuple[brian2.NeuronGroup, brian2.NeuronGroup, brian2.Synapses, brian2.Synapses]:
    """Return visible and hidden neurons, and synapses forward and back that learn."""
    n_in, n_hidden = net.forward.shape
    tau_s = FOREVER_S if spec.tau_trace_s is None else spec.tau_trace_s
    times = {"tau_trace": tau_s * second, "bout_length": spec.bout_s * second}
    visible = brian2.NeuronGroup(
        n_in, _VISIBLE, method="exact", name="visible",
        threshold="given(t, i) > 0 or (bout == 2 and v > 1)",
        reset="x += int(bout == 0); v -= int(bout == 2); count += 1",
        namespace={"given": brian2.TimedArray(shown.astype(float), dt=spec.dt_s * second), **times},
    )  # fmt: skip
    hidden = brian2.NeuronGroup(
        n_hidden, _HIDDEN, method="exact", name="hidden",
        threshold="bout == 1 and v > theta", reset="v -= theta; x += 1; count += 1",
        namespace=times,
    )  # fmt: skip
    hidden.theta = net.threshold
    way = 1.0 if spec.feedback == "mirrored" else -1.0
    forward = brian2.Synapses(
        visible, hidden, "w : 1", name="forward", namespace=times,
        on_pre="v_post += w * int(bout_pre == 0); w -= eta * x_post",
        on_post="w += eta * x_pre",
    )  # fmt: skip
    feedback = brian2.Synapses(
        hidden, visible, "w : 1", name="feedback", namespace={"way": way, **times},
        on_pre="v_post += w; w += way * eta * x_post",
        on_post="w -= way * eta * x_pre",
    )  # fmt: skip
    forward.connect()
    feedback.connect()
    forward.w, feedback.w = net.forward.ravel(), net.feedback.ravel()
    return visible, hidden, forward, feedback
