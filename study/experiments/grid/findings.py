"""Sentences about a grid, every number taken from its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from study import data
from study.analysis.comparison import MIN_SEEDS, Strength
from study.analysis.effects import n_replicates
from study.analysis.replicates import cell
from study.experiments.grid.choice import (
    Choice,
    Comparison,
    choices,
    compare,
    cost_of_training_choice,
    ties,
    unsearched,
)
from study.experiments.grid.claims import CLAIMS, STEPS
from study.experiments.grid.grids import grid_of, level_text
from study.experiments.grid.runs import (
    CPU_SECONDS,
    TEST,
    TRAIN,
    VALIDATION,
    Response,
    Runs,
    settled,
)
from study.experiments.grid.tables import judgements
from study.experiments.grid.verdicts import FAILS, OPEN, STANDS, difference_text
from study.learners.surrogate_config import HEIDELBERG


def of(runs: Runs) -> list[str]:
    """Return what the grid of one data set shows."""
    return [
        _effects(runs), _choice(runs), _cost(runs),
        *_search(runs), *_border(runs), *_same_input(runs), *_claims(runs),
    ]  # fmt: skip


def lead(runs: Runs) -> list[str]:
    """Return the findings that a reader wants first: which settings matter, which claims stand."""
    return [_effects(runs), *_claims(runs)]


def caveats(all_runs: Sequence[Runs]) -> list[str]:
    """Return what the runs do not show."""
    told = [sentence for runs in all_runs for sentence in (*_gaps(runs), *_unsettled(runs))]
    told += [sentence for runs in all_runs for sentence in _few_seeds(runs)]
    told += [
        sentence for runs in all_runs for sentence in (*_by_the_clock(runs), *_processors(runs))
    ]
    told.append(
        "Training time is that of a processor in an epoch, on this machine, one thread a run; "
        "runs side by side still share caches, and differences are no laws."
    )
    if any(r.metrics.get("engine") == "events" for runs in all_runs for r in runs.records):
        told.append(
            "The time of these kernels follows the spikes. The thesis's dense code computes every "
            "step of every neuron, so its times need not agree."
        )
    if not any(runs.dataset in CLAIMS for runs in all_runs):
        told.append(
            "None of the thesis's data sets was run, so none of its claims is judged here. "
            "--profile thesis runs them."
        )
    return told


def deviations(all_runs: Sequence[Runs]) -> list[str]:
    """Return where the runs depart from the thesis."""
    held = {runs.dataset for runs in all_runs} & CLAIMS.keys()
    if not held:
        return []
    told = [
        "The thesis prints neither its grid nor learning rate, epochs, batch size, time constants, "
        "seeds or machine. Levels are those its text names, completed by SpyTorch's tutorials, and "
        "the fixed settings are those of the tutorials: "
        + "; ".join(f"{runs.dataset} {_fixed(runs)}" for runs in all_runs if runs.dataset in held)
        + ".",
        "The thesis chose by training accuracy of, it seems, the last epoch. Here the network is "
        "that of the epoch with the best validation accuracy, and training accuracy is that of "
        "this network on as many training samples as there are test samples.",
    ]
    if "hd-spikes" in held:
        told.append(
            "hd-spikes stands in for SHD: the same audio through the same published model, "
            "recomputed. Claims on SHD are held against it."
        )
    speech = [runs for runs in all_runs if runs.dataset in held & {"hd-spikes", "shd"}]
    told += [
        f"{runs.dataset}: SpyTorch's tutorial 4 trains {HEIDELBERG['epochs']} epochs on speech, "
        f"these runs {epochs}."
        for runs in speech
        if (epochs := runs.records[0].trial.config["epochs"]) != HEIDELBERG["epochs"]
    ]
    if speech:
        told.append(
            "On speech, the length of a bin falls as time steps rise, but time constants are kept "
            "in steps, as in the thesis: more steps also mean shorter memory in real time."
        )
    if "tbl" in held:
        told.append(
            "The activity penalty on tbl carries a gradient here. In SpyTorch's tutorial 5 it "
            "carries none, and the thesis probably inherited that."
        )
    return told


def _effects(runs: Runs) -> str:
    main = [t for t in runs.live.variance(VALIDATION).terms if len(t.names) == 1]
    ranked = sorted(main, key=lambda term: -term.share)
    shares = ", ".join(f"{t.names[0]} {100 * t.share:.0f} %" for t in ranked)
    if not main:
        return f"{runs.dataset}: too few runs to tell the settings apart."
    sure = [d for d in runs.live.differences(VALIDATION) if d.strength is Strength.SURE]
    largest = max(sure, key=lambda d: abs(d.interval.mean), default=None)
    effect = (
        f"The largest sure difference is of {largest.factor}, "
        f"{difference_text(largest, VALIDATION)}."
        if largest
        else "There are too few seeds to call a difference sure."
        if n_replicates(runs.factors, runs.seeds) < MIN_SEEDS
        else "No difference between levels is sure."
    )
    dead = [
        f"{name} {level_text(level)}"
        for name, levels in runs.dead_levels.items()
        for level in levels
    ]
    silent = f" At {', '.join(dead)} most runs learn nothing." if dead else ""
    return (
        f"{runs.dataset}: of the variance of validation accuracy where the network learns, "
        f"the settings explain alone: {shares}. {effect}{silent}"
    )


def _choice(runs: Runs) -> str:
    best = choices(runs, VALIDATION)[0]
    where = " of the runs at levels where the network learns" if runs.live is not runs else ""
    lead = 100 * (best.mean(TEST) - runs.live.values(TEST).mean())
    return (
        f"{runs.dataset}: validation chooses {_combination(best)}, with {best.test()} % of test "
        f"samples right, {lead:+.2f} points against the mean{where}.{_tied(runs, VALIDATION)}"
    )


def _tied(runs: Runs, response: Response) -> str:
    n_tied = len(ties(runs, response))
    return f" It is the first in the grid of {n_tied} that tie." if n_tied > 1 else ""


def _cost(runs: Runs) -> str:
    cost = cost_of_training_choice(runs)
    trained = cost.second
    if cost.first.levels == trained.levels and (n_tied := len(ties(runs, TRAIN))) > 1:
        return (
            f"{runs.dataset}: training accuracy, the thesis's way to choose, picks the same "
            f"combination, but only as the first in the grid of {n_tied} that tie: what it costs "
            "cannot be told."
        )
    if cost.first.levels == trained.levels:
        return (
            f"{runs.dataset}: training accuracy, the thesis's way to choose, picks the same "
            "combination: it costs nothing here."
        )
    peeked = choices(runs, TEST)[0]
    return (
        f"{runs.dataset}: choosing by training accuracy, the thesis's way, picks "
        f"{_combination(trained)}; the choice by validation differs from it by {_points(cost)} "
        f"points of test accuracy. Its training accuracy, {100 * trained.mean(TRAIN):.2f} %, lies "
        f"{100 * (trained.mean(TRAIN) - trained.mean(TEST)):.2f} points above its own test "
        f"accuracy. Choosing on the test set would have printed {100 * peeked.mean(TEST):.2f} %."
    )


def _search(runs: Runs) -> list[str]:
    """Return what the search brought over the settings that it started from."""
    base, best = unsearched(runs), choices(runs, VALIDATION)[0]
    if base is None or base.levels == best.levels:
        return []
    return [
        f"{runs.dataset}: against the fixed settings unsearched ({_combination(base)}) the search "
        f"brings {_points(compare(best, base))} points of test accuracy."
    ]


def _points(comparison: Comparison) -> str:
    found = comparison.difference
    if found is None:
        mean = comparison.first.mean(TEST) - comparison.second.mean(TEST)
        return f"{100 * mean:+.2f} ({Strength.FEW})"
    return f"{cell(found.interval, 100)} ({found.strength})"


def _border(runs: Runs) -> list[str]:
    best = ties(runs, VALIDATION)
    outer = [
        axis.name
        for axis in runs.axes
        if len(axis.levels) > 2
        and any(
            all(choice.levels[axis.name] == end for choice in best)
            for end in (axis.levels[0], axis.levels[-1])
        )
    ]
    if not outer:
        return []
    return [
        f"{runs.dataset}: the combination that validation chooses lies on the border of the grid "
        f"in {', '.join(outer)}: the best may lie outside."
    ]


def _same_input(runs: Runs) -> list[str]:
    """Say so where time steps change nothing in what the network is given of an image."""
    axis, dataset = runs.axis(STEPS), runs.records[0].trial.dataset
    given = {round(record.metrics["spikes_input_per_sample"], 4) for record in runs.records}
    if axis is None or len(given) > 1 or dataset is None or data.kind(dataset) != "images":
        return []
    return [
        f"{runs.dataset}: the network is given the same {given.pop():.1f} spikes a sample at "
        f"{', '.join(map(level_text, axis.levels))} time steps; more steps only lengthen the "
        "silence after the last."
    ]


def _claims(runs: Runs) -> list[str]:
    found = Counter(judgement.verdict for _, _, judgement in judgements(runs))
    if not found:
        return []
    total = sum(found.values())
    return [
        f"{runs.dataset}: of {total} claims of the thesis {found[STANDS]} stand, {found[FAILS]} do "
        f"not, and {found[OPEN]} cannot be told; {found[Strength.OTHER]} are not comparable, by "
        f"data or by how the runs were computed, and {found[Strength.FEW]} have too few seeds."
    ]


def _few_seeds(runs: Runs) -> list[str]:
    n_seeds = n_replicates(runs.factors, runs.seeds)
    if n_seeds >= MIN_SEEDS:
        return []
    return [
        f"{runs.dataset}: with fewer than {MIN_SEEDS} seeds whose runs cover all levels ({n_seeds} "
        "here) the other settings are the replicates. Runs of a seed with the same number of "
        "neurons start from the same weights and meet the same batches, so effects are those of "
        "these seeds, and others may say otherwise: nothing is concluded from them. --seeds K adds "
        "seeds; what is done is not run again."
    ]


def _gaps(runs: Runs) -> list[str]:
    told = []
    missing = runs.whole() - len(runs.records)
    if missing > 0:
        told.append(
            f"{runs.dataset}: {missing} of the {runs.whole()} combinations of these levels and "
            "seeds are not done (a fraction was asked for, or runs failed or are missing)."
        )
    if len({len(choice.records) for choice in choices(runs, VALIDATION)}) > 1:
        told.append(
            f"{runs.dataset}: combinations have unequal numbers of seeds; one with few seeds leads "
            "more easily by chance."
        )
    names = {axis.name: axis.levels for axis in runs.axes}
    absent = [
        f"{axis.name} {level_text(level)}"
        for axis in grid_of(runs.dataset).axes
        for level in axis.levels
        if level not in names.get(axis.name, ())
    ]
    if absent:
        told.append(f"{runs.dataset}: without the grid's levels {', '.join(absent)}.")
    return told


def _by_the_clock(runs: Runs) -> list[str]:
    timed = sum(record.metrics.get(CPU_SECONDS) is None for record in runs.records)
    if not timed:
        return []
    return [
        f"{runs.dataset}: {timed} of {len(runs.records)} runs were timed by the clock, not by the "
        "processor: what else the machine did is part of their training time."
    ]


def _processors(runs: Runs) -> list[str]:
    found = sorted(set(runs.processors))
    if len(found) < 2:
        return []
    return [
        f"{runs.dataset}: the runs were timed on {len(found)} kinds of processor. Where times are "
        "compared the processor counts as one more setting; figures of time show all runs as one."
    ]


def _unsettled(runs: Runs) -> list[str]:
    learned = runs.take(runs.learned)
    late = sum(not settled(record) for record in learned.records)
    if not late:
        return []
    return [
        f"{runs.dataset}: in {late} of the {len(learned.records)} runs that learned, the best "
        f"epoch is among the last tenth ({_epochs(learned)} epochs): their curves had not settled."
    ]


def _epochs(runs: Runs) -> str:
    found = sorted({record.metrics["epochs_run"] for record in runs.records})
    return f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _combination(choice: Choice) -> str:
    return ", ".join(f"{name} {level_text(level)}" for name, level in choice.levels.items())


def _fixed(runs: Runs) -> str:
    config = runs.records[0].trial.config
    return (
        f"{config['optimiser']} {config['learning_rate']:g}, batches of {config['batch_size']}, "
        f"{config['epochs']} epochs, time constants {1e3 * config['tau_mem_s']:g} and "
        f"{1e3 * config['tau_syn_s']:g} ms in steps of {1e3 * config['dt_s']:g} ms"
    )
