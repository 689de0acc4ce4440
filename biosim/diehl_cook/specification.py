"""Every number of the network of Diehl & Cook (2015), in SI units.

P. U. Diehl, M. Cook: Unsupervised learning of digit recognition using
spike-timing-dependent plasticity. Front. Comput. Neurosci. 9:99, doi:10.3389/fncom.2015.00099.
Where paper and published code (github.com/peter-u-diehl/stdp-mnist) differ, the code is followed;
`biosim.diehl_cook.presets` names both, and what ports to Brian2 changed.

Deviations from the published code:

- a sample is shown at most ``max_presentations`` times; there is no limit in the code;
- weights are normalised once more when training ends, so that the frozen network does not keep
  what the last sample alone has added;
- every presentation to the frozen network starts at rest, where the code carries over what 150 ms
  of silence leave;
- inhibitory neurons have no inhibitory conductance, as nothing inhibits them;
- depression by an input spike is done when it arrives, with the trace of that time; Brian 1, for
  which the code was written, does so for all synapses of an input when the longest delay is over.

The rules of the input synapses; an input spike counts when it arrives, after its delay, and before
a spike of the neuron in the same step:

    T1  input arrives:  w <- clip(w - rate_pre y1, 0, w_max),      then x <- 1       `Triplet`
    T2  neuron fires:   w <- clip(w + rate_post x y2, 0, w_max),   then y1, y2 <- 1
    P1  input arrives:  x <- x + 1                                                   `PowerLaw`
    P2  neuron fires:   w <- clip(w + rate_post (x - target) max(w_max - w, 0)^exponent, 0, w_max)

What it guarantees: a specification that exists can be computed. Its step carries its time constants
and its rates, its values are finite; `biosim.limits` and `biosim.given` refuse others.

Symbols, all without unit but for the times in seconds, and where each engine holds them:

    ===== ============================ ====================== ================ ==================
          meaning                      `network`              `standalone`     `kernel`
    ===== ============================ ====================== ================ ==================
    w     weight of an input synapse   w                      w                Synapses.weight
    w_max its bound: ``max_weight``    w_max                  w_max            c.max_weight
    x     trace of arriving spikes,    T: from ``arrival``;   T: as network;   State.trace of the
          decays with ``tau_pre_s``    P: ``trace``           P: ``trace``     input, a delay ago
    y1    fast trace of own spikes,    from ``last_spike``    ``post``         State.post
          ``tau_post_s``
    y2    slow trace of own spikes,    from ``last_spike``    as network       from State.since
          ``tau_post_slow_s``
    T1    depression                   _TRIPLET, on_pre       _FORMS, on_pre   _send, _resend
    T2    potentiation                 _TRIPLET, on_post      _FORMS, on_post  _learn
    P1    the trace grows              _POWER, on_pre         _FORMS, on_pre   _send
    P2    growth or decline            _POWER, on_post        _FORMS, on_post  _learn
    ===== ============================ ====================== ================ ==================

A trace of the last spike only is a function of the time since: ``exp((t_last - t) / tau)``.
Those of `standalone` are counted in units that grow as they decay.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from biosim.given import check_fields
from biosim.limits import EULER_REACH, check_rate, check_step, check_time_constants
from biosim.stimuli import whole_steps


@dataclass(frozen=True)
class Population:
    """Constants of one kind of neuron (paper section 2.1; values from the code).

    Parameters
    ----------
    tau_mem_s
        Membrane time constant, seconds.
    rest_v, reset_v, threshold_v
        Resting, reset and threshold potential, volts.
    excitatory_v, inhibitory_v
        Reversal potentials of the two conductances, volts.
    refractory_s
        For how long a spike holds the membrane at its reset value, seconds. It cannot fire
        meanwhile.
    """

    tau_mem_s: float
    rest_v: float
    reset_v: float
    threshold_v: float
    excitatory_v: float
    inhibitory_v: float
    refractory_s: float

    def __post_init__(self) -> None:
        check_fields(self, positive=("tau_mem_s",), at_least_0=("refractory_s",))


# Brian 1 clamps a refractory membrane only where the reset is a number: not the excitatory ones.
EXCITATORY = Population(100e-3, -65e-3, -65e-3, -52e-3, 0.0, -100e-3, 0.0)
INHIBITORY = Population(10e-3, -60e-3, -45e-3, -40e-3, 0.0, -85e-3, 2e-3)


@dataclass(frozen=True)
class Triplet:
    """The rule of the published code: triplets of spikes, nearest-spike traces.

    Equations T1 and T2 of the module; y2 is that before the spike.

    Parameters
    ----------
    rate_pre, rate_post
        Learning rates at input and at own spikes (code: nu_ee_pre, nu_ee_post).
    tau_pre_s, tau_post_s, tau_post_slow_s
        Time constants of x, y1 and y2, seconds (code: tc_pre_ee, tc_post_1_ee, tc_post_2_ee).
    """

    rate_pre: float = 1e-4
    rate_post: float = 1e-2
    tau_pre_s: float = 20e-3
    tau_post_s: float = 20e-3
    tau_post_slow_s: float = 40e-3

    def __post_init__(self) -> None:
        times = "tau_pre_s", "tau_post_s", "tau_post_slow_s"
        check_fields(self, positive=times, at_least_0=("rate_pre", "rate_post"))


@dataclass(frozen=True)
class PowerLaw:
    """The rule of the paper's headline result (section 2.3): equations P1 and P2 of the module.

    Weights change at own spikes only; inputs that were silent before one lose weight.

    Parameters
    ----------
    rate_post
        Learning rate (the paper gives none; chosen on validation images of MNIST).
    target
        Value of the trace from which on weights grow (code: STDP_offset).
    exponent
        How growth and decline depend on the weight (code: exp_ee_post).
    tau_pre_s
        Time constant of the trace, seconds (code: tc_pre_ee).
    """

    rate_post: float = 1e-2
    target: float = 0.4
    exponent: float = 0.2
    tau_pre_s: float = 20e-3

    def __post_init__(self) -> None:
        at_least_0 = "rate_post", "target", "exponent"
        check_fields(self, positive=("tau_pre_s",), at_least_0=at_least_0)


_POSITIVE = (
    "n_exc", "dt_s", "present_s", "rest_s", "max_rate_hz", "max_presentations", "weight_sum",
    "initial_weight", "max_weight", "tau_exc_s", "tau_inh_s", "tau_theta_s",
)  # fmt: skip
_AT_LEAST_0 = (
    "extra_rate_hz", "min_spikes", "max_delay_s", "weight_exc_inh", "weight_inh_exc",
    "theta_plus_v", "lockout_s",
)  # fmt: skip


@dataclass(frozen=True)
class DiehlCook:
    """The network, its stimulus and its learning rule.

    Parameters
    ----------
    n_exc
        Excitatory neurons, and as many inhibitory ones (paper: 100 to 6400).
    dt_s
        Time step of the forward Euler integration, seconds (code). A membrane that large
        conductances would carry past their equilibrium within a step stops there (ours): Euler's
        method diverges where two dozen neurons fire at once, as some of many sooner or later do.
    present_s, rest_s
        A presentation and the silence after it, seconds (paper, section 2.6).
    max_rate_hz
        Poisson rate of a pixel of 1, hertz (paper, section 2.5: 255 / 4).
    extra_rate_hz
        What is added to ``max_rate_hz`` when a sample is shown again (paper: 32; code: 31.875).
    min_spikes
        A sample with fewer excitatory spikes is shown again (paper, section 2.6).
    max_presentations
        A sample is left after so many presentations (ours).
    weight_sum
        To this the input weights of each neuron are scaled before each presentation (code).
    initial_weight
        Input weights start at ``initial_weight * (U(0, 1) + 0.01)`` (code).
    max_weight
        Bound of the input weights (paper: w_max).
    max_delay_s
        Delays of input spikes are uniform from 0 to this, seconds (code; not in the paper).
    weight_exc_inh, weight_inh_exc
        From a neuron to its inhibitory partner, from that to all other neurons (code).
    tau_exc_s, tau_inh_s
        Decay of the excitatory and inhibitory conductance, seconds (paper, section 2.1).
    theta_start_v, theta_offset_v
        The threshold is ``threshold_v + theta - theta_offset_v``; volts (code).
    theta_plus_v, tau_theta_s
        Increment of theta at each own spike, volts, and its decay, seconds (code).
    lockout_s
        For how long an excitatory neuron cannot fire again, while its membrane is free to move,
        seconds (code: ``refrac_e``; its ``timer`` holds no neuron back).
    rule
        How input weights learn: `Triplet` or `PowerLaw`.
    start_below_rest_v
        Membranes start training so far below rest, volts (code).
    excitatory, inhibitory
        Neurons.

    Raises
    ------
    ValueError
        If a value is not finite or out of range, a duration is no multiple of the step, the step
        is longer than a time constant that forward Euler advances, or an input of the rate of the
        last presentation would spike more than once a step.
    """

    n_exc: int = 100
    dt_s: float = 0.5e-3
    present_s: float = 0.35
    rest_s: float = 0.15
    max_rate_hz: float = 63.75
    extra_rate_hz: float = 32.0
    min_spikes: int = 5
    max_presentations: int = 10
    weight_sum: float = 78.0
    initial_weight: float = 0.3
    max_weight: float = 1.0
    max_delay_s: float = 10e-3
    weight_exc_inh: float = 10.4
    weight_inh_exc: float = 17.0
    tau_exc_s: float = 1e-3
    tau_inh_s: float = 2e-3
    theta_start_v: float = 20e-3
    theta_offset_v: float = 20e-3
    theta_plus_v: float = 0.05e-3
    tau_theta_s: float = 1e4
    lockout_s: float = 5e-3
    rule: Triplet | PowerLaw = field(default_factory=Triplet)
    start_below_rest_v: float = 40e-3
    excitatory: Population = EXCITATORY
    inhibitory: Population = INHIBITORY

    def __post_init__(self) -> None:
        check_fields(self, positive=_POSITIVE, at_least_0=_AT_LEAST_0)
        self._check_step()
        for name in ("present_s", "rest_s"):
            whole_steps(getattr(self, name), self.dt_s)
        if self.rest_s < self.max_delay_s:
            raise ValueError("rest_s must be at least max_delay_s: samples must not overlap")
        if self.inhibitory.threshold_v <= self.inhibitory.rest_v:
            raise ValueError("inhibitory neurons must be silent at rest: threshold_v above rest_v")

    def _check_step(self) -> None:
        """Raise ValueError unless the step carries the time constants and the rates."""
        tau_s = {
            "tau_exc_s": self.tau_exc_s,
            "tau_inh_s": self.tau_inh_s,
            "tau_theta_s": self.tau_theta_s,
            "excitatory.tau_mem_s": self.excitatory.tau_mem_s,
            "inhibitory.tau_mem_s": self.inhibitory.tau_mem_s,
        }
        check_time_constants(self.dt_s, tau_s)
        # What a partner adds to the leak speeds an inhibitory membrane up; nothing stops it there.
        fastest_hz = (1 + self.weight_exc_inh) / self.inhibitory.tau_mem_s
        check_step(self.dt_s, EULER_REACH / fastest_hz, "weight_exc_inh makes membranes too fast")
        repeats = self.max_presentations - 1
        largest_hz = self.max_rate_hz + repeats * self.extra_rate_hz
        what = f"max_rate_hz + {repeats} extra_rate_hz, the rate of the last presentation"
        check_rate(largest_hz, self.dt_s, what)

    @property
    def present_steps(self) -> int:
        """Time steps of a presentation."""
        return whole_steps(self.present_s, self.dt_s)

    @property
    def rest_steps(self) -> int:
        """Time steps of the silence after it."""
        return whole_steps(self.rest_s, self.dt_s)
