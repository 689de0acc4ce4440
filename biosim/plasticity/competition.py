"""Many Poisson inputs compete for one neuron: what a rule makes of their weights.

    tau_mem dv/dt = v_rest - v - g v,   tau_syn dg/dt = -g,   a spike adds peak * w to g

(reversal potential 0; g in units of the leak), v > v_threshold resets v. The experiment of
S. Song, K. D. Miller and L. F. Abbott, Nat. Neurosci. 3, 919-926 (2000), doi:10.1038/78829,
without its inhibitory inputs.

Spikes in one step count as potentiation: in a step of dt about dt/2 of the area under the window
goes from depression to potentiation, which a small asymmetry between the two has to outweigh.

What it guarantees: inputs have the rate that was asked for, as a rate of more than one spike a step
is refused, and so is a step longer than the time constants that forward Euler advances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import brian2
import numpy as np
from brian2 import Hz, ms, mV, second

from biosim.backend import Target, session
from biosim.given import check_fields, whole
from biosim.limits import check_rate, check_run, check_time_constants
from biosim.plasticity.recipe import Rule
from biosim.stimuli import whole_steps

Progress = Callable[[float, str], None]

EQUATIONS = """
dv/dt = (v_rest - v - g * v) / tau_mem : volt
dg/dt = -g / tau_syn : 1
"""
NEURON = {
    "v_rest": -70 * mV,
    "v_threshold": -54 * mV,
    "v_reset": -60 * mV,
    "tau_mem": 20 * ms,
    "tau_syn": 5 * ms,
}


@dataclass(frozen=True)
class Competition:
    """The stimulus.

    Parameters
    ----------
    n_inputs, rate_hz
        Independent Poisson inputs of each neuron, and the rate of each of them.
    n_neurons
        Neurons for each rule, which share no inputs.
    total_conductance
        Sum over all inputs of the conductance that a spike adds at a weight of 1, in units of
        the leak (paper: 1000 x 0.015).
    duration_s, dt_s
        Length of the run, and a time step that divides it.

    Raises
    ------
    ValueError
        If a value is not positive or not finite, the step does not divide the duration, is longer
        than a time constant of the neuron, or too long for Poisson inputs of the rate.
    """

    n_inputs: int = 1000
    n_neurons: int = 1
    rate_hz: float = 10.0
    total_conductance: float = 15.0
    duration_s: float = 1000.0
    dt_s: float = 1e-3

    def __post_init__(self) -> None:
        times = "duration_s", "dt_s"
        counts = "n_inputs", "n_neurons"
        check_fields(self, positive=("rate_hz", "total_conductance", *times, *counts))
        whole_steps(self.duration_s, self.dt_s)
        check_rate(self.rate_hz, self.dt_s, "rate_hz")
        tau_s = {name: float(NEURON[name] / second) for name in ("tau_mem", "tau_syn")}
        check_time_constants(self.dt_s, tau_s)


@dataclass(frozen=True)
class Competitors:
    """What became of the inputs.

    Parameters
    ----------
    initial
        ``[neurons, N]`` weights at the beginning, the same for all rules.
    weight
        ``[R, neurons, N]`` weights at the end.
    rate_hz
        ``[R, neurons]`` firing rates in the second half of the run.
    target
        Engine that ran it.
    """

    initial: np.ndarray
    weight: np.ndarray
    rate_hz: np.ndarray
    target: str


def compete(
    rules: Sequence[Rule],
    competition: Competition,
    seed: int,
    target: Target = "auto",
    progress: Progress = lambda _fraction, _note: None,
) -> Competitors:
    """Return the weights that each rule makes of random ones, all rules side by side.

    Weights begin uniform in 0..1, so the rules' bounds should be (0, 1). The rules see the same
    input spikes and the same initial weights.

    Parameters
    ----------
    rules
        R rules.
    competition
        The stimulus.
    seed
        Determines initial weights and input spikes.
    target
        Engine; see `biosim.backend.session`.
    progress
        Called ten times with the fraction done.

    Raises
    ------
    ValueError
        If there is no rule, the seed is no whole number from 0 on, or the run shows that its step
        was too long: neurons that fire in one step after the other.
    """
    if not rules:
        raise ValueError("there must be at least one rule")
    seed = whole("seed", seed, at_least=0)
    rng = np.random.default_rng(seed)
    shape = competition.n_neurons, competition.n_inputs
    initial = rng.random(shape)
    n_steps = whole_steps(competition.duration_s, competition.dt_s)
    with session(target=target, seed=int(rng.integers(2**32)), dt_s=competition.dt_s) as resolved:
        inputs = brian2.PoissonGroup(initial.size, competition.rate_hz * Hz, name="inputs")
        neurons = _neurons(len(rules) * competition.n_neurons)
        synapses = [
            _synapses(rule, number, inputs, neurons, competition, initial)
            for number, rule in enumerate(rules)
        ]
        spikes = brian2.SpikeMonitor(neurons, name="spikes")
        network = brian2.Network(inputs, neurons, spikes, *synapses)
        for tenth in range(10):
            steps = n_steps * (tenth + 1) // 10 - n_steps * tenth // 10
            network.run(steps * competition.dt_s * second, namespace={})
            progress((tenth + 1) / 10, "weights compete")
        check_run(neurons, spikes, competition.dt_s)
        half_s = competition.duration_s / 2
        late = np.array(spikes.i)[np.array(spikes.t / second) >= half_s]
        return Competitors(
            initial,
            np.array([plastic.w_[:] for plastic in synapses]).reshape(-1, *shape),
            np.bincount(late, minlength=len(neurons)).reshape(len(rules), -1) / half_s,
            resolved,
        )


def _neurons(size: int) -> brian2.NeuronGroup:
    neurons = brian2.NeuronGroup(
        size,
        EQUATIONS,
        threshold="v > v_threshold",
        reset="v = v_reset",
        method="euler",
        namespace=NEURON,
        name="neurons",
    )
    neurons.v = NEURON["v_rest"]
    return neurons


def _synapses(
    rule: Rule,
    number: int,
    inputs: brian2.PoissonGroup,
    neurons: brian2.NeuronGroup,
    competition: Competition,
    initial: np.ndarray,
) -> brian2.Synapses:
    """Connect every input to its neuron of rule ``number``."""
    plastic = rule.recipe().synapses(
        inputs,
        neurons,
        effect="g_post += peak * w",
        name=f"plastic_{number}",
        peak=competition.total_conductance / competition.n_inputs,
    )
    sources = np.arange(initial.size)
    first = number * competition.n_neurons
    plastic.connect(i=sources, j=first + sources // competition.n_inputs)
    plastic.w = initial.ravel()
    return plastic
