"""The equations and the learning rules for Brian2: one network, or independent copies of it.

    tau_mem dv/dt = (rest - v) + g_e (E_e - v) + g_i (E_i - v)
    tau_e dg_e/dt = -g_e,    tau_i dg_i/dt = -g_i    (conductances in units of the leak)

Within a step: membranes, thresholds, arriving spikes, resets. A spike therefore acts on the
membrane of its target in the next step at the earliest.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import brian2
import numpy as np
from brian2 import second, volt

from biosim.diehl_cook.specification import DiehlCook, Population, Triplet
from biosim.plasticity.recipe import Recipe

_EXCITATORY = """
dv/dt = (rest - v + g_e * (E_e - v) + g_i * (E_i - v)) / (tau_mem * over) : volt (unless refractory)
over = clip((1 + g_e + g_i) * dt / tau_mem, 1, 1e9) : 1
dg_e/dt = -g_e / tau_e : 1
dg_i/dt = -g_i / tau_i : 1
last_spike : second
count : integer
"""
_INHIBITORY = """
dv/dt = (rest - v + g_e * (E_e - v)) / tau_mem : volt (unless refractory)
dg_e/dt = -g_e / tau_e : 1
count : integer
"""
# An input spike that arrives in the step in which the neuron fires counts as having come before:
# Brian2 runs ``on_pre`` first. `last_spike` is set after both, so that it is the spike before.
_TRIPLET = {
    "model": "w : 1\narrival : second",
    "on_pre": """
        arrival = t
        w = clip(w - rate_pre * exp((last_spike_post - t) / tau_post), 0, w_max)
    """,
    "on_post": """
        gain = rate_post * exp((arrival - t) / tau_pre + (last_spike_post - t) / tau_post_slow)
        w = clip(w + gain, 0, w_max)
    """,
}
_POWER = {
    "model": "w : 1\ntrace : 1\narrival : second",
    "on_pre": """
        trace = 1 + trace * exp((arrival - t) / tau_pre)
        arrival = t
    """,
    "on_post": """
        room = clip(w_max - w, 0, w_max) ** exponent
        w = clip(w + rate_post * (trace * exp((arrival - t) / tau_pre) - target) * room, 0, w_max)
    """,
}
EFFECT = "g_e_post += w"
"""What an input spike does, besides teaching: it finds the weight as it was."""
_FROZEN = "theta : volt (constant)"
_ADAPTING = """
dtheta/dt = -theta / tau_theta : volt
total : 1
"""


@dataclass(frozen=True)
class Layers:
    """The excitatory and the inhibitory population and the synapses between them."""

    exc: brian2.NeuronGroup
    inh: brian2.NeuronGroup
    lateral: tuple[brian2.Synapses, brian2.Synapses]

    def objects(self) -> tuple[brian2.BrianObject, ...]:
        """Return what a Brian2 network needs."""
        return (self.exc, self.inh, *self.lateral)


def layers(spec: DiehlCook, copies: int = 1, *, adapting: bool = False) -> Layers:
    """Return the network without its input, at rest; neuron ``k`` of copy ``c`` is ``c n + k``.

    Call it inside a `biosim.session` of time step ``spec.dt_s``.

    Parameters
    ----------
    spec
        All parameters.
    copies
        Independent networks that share the cost of a time step.
    adapting
        Whether theta grows at spikes and decays; else it stays as it is set.
    """
    exc = _excitatory(spec, copies * spec.n_exc, adapting)
    inh = _inhibitory(spec, copies * spec.n_exc)
    to_inh = brian2.Synapses(
        exc, inh, on_pre="g_e_post += weight", name="exc_inh",
        namespace={"weight": spec.weight_exc_inh},
    )  # fmt: skip
    to_inh.connect(j="i")
    to_exc = brian2.Synapses(
        inh, exc, on_pre="g_i_post += weight", name="inh_exc",
        namespace={"weight": spec.weight_inh_exc},
    )  # fmt: skip
    sources, targets = np.nonzero(~np.eye(spec.n_exc, dtype=bool))
    first = spec.n_exc * np.arange(copies)[:, None]
    if len(sources):
        to_exc.connect(i=(first + sources).ravel(), j=(first + targets).ravel())
    else:
        to_exc.active = False
    return Layers(exc, inh, (to_inh, to_exc))


def about_to_learn(spec: DiehlCook, theta_v: np.ndarray) -> Layers:
    """Return the network without its input as a lesson begins: given theta, membranes below rest.

    Call it inside a `biosim.session` of time step ``spec.dt_s``.
    """
    net = layers(spec, adapting=True)
    net.exc.theta = theta_v * volt
    net.exc.v -= spec.start_below_rest_v * volt
    net.inh.v -= spec.start_below_rest_v * volt
    return net


def plastic(
    spec: DiehlCook,
    inputs: brian2.SpikeSource,
    exc: brian2.NeuronGroup,
    weights: np.ndarray,
    delays_s: np.ndarray,
) -> brian2.Synapses:
    """Return learning synapses from inputs to all excitatory neurons.

    Call it inside a `biosim.session`.

    Parameters
    ----------
    spec
        Its rule and bounds.
    inputs, exc
        Sources, and targets with a conductance ``g_e`` and the time of their ``last_spike``.
    weights, delays_s
        ``[n_in, n_exc]``; seconds.
    """
    code = _TRIPLET if isinstance(spec.rule, Triplet) else _POWER
    recipe = Recipe(**code, namespace=rule_constants(spec))
    synapses = recipe.synapses(inputs, exc, effect=EFFECT, name="input_exc")
    synapses.connect()
    synapses.w = weights.ravel()
    synapses.arrival = -1e9 * second
    synapses.pre.delay = delays_s.ravel() * second
    return synapses


def rule_constants(spec: DiehlCook) -> dict[str, brian2.Quantity | float]:
    """Return the numbers of the rule by their names in equations, and the bound of weights."""
    return {"w_max": spec.max_weight} | {
        name.removesuffix("_s"): value * second if name.endswith("_s") else value
        for name, value in asdict(spec.rule).items()
    }


def _excitatory(spec: DiehlCook, size: int, adapting: bool) -> brian2.NeuronGroup:
    cell = spec.excitatory
    namespace = _constants(spec, cell) | {
        # Half a step less, so that rounding of t cannot move the end of the lock-out by a step.
        "lockout": (spec.lockout_s - spec.dt_s / 2) * second,
        "theta_offset": spec.theta_offset_v * volt,
        "theta_plus": spec.theta_plus_v * volt,
        "tau_theta": spec.tau_theta_s * second,
    }
    reset = "v = reset; last_spike = t; count += 1"
    group = brian2.NeuronGroup(
        size,
        _EXCITATORY + (_ADAPTING if adapting else _FROZEN),
        threshold="v > threshold + theta - theta_offset and t - last_spike > lockout",
        reset=f"{reset}; theta += theta_plus" if adapting else reset,
        refractory=cell.refractory_s * second,
        method="euler",
        namespace=namespace,
        name="exc",
    )
    group.v = cell.rest_v * volt
    group.theta = spec.theta_start_v * volt
    group.last_spike = -1e9 * second
    return group


def _inhibitory(spec: DiehlCook, size: int) -> brian2.NeuronGroup:
    cell = spec.inhibitory
    group = brian2.NeuronGroup(
        size,
        _INHIBITORY,
        threshold="v > threshold",
        reset="v = reset; count += 1",
        refractory=cell.refractory_s * second,
        method="euler",
        namespace=_constants(spec, cell),
        name="inh",
    )
    group.v = cell.rest_v * volt
    return group


def _constants(spec: DiehlCook, cell: Population) -> dict[str, brian2.Quantity]:
    return {
        "rest": cell.rest_v * volt,
        "reset": cell.reset_v * volt,
        "threshold": cell.threshold_v * volt,
        "E_e": cell.excitatory_v * volt,
        "E_i": cell.inhibitory_v * volt,
        "tau_mem": cell.tau_mem_s * second,
        "tau_e": spec.tau_exc_s * second,
        "tau_i": spec.tau_inh_s * second,
    }
