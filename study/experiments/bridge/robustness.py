"""What a trained network bears in continuous time: jitter, few bits, noise, other neurons."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from study.analysis.agreement import matched_share
from study.experiments.bridge import twin
from study.settings.config import configured
from study.trials.trial import Context, Outcome, Trial

if TYPE_CHECKING:
    from biosim.chain import Chain, InputSpikes
    from biosim.chain.substitute import Calibration

PROCEDURE = "study.procedures.robustness:run"
SUBSTITUTE_PROCEDURE = "study.procedures.robustness:run_substitute"
KINDS = ("threshold_jitter", "weight_bits", "time_noise")
CELLS = ("hodgkin-huxley", "traub")
SUBSTITUTE_DT_S = 5e-5  # at most; for the squid axon's gates


@dataclass(frozen=True)
class RobustnessConfig:
    """Settings of the perturbations.

    Parameters
    ----------
    threshold_jitter
        Deviations of the neurons' thresholds, relative to the threshold.
    weight_bits
        Bits of a weight, with a sign, on a grid that spans the largest of its matrix.
    time_noise_s
        Deviations of the times of input spikes, in seconds.
    refinement
        Brian2's steps per step of the trained network.
    max_samples
        At most so many test samples are run, the first ones.
    """

    threshold_jitter: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4)
    weight_bits: tuple[int, ...] = (8, 6, 4)
    time_noise_s: tuple[float, ...] = (0.5e-3, 1e-3, 2e-3, 4e-3)
    refinement: int = 5
    max_samples: int = 1000

    def __post_init__(self) -> None:
        if min(self.threshold_jitter, default=0) < 0 or min(self.time_noise_s, default=0) < 0:
            raise ValueError("threshold_jitter and time_noise_s must not be negative")
        if min(self.weight_bits, default=2) < 2:
            raise ValueError("weight_bits must be at least 2: one of them is the sign")
        if min(self.refinement, self.max_samples) < 1:
            raise ValueError("refinement and max_samples must be at least 1")

    def levels(self, kind: str) -> tuple[float, ...]:
        """Return the levels of a kind in `KINDS`."""
        return {
            "threshold_jitter": self.threshold_jitter,
            "weight_bits": self.weight_bits,
            "time_noise": self.time_noise_s,
        }[kind]


@dataclass(frozen=True)
class SubstituteConfig:
    """Settings of real neurons in place of LIF neurons.

    Parameters
    ----------
    cell
        ``hodgkin-huxley``, the squid axon, whose rate jumps at its onset, or ``traub``, a cortical
        cell with the same kind of equations, whose rate rises from zero.
    max_samples
        At most so many test samples are run, the first ones.
    """

    cell: str = "hodgkin-huxley"
    max_samples: int = 100

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, not {self.cell!r}")
        if self.max_samples < 1:
            raise ValueError("max_samples must be at least 1")


def run(trial: Trial, context: Context) -> Outcome:
    """Perturb thresholds, weights and input times; compare with the network as it was trained."""
    from biosim.chain import run_chain

    config = configured(RobustnessConfig, trial.config)
    pair = twin.prepare(trial, context, config.max_samples)
    dt_s = pair.chain.dt_s / config.refinement
    cases = _cases(pair.chain, pair.inputs, config, trial.seed)
    accuracy, share = {}, {}
    reference = None
    for done, (name, (chain, inputs)) in enumerate(cases.items()):
        run_ = run_chain(chain, inputs, pair.events.n_steps, dt_s, "exact")
        spikes = pair.spikes(run_)
        reference = spikes if reference is None else reference
        accuracy[name] = pair.accuracy(run_.readout)
        share[name] = matched_share(reference, spikes, pair.chain.dt_s)
        context.progress((done + 1) / len(cases), " ".join(map(str, name)))
    return Outcome(
        metrics={
            "dt_s": pair.chain.dt_s,
            "n_test": len(pair.events),
            "accuracy": accuracy["none", 0.0],
            "engine": f"brian2 {run_.engine}",
        },
        arrays={
            f"{kind}_{measure}": np.array([found[kind, level] for level in config.levels(kind)])
            for kind in KINDS
            for measure, found in (("accuracy", accuracy), ("share", share))
        },
    )


def _cases(
    chain: Chain, inputs: InputSpikes, config: RobustnessConfig, seed: int
) -> dict[tuple[str, float], tuple[Chain, InputSpikes]]:
    rngs = iter(
        map(
            np.random.default_rng,
            np.random.SeedSequence(seed).spawn(
                len(config.threshold_jitter) + len(config.time_noise_s)
            ),
        )
    )
    cases = {("none", 0.0): (chain, inputs)}
    for level in config.threshold_jitter:
        cases["threshold_jitter", level] = jittered(chain, level, next(rngs)), inputs
    for bits in config.weight_bits:
        cases["weight_bits", bits] = quantised(chain, bits), inputs
    for level in config.time_noise_s:
        cases["time_noise", level] = chain, shifted(inputs, level, next(rngs))
    return cases


def jittered(chain: Chain, deviation: float, rng: np.random.Generator) -> Chain:
    """Return the network with a threshold of its own for each neuron, never below a tenth."""
    layers = tuple(
        layer
        if layer.threshold is None
        else dataclasses.replace(
            layer,
            threshold=layer.threshold
            * np.maximum(1 + deviation * rng.standard_normal(layer.size), 0.1),
        )
        for layer in chain.layers
    )
    return dataclasses.replace(chain, layers=layers)


def quantised(chain: Chain, bits: int) -> Chain:
    """Return the network with weights on a symmetric grid of ``2^bits - 1`` values a matrix."""

    def rounded(weight: np.ndarray) -> np.ndarray:
        largest = 2 ** (bits - 1) - 1
        unit = np.abs(weight).max() / largest
        return np.round(weight / unit) * unit if unit else weight

    layers = tuple(
        dataclasses.replace(
            layer,
            weight=rounded(layer.weight),
            recurrent=None if layer.recurrent is None else rounded(layer.recurrent),
        )
        for layer in chain.layers
    )
    return dataclasses.replace(chain, layers=layers)


def shifted(inputs: InputSpikes, deviation_s: float, rng: np.random.Generator) -> InputSpikes:
    """Return the input with normally distributed shifts of every spike, none before 0."""
    noise_s = deviation_s * rng.standard_normal(len(inputs.time_s))
    return dataclasses.replace(inputs, time_s=np.maximum(inputs.time_s + noise_s, 0.0))


def run_substitute(trial: Trial, context: Context) -> Outcome:
    """Put neurons of Hodgkin and Huxley's kind in place of those that fire; all else stays."""
    from biosim.chain import run_chain

    config = configured(SubstituteConfig, trial.config)
    pair = twin.prepare(trial, context, config.max_samples)
    chain, n_steps = pair.chain, pair.events.n_steps
    calibration = _calibration(config.cell, chain)
    context.progress(0.3, "calibrated")
    refinement = int(np.ceil(chain.dt_s / SUBSTITUTE_DT_S - 1e-9))
    found = {
        name: run_chain(
            chain, pair.inputs, n_steps, chain.dt_s / refinement, "exact", substitute=substitute
        )
        for name, substitute in (("lif", None), ("cell", calibration.substitute))
    }
    spikes = {name: pair.spikes(run_) for name, run_ in found.items()}
    return Outcome(
        metrics={
            "dt_s": chain.dt_s,
            "n_test": len(pair.events),
            "offset": calibration.substitute.offset,
            "gain": calibration.substitute.gain,
            "rate_error_hz": float(
                np.sqrt(np.mean((calibration.lif_hz - calibration.substitute_hz) ** 2))
            ),
            "agreement": matched_share(spikes["lif"], spikes["cell"], chain.dt_s),
            "engine": f"brian2 {found['cell'].engine}",
            **{f"accuracy_{name}": pair.accuracy(run_.readout) for name, run_ in found.items()},
            **{f"spikes_{name}": len(each) for name, each in spikes.items()},
        },
        arrays={
            "drive": calibration.drive,
            "lif_hz": calibration.lif_hz,
            "cell_hz": calibration.substitute_hz,
        },
    )


def _calibration(cell: str, chain: Chain) -> Calibration:
    from biosim.chain import calibrate
    from biosim.neurons import HodgkinHuxley, Traub

    # Up to where the rate is largest before the membrane stays depolarised.
    model, highest = {
        "hodgkin-huxley": (HodgkinHuxley().model(), 0.8),  # A/m2
        "traub": (Traub().model(), 1e-9),  # A
    }[cell]
    tau_mem_s = float(np.mean(chain.layers[0].tau_mem_s))
    # Strong inhibition makes the gates too fast for an explicit method at this step.
    model = dataclasses.replace(model, method="exponential_euler")
    return calibrate(model, np.linspace(0, highest, 61), tau_mem_s, chain.hold_s)
