"""Sequences by counts: what an LSTM keeps when its values are spikes, and by which circuits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis import one_setting
from study.analysis.basis import basis
from study.analysis.figures import COLOURS, draw_shares, label_axes, spread
from study.analysis.replicates import cell, interval_of, percent
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import INTERVAL, Interval, mean_interval
from study.data.task import NOTHING_ASKED
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Sequences by counts of spikes"
ORDER = 47
LEARNER = "counted-lstm"
OWN = ("reber", "parity")

Networks = Mapping[Any, Sequence[Record]]
Sweep = one_setting.Sweep[Any]  # of several settings, none of which is named

BASE, RATE = "bursts and counts", "cells in rate code"
LATE = "gates a quarter of a window late"
VARIANTS: dict[str, Mapping[str, Any]] = {BASE: {}, RATE: {"cell": "rate"}, LATE: {"late": 0.25}}
WAYS = (BASE, RATE, LATE, "without spikes, rounded")  # of ``validation_by_window``
STRINGS, SYMBOLS = "test_sequence_accuracy", "test_symbol_accuracy"
PARTS = ("input", "gates", "candidates", "cells", "products", "hidden")
WHOLE = 0.99  # share of strings from which on a window counts as long enough


def trials(request: Request) -> list[Trial]:
    """Return spiking LSTMs, and in larger profiles their controls on test strings too."""
    ways = [VARIANTS[BASE]] if request.profile == "quick" else list(VARIANTS.values())
    return request.varied_trials(LEARNER, lambda _dataset: ways, own_datasets=OWN)


def section(records: list[Record]) -> Section:
    """Return strings without a mistake by the length of the window, and what controls do."""
    ways = {name: {**_plain(), **changes} for name, changes in VARIANTS.items()}
    every = one_setting.named(records, ways, BASE)
    sets = {name: sweep for name, sweep in every.items() if sweep.networks}
    findings = {name: _findings(name, sweep.networks[BASE]) for name, sweep in sets.items()}
    return Section(
        name="sequences",
        title=TITLE,
        question="Can an LSTM work with counts of spikes alone, how long must the window be in "
        "which they are counted, and what are its circuits for?",
        method="An LSTM with hard gates is trained, at first in real numbers and then with values "
        "rounded to whole spikes. Its weights, rounded too, go into circuits that run tick by tick "
        "in integers: a value is as many spikes in a window as it is large, on the channel of its "
        "sign; gates store what arrives and release it as a burst; a product is how often the "
        "burst of a gate meets spikes that are spread over the window; cells are counters that "
        "send up to 4 spikes a tick. After each bit parity asks whether ones are odd so far: up to "
        "12 bits in training, 64 in validation and test. After each symbol of the embedded Reber "
        "grammar the set of symbols is asked for that may follow; no test string was seen in "
        "training. A string counts if all its answers are right. In one control cells send one "
        "spike a tick at most, as in rate code; in the other gates are released a quarter of a "
        "window behind the spikes that they are to meet. The iteration is chosen on validation "
        "strings; test strings are read once.",
        equations=(
            "c arrow.l [f c \\/ K] + [i g \\/ K], quad h arrow.l [o thin min(max(c, -K), K) \\/ K]",
            "\\#{k : k < n_f, thin r(k) < n_c} approx n_f n_c \\/ K",
        ),
        figures=tuple(map(_figure, sets.values())),
        tables=(_table(sets),) if sets else (),
        findings=tuple(sentence for told in findings.values() for sentence in told),
        lead=tuple(told[0] for told in findings.values()),
        caveats=tuple(_caveats(records, sets)),
        deviations=(
            "Of the paper only the abstract could be read: circuits are of this study, and it has "
            "no published number to be compared with.",
            "Reber strings are usually taught by a drawn successor; here the set of all "
            "successors is asked for, so that every answer is right or wrong.",
        ),
        references=("shrestha2017",),
    )


def _plain() -> dict[str, Any]:
    """Return the settings that variants change, as the base has them."""
    return {"cell": "burst", "late": 0.0}


def _figure(sweep: Sweep) -> Figure:
    from matplotlib.figure import Figure as Drawing

    name, members = sweep.dataset, sweep.networks[BASE]
    drawing = Drawing(figsize=(7.6, 3.4), layout="constrained")
    windows, cells = drawing.subplots(1, 2)
    lengths = members[0].arrays["windows"]
    for place, way in enumerate(WAYS):
        shares = np.array([r.arrays["validation_by_window"][:, place, 1] for r in members])
        line = {"ls": "--"} if place == len(WAYS) - 1 else {"marker": ".", "lw": 1.4}
        draw_shares(windows, lengths, shares, color=COLOURS[place], label=way, **line)
    windows.axvline(members[0].trial.config["window"], color="0.8", lw=6, zorder=0)
    spread(windows, lengths.tolist())
    windows.set_xlabel("window / ticks", fontsize=9)
    windows.set_ylabel("validation strings without mistake / %", fontsize=9)
    drawing.legend(loc="outside upper center", ncols=2)
    _draw_cells(cells, members[0])
    return Figure(
        figure_name("sequences", name),
        drawing,
        f"{name}: validation strings without a mistake against the window in which spikes are "
        "counted (left), for one training; the window of training is shaded. Right: what cells "
        "hold along one validation string, in windows; a rate code carries what lies between the "
        "dotted lines.",
        "Left, share of strings against the length of the window, a line a circuit; right, the "
        "value of each cell along a string.",
        basis(members, interval=INTERVAL),
    )


def _draw_cells(ax: Axes, record: Record) -> None:
    held = record.arrays["example_cells"][record.arrays["example_labels"] != NOTHING_ASKED]
    ax.plot(np.arange(1, len(held) + 1), held, lw=0.9)
    for edge in (-1, 1):
        ax.axhline(edge, color="black", lw=0.8, ls=":")
    label_axes(ax, "symbol", "cell / windows")


def _table(sets: Mapping[str, Sweep]) -> Table:
    shares = (
        ("strings / %", STRINGS),
        ("symbols / %", SYMBOLS),
        ("strings, real numbers / %", "lstm_sequence_accuracy"),
        ("strings, rounded / %", "rounded_sequence_accuracy"),
    )
    return Table(
        "Spiking LSTMs on test strings: strings without a mistake and right symbols; strings of "
        "the same LSTM in real numbers and with rounded values and products; spikes of each part "
        "and additions for one symbol.",
        (
            "data set", "network", *(heading for heading, _ in shares), *PARTS, "SynOps",
            "training / s",
        ),
        tuple(
            (
                name,
                variant,
                *(percent(members, metric) for _, metric in shares),
                *(cell(_per_symbol(members, f"spikes_{part}_per_sample")) for part in PARTS),
                cell(_per_symbol(members, "synops_per_sample")),
                cell(interval_of(members, "train_seconds")),
            )
            for name, sweep in sets.items()
            for variant, members in sweep.networks.items()
        ),
        basis([r for sweep in sets.values() for r in sweep.records], interval=INTERVAL),
    )  # fmt: skip


def _per_symbol(members: Sequence[Record], metric: str) -> Interval:
    """Return a count of a test string as one of a symbol."""
    labels = members[0].arrays["test_labels"]
    symbols = float((labels != NOTHING_ASKED).sum(axis=1).mean())
    return mean_interval([r.metrics[metric] / symbols for r in members], (0, float("inf")))


def _findings(name: str, members: Sequence[Record]) -> list[str]:
    window = members[0].trial.config["window"]
    spikes = sum(_per_symbol(members, f"spikes_{part}_per_sample").mean for part in PARTS)
    cells = _per_symbol(members, "spikes_cells_per_sample").mean
    told = [
        f"{name}: with windows of {window} ticks {percent(members, STRINGS)} % of test strings "
        f"are without a mistake, and {percent(members, SYMBOLS)} % of symbols are right.",
        f"{name}: the same LSTM gets {percent(members, 'lstm_sequence_accuracy')} % of strings in "
        f"real numbers and {percent(members, 'rounded_sequence_accuracy')} % with rounded values "
        "and products.",
        f"{name}: a symbol takes {spikes:,.0f} spikes, {100 * cells / spikes:.0f} % of them of "
        f"cells, and {_per_symbol(members, 'synops_per_sample').mean:,.0f} additions.",
    ]
    return [*told, *_kept(name, members), *_by_window(name, members)]


def _kept(name: str, members: Sequence[Record]) -> list[str]:
    """Return how much is right of what had to be kept longest, where a data set says so."""
    if "test_kept" not in members[0].arrays:
        return []
    kept = members[0].arrays["test_kept"]
    right = [
        float(np.mean((r.arrays["test_predictions"] == r.arrays["test_labels"])[kept > 0]))
        for r in members
    ]
    return [
        f"{name}: {cell(mean_interval(right, (0, 1)), 100)} % of the symbols are right that had to "
        f"be kept, for {kept[kept > 0].min()} to {kept.max()} symbols."
    ]


def _by_window(name: str, members: Sequence[Record]) -> list[str]:
    """Return which window is long enough in validation, and what controls do."""
    lengths, window = members[0].arrays["windows"], members[0].trial.config["window"]
    shares = np.mean([r.arrays["validation_by_window"][:, :, 1] for r in members], axis=0)
    ends = np.minimum.accumulate(shares[::-1, 0])[::-1]  # the worst of this window and longer ones
    enough = lengths[ends >= WHOLE]
    told = [
        f"{name}: from windows of {enough[0]} ticks on {100 * WHOLE:.0f} % of validation strings "
        f"or more are without a mistake; with one tick it is {100 * shares[0, 0]:.1f} %."
        if len(enough)
        else f"{name}: no window makes {100 * WHOLE:.0f} % of validation strings right."
    ]
    at = shares[lengths == window]
    if len(at):
        told += [
            f"{name}: control, {way}: {100 * share:.1f} % of validation strings, "
            f"{100 * at[0, 0]:.1f} % without the change."
            for way, share in zip(WAYS[1:3], at[0, 1:3], strict=True)
        ]
    return told


def _caveats(records: Sequence[Record], sets: Mapping[str, Sweep]) -> list[str]:
    told = [
        "All windows of a figure are answered by one training for one window; a network trained "
        "for short windows may do better in them.",
        "Whether cells need bursts depends on the network that training finds: some do with a rate "
        "code, although they have cells beyond one window.",
        "A symbol takes three windows, one behind the other; additions are counted, not weighed.",
    ]
    return [*told, *one_setting.caveats(records, sets.values())]
