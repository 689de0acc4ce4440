"""The current-based leaky integrate-and-fire neuron in discrete time, as pure functions.

In continuous time (Neftci, Mostafa & Zenke, IEEE Signal Process. Mag. 36(6):51-63 (2019),
doi:10.1109/MSP.2019.2931595)::

    tau_mem dU/dt = -U + R I,    dI/dt = -I / tau_syn + sum W S_in + sum V S_own

with a spike when U > threshold. Conventions of a step, which two simulators must share to agree:

1. ``order`` "fire_first" (SpyTorch): threshold, then membrane from the *old* current, then
   current. An input spike at step t reaches the membrane at t + 2, the earliest step at which it
   can make the neuron fire.
   ``order`` "integrate_first" (snnTorch): current, then membrane from the *new* current, then
   threshold. The same input spike can make the neuron fire at step t. Without recurrence both
   orders are the same neuron, two steps apart.
2. A neuron fires if ``mem > threshold``, or ``mem >= threshold`` where ``strict`` is false.
3. ``syn <- alpha syn + input`` and ``mem <- reset(beta mem + gain syn)``, with
   ``alpha = exp(-dt / tau_syn)`` and ``beta = exp(-dt / tau_mem)``.
4. ``gain`` is 1 (SpyTorch: one unit of held current drives the membrane to 1 / (1 - beta)) or
   ``1 - beta`` (held current I drives it to I, the exact solution for R = 1).
5. Reset "zero" multiplies the new membrane by ``1 - spike``: the potential is lost, and so is
   what the current would have added in that step. Reset "subtract" takes ``threshold spike`` off.
   The spike is that of the membrane from which the step starts, in both orders.
6. The reset is a constant to the gradient unless ``detach_reset`` is false.
7. Recurrent weights see the spikes of the previous step.
8. The readout is the same integrator without threshold and reset. With "fire_first" it is
   recorded from its initial value on, T + 1 values; with "integrate_first" after each step.
9. An adaptive threshold is ``threshold + strength a`` with ``a <- rho a + (1 - rho) spike``
   (Bellec et al. 2018, arXiv:1803.09574); reset "subtract" takes the adapted threshold off.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from gradsim.surrogate import Surrogate, fast_sigmoid, spike, superspike

ONLY_GRADIENTS = ("surrogate", "detach_reset")
"""Parameters of a neuron on which its outputs do not depend."""

Order = Literal["fire_first", "integrate_first"]


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, not {value}")


class Decay(NamedTuple):
    """Decay of the current and of the membrane in a step: one number, or ``[N]`` a neuron."""

    alpha: float | Tensor
    beta: float | Tensor


@dataclass(frozen=True)
class LIParameters:
    """A leaky integrator with an exponential synaptic current.

    Parameters
    ----------
    tau_mem_s, tau_syn_s, dt_s
        Time constants of membrane and current, and the step, in seconds.
    gain
        ``"one"`` or ``"one_minus_beta"``: what one unit of current adds to the membrane a step.
    order
        ``"fire_first"`` or ``"integrate_first"``; see convention 1 of the module.
    """

    tau_mem_s: float = 10e-3
    tau_syn_s: float = 5e-3
    dt_s: float = 1e-3
    gain: Literal["one", "one_minus_beta"] = "one"
    order: Order = "fire_first"

    def __post_init__(self) -> None:
        _require_positive(tau_mem_s=self.tau_mem_s, tau_syn_s=self.tau_syn_s, dt_s=self.dt_s)
        if self.gain not in ("one", "one_minus_beta"):
            raise ValueError(f"gain must be 'one' or 'one_minus_beta', not {self.gain!r}")
        if self.order not in ("fire_first", "integrate_first"):
            raise ValueError(f"order must be 'fire_first' or 'integrate_first', not {self.order!r}")

    @property
    def alpha(self) -> float:
        """Decay of the current in a step."""
        return math.exp(-self.dt_s / self.tau_syn_s)

    @property
    def beta(self) -> float:
        """Decay of the membrane in a step."""
        return math.exp(-self.dt_s / self.tau_mem_s)

    @property
    def decay(self) -> Decay:
        """Decay of a population that shares its time constants."""
        return Decay(self.alpha, self.beta)

    def constants(self, kind: type[LIParameters]) -> dict[str, Any]:
        """Return what outputs of neurons of a kind depend on, by name, in plain values."""
        plain = asdict(self)
        return {f.name: plain[f.name] for f in fields(kind) if f.name not in ONLY_GRADIENTS}

    def gain_factor(self, beta: float | Tensor) -> float | Tensor:
        """Return what one unit of current adds to a membrane that decays by ``beta`` in a step."""
        return 1.0 if self.gain == "one" else 1.0 - beta


@dataclass(frozen=True)
class Adaptation:
    """A threshold that rises with the neuron's own spikes; see convention 9 of the module.

    Parameters
    ----------
    tau_s
        Time constant of the adaptation, seconds.
    strength
        What a neuron that fires in every step adds to its threshold.
    """

    tau_s: float = 0.2
    strength: float = 1.8

    def __post_init__(self) -> None:
        _require_positive(adaptation_tau_s=self.tau_s, adaptation_strength=self.strength)


@dataclass(frozen=True)
class LIFParameters(LIParameters):
    """A spiking neuron: an integrator with threshold, reset and surrogate derivative.

    Parameters
    ----------
    threshold
        The neuron fires above it; positive.
    strict
        Whether a membrane at exactly the threshold stays silent.
    reset
        ``"zero"`` or ``"subtract"``; see convention 5 of the module.
    detach_reset
        Whether the gradient ignores the reset.
    surrogate
        Derivative of the spike with respect to ``mem - threshold``.
    adaptation
        How the threshold adapts; None for one that does not.
    """

    threshold: float = 1.0
    strict: bool = True
    reset: Literal["zero", "subtract"] = "zero"
    detach_reset: bool = True
    surrogate: Surrogate = field(default_factory=superspike)
    adaptation: Adaptation | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_positive(threshold=self.threshold)
        if self.reset not in ("zero", "subtract"):
            raise ValueError(f"reset must be 'zero' or 'subtract', not {self.reset!r}")


def spytorch(
    tau_mem_s: float = 10e-3, tau_syn_s: float = 5e-3, dt_s: float = 1e-3, slope: float = 100.0
) -> LIFParameters:
    """Return SpyTorch's neuron: fires first, resets to zero, gain 1 (tutorials of 2021 on)."""
    return LIFParameters(tau_mem_s, tau_syn_s, dt_s, surrogate=superspike(slope))


