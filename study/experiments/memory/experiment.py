"""Store and recall: what lets a spiking network remember for seconds, and how it may be taught."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from study import learners
from study.analysis.comparison import MIN_SEEDS, Strength, difference
from study.analysis.replicates import Replicates, cell, interval_of, percent, tested
from study.analysis.section import Section, Table
from study.data.reference import DatasetRef
from study.data.store_recall import SYMBOL_S
from study.experiments.memory import drawings
from study.experiments.memory.networks import (
    SCORE,
    SOLVED,
    VARIANTS,
    Variant,
    basis_of,
    bits,
    errors,
    named,
    wrong_by_wait,
)
from study.learning.artefacts import curve
from study.request import Request, fitting, learning_trial
from study.trials.trial import Record, Trial

TITLE = "Remembering for seconds"
ORDER = 45

OWN, CONTROL = "store-recall", "store-recall-shuffled"
LEADING = ("BPTT: ", "BPTT without adaptation: ", "e-prop: ")  # findings that open a report


def trials(request: Request) -> list[Trial]:
    """Return each variant on store-recall, and BPTT on its control in larger profiles.

    The quick profile has no time for all of them, nor for more than one seed; ``--seeds K`` gives
    K seeds to those that it runs.
    """
    quick = request.profile == "quick"
    planned = [
        trial
        for variant in VARIANTS
        if variant.quick or not quick
        for dataset in fitting(variant.learner, request.datasets or [DatasetRef(OWN)])
        for trial in _trials(variant, dataset, request)
    ]
    if not quick and not request.datasets:
        planned += _trials(VARIANTS[0], DatasetRef(CONTROL), request)
    return list({trial.id: trial for trial in planned}.values())


def _trials(variant: Variant, dataset: DatasetRef, request: Request) -> list[Trial]:
    name = variant.learner
    if request.learners and name not in request.learners:
        return []
    preset = learners.find(name).preset(request.profile, dataset.name)
    few = request.profile == "quick" and not request.n_seeds
    return [
        learning_trial(name, dataset, config, seed)
        for config in request.configure(dataclasses.replace(preset, **variant.changes), name)
        for seed in (range(1) if few else request.seeds)
    ]


def section(records: list[Record]) -> Section:
    """Return errors while learning and by the time that a bit was kept, and one sequence."""
    networks = named(tested(records))
    findings = _findings(networks)
    return Section(
        name="memory",
        title=TITLE,
        question="What lets a spiking network remember a bit for seconds, when its membranes "
        "forget within milliseconds: thresholds that adapt, delays of its synapses, or the rule "
        "that teaches it?",
        method="A sequence is 12 symbols of 200 ms; each shows a bit as Poisson spikes. With STORE "
        "the bit is to be kept, at RECALL it is asked for, on average several symbols later. LIF "
        "neurons, of which half raise their threshold with each spike, see the spikes; the answer "
        "is the readout unit with the larger mean while RECALL is shown, and chance is half. BPTT "
        "goes back through the whole sequence; e-prop multiplies eligibility traces of the "
        "synapses with errors that are sent back through the readout's weights or through random "
        "ones. The iteration is chosen on validation sequences; the test set is read once.",
        equations=(
            "B_j (t) = theta + beta b_j (t), quad b_j (t) = rho b_j (t - 1) + (1 - rho) z_j (t - "
            "1)",
            "(partial E) / (partial w_(j i)) approx sum_t L_j (t) macron(e)_(j i) (t)",
        ),
        figures=drawings.all_of(networks),
        tables=(_table(networks),),
        findings=tuple(findings),
        lead=tuple(told for told in findings if told.startswith(LEADING)),
        caveats=(
            "The task asks for one bit at a time from 20 neurons; it shows that the mechanism "
            "works, not how much can be remembered.",
            "All seeds see the same training pool and the same test sequences; intervals are over "
            "weights, delays of synapses and batches.",
            *_unjudged(networks),
        ),
        deviations=(
            "Batches are drawn from a fixed pool of sequences in place of ever new ones, so that "
            "training, validation and test stay apart.",
            "Each batch starts at rest; the published code goes on from the state in which the "
            "last one ended.",
            "In e-prop a penalty keeps firing rates near 20 Hz; without it some networks did not "
            "learn.",
            "The slope of a spike is divided by the adapted threshold in e-prop too, so that both "
            "rules agree where nothing is left out.",
        ),
        references=("bellec2018", "bellec2020"),
    )


def _seeds(group: Replicates) -> str:
    return f"{len(group)} seed{'s' * (len(group) > 1)}"


def _solved_at(record: Record) -> str:
    """Return after how many iterations validation had few enough errors; a dash for never."""
    followed = curve(record.arrays)
    assert followed is not None
    places = np.flatnonzero(1 - followed.validation < SOLVED)
    batch = record.trial.config["batch_size"]
    return f"{int(followed.seen[places[0]]) // batch}" if len(places) else "–"


def _table(networks: Mapping[str, Replicates]) -> Table:
    rows = [
        (
            name,
            cell(errors(group), 100),
            percent(group, "test_sequence_accuracy"),
            ", ".join(_solved_at(record) for record in group),
            ", ".join(str(record.metrics["best_iteration"]) for record in group),
            cell(interval_of(group, "rate_hz")),
            cell(interval_of(group, "synops_per_sample")),
            cell(interval_of(group, "train_seconds")),
        )
        for name, group in networks.items()
    ]
    return Table(
        "Errors and cost of networks that are to remember; means over seeds with 95 % intervals.",
        (
            "network", "wrong bits / %", "sequences without error / %",
            "iterations to 5 % of errors", "iterations chosen", "firing rate / Hz",
            "SynOps per sequence", "training / s",
        ),
        tuple(rows),
        basis_of(networks),
    )  # fmt: skip


def _findings(networks: Mapping[str, Replicates]) -> list[str]:
    found = [
        f"{name}: {cell(errors(group), 100)} % of {bits(group)} test bits are wrong "
        f"({_seeds(group)}){_verdict(group)}."
        for name, group in networks.items()
    ]
    for name, without in networks.items():
        with_it = networks.get(
            name.replace(" without adaptation", "").replace(" without delays", "")
        )
        if with_it is not None and with_it is not without:
            found += _difference(name, without, with_it)
    if "BPTT" in networks and "e-prop" in networks:
        found += _difference("e-prop in place of BPTT", networks["e-prop"], networks["BPTT"])
    return found + _kept_long(networks)


def _verdict(group: Replicates) -> str:
    """Return whether the task is solved; nothing where seeds are too few to say so."""
    if len(group) < MIN_SEEDS:
        return ""
    n_solved = sum(1 - record.metrics[SCORE] < SOLVED for record in group)
    return f"; {n_solved} of {len(group)} networks solve the task, with fewer than 5 % wrong"


def _difference(name: str, changed: Replicates, usual: Replicates) -> list[str]:
    """Return how many more bits are wrong, paired by seed, where seeds are enough."""
    # Errors are what accuracy lacks, so the difference turns its sign.
    found = difference(usual, changed, SCORE)
    if found is None or found.strength is Strength.FEW:
        return []
    told = f"{name}: {cell(found.interval, 100)} points more of the bits are wrong"
    return [f"{told} ({found.strength})."]


def _kept_long(networks: Mapping[str, Replicates]) -> list[str]:
    """Return the errors of the network that is best in validation by how long a bit was kept."""
    timed = [group for group in networks.values() if "test_waited" in group[0].arrays]
    if not timed:
        return []
    name = max(networks, key=lambda name: _validated(networks[name]))
    waits, wrong = wrong_by_wait(networks[name])
    means = 100 * np.nanmean(wrong, axis=0)
    return [
        f"{name}: {means[0]:.1f} % of bits are wrong that were kept for {waits[0]} symbols, and "
        f"{means[-1]:.1f} % of those that were kept for {waits[-1]} symbols or more "
        f"({waits[-1] * SYMBOL_S:.1f} s)."
    ]


def _validated(group: Replicates) -> float:
    found = interval_of(group, "validation_symbol_accuracy")
    return found.mean if found else 0.0


def _unjudged(networks: Mapping[str, Replicates]) -> list[str]:
    few = [name for name, group in networks.items() if len(group) < MIN_SEEDS]
    if not few:
        return []
    return [f"Nothing is concluded of networks with fewer than {MIN_SEEDS} seeds."]
