"""What a spike saves: operations and estimated energy against networks without spikes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study import learners
from study.analysis.basis import basis
from study.analysis.energy import DRAM, FLOAT, INTEGER, SRAM, Price, nanojoules
from study.analysis.figures import COLOURS, label_axes
from study.analysis.replicates import Replicates, by_dataset, replicates, significant
from study.analysis.section import Figure, Section, Table
from study.experiments.grid import experiment as grid
from study.procedures.learning import PROCEDURE
from study.request import Request
from study.settings.config import settings_of
from study.trials import powercap
from study.trials.trial import Record, Trial

TITLE = "What a spike saves"
ORDER = 74
SWEEP = True  # too many configurations for the opening table
BASELINE = "mlp"
SIZES = (2, 4, 8, 16, 32, 64)  # hidden units of the networks without spikes
CLOSE = 0.01  # of validation accuracy: what a frugal network may give up
ESTIMATES = (
    ("arithmetic, 32 bits", FLOAT),
    ("weights and states in 32 KB SRAM", SRAM),
    ("weights and states in DRAM", DRAM),
    ("arithmetic, 8 bits", INTEGER),
)


def trials(request: Request) -> list[Trial]:
    """Return the grid, which runs once for both experiments, and perceptrons of several sizes."""
    spiking = grid.trials(request)
    if request.learners and BASELINE not in request.learners:
        return []
    entry = learners.find(BASELINE)
    datasets = dict.fromkeys(trial.dataset for trial in spiking if trial.dataset is not None)
    own = {setting.key for setting in request.settings if setting.owner == BASELINE}
    sizes = (None,) if "hidden" in own else SIZES
    return spiking + [
        Trial(PROCEDURE, BASELINE, dataset, settings_of(config), seed, entry.version)
        for dataset in datasets
        for size in sizes
        for config in _sized(request, dataset.name, size)
        for seed in range(request.n_seeds or 1)
    ]


def _sized(request: Request, dataset: str, size: int | None) -> list[Any]:
    config = learners.find(BASELINE).preset(request.profile, dataset)
    # hidden=50,100 means the grid's axis; the sizes here are changed by mlp.hidden alone.
    meant = tuple(s for s in request.settings if s.owner == BASELINE or s.key != "hidden")
    sized = dataclasses.replace(config, hidden=size) if size else config
    return dataclasses.replace(request, settings=meant).configure(sized, BASELINE)


@dataclass(frozen=True)
class _Match:
    """A spiking network and the cheapest one without spikes that is no worse in validation."""

    why: str
    spiking: Replicates
    dense: Replicates | None


def section(records: list[Record]) -> Section:
    """Return operations and estimates, and whether anything was measured."""
    groups = replicates(records)
    sets = by_dataset(groups)
    found = {name: _matches(members) for name, members in sets.items()}
    matches = [match for members in found.values() for match in members]
    return Section(
        name="energy",
        title=TITLE,
        question="How many operations does a trained spiking network need for one sample, what "
        "energy would they take, and what would a network without spikes need for the same "
        "accuracy?",
        method="Spikes, synaptic operations (a spike times a non-zero outgoing weight) and updates "
        "of neurons are counted on the test samples; of networks that are equally accurate in "
        "validation the one with the least energy counts. The opponent is the multilayer "
        "perceptron with the fewest multiply-accumulates that is at least as accurate. Energies "
        "are estimates for a chip in 45 nm (Horowitz, ISSCC 2014): arithmetic alone at 32 bits; "
        "with every weight and state fetched, from a small SRAM and from DRAM as lower and upper "
        "bound; and arithmetic at 8 bits for both networks. An update of a neuron decays two "
        "states.",
        figures=(_figure(sets, records),) if sets else (),
        tables=(_operations(matches), _energies(matches)) if matches else (),
        findings=(*map(_finding, matches), _measured(records)),
        lead=tuple(_lead(members[0]) for members in found.values() if members),
        caveats=(
            "An estimate of arithmetic is no measurement: leakage, control and the transport of "
            "spikes are left out, and a processor that steps through time gains nothing from "
            "silence.",
            "A perceptron's multiply-accumulates are counted for all non-zero weights, those on "
            "inputs of zero included; a chip that skips them would save part of that.",
            *_unequal_seeds(matches),
            *_coarse(groups),
            "Networks were trained at 32 bits; what accuracy 8 bits would cost either of them is "
            "not known here.",
            "Neurons are counted as updated in every step. A chip that updates them on events "
            "alone would save part of that.",
            "Only inference is counted. Training by backpropagation through time keeps every step "
            "of every neuron and is dense: the estimates say nothing of it.",
        ),
        references=("horowitz2014",),
    )


def _unequal_seeds(matches: Sequence[_Match]) -> list[str]:
    seeds = {
        match.spiking.dataset: (len(match.spiking), len(match.dense))
        for match in matches
        if match.dense and len(match.dense) != len(match.spiking)
    }
    return [
        f"{name}: means of spiking networks are over {ours} seeds, of perceptrons over {theirs}."
        for name, (ours, theirs) in seeds.items()
    ]


def _coarse(groups: Sequence[Replicates]) -> list[str]:
    sizes = sorted({g[0].trial.config["hidden"] for g in groups if g[0].trial.subject == BASELINE})
    if len(sizes) < 2:
        return []
    return [
        f"Perceptrons of {sizes[0]} to {sizes[-1]} hidden units were run, {len(sizes)} sizes: "
        "where the opponent is much more accurate, a cheaper one as accurate as the spiking "
        "network may lie between two of them."
    ]


def _matches(groups: Sequence[Replicates]) -> list[_Match]:
    spiking = [g for g in groups if g.learner.split()[0] != BASELINE]
    dense = [g for g in groups if g.learner.split()[0] == BASELINE]
    if not spiking:
        return []
    best = max(spiking, key=lambda g: (_validated(g), -_mean(g, FLOAT)))
    close = [g for g in spiking if _validated(g) >= _validated(best) - CLOSE]
    frugal = min(close, key=lambda g: _mean(g, FLOAT))
    chosen = {"most accurate": best, f"cheapest within {100 * CLOSE:g} point of it": frugal}
    if frugal is best:
        chosen = {"most accurate": best}
    return [_Match(why, network, _opponent(network, dense)) for why, network in chosen.items()]


def _opponent(network: Replicates, dense: Sequence[Replicates]) -> Replicates | None:
    as_good = [g for g in dense if _validated(g) >= _validated(network)]
    return min(as_good, key=lambda g: _mean(g, FLOAT), default=None)


def _validated(group: Sequence[Record]) -> float:
    return _metric(group, "validation_accuracy")


def _metric(group: Sequence[Record], name: str) -> float:
    return sum(record.metrics[name] or 0.0 for record in group) / len(group)


def _mean(group: Sequence[Record], price: Price) -> float:
    return sum(nanojoules(record.metrics, price) for record in group) / len(group)


def _operations(matches: Sequence[_Match]) -> Table:
    rows = []
    for match in matches:
        for network in filter(None, (match.spiking, match.dense)):
            counts = (
                "spikes_per_sample", "synops_per_sample", "macs_per_sample",
                "neuron_updates_per_sample",
            )  # fmt: skip
            accuracies = (_metric(network, f"{part}_accuracy") for part in ("validation", "test"))
            rows.append(
                (
                    network.dataset,
                    match.why if network is match.spiking else "its opponent",
                    _name(network),
                    *(f"{100 * accuracy:.2f}" for accuracy in accuracies),
                    *(f"{_metric(network, name):,.0f}" for name in counts),
                )
            )
    return Table(
        "Operations for one sample. The opponent is the perceptron with the fewest operations that "
        "is at least as accurate in validation.",
        (
            "data set", "network", "settings", "validation accuracy / %", "test accuracy / %",
            "spikes, input included", "SynOps", "MACs", "neuron updates",
        ),
        tuple(rows),
        basis(_all(matches)),
    )  # fmt: skip


def _energies(matches: Sequence[_Match]) -> Table:
    rows = []
    for match in matches:
        for name, price in ESTIMATES:
            ours = _mean(match.spiking, price)
            theirs = _mean(match.dense, price) if match.dense else None
            rows.append(
                (
                    match.spiking.dataset,
                    match.why,
                    name,
                    significant(ours),
                    "–" if theirs is None else significant(theirs),
                    "–" if theirs is None else _times(ours / theirs),
                )
            )
    return Table(
        "Estimated energy of one inference; a ratio above 1 means that the spiking network would "
        "take more.",
        (
            "data set", "network", "estimate", "spiking / nJ", "opponent / nJ", "ratio",
        ),
        tuple(rows),
        basis(_all(matches)),
    )  # fmt: skip


def _all(matches: Sequence[_Match]) -> list[Record]:
    networks = [network for match in matches for network in (match.spiking, match.dense)]
    unique = {record.trial.id: record for network in networks if network for record in network}
    return list(unique.values())


def _name(network: Replicates) -> str:
    return network.setting or network[0].trial.subject


def _times(ratio: float) -> str:
    return f"{float(f'{ratio:.2g}'):,g}"


def _ratios(ours: Sequence[Record], theirs: Sequence[Record]) -> list[float]:
    return [_mean(ours, price) / _mean(theirs, price) for _, price in ESTIMATES]


def _lead(most_accurate: _Match) -> str:
    ours, theirs = most_accurate.spiking, most_accurate.dense
    if theirs is None:
        return _finding(most_accurate)
    ratios = _ratios(ours, theirs)
    return (
        f"{ours.dataset}: an inference of the most accurate spiking network "
        f"({100 * _validated(ours):.1f} % in validation) would take {_times(min(ratios))} to "
        f"{_times(max(ratios))} times the energy of the cheapest perceptron that is at least as "
        f"accurate ({100 * _validated(theirs):.1f} %), depending on the estimate."
    )


def _finding(match: _Match) -> str:
    ours = match.spiking
    what = (
        f"{ours.dataset}: the spiking network that is {match.why} "
        f"({100 * _validated(ours):.1f} % in validation)"
    )
    if match.dense is None:
        return f"{what} has no equal among the perceptrons that were run."
    ratios = _ratios(ours, match.dense)
    per_estimate = ", ".join(
        f"{name} {_times(ratio)}" for (name, _), ratio in zip(ESTIMATES, ratios, strict=True)
    )
    verdict = (
        "more by every estimate" if min(ratios) > 1
        else "less by every estimate" if max(ratios) < 1
        else "more or less, depending on the estimate"
    )  # fmt: skip
    return (
        f"{what} would take {verdict}, compared with the cheapest perceptron that is at least as "
        f"accurate ({100 * _validated(match.dense):.1f} %); ratios: {per_estimate}."
    )


def _measured(records: Sequence[Record]) -> str:
    """Return what was measured, or that nothing was."""
    joules = [r.metrics["train_joules"] for r in records if r.metrics.get("train_joules")]
    if joules:
        return (
            f"Training was metered in {len(joules)} of {len(records)} runs: {min(joules):,.0f} to "
            f"{max(joules):,.0f} J of the whole processor, other processes included."
        )
    exposes = "exposes" if powercap.read_microjoules() else "does not expose"
    return (
        "No run carries a measured energy. The machine that made this report "
        f"{exposes} energy counters under {powercap.ROOT}."
    )


def _figure(sets: Mapping[str, Sequence[Replicates]], records: Sequence[Record]) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(2.6 + 2.4 * len(sets), 3.2), layout="constrained")
    panels = drawing.subplots(1, len(sets), squeeze=False)[0]
    for ax, (name, groups) in zip(panels, sets.items(), strict=True):
        for dense, colour, label in ((False, COLOURS[0], "spiking"), (True, COLOURS[1], "MLP")):
            for group in groups:
                if (group[0].trial.subject == BASELINE) != dense:
                    continue
                low, high = _mean(group, SRAM), _mean(group, DRAM)
                accuracy = 100 * _validated(group)
                ax.plot((low, high), (accuracy, accuracy), "-", color=colour, lw=0.6, alpha=0.5)
                mark, size, fill = ("o", 6, "none") if dense else (".", 4, colour)
                ax.plot(_mean(group, FLOAT), accuracy, mark, color=colour, ms=size, mfc=fill,
                        label=label)  # fmt: skip
                label = "_"
        ax.set_xscale("log")
        label_axes(ax, "energy of an inference / nJ", "validation accuracy / %")
        ax.set_title(name, fontsize=9, loc="right")
        ax.grid(alpha=0.3)
    return Figure(
        "energy-accuracy",
        drawing,
        "Accuracy against estimated energy of an inference, each marker a configuration: dots and "
        "circles are arithmetic alone at 32 bits, the lines reach from weights and states in a "
        "small SRAM to DRAM.",
        "Scatter plots of validation accuracy against estimated energy on a logarithmic axis, one "
        "panel a data set, spiking networks and perceptrons in two colours.",
        basis(records),
    )