def snntorch(
    tau_mem_s: float = 10e-3,
    tau_syn_s: float = 5e-3,
    dt_s: float = 1e-3,
    slope: float = 25.0,
    reset: Literal["zero", "subtract"] = "subtract",
) -> LIFParameters:
    """Return the ``Synaptic`` of snnTorch 1.0, with ``reset_delay`` (its default).

    It integrates first, with gain 1, and has no step: its ``alpha`` and ``beta`` are decays in a
    step, here of ``dt_s``. ``reset`` is its ``reset_mechanism``. The surrogate is its
    ``fast_sigmoid`` and not the arctangent, which it takes where none is given.
    """
    return LIFParameters(
        tau_mem_s,
        tau_syn_s,
        dt_s,
        order="integrate_first",
        reset=reset,
        surrogate=fast_sigmoid(slope),
    )


class Population(NamedTuple):
    """The neurons of a layer: parameters, decays and recurrent weights ``[out, out]`` or None."""

    neuron: LIFParameters
    decay: Decay
    recurrent: Tensor | None


class LIState(NamedTuple):
    """Membrane and current of an integrator, each ``[B, N]``."""

    mem: Tensor
    syn: Tensor


class LIFState(NamedTuple):
    """Membrane, current, last spikes and adaptation of a population, each ``[B, N]``.

    ``adaptation`` stays 0 where the threshold does not adapt.
    """

    mem: Tensor
    syn: Tensor
    spikes: Tensor
    adaptation: Tensor


def li_step(
    current: Tensor, state: LIState, parameters: LIParameters, decay: Decay | None = None
) -> tuple[Tensor, LIState]:
    """Return the membrane after a step, ``[B, N]``, and the new state.

    Parameters
    ----------
    current
        ``[B, N]`` weighted input spikes of this step.
    state
        State before the step.
    parameters
        Time constants, gain and order.
    decay
        In place of that of ``parameters``, where time constants differ or are learned.
    """
    alpha, beta = decay or parameters.decay
    gain = parameters.gain_factor(beta)
    syn = alpha * state.syn + current
    drive = state.syn if parameters.order == "fire_first" else syn
    mem = beta * state.mem + gain * drive
    return mem, LIState(mem, syn)


def lif_step(
    current: Tensor, state: LIFState, parameters: LIFParameters, decay: Decay | None = None
) -> tuple[Tensor, LIFState]:
    """Return the spikes of a step, ``[B, N]`` of 0 and 1, and the new state.

    Parameters
    ----------
    current
        ``[B, N]`` weighted input spikes of this step, recurrent ones included.
    state
        State before the step.
    parameters
        Neuron parameters.
    decay
        In place of that of ``parameters``, where time constants differ or are learned.
    """
    if parameters.order == "fire_first":
        state = _fire(state, parameters)
        return state.spikes, _integrate(current, state, parameters, decay)
    state = _fire(_integrate(current, state, parameters, decay), parameters)
    return state.spikes, state


def zero_state(current: Tensor) -> LIFState:
    """Return the state at rest for inputs like ``current``, ``[B, N]``."""
    return LIFState(*(torch.zeros_like(current) for _ in range(4)))


def _threshold(state: LIFState, parameters: LIFParameters) -> float | Tensor:
    if parameters.adaptation is None:
        return parameters.threshold
    return parameters.threshold + parameters.adaptation.strength * state.adaptation


def _fire(state: LIFState, parameters: LIFParameters) -> LIFState:
    x = state.mem - _threshold(state, parameters)
    return state._replace(spikes=spike(x, parameters.surrogate, strict=parameters.strict))


def _integrate(
    current: Tensor, state: LIFState, parameters: LIFParameters, decay: Decay | None
) -> LIFState:
    mem, (_, syn) = li_step(current, LIState(state.mem, state.syn), parameters, decay)
    resetting = LIFState(*(each.detach() for each in state)) if parameters.detach_reset else state
    if parameters.reset == "zero":
        mem = mem * (1 - resetting.spikes)
    else:
        mem = mem - _threshold(resetting, parameters) * resetting.spikes
    return LIFState(mem, syn, state.spikes, _adapt(state, parameters))


def _adapt(state: LIFState, parameters: LIFParameters) -> Tensor:
    if parameters.adaptation is None:
        return state.adaptation
    rho = math.exp(-parameters.dt_s / parameters.adaptation.tau_s)
    return rho * state.adaptation + (1 - rho) * state.spikes
