"""Runs beyond the thesis's grid, as data: one setting at a time, and a random design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.experiments.grid.grids import base_of

Point = Mapping[str, Any]
"""What departs from the base, by field."""


@dataclass(frozen=True)
class Group:
    """Runs that answer one question.

    Parameters
    ----------
    name
        What is varied.
    why
        The question.
    field
        Field of the configuration that tells the points apart.
    points
        What departs from the base.
    border
        Of a wish of the thesis for levels outside its grid, the level at the grid's border.
    """

    name: str
    why: str
    field: str
    points: tuple[Point, ...]
    border: float | None = None

    @property
    def label(self) -> str:
        """What stands at the axis of the levels."""
        return LABELS.get(self.field, self.field)

    def show(self, level: float) -> str:
        """Return a level for people."""
        return f"{level:g}"


N_RANDOM = 30
N_RANDOM_DIGITS = 6
RANDOM_SEED = 2024
SLOPES = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
BOUND_STRENGTH = 10.0
UPPER = (0.03, 0.1, 0.3, 1.0)
SPEECH_DURATION_S = 1.4
RANDOM = "random design"
LABELS = {
    "hidden": "hidden neurons",
    "n_steps": "time steps",
    "slope": "surrogate slope",
    "l1": "activity penalty",
    "upper": "upper bound on spikes a neuron",
}
"""Fields in words."""


def groups(dataset: str) -> list[Group]:
    """Return the groups of a data set, without the random design."""
    if dataset == "digits":
        return _digits()
    own = {
        "fashion-mnist": _fashion, "mnist": _fashion,
        "shd": _speech, "hd-spikes": _speech,
        "tbl": _touch,
    }.get(dataset)  # fmt: skip
    return [*(own() if own else []), _slopes(SLOPES), _bounds(UPPER)]


def random_design(dataset: str, base_rate: float | None = None) -> Group:
    """Return independent draws over four settings, the same for every data set.

    Hidden neurons are log-uniform in 25 to 300, the slope in 1 to 200, and the learning rate
    within a factor of 4 of the base's, which is today's unless it is given; the upper bound on
    spikes per neuron and sample is log-uniform in 0.01 to 3.
    """
    rng = np.random.default_rng(RANDOM_SEED)
    base_rate = base_rate or base_of(dataset).learning_rate
    points = []
    for _ in range(N_RANDOM_DIGITS if dataset == "digits" else N_RANDOM):
        hidden, slope, rate, upper = (
            float(np.exp(rng.uniform(np.log(low), np.log(high))))
            for low, high in ((25, 300), (1, 200), (0.25, 4), (0.01, 3))
        )
        points.append(
            {
                "hidden": round(hidden),
                "slope": float(f"{slope:.3g}"),
                "learning_rate": float(f"{rate * base_rate:.3g}"),
                **_bounded(float(f"{upper:.3g}")),
            }
        )
    return Group(RANDOM, "What accuracy can be had for how many spikes?", "hidden", tuple(points))


def _slopes(values: tuple[float, ...]) -> Group:
    return Group(
        "surrogate slope over two decades",
        "The thesis's slopes differ by a quarter around their centre. Does a wider range matter?",
        "slope",
        tuple({"slope": value} for value in values),
    )


def _bounded(upper: float) -> Point:
    off = dict.fromkeys(("l1", "l2", "mean_activity"), 0.0)
    return off | {"bounds": BOUND_STRENGTH, "upper": upper}


def _bounds(values: tuple[float, ...]) -> Group:
    return Group(
        "upper bound on activity",
        "SpyTorch's penalty depends on the batch size. What does one do that is normalised, a "
        "bound on the spikes per neuron and sample?",
        "upper",
        tuple(_bounded(value) for value in values),
    )


def _shorter(steps: tuple[int, ...]) -> Group:
    return Group(
        "time steps that cut the input",
        "With few steps the latest input spikes, those of the dimmest pixels, are cut off. What do "
        "they bring?",
        "n_steps",
        tuple({"n_steps": n_steps} for n_steps in steps),
    )


def _scaled(steps: tuple[int, ...], tau_s_per_step: float) -> Group:
    return Group(
        "time steps with the code scaled",
        "When the time constant of the code grows with the steps, every run is given the same "
        "pixels at another resolution in time. Does resolution matter?",
        "n_steps",
        tuple(
            {"n_steps": n_steps, "latency_tau_s": round(n_steps * tau_s_per_step, 6)}
            for n_steps in steps
        ),
    )


def _digits() -> list[Group]:
    return [
        _shorter((10, 20, 40)),
        _scaled((25, 50, 100), 0.4e-3),
        _slopes((1.0, 20.0, 200.0)),
        _bounds((0.03, 0.3)),
    ]


def _fashion() -> list[Group]:
    return [
        _shorter((20, 40, 60, 80)),
        _scaled((25, 50, 100, 200), 0.2e-3),
        _wish("hidden", 150, (200, 300), "150 hidden neurons or more"),
        _wish("l1", 1e-6, (1e-7, 1e-8), "a penalty of 1e-6 or less", also="l2"),
    ]


def _wish(
    field: str, border: float, outside: tuple[float, ...], wanted: str, also: str | None = None
) -> Group:
    return Group(
        wanted,
        f"The thesis expects more from {wanted}, at the border of its grid.",
        field,
        tuple(
            {field: value} | ({also: value} if also else {}) for value in sorted((border, *outside))
        ),
        border,
    )


def _speech() -> list[Group]:
    return [
        Group(
            "time bins, constants held in real time",
            "In the grid, more bins also shorten the memory in real time. What do bins alone do?",
            "n_steps",
            tuple(
                {
                    "n_steps": n_steps,
                    "dt_s": SPEECH_DURATION_S / n_steps,
                    # Those of the base at 100 steps: 10 and 5 steps.
                    "tau_mem_s": 10 * SPEECH_DURATION_S / 100,
                    "tau_syn_s": 5 * SPEECH_DURATION_S / 100,
                }
                for n_steps in (50, 80, 100, 120, 200)
            ),
        ),
        _wish("n_steps", 80, (60, 40), "fewer than 80 time steps"),
    ]


def _touch() -> list[Group]:
    return [
        Group(
            "time steps, constants held in real time",
            "In the grid, more steps also shorten the memory in real time. What do steps alone do?",
            "n_steps",
            tuple({"n_steps": n_steps, "dt_s": 0.152 / n_steps} for n_steps in (76, 152, 228)),
        ),
        _wish("hidden", 300, (450,), "300 hidden neurons or more"),
        _wish("mean_activity", 1e-2, (3e-2, 1e-1, 3e-1), "a penalty of 0.01 or more"),
    ]
