"""Spiking networks with dendrites that hear of errors: eRBP, Neftci et al. 2017.

"Event-driven random back-propagation: enabling neuromorphic deep learning machines", Front.
Neurosci. 11:324, arXiv:1612.05596. Units of the input, of hidden layers and of the output have two
compartments, of which the soma spikes and the dendrite modulates learning alone. In each step of
1 ms, layer by layer, with w what a spike adds and the rheobase current as unit::

    I_l <- exp(-1/τ_syn) I_l + sum of w_l over spikes s_(l-1) that pass                   (1)
    V_l <- exp(-1/τ_m) V_l + (1 - exp(-1/τ_m)) I_l + σ ξ                                  (2)
    V_l > 1 outside the refractory time: s_l = 1 and V_l <- 0; within it V_l = 0          (3)

Each synapse lets each spike pass with a probability, the paper's *blank-out*; ξ is white noise.
Input units spike by chance, with rates that follow the pixels, and have the refractory time too.
The class is that of the output unit with most spikes since the image came; among equals it is the
one with most current. No label reaches a network that answers: `respond` takes none.

`gradsim.erbp_training` has the errors and the rule. Membranes of 1 ms, synapses of 4 ms and
refractory times of 4 ms are the paper's (3.9 ms for hidden units, which are whole steps here).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gradsim import arrays
from gradsim.kernels import erbp as loops

MOST_STEPS = 1_000_000


@dataclass(frozen=True)
class ERBPNeurons:
    """Constants of the neurons; times are in ms and steps last 1 ms.

    Parameters
    ----------
    tau_synapse_ms, tau_membrane_ms
        τ_syn and τ_m.
    refractory_ms
        Least time between spikes of a unit, of the input too.
    input_rate_hz
        Rate of an input unit whose pixel is 1.
    noise
        σ, standard deviation of the noise on the membrane in a step, in thresholds.
    transmission
        Probability with which a spike passes a synapse.

    Raises
    ------
    ValueError
        If a value lies outside its range.
    """

    tau_synapse_ms: float = 4.0
    tau_membrane_ms: float = 1.0
    refractory_ms: int = 4
    input_rate_hz: float = 100.0
    noise: float = 0.0
    transmission: float = 1.0

    def __post_init__(self) -> None:
        if not (self.tau_synapse_ms > 0 and self.tau_membrane_ms > 0 and self.noise >= 0):
            raise ValueError(
                "tau_synapse_ms and tau_membrane_ms must be positive and noise not negative, not "
                f"{self.tau_synapse_ms}, {self.tau_membrane_ms}, {self.noise}"
            )
        if self.refractory_ms != int(self.refractory_ms) or not 1 <= self.refractory_ms <= 1000:
            raise ValueError(
                f"refractory_ms must be whole and in 1..1000, not {self.refractory_ms}"
            )
        if not 0 < self.input_rate_hz * self.refractory_ms <= 1000:
            raise ValueError(
                "input_rate_hz must be positive and leave the refractory time, 1000 / "
                f"refractory_ms at most, not {self.input_rate_hz}"
            )
        if not 0 < self.transmission <= 1:
            raise ValueError(f"transmission must lie in 0..1 and not be 0, not {self.transmission}")

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return with which probability an input unit that may spike does so in a step.

        Examples
        --------
        >>> ERBPNeurons(input_rate_hz=125.0).probabilities(np.array([0.0, 1.0]))
        array([0. , 0.2])
        """
        rate = self.input_rate_hz / 1000
        return images * (rate / (1 - rate * (self.refractory_ms - 1)))


