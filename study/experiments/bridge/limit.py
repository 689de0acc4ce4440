"""What lies between discrete and continuous time: both refined together, and Brian2 alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from study.analysis.agreement import match, matched_share, van_rossum
from study.experiments.bridge import twin
from study.settings.config import configured
from study.trials.trial import Context, Outcome, Trial

PROCEDURE = "study.procedures.limit:run"
COST_PROCEDURE = "study.procedures.limit:run_cost"
REACH_STEPS = 5.0  # spikes farther apart than so many trained steps are not the same spike


@dataclass(frozen=True)
class LimitConfig:
    """Settings of the way of both simulators to continuous time.

    Parameters
    ----------
    refinements
        Steps of both per step of the trained network.
    max_samples
        At most so many test samples are run, the first ones.
    """

    refinements: tuple[int, ...] = (1, 3, 10, 30, 100)
    max_samples: int = 50

    def __post_init__(self) -> None:
        _require_whole(self.refinements)
        if self.max_samples < 1:
            raise ValueError("max_samples must be at least 1")


@dataclass(frozen=True)
class CostConfig:
    """Settings of the way of Brian2 alone.

    Parameters
    ----------
    refinements
        Brian2's steps per step of the trained network.
    tolerances_steps
        How far apart spikes may lie and still agree, in steps of the trained network.
    max_samples
        At most so many test samples are run, the first ones.
    """

    refinements: tuple[int, ...] = (1, 2, 5, 10, 20)
    tolerances_steps: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0)
    max_samples: int = 1000

    def __post_init__(self) -> None:
        _require_whole(self.refinements)
        if not self.tolerances_steps or min(self.tolerances_steps) < 0:
            raise ValueError("tolerances_steps must not be negative")
        if self.max_samples < 1:
            raise ValueError("max_samples must be at least 1")


def run(trial: Trial, context: Context) -> Outcome:
    """Refine both together: PyTorch holds the current over a step, Brian2 integrates exactly.

    What took a step of the trained network, its delays and its reset, keeps its duration in both.
    """
    from biosim.chain import run_chain
    from study.experiments.bridge.refined import run_refined

    config = configured(LimitConfig, trial.config)
    pair = twin.prepare(trial, context, config.max_samples)
    chain, n_steps = pair.chain, pair.events.n_steps
    rows = []
    done, total = 0, sum(config.refinements)
    for n in config.refinements:
        discrete, readout = run_refined(pair, n)
        run_ = run_chain(chain, pair.inputs, n_steps, chain.dt_s / n, "exact")
        spikes = pair.spikes(run_)
        near = match(discrete, spikes, REACH_STEPS * chain.dt_s)
        rows.append(
            {
                "share": matched_share(discrete, spikes, chain.dt_s),
                "mean_shift_s": near.mean_shift_s,
                "largest_shift_s": near.largest_shift_s,
                "van_rossum": van_rossum(discrete, spikes, REACH_STEPS * chain.dt_s),
                "spikes_discrete": len(discrete),
                "spikes_continuous": len(spikes),
                "accuracy_discrete": pair.accuracy(readout),
                "accuracy_continuous": pair.accuracy(run_.readout),
            }
        )
        done += n
        context.progress(done / total, f"dt / {n}")
    return Outcome(
        metrics={
            "dt_s": chain.dt_s,
            "n_test": len(pair.events),
            "order": _order(config.refinements, [row["mean_shift_s"] for row in rows]),
            "share_finest": rows[-1]["share"],
            "engine": f"brian2 {run_.engine}",
        },
        arrays={name: np.array([row[name] for row in rows]) for name in rows[0]},
    )


def run_cost(trial: Trial, context: Context) -> Outcome:
    """Refine Brian2 alone, with the delays and the hold of the trained step kept as times."""
    from biosim.chain import run_chain

    config = configured(CostConfig, trial.config)
    pair = twin.prepare(trial, context, config.max_samples)
    chain, n_steps = pair.chain, pair.events.n_steps
    discrete = twin.run_discrete(pair)
    shares, accuracies = [], []
    done, total = 0, sum(config.refinements)
    for n in config.refinements:
        run_ = run_chain(chain, pair.inputs, n_steps, chain.dt_s / n, "exact")
        spikes = pair.spikes(run_)
        shares.append(
            [
                matched_share(discrete.spikes, spikes, t * chain.dt_s)
                for t in config.tolerances_steps
            ]
        )
        accuracies.append(pair.accuracy(run_.readout))
        done += n
        context.progress(done / total, f"dt / {n}")
    return Outcome(
        metrics={
            "dt_s": chain.dt_s,
            "n_test": len(pair.events),
            "accuracy_discrete": pair.accuracy(discrete.readout),
            "engine": f"brian2 {run_.engine}",
        },
        arrays={"agreement": np.array(shares), "accuracy": np.array(accuracies)},
    )


def _order(refinements: tuple[int, ...], shifts_s: list[float]) -> float | None:
    """Return the slope of log shift over log dt in the last decade of dt, None if there is none."""
    kept = [
        (n, shift)
        for n, shift in zip(refinements, shifts_s, strict=True)
        if shift > 0 and 10 * n >= max(refinements)
    ]
    if len(kept) < 2:
        return None
    n, shift = np.log(np.array(kept)).T
    return float(-np.polyfit(n, shift, 1)[0])


def _require_whole(refinements: tuple[int, ...]) -> None:
    if not refinements or min(refinements) < 1:
        raise ValueError("refinements must be whole numbers of at least 1")
