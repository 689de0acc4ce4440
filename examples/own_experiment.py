"""A question of your own, in one file: how regular is a Poisson neuron that has to rest?

    python -m study.run refractory --plugin examples/own_experiment.py --seeds 5

The experiment says what to run (`trials`) and what the records show (`section`); its procedure runs
one trial in a worker process. Sweeps, resuming, clusters and both reports come with that.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from study.analysis.basis import basis
from study.analysis.section import Figure, Section
from study.request import Request
from study.settings.config import configured, settings_of
from study.trials.addresses import Procedure
from study.trials.trial import Context, Outcome, Record, Trial

TITLE = "Rest makes spikes regular"
ORDER = 45  # its place in the report; `compare` has 60
RESTS_S = (0.0, 0.005, 0.01, 0.02)


@dataclass(frozen=True)
class Config:
    """A neuron that fires at random, but not within ``rest_s`` after a spike."""

    rest_s: float = 0.0
    rate_hz: float = 40.0
    n_intervals: int = 5000


def run(trial: Trial, _context: Context) -> Outcome:
    """Draw intervals between spikes; return their coefficient of variation."""
    config, rng = configured(Config, trial.config), np.random.default_rng(trial.seed)
    free_s = 1 / config.rate_hz - config.rest_s
    intervals_s = config.rest_s + rng.exponential(free_s, config.n_intervals)
    return Outcome(metrics={"cv": float(intervals_s.std() / intervals_s.mean())})


def trials(request: Request) -> list[Trial]:
    """Return one trial a rest and seed; ``--set rate_hz=20,40`` makes it a grid."""
    return [
        Trial("refractory", "poisson", None, settings_of(config), seed)
        for rest_s in RESTS_S
        for config in request.configure(Config(rest_s), "poisson")
        for seed in request.seeds
    ]


def section(records: list[Record]) -> Section:
    """Return the figure, and the largest departure from the closed form, 1 - rate * rest."""
    from matplotlib.figure import Figure as Drawing

    expected = [1 - r.trial.config["rate_hz"] * r.trial.config["rest_s"] for r in records]
    found = [r.metrics["cv"] for r in records]
    drawing = Drawing(figsize=(4, 3), layout="constrained")
    ax = drawing.subplots()
    ax.plot([0, 1], [0, 1], color="0.7")
    ax.plot(expected, found, "o")
    ax.set(xlabel="1 - rate x rest", ylabel="coefficient of variation")
    worst = np.abs(np.subtract(found, expected)).max()
    told = "Coefficient of variation against its closed form, a point a trial."
    return Section(
        name="refractory",
        title=TITLE,
        question="How much does an absolute refractory period regularise a Poisson neuron?",
        method="Intervals are drawn, and compared with the closed form 1 - rate * rest.",
        figures=(Figure("refractory-cv", drawing, told, told, basis(records)),),
        findings=(f"The largest departure from the closed form is {worst:.3f}.",),
    )


PROCEDURES = {"refractory": Procedure(f"{__name__}:run")}
EXPERIMENTS = {"refractory": sys.modules[__name__]}
