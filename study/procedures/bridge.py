"""The procedure of the experiment ``bridge``: one trained network through both simulators."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study import data
from study.agreement import Spikes, matched_share
from study.procedures import twin
from study.trial import Context, Outcome, Trial

if TYPE_CHECKING:
    from biosim.chain import Chain, ChainRecording
    from gradsim import SpikeEvents

NAME = "bridge"
PROCEDURE = "study.procedures.bridge:run"
CONTROLS = ("shuffled", "swapped")


@dataclass(frozen=True)
class BridgeConfig:
    """Settings of the comparison.

    Parameters
    ----------
    refinements
        Brian2's steps per step of the trained network, for the way to continuous time.
    tolerances_steps
        How far apart spikes may lie and still agree, in steps of the trained network.
    max_samples
        At most so many test samples are run, the first ones.
    """

    refinements: tuple[int, ...] = (1, 2, 5, 10, 20)
    tolerances_steps: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0)
    max_samples: int = 1000

    def __post_init__(self) -> None:
        if not self.refinements or min(self.refinements) < 1:
            raise ValueError("refinements must be whole numbers of at least 1")
        if not self.tolerances_steps or min(self.tolerances_steps) < 0:
            raise ValueError("tolerances_steps must not be negative")
        if self.max_samples < 1:
            raise ValueError("max_samples must be at least 1")


def run(trial: Trial, context: Context) -> Outcome:
    """Run the test samples of the trained network in both simulators and compare the spikes."""
    import nir

    from biosim.from_nir import read_chain
    from gradsim import from_nir
    from study.learners.surrogate import SurrogateConfig, encode

    assert trial.dataset is not None
    config = BridgeConfig(**trial.config)
    whole = data.load(trial.dataset, context.data).test
    test = whole.take(np.arange(min(len(whole), config.max_samples)))
    events = encode(test, SurrogateConfig(**trial.needs[0].config))
    graph = nir.read(io.BytesIO(context.needs[0].files["network.nir"]))
    chain = read_chain(graph)
    discrete = twin.run_discrete(from_nir(graph), events, chain.dt_s)
    runs = _continuous_runs(chain, events, config, trial.seed, context)

    spikes = {name: twin.continuous_spikes(chain, run) for name, run in runs.items()}
    refined = [f"dt/{refinement}" for refinement in config.refinements]
    tolerances_s = [steps * chain.dt_s for steps in config.tolerances_steps]
    differing, ties = twin.exceptions(discrete, spikes["same"], chain.dt_s)
    one_by_one = ("same", *CONTROLS)
    return Outcome(
        metrics={
            "dt_s": chain.dt_s,
            "spikes_discrete": len(discrete.spikes),
            "spikes_continuous": len(spikes["same"]),
            "trains_differing": differing,
            "trains_differing_by_rounding_tie": ties,
            "accuracy_discrete": twin.accuracy(discrete.readout_peak, test.labels),
            "readout_error_same": float(
                np.abs(runs["same"].readout_peak - discrete.readout_peak).max()
            ),
            **{
                f"agreement_{name}": matched_share(discrete.spikes, spikes[name], 0.0)
                for name in one_by_one
            },
            **{
                f"accuracy_{name}": twin.accuracy(runs[name].readout_peak, test.labels)
                for name in one_by_one
            },
            "n_test": len(test),
            "n_steps": events.n_steps,
            "engine": f"brian2 {runs['same'].engine}",
        },
        arrays={
            "agreement": np.array(
                [
                    [matched_share(discrete.spikes, spikes[name], reach) for reach in tolerances_s]
                    for name in refined
                ]
            ),
            "accuracy": np.array(
                [twin.accuracy(runs[name].readout_peak, test.labels) for name in refined]
            ),
            **_example(chain, discrete.spikes, "discrete"),
            **_example(chain, spikes[refined[-1]], "continuous"),
        },
    )


def _continuous_runs(
    chain: Chain, events: SpikeEvents, config: BridgeConfig, seed: int, context: Context
) -> dict[str, ChainRecording]:
    from biosim.chain import run_chain

    inputs = twin.input_spikes(events, chain.dt_s)
    networks: dict[str, tuple[Chain, float, Any]] = {
        "same": (chain, chain.dt_s, "held"),
        "shuffled": (twin.shuffled_weights(chain, seed), chain.dt_s, "held"),
        "swapped": (twin.swapped_time_constants(chain), chain.dt_s, "held"),
        **{f"dt/{n}": (chain, chain.dt_s / n, "exact") for n in config.refinements},
    }
    runs = {}
    for name, (network, dt_s, scheme) in networks.items():
        runs[name] = run_chain(network, inputs, events.n_steps, dt_s, scheme)
        context.progress(len(runs) / len(networks), name)
    return runs


def _example(chain: Chain, spikes: Spikes, name: str) -> dict[str, np.ndarray]:
    """Return the first sample's spikes in the first layer, for the raster."""
    first = spikes.train < chain.layers[0].size
    return {f"example_{name}_s": spikes.time_s[first], f"example_{name}_unit": spikes.train[first]}
