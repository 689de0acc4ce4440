"""Is it the same network? One trained network in both simulators, at equal dt.

The first procedure of the experiment ``bridge``; the others are in ``limit`` and ``robustness``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis.agreement import (
    Spikes,
    coincidence_factor,
    confusion,
    match,
    membrane_correlation,
    van_rossum,
)
from study.experiments.bridge import twin
from study.experiments.bridge.twin import DiscreteRun, Twin
from study.settings.config import configured
from study.trials.measure import measured
from study.trials.trial import Context, Outcome, Trial

if TYPE_CHECKING:
    from biosim.chain import ChainRecording

PROCEDURE = "study.procedures.bridge:run"
CONTROLS = ("shuffled", "reset", "swapped", "late")
WIDTH_STEPS = 2.0  # of the kernel of the distance and the window of coincidences


@dataclass(frozen=True)
class BridgeConfig:
    """Settings of the comparison at equal dt.

    Parameters
    ----------
    tolerances_steps
        How far apart spikes may lie and still agree, in steps of the trained network.
    max_samples
        At most so many test samples are run, the first ones.
    """

    tolerances_steps: tuple[float, ...] = (0.0, 1.0, 2.0, 5.0)
    max_samples: int = 200

    def __post_init__(self) -> None:
        if not self.tolerances_steps or min(self.tolerances_steps) < 0:
            raise ValueError("tolerances_steps must not be negative")
        if self.max_samples < 1:
            raise ValueError("max_samples must be at least 1")


def run(trial: Trial, context: Context) -> Outcome:
    """Run test samples in PyTorch and, with the same step and conventions, in Brian2; compare.

    The controls are run alike: ``shuffled`` weights into the first layer, the other ``reset``,
    time constants ``swapped``, spikes that act one step ``late``. Then Brian2 alone runs the whole
    test set, timed.
    """
    from biosim.chain import run_chain

    config = configured(BridgeConfig, trial.config)
    pair = twin.prepare(trial, context, config.max_samples)
    discrete = twin.run_discrete(pair)
    context.progress(0.2, "discrete")
    networks = {"same": pair.chain} | twin.controls(pair.chain, CONTROLS, trial.seed)
    runs, spikes = {}, {}
    for name, chain in networks.items():
        runs[name] = run_chain(
            chain, pair.inputs, pair.events.n_steps, membranes_of=len(pair.events)
        )
        spikes[name] = pair.spikes(runs[name])
        context.progress(0.2 + 0.6 * len(runs) / len(networks), name)

    dt_s = pair.chain.dt_s
    sweep = [
        [match(discrete.spikes, spikes[name], t * dt_s).share for t in config.tolerances_steps]
        for name in networks
    ]
    n_classes = discrete.readout.shape[2]
    here, there = (pair.answers(found.readout) for found in (discrete, runs["same"]))
    return Outcome(
        metrics={
            "dt_s": dt_s,
            "n_test": len(pair.events),
            "n_steps": pair.events.n_steps,
            "spikes_discrete": len(discrete.spikes),
            "accuracy_discrete": pair.accuracy(discrete.readout),
            "engine": f"brian2 {runs['same'].engine}",
            **_differences(pair, discrete, runs["same"]),
            **_whole_test_set(trial, context),
            **{f"accuracy_{name}": pair.accuracy(run.readout) for name, run in runs.items()},
            **{
                f"{measure}_{name}": value
                for name in networks
                for measure, value in _measures(pair, discrete, runs[name]).items()
            },
        },
        arrays={
            "sweep": np.array(sweep),
            "confusion": confusion(here, there, n_classes),
            **_example(pair, discrete.spikes, "discrete"),
            **_example(pair, spikes["same"], "continuous"),
        },
    )


def _differences(pair: Twin, discrete: DiscreteRun, run: ChainRecording) -> dict[str, Any]:
    """Return what must be nothing where both are the same network."""
    found = pair.spikes(run)
    differing, ties = twin.exceptions(discrete, found, pair.chain.dt_s)
    first = match(discrete.spikes, found, 0.0).first_alone
    layer, sample, neuron = pair.place(first[1]) if first else (None, None, None)
    assert run.readout is not None
    return {
        "spikes_continuous": len(found),
        "trains_differing": differing,
        "trains_differing_by_rounding_tie": ties,
        "first_divergence_s": first[0] if first else None,
        "first_divergence_layer": layer,
        "first_divergence_sample": sample,
        "first_divergence_neuron": neuron,
        "membrane_error": max(
            float(np.abs(here - there).max())
            for here, there in zip(discrete.membranes, run.membranes, strict=True)
        ),
        "readout_error": float(np.abs(discrete.readout - run.readout).max()),
    }


def _whole_test_set(trial: Trial, context: Context) -> dict[str, float | None]:
    """Return what Brian2 answers to all test samples, and what that takes."""
    from biosim.chain import run_chain

    pair = twin.prepare(trial, context)
    inputs = pair.inputs
    with measured() as cost:
        found = run_chain(pair.chain, inputs, pair.events.n_steps)
    return {
        "whole_n_test": len(pair.events),
        "whole_accuracy": pair.accuracy(found.readout),
        "whole_seconds": cost.seconds,
        "whole_samples_per_second": len(pair.events) / cost.seconds,
        "whole_peak_memory_mb": cost.peak_memory_mb,
    }


def _measures(pair: Twin, discrete: DiscreteRun, run: ChainRecording) -> dict[str, float]:
    found, width_s = pair.spikes(run), WIDTH_STEPS * pair.chain.dt_s
    correlations = [
        membrane_correlation(here, there)
        for here, there in zip(discrete.membranes, run.membranes, strict=True)
    ]
    near = match(discrete.spikes, found, width_s)
    return {
        "agreement": match(discrete.spikes, found, 0.0).share,
        "coincidence": coincidence_factor(
            discrete.spikes, found, width_s, pair.duration_s, pair.n_trains
        ),
        "van_rossum": van_rossum(discrete.spikes, found, width_s),
        "largest_shift_s": near.largest_shift_s,
        "correlation": float(np.mean(correlations)),
    }


def _example(pair: Twin, spikes: Spikes, name: str) -> dict[str, np.ndarray]:
    """Return the first sample's spikes in the first layer, for the raster."""
    first = spikes.train < pair.chain.layers[0].size
    return {f"example_{name}_s": spikes.time_s[first], f"example_{name}_unit": spikes.train[first]}
