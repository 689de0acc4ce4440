"""Neuron models over their constants: maps of firing rates."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import panel_grid
from study.analysis.replicates import at_most
from study.analysis.section import Figure, Section, Table
from study.experiments.rates.run import PROCEDURE, RatesConfig
from study.request import Request
from study.settings.config import settings_of
from study.trials.trial import Record, Trial

TITLE = "Firing rates over the constants of neurons"
ORDER = 12
FULL_CURRENTS, FULL_DURATION_S = 81, 2.0  # of profiles other than quick


class Axis(NamedTuple):
    """How a quantity is printed: in words, its unit, and how many of that make an SI unit."""

    name: str
    unit: str
    per_si: float

    @property
    def label(self) -> str:
        """Return the label of an axis."""
        return f"{self.name} / {self.unit}" if self.unit else self.name

    def show(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value * self.per_si:.3g} {self.unit}".strip()


MODELS = {
    "lif-rates": RatesConfig("tau_mem_s", tuple(np.linspace(5e-3, 40e-3, 8).tolist()), 0.5e-9),
    "hodgkin-huxley-rates": RatesConfig(
        "potassium_s_m2", (180.0, 240.0, 300.0, 360.0, 420.0, 480.0, 540.0), 0.8, dt_s=5e-5
    ),
    "traub-rates": RatesConfig("leak_s_m2", (0.5, 1.0, 2.0, 3.0, 4.0), 0.6e-9, dt_s=5e-5),
    "izhikevich-rates": RatesConfig("d", (1.0, 2.0, 4.0, 6.0, 8.0, 10.0), 20.0),
    "adex-rates": RatesConfig("jump_a", (0.0, 0.05e-9, 0.1e-9, 0.2e-9, 0.3e-9, 0.4e-9), 2e-9),
}
NAMES = {
    "lif-rates": "leaky integrate-and-fire",
    "hodgkin-huxley-rates": "Hodgkin-Huxley",
    "traub-rates": "Traub",
    "izhikevich-rates": "Izhikevich, regular spiking",
    "adex-rates": "adaptive exponential",
}
CONSTANTS = {
    "tau_mem_s": Axis("membrane time constant", "ms", 1e3),
    "potassium_s_m2": Axis("potassium conductance", "mS cm⁻²", 0.1),
    "leak_s_m2": Axis("leak conductance", "mS cm⁻²", 0.1),
    "d": Axis("step of recovery at a spike", "", 1.0),
    "jump_a": Axis("step of adaptation at a spike", "nA", 1e9),
}
NANOAMPERE = Axis("current", "nA", 1e9)
CURRENTS = {
    "hodgkin-huxley-rates": Axis("current", "µA cm⁻²", 100.0),
    "izhikevich-rates": Axis("current", "", 1.0),  # of the paper, in mV/ms
}


def trials(request: Request) -> list[Trial]:
    """Return one map for each neuron model; finer and longer ones in larger profiles."""
    quick = request.profile == "quick"
    finer: dict[str, Any] = (
        {} if quick else {"n_currents": FULL_CURRENTS, "duration_s": FULL_DURATION_S}
    )
    return [
        Trial(PROCEDURE, name, None, settings_of(config), seed=0)
        for name, default in MODELS.items()
        for config in request.configure(dataclasses.replace(default, **finer), name)
    ]


def section(records: list[Record]) -> Section:
    """Return the maps of all models."""
    return Section(
        name="rates",
        title=TITLE,
        question="How does the firing rate of each neuron model depend on the current and on a "
        "constant of the model: what moves the onset of firing, and what only its slope?",
        method="A neuron for each current and each level of the constant, all in one run, from "
        "rest; the rate is that of the intervals in the second half of the run, so adaptation "
        "that is quicker than that has settled.",
        figures=(_figure(records),),
        tables=(_table(records),),
        findings=tuple(map(_finding, records)),
        caveats=(
            "The onset is the smallest current of the map that sustains firing: it is known to "
            "one step of the current, and a rate below two spikes in half a run is not seen.",
            "The model is driven from rest by a step; where it can both rest and fire, the map "
            "shows what it does after such a step.",
        ),
        references=("stimberg2019", "hodgkin1952", "brette2007", "izhikevich2003", "brette2005"),
    )


def _constant(record: Record) -> Axis:
    name = record.trial.config["constant"]
    return CONSTANTS.get(name, Axis(name, "", 1.0))


def _current(record: Record) -> Axis:
    return CURRENTS.get(record.trial.subject, NANOAMPERE)


def _figure(records: Sequence[Record]) -> Figure:
    drawing, grid = panel_grid(len(records), 2.5)
    for ax, record in zip(grid.flat, records, strict=False):
        constant, current = _constant(record), _current(record)
        arrays = record.arrays
        cells = ax.pcolormesh(
            range(len(arrays["level"])),
            arrays["current"] * current.per_si,
            arrays["rate_hz"].T,
            cmap="viridis",
            vmin=0,
            shading="nearest",
            rasterized=True,
        )
        shown = [f"{level * constant.per_si:.3g}" for level in arrays["level"]]
        ax.set_xticks(range(len(shown)), shown, fontsize=7)
        ax.set(xlabel=constant.label, ylabel=current.label)
        ax.set_title(NAMES[record.trial.subject], fontsize=9)
        drawing.colorbar(cells, ax=ax, label="rate / Hz")
    return Figure(
        "rates-maps",
        drawing,
        "Firing rate of each model over the current and one of its constants; darkest is silence. "
        "The lower border of the dark is the onset of firing; where a map is dark above as well, "
        "as Hodgkin and Huxley's, firing ends there: the membrane stays depolarised.",
        "Heat maps of firing rate, one for each neuron model, over a constant of the model and "
        "the current: silent below a border, faster above it, silent again where a strong current "
        "blocks firing.",
        basis(records, f"{sum(map(_n_neurons, records))} neurons"),
    )


def _n_neurons(record: Record) -> int:
    return len(record.trial.config["levels"]) * record.trial.config["n_currents"]


def _table(records: Sequence[Record]) -> Table:
    rows = [
        (
            NAMES[record.trial.subject],
            _constant(record).name,
            _constant(record).show(level),
            "none" if onset is None else _current(record).show(onset),
            f"{top:.1f}",
        )
        for record in records
        for level, onset, top in zip(
            record.trial.config["levels"],
            record.metrics["firing_current"],
            record.metrics["top_rate_hz"],
            strict=True,
        )
    ]
    return Table(
        "Onset of sustained firing, and the highest rate up to the largest current of the map.",
        ("model", "constant", "level", "onset", "highest rate / Hz"),
        tuple(rows),
        basis(records),
    )


def _finding(record: Record) -> str:
    metrics, constant, current = record.metrics, _constant(record), _current(record)
    levels = record.trial.config["levels"]
    ends = (int(np.argmin(levels)), int(np.argmax(levels)))
    onsets = [
        "no firing" if (onset := metrics["firing_current"][end]) is None else current.show(onset)
        for end in ends
    ]
    low, high = (constant.show(levels[end]) for end in ends)
    first, last = (metrics["top_rate_hz"][end] for end in ends)
    moved = (
        f"goes from {onsets[0]} to {onsets[1]}, and the highest rate" if onsets[0] != onsets[1]
        else f"stays at {onsets[0]} within a step of the map, and the highest rate goes"
    )  # fmt: skip
    found = (
        f"{NAMES[record.trial.subject]}: as the {constant.name} rises from {low} to {high}, the "
        f"onset {moved} from {first:.1f} Hz to {last:.1f} Hz."
    )
    error = metrics["max_rate_error_hz"]
    told = f" The rates are those of the closed form within {at_most(error)} Hz." if error else ""
    return found + told