@dataclass(frozen=True)
class ERBPNetwork:
    """Weights, the fixed feedback and the neurons' constants.

    Parameters
    ----------
    weights
        One ``[out, in]`` for each layer, float32, in rheobase currents a spike.
    feedback
        ``[hidden layers, classes, hidden]`` float32: what an error spike adds to dendrites; it
        never changes. Hidden layers are of one size.
    neurons
        See `ERBPNeurons`.

    Raises
    ------
    ValueError
        If shapes or types do not fit.
    """

    weights: tuple[np.ndarray, ...]
    feedback: np.ndarray
    neurons: ERBPNeurons = ERBPNeurons()

    def __post_init__(self) -> None:
        if {part.dtype for part in (*self.weights, self.feedback)} != {np.dtype(np.float32)}:
            raise ValueError("weights and feedback must be float32")
        shapes = [part.shape for part in self.weights]
        if any(len(shape) != 2 for shape in shapes) or any(
            before[0] != after[1] for before, after in pairwise(shapes)
        ):
            raise ValueError(f"weights must be [out, in], one behind another, not {shapes}")
        hidden = self.sizes[1:-1]
        wanted = (len(hidden), self.sizes[-1], hidden[0] if hidden else 0)
        if len(set(hidden)) > 1 or self.feedback.shape != wanted:
            raise ValueError(
                f"hidden layers must be of one size and feedback {list(wanted)}, not {hidden}, "
                f"{list(self.feedback.shape)}"
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of the input and of each layer."""
        return (self.weights[0].shape[1], *(len(part) for part in self.weights))


class ERBPResponse(NamedTuple):
    """What a network did with N images.

    Parameters
    ----------
    answers
        ``[N, T]``: the class as known after each step.
    spikes
        For the input and each layer ``[T, units]``: mean number in a step.
    """

    answers: np.ndarray
    spikes: tuple[np.ndarray, ...]


def initial(
    sizes: Sequence[int],
    rng: np.random.Generator,
    gain: float = 1.0,
    feedback: float = 1.0,
    neurons: ERBPNeurons = ERBPNeurons(),
) -> ERBPNetwork:
    """Return a network with uniform weights and normal feedback.

    Parameters
    ----------
    sizes
        Units of input, hidden layers (all of one size) and output.
    rng
        Source of weights and feedback.
    gain
        Weights lie within ``gain * sqrt(6 / (in + out))``.
    feedback
        Standard deviation of the feedback.
    neurons
        Of the network.

    Raises
    ------
    ValueError
        If there is no layer, a layer is empty, hidden layers differ, or a scale is not positive.

    Examples
    --------
    >>> network = initial((784, 200, 10), np.random.default_rng(0))
    >>> network.sizes, network.feedback.shape
    ((784, 200, 10), (1, 10, 200))
    """
    if len(sizes) < 2 or min(sizes) < 1 or not (gain > 0 and feedback > 0):
        raise ValueError(
            "sizes must be those of input and output at least, all positive, as must gain and "
            f"feedback be; not {sizes}, {gain}, {feedback}"
        )
    weights = tuple(
        rng.uniform(-1, 1, (n_out, n_in)) * gain * math.sqrt(6 / (n_in + n_out))
        for n_in, n_out in pairwise(sizes)
    )
    hidden = sizes[1:-1]
    fixed = feedback * rng.standard_normal((len(hidden), sizes[-1], hidden[0] if hidden else 0))
    single = tuple(part.astype(np.float32) for part in weights)
    return ERBPNetwork(single, fixed.astype(np.float32), neurons)


def respond(
    network: ERBPNetwork, images: Any, rng: np.random.Generator, present_ms: int = 500
) -> ERBPResponse:
    """Show images to a network, each from rest.

    Parameters
    ----------
    network
        See `initial`.
    images
        ``[N, in]`` in 0..1.
    rng
        Source of input spikes, noise and blank-out.
    present_ms
        For how long an image is shown.

    Raises
    ------
    ValueError
        If images have another shape or leave 0..1, or the time is not positive and whole.

    Examples
    --------
    >>> weights = np.array([[9.0, 0.0], [0.0, 9.0]], np.float32)
    >>> network = ERBPNetwork((weights,), np.zeros((0, 2, 0), np.float32))
    >>> respond(network, [[1.0, 0.2], [0.2, 1.0]], np.random.default_rng(0)).answers[:, -1]
    array([0, 1])
    """
    if present_ms != int(present_ms) or not 1 <= present_ms <= MOST_STEPS:
        raise ValueError(f"present_ms must be whole and in 1..{MOST_STEPS}, not {present_ms}")
    run = Run(network)
    shown = encoded(network, images)
    record = run.show(shown, np.zeros(len(shown), np.int64), int(present_ms), STILL, rng)
    spikes = record.spikes / max(len(shown), 1)
    by_layer = tuple(spikes[:, layer, :n] for layer, n in enumerate(network.sizes))
    return ERBPResponse(record.answers.astype(np.int64), by_layer)


def additions(network: ERBPNetwork, spikes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the additions that the spikes of each layer but the last cause, ``[T]`` each.

    Parameters
    ----------
    network
        Whose non-zero weights they meet; blanked-out synapses add nothing.
    spikes
        Of `respond`.
    """
    return [
        sent @ np.count_nonzero(part, axis=0) * network.neurons.transmission
        for sent, part in zip(spikes, network.weights, strict=False)
    ]


def encoded(network: ERBPNetwork, images: Any) -> np.ndarray:
    """Return probabilities of input spikes ``[N, in]``; raises as `respond`."""
    pixels = arrays.plain("images", images)
    n_in = network.sizes[0]
    if pixels.ndim != 2 or pixels.shape[1] != n_in:
        raise ValueError(f"images must be [N, {n_in}], not {list(pixels.shape)}")
    if pixels.size and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise ValueError("images must lie in 0..1")
    return network.neurons.probabilities(pixels.astype(np.float32))


_NO_GATE = np.zeros(0, np.float32)
STILL = loops.Learning(np.float32(0), False, 0, 0, np.float32(0), _NO_GATE, _NO_GATE, 0)


class Run:
    """A network on its way: its weights as the loops read and change them.

    Parameters
    ----------
    network
        Its weights are copied.
    tau_dendrite_ms, tau_gate_ms
        See `gradsim.erbp_training.ERBPTraining`; answers do not depend on them.
    """

    def __init__(
        self, network: ERBPNetwork, tau_dendrite_ms: float = 4.0, tau_gate_ms: float = 0.0
    ) -> None:
        self.network, neurons = network, network.neurons
        self.rows = tuple(np.array(part.T, order="C") for part in network.weights)
        self.cell = loops.Cell(
            keep_current=_kept(neurons.tau_synapse_ms),
            keep_membrane=_kept(neurons.tau_membrane_ms),
            keep_dendrite=_kept(tau_dendrite_ms),
            follow=np.float32(1) - _kept(tau_gate_ms),
            noise=np.float32(neurons.noise),
            transmits=min(round(neurons.transmission * 2**32), 2**32 - 1),
            blanks=neurons.transmission < 1,
            silent_steps=int(neurons.refractory_ms) - 1,
        )
        n_layers, width = len(self.rows), max(network.sizes[1:])
        single = [np.zeros((n_layers, width), np.float32) for _ in range(5)]
        self.state = loops.State(
            current=single[0],
            membrane=single[1],
            silent=np.zeros((n_layers, width), np.int32),
            dendrite=single[2],
            average=single[3],
            change=single[4],
            listed=np.zeros((n_layers + 1, max(network.sizes)), np.int64),
            n_listed=np.zeros(n_layers + 1, np.int64),
            errors=np.zeros((2, network.sizes[-1]), np.float32),
            counts=np.zeros(network.sizes[-1], np.int64),
            driven=np.zeros(network.sizes[-1], np.float32),
        )

    def show(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        n_steps: int,
        learning: loops.Learning,
        rng: np.random.Generator,
    ) -> loops.Record:
        """Show ``encoded`` images one after another; weights go on from where they are."""
        n_layers, n_in = len(self.rows), self.network.sizes[0]
        most = n_in * (n_steps // (self.cell.silent_steps + 1) + 1)
        trains = loops.Trains(
            np.zeros(n_steps + 1, np.int64), *(np.zeros(most, np.int64) for _ in range(3))
        )
        record = loops.Record(
            answers=np.zeros((len(images), n_steps), np.int16),
            spikes=np.zeros((n_steps, n_layers + 1, max(self.network.sizes))),
            errors=np.zeros(2),
            visited=np.zeros(n_layers),
            changed=np.zeros(n_layers),
        )
        loops.run(
            images, labels, self.rows, self.network.feedback, self.cell, learning, self.state,
            trains, record, rng,
        )  # fmt: skip
        return record

    def trained(self) -> ERBPNetwork:
        """Return the network with the weights of now."""
        weights = tuple(np.array(rows.T, order="C") for rows in self.rows)
        return ERBPNetwork(weights, self.network.feedback, self.network.neurons)


def _kept(tau_ms: float) -> np.float32:
    """Return what is left after a step; nothing of what has no time constant."""
    return np.float32(math.exp(-1 / tau_ms) if tau_ms > 0 else 0.0)
