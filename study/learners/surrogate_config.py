"""Settings of the surrogate-gradient learner, and those with which papers report its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from study.learning.conditions import Conditions

if TYPE_CHECKING:
    from gradsim import LIFParameters, NetworkConfig, TrainingConfig
    from gradsim.surrogate import Surrogate

NARROWING = ("fast_sigmoid", "superspike", "sigmoid_prime", "atan")  # take a slope as it is


@dataclass(frozen=True)
class SurrogateConfig:
    """Hidden layers of LIF neurons and a leaky readout.

    Parameters
    ----------
    hidden, layers, recurrent
        Neurons in each hidden layer, number of these layers, and whether each is connected to
        itself.
    n_steps, dt_s
        Steps of a sample and their length for the neurons. Recorded events are binned into
        ``n_steps`` whatever their duration; of traces, each value is held for as many steps as
        make ``n_steps``.
    tau_mem_s, tau_syn_s, learned_tau
        Time constants of hidden neurons and readout, and whether training changes them, each
        neuron's for itself.
    order, gain, reset, detach_reset
        Conventions of a step; see `gradsim.neurons`.
    adaptation, adaptation_tau_s
        Strength and time constant of an adaptive threshold; strength 0 for one that is fixed.
    surrogate, slope
        Derivative of the spike: a shape of `gradsim.surrogate`; for those that have a width,
        it is ``1 / slope``. With ``zero`` only the readout learns, as a control.
    weight_scale, recurrent_scale
        Initial weights are normal with deviation ``weight_scale / sqrt(fan_in)``; recurrent
        ones too where ``recurrent_scale`` is None.
    optimiser, learning_rate, beta2, epochs, batch_size, patience
        Of training; the epoch with the best validation accuracy is kept. ``beta2`` is the decay
        of the optimiser's second moment.
    readout
        How logits come from the readout over time: ``max``, ``sum`` or ``last``.
    l1, l2
        Strengths of SpyTorch's activity penalty; they hold for this ``batch_size``.
    mean_activity
        Strength of the mean number of spikes per neuron and sample.
    bounds, lower, upper
        Strength and limits of a penalty on spikes per neuron and sample outside the limits.
    latency_tau_s, latency_threshold
        Of the time-to-first-spike code of images.
    encoder_copies, encoder_tau_s
        Of the learned code of traces: neurons for each channel, and their time constant.
    engine
        ``auto``, ``torch`` or ``events``; see `gradsim.kernels`.
    """

    hidden: int = 100
    layers: int = 1
    recurrent: bool = False
    n_steps: int = 100
    dt_s: float = 1e-3
    tau_mem_s: float = 20e-3
    tau_syn_s: float = 10e-3
    learned_tau: bool = False
    order: Literal["fire_first", "integrate_first"] = "fire_first"
    gain: Literal["one", "one_minus_beta"] = "one"
    reset: Literal["zero", "subtract"] = "zero"
    detach_reset: bool = True
    adaptation: float = 0.0
    adaptation_tau_s: float = 0.2
    surrogate: Literal[
        "fast_sigmoid",
        "superspike",
        "sigmoid_prime",
        "atan",
        "gaussian",
        "multi_gaussian",
        "triangle",
        "boxcar",
        "straight_through",
        "zero",
    ] = "fast_sigmoid"
    slope: float = 25.0
    weight_scale: float = 0.3
    recurrent_scale: float | None = None
    optimiser: Literal["adam", "adamax"] = "adam"
    learning_rate: float = 2e-3
    beta2: float = 0.999
    epochs: int = 30
    batch_size: int = 32
    patience: int | None = None
    readout: Literal["max", "sum", "last"] = "max"
    l1: float = 3e-5
    l2: float = 1e-4
    mean_activity: float = 0.0
    bounds: float = 0.0
    lower: float = 0.0
    upper: float = 100.0
    latency_tau_s: float = 20e-3
    latency_threshold: float = 0.2
    encoder_copies: int = 32
    encoder_tau_s: float = 20e-3
    engine: Literal["auto", "torch", "events"] = "auto"

    def __post_init__(self) -> None:
        counts = ("hidden", "layers", "n_steps", "epochs", "batch_size", "encoder_copies")
        positive = ("dt_s", "tau_mem_s", "tau_syn_s", "slope", "weight_scale", "learning_rate")
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in (*positive, "latency_tau_s", "encoder_tau_s", "adaptation_tau_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("l1", "l2", "mean_activity", "bounds", "lower", "upper", "adaptation"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in ("latency_threshold", "beta2"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1, or none, not {self.patience}")

    def conditions(self, n_train: int, kind: str) -> Conditions:
        """Return under which conditions the network learns."""
        code = {
            "images": "one spike a pixel, the brighter the earlier",
            "events": "spikes as recorded, in bins",
        }.get(kind, "currents, by a layer that learns")
        return Conditions(
            code,
            " and ".join([str(self.hidden)] * self.layers),
            self.epochs * n_train,
            step=f"{self.n_steps} of {1e3 * self.dt_s:g} ms",
        )

    def neuron(self) -> LIFParameters:
        """Return the hidden neurons."""
        from gradsim import Adaptation, LIFParameters

        adapts = self.adaptation > 0
        return LIFParameters(
            tau_mem_s=self.tau_mem_s,
            tau_syn_s=self.tau_syn_s,
            dt_s=self.dt_s,
            gain=self.gain,
            order=self.order,
            reset=self.reset,
            detach_reset=self.detach_reset,
            surrogate=self._surrogate(),
            adaptation=Adaptation(self.adaptation_tau_s, self.adaptation) if adapts else None,
        )

    def network(self, n_in: int, n_classes: int) -> NetworkConfig:
        """Return the part that shapes the network."""
        from gradsim import NetworkConfig

        return NetworkConfig(
            n_in,
            (self.hidden,) * self.layers,
            n_classes,
            self.neuron(),
            self.weight_scale,
            self.recurrent,
            self.recurrent_scale,
            per_neuron=self.learned_tau,
            learned=self.learned_tau,
        )

    def training(self) -> TrainingConfig:
        """Return the part that trains it."""
        from gradsim import TrainingConfig

        return TrainingConfig(
            optimiser=self.optimiser,
            learning_rate=self.learning_rate,
            betas=(0.9, self.beta2),
            epochs=self.epochs,
            batch_size=self.batch_size,
            readout=self.readout,
            l1=self.l1,
            l2=self.l2,
            mean=self.mean_activity,
            bounds=self.bounds,
            lower=self.lower,
            upper=self.upper,
            patience=self.patience,
        )

    def _surrogate(self) -> Surrogate:
        from gradsim import surrogate

        factory = surrogate.SURROGATES[self.surrogate]
        if self.surrogate in NARROWING:
            return factory(self.slope)
        if self.surrogate == "triangle":
            return factory(width=1 / self.slope)
        shapeless = self.surrogate in ("straight_through", "zero")
        return factory() if shapeless else factory(1 / self.slope)


# SpyTorch (Neftci, Mostafa & Zenke 2019), tutorial 2; no activity penalty there.
SPYTORCH: dict[str, Any] = {
    "tau_mem_s": 10e-3,
    "tau_syn_s": 5e-3,
    "slope": 100.0,
    "weight_scale": 0.67,
    "learning_rate": 2e-4,
    "batch_size": 256,
    "l1": 0.0,
    "l2": 0.0,
}
# Tutorial 4, there on the official Spiking Heidelberg Digits.
HEIDELBERG = SPYTORCH | {
    "hidden": 200,
    "recurrent": True,
    "weight_scale": 0.2,
    "optimiser": "adamax",
    "epochs": 200,
    "l1": 2e-6,
    "l2": 2e-6,
}
# Tutorial 5, whose activity penalty carried no gradient and is left out.
BRAILLE = HEIDELBERG | {
    "n_steps": 152,
    "tau_mem_s": 20e-3,
    "tau_syn_s": 10e-3,
    "gain": "one_minus_beta",
    "slope": 20.0,
    "weight_scale": 3.0,
    "recurrent_scale": 0.03,
    "learning_rate": 1e-2,
    "beta2": 0.995,
    "epochs": 100,
    "batch_size": 128,
    "l1": 0.0,
    "l2": 0.0,
}
# Of digits, the dimmest pixel that fires does so at step 32. Found by cross-validation.
PRESETS: dict[str, dict[str, Any]] = {
    "digits": {"n_steps": 50, "hidden": 200},
    "mnist": SPYTORCH,
    "fashion-mnist": SPYTORCH,
    "shd": HEIDELBERG,
    "hd-spikes": HEIDELBERG,
    "tbl": BRAILLE,
    "randman": {"epochs": 15},
    "randman-shuffled": {"epochs": 15},
}


def preset(_profile: str, dataset: str) -> SurrogateConfig:
    """Return the settings for a data set, in all profiles alike."""
    return SurrogateConfig(**PRESETS.get(dataset, {}))
