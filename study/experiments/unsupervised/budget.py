"""The spike budget: what thresholds allow in equilibrium, beside what networks fired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from study.analysis.basis import basis
from study.analysis.replicates import Replicates
from study.analysis.section import Table
from study.experiments.unsupervised.published import network
from study.learners.diehl_cook_config import DiehlCookConfig
from study.settings.config import configured

LATE = 0.1  # of the images learned: the end of training
ONCE = 1.1  # presentations of an image, below which the budget is kept
WITHIN = 0.15  # of S*, what settled networks fire beside it
NOT_YET = "not settled"
UNSETTLED = "; thresholds have not settled, and the budget is not reached yet"


@dataclass(frozen=True)
class Budget:
    """Means over the seeds of a network, at the end of training.

    Parameters
    ----------
    theta_v
        Adaptive part of the thresholds, volts.
    allowed, fired
        Spikes a presentation: by `biosim.diehl_cook.spike_budget`, and counted.
    shown
        Presentations of an image.
    """

    theta_v: float
    allowed: float
    fired: float
    shown: float

    @property
    def settled(self) -> bool:
        """Whether spikes are as many as thresholds lose by decay, within `WITHIN`."""
        return abs(self.fired - self.allowed) <= WITHIN * self.allowed

    @property
    def kept(self) -> str:
        """Whether one presentation of an image is enough; a question for settled thresholds."""
        if not self.settled:
            return NOT_YET
        return "yes" if self.shown < ONCE else "no"


def of(group: Replicates) -> Budget | None:
    """Return the budget of a network; None where nothing was learned, or thresholds never grow."""
    from biosim.diehl_cook import spike_budget

    spec = configured(DiehlCookConfig, group[0].trial.config).specification()
    if not spec.theta_plus_v or not all(len(r.arrays["history_spikes"]) for r in group):
        return None
    theta_v, fired, shown = (
        float(np.mean([_late(record.arrays[f"history_{name}"]) for record in group]))
        for name in ("theta_v", "spikes", "presentations")
    )
    return Budget(theta_v, spike_budget(spec, theta_v), fired, shown)


def _late(blocks: np.ndarray) -> float:
    return float(blocks[-max(1, round(LATE * len(blocks))) :].mean())


def tables(groups: Sequence[Replicates]) -> list[Table]:
    """Return formula and measurement of all networks; none where nothing was learned."""
    found = [(group, budget) for group in groups if (budget := of(group))]
    rows = [
        (
            group.dataset,
            network(group),
            f"{1e3 * budget.theta_v:.1f}",
            f"{budget.allowed:.1f}",
            f"{budget.fired:.1f}",
            f"{budget.shown:.2f}",
            budget.kept,
        )
        for group, budget in found
    ]
    if not rows:
        return []
    return [
        Table(
            "Spikes a presentation at the end of training: the number at which thresholds lose by "
            "decay what spikes add, S* = N θ T / (θ₊ τ), and what networks fired, in means over "
            "the last tenth of the images learned. The budget is kept where an image is shown "
            f"fewer than {ONCE:g} times; where networks fire more than {100 * WITHIN:.0f} % beside "
            "S*, thresholds have not settled.",
            ("data set", "network", "mean θ / mV", "S*", "spikes fired", "presentations per sample",
             "budget kept"),
            tuple(rows),
            basis([record for group, _ in found for record in group]),
        )
    ]  # fmt: skip


def findings(groups: Sequence[Replicates]) -> list[str]:
    """Return what the budget of each network says about its training."""
    told = []
    for group in groups:
        if budget := of(group):
            shown = f"each image was shown {budget.shown:.2f} times at the end of training"
            told.append(
                f"{group.dataset}, {network(group)}: thresholds of {1e3 * budget.theta_v:.1f} mV "
                f"allow {budget.allowed:.1f} spikes a presentation, and {budget.fired:.1f} were "
                f"fired; {shown}{'' if budget.settled else UNSETTLED}."
            )
    return told
