"""Firing rates of a neuron model over a constant of it and the current: a map of f-I curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study.experiments.dynamics.measured import Target, first_firing
from study.settings.config import configured
from study.trials.trial import Context, Outcome, Trial

if TYPE_CHECKING:
    from biosim.neurons import LIF, AdEx, HodgkinHuxley, Izhikevich, Traub

    Model = LIF | HodgkinHuxley | Traub | Izhikevich | AdEx

PROCEDURE = "study.procedures.rates:run"


@dataclass(frozen=True)
class RatesConfig:
    """Settings of a map of firing rates.

    Parameters
    ----------
    constant
        Field of the neuron model that takes the values of ``levels``.
    levels
        In the unit of that field.
    max_current, n_currents
        Constant currents from 0 to the largest, in the unit of the model's input.
    dt_s, duration_s
        Time step and length of the run, of which the second half counts.
    target
        Engine of Brian2.
    """

    constant: str
    levels: tuple[float, ...]
    max_current: float
    n_currents: int = 41
    dt_s: float = 1e-4
    duration_s: float = 0.6
    target: Target = "numpy"

    def __post_init__(self) -> None:
        if not self.levels or self.n_currents < 2:
            raise ValueError("levels must not be empty, and n_currents be at least 2")
        if not self.max_current > 0:
            raise ValueError(f"max_current must be positive, not {self.max_current}")


def run(trial: Trial, context: Context) -> Outcome:
    """Return the rates of all currents at all levels, computed in one run.

    ``rate_hz`` is ``[levels, currents]``. ``firing_current`` holds, for each level, the smallest
    current that sustains firing, and ``top_rate_hz`` the highest rate.

    Raises
    ------
    ValueError
        If the model has no such constant or cannot take one of its levels.
    """
    from biosim.simulate import simulate

    config = configured(RatesConfig, trial.config)
    cells = _cells(_models()[trial.subject], config)
    current = np.linspace(0, config.max_current, config.n_currents)
    context.progress(0.1, f"{len(cells) * len(current)} neurons")
    ran = simulate(
        [cell for cell in cells for _ in current],
        np.tile(current, len(cells)),
        dt_s=config.dt_s,
        duration_s=config.duration_s,
        record=(),
        target=config.target,
    )
    rates = ran.rate_hz(from_s=config.duration_s / 2).reshape(len(cells), len(current))
    return Outcome(
        {
            "engine": ran.target,
            "firing_current": [_onset(current, row) for row in rates],
            "top_rate_hz": rates.max(axis=1).tolist(),
            "max_rate_error_hz": _error(cells, current, rates),
        },
        {"level": np.array(config.levels), "current": current, "rate_hz": rates},
    )


def _models() -> Mapping[str, Model]:
    from biosim import neurons
    from biosim.neurons import izhikevich

    return {
        "lif-rates": neurons.LIF(),
        "hodgkin-huxley-rates": neurons.HodgkinHuxley(),
        "traub-rates": neurons.Traub(),
        "izhikevich-rates": izhikevich.CELLS["RS"],
        "adex-rates": neurons.AdEx(),
    }


def _cells(model: Model, config: RatesConfig) -> list[Model]:
    """Return the model at each level of the constant."""
    constants = [field.name for field in dataclasses.fields(model)]
    if config.constant not in constants:
        raise ValueError(
            f"{type(model).__name__} has no constant {config.constant!r}; it has "
            f"{', '.join(constants)}"
        )
    levels: list[dict[str, Any]] = [{config.constant: level} for level in config.levels]
    return [dataclasses.replace(model, **level) for level in levels]


def _onset(current: np.ndarray, rates: np.ndarray) -> float | None:
    first = first_firing(rates)
    return None if first is None else float(current[first])


def _error(cells: Sequence[Model], current: np.ndarray, rates: np.ndarray) -> float | None:
    """Return the largest deviation from the closed form in hertz; None where there is none.

    Where too few spikes are seen for a rate, nothing is compared.
    """
    from biosim.neurons import LIF

    expected = np.array([1 / cell.interval_s(current) for cell in cells if isinstance(cell, LIF)])
    seen = rates > 0
    if not len(expected) or not seen.any():
        return None
    return float(np.abs(rates[seen] - expected[seen]).max())
