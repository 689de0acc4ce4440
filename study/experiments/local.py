"""Settings of learning without labels: Diehl & Cook's network with one of them changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from study.analysis import one_setting
from study.analysis.comparison import RULE, Difference, Strength, difference
from study.analysis.one_setting import alike, measured
from study.analysis.replicates import MISSING, cell, mean_of
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.votes import SHARES, VOTE, vote_fails
from study.experiments.unsupervised import plan
from study.request import Request
from study.trials.trial import Record, Trial

TITLE = "Settings of learning without labels"
ORDER = 31
SWEEP = True  # too many configurations for the opening table
SEEDS = 3


class Setting(NamedTuple):
    """A field of the network's configuration, in words, with the levels that are tried."""

    field: str
    name: str
    levels: tuple[float | str, ...]
    per_si: float = 1.0

    @property
    def label(self) -> str:
        """What stands at the axis of the levels."""
        return self.name

    def show(self, level: float | str) -> str:
        """Return a level for people."""
        return level if isinstance(level, str) else f"{level * self.per_si:.4g}"


# Around the usual network, which is `biosim.diehl_cook.budgeted` and no published one: rate, time
# and inhibition from a fraction to a multiple.
SETTINGS = (
    Setting("n_exc", "neurons", (25, 50, 200)),
    Setting("present_s", "time shown / ms", (0.1, 0.2, 0.7), 1e3),
    Setting("max_rate_hz", "rate of a bright pixel / Hz", (31.875, 127.5)),
    Setting("rate_post", "learning rate", (1e-3, 3e-3, 3e-2)),
    Setting("rule", "rule", ("power", "triplet")),
    Setting("weight_inh_exc", "inhibition", (4.25, 8.5, 34.0)),
    Setting("lockout_s", "lock-out / ms", (0.0, 0.025, 0.05), 1e3),
    Setting("theta_plus_v", "step of threshold / mV", (0.0125e-3, 0.025e-3, 0.1e-3, 0.2e-3), 1e3),
)


def trials(request: Request) -> list[Trial]:
    """Return the usual network and those with one setting changed, on validation samples.

    They have one seed in the quick profile and `SEEDS` in others, unless the user says how many.
    """
    quick = request.profile == "quick"
    n_seeds = request.n_seeds or (1 if quick else SEEDS)
    found = [
        plan.changed(whole, change)
        for trial in request.learning_trials([plan.LEARNER], ["digits"])
        if trial.seed < n_seeds
        for whole in [plan.tried_out(trial, plan.QUICK_SHOWN if quick else plan.SHOWN)]
        for change in _changes(quick)
    ]
    return list({trial.id: trial for trial in found}.values())


def _changes(quick: bool) -> list[dict[str, Any]]:
    """Return nothing changed, then each setting at each level; at the outermost ones if quick."""
    return [
        {},
        *(
            {setting.field: level}
            for setting in SETTINGS
            for level in (
                dict.fromkeys((setting.levels[0], setting.levels[-1])) if quick else setting.levels
            )
        ),
    ]


Sweep = one_setting.Sweep[Setting]


def section(records: list[Record]) -> Section:
    """Return what each setting changes."""
    names = list(dict.fromkeys(record.trial.dataset_name for record in records))
    sweeps = [
        sweep
        for name in names
        for sweep in _sweeps(name, [r for r in records if r.trial.dataset_name == name])
    ]
    usual = _usual(records)
    findings = [_findings([s for s in sweeps if s.dataset == name]) for name in names]
    return Section(
        name="local",
        title=TITLE,
        question="Which settings of Diehl and Cook's network matter for what it learns, and are "
        "the usual ones the best?",
        method="One setting at a time departs from the usual network of "
        f"{usual['n_exc']} neurons; all networks see {usual['presentations']:,} images without "
        f"labels, and {usual['label_samples']:,} labelled ones name their neurons. Accuracies are "
        "those of validation samples: the test set is not read. They are read off the same spikes "
        "in two ways: by the paper's vote, in which each neuron stands for one class, and by "
        "shares, in which its spikes count for all classes by what part of its responses each has. "
        "Where the two differ by more than their sampling error the paper's vote fails, and what "
        "it says is not about what was learned. " + RULE,
        figures=tuple(
            _figure(name, [sweep for sweep in sweeps if sweep.dataset == name])
            for name in names
            if any(sweep.dataset == name for sweep in sweeps)
        ),
        tables=(_table(sweeps),) if sweeps else (),
        findings=tuple(sentence for told in findings for sentence in told),
        lead=tuple(told[0] for told in findings if told),
        caveats=tuple(_caveats(records, sweeps)),
        references=("diehl2015",),
    )


def _usual(records: Sequence[Record]) -> dict[str, Any]:
    return one_setting.usual([record.trial.config for record in records])


def _sweeps(dataset: str, records: Sequence[Record]) -> list[Sweep]:
    """Return the networks by the one setting in which they differ from most others."""
    usual = _usual(records)
    found = []
    for setting in _settings(usual):
        others = {key: value for key, value in usual.items() if key != setting.field}
        networks: dict[Any, list[Record]] = {}
        for record in records:
            if alike(record.trial.config, others):
                level = record.trial.config.get(setting.field, MISSING)
                networks.setdefault(level, []).append(record)
        if len(networks) > 1 and usual[setting.field] in networks:
            rising = {level: networks[level] for level in sorted(networks)}
            found.append(Sweep(dataset, setting, rising, usual[setting.field]))
    return found


def _settings(config: Mapping[str, Any]) -> list[Setting]:
    """Return the settings above, then whatever else the user may have varied."""
    known = {setting.field for setting in SETTINGS}
    return [*SETTINGS, *(Setting(field, field, ()) for field in config if field not in known)]


def _figure(dataset: str, sweeps: Sequence[Sweep]) -> Figure:
    return one_setting.figure(
        figure_name("local", "settings", dataset),
        sweeps,
        _spikes,
        f"{dataset}: validation accuracy (above) by both read-outs, and excitatory spikes a sample "
        "(below), as one setting leaves its usual value, which is shaded.",
        {"the paper's vote": VOTE, "vote by shares": SHARES},
        columns=4,
    )


def _spikes(records: Sequence[Record]) -> float:
    return mean_of(records, "spikes_excitatory_per_sample")


def _table(sweeps: Sequence[Sweep]) -> Table:
    return one_setting.table(
        "One setting at a time: validation accuracy by both read-outs. Differences are from the "
        "usual value, paired by seed; intervals hold at once for the levels of a setting.",
        "setting",
        sweeps,
        ("level", _level),
        measured("the paper's vote / %", VOTE, 100),
        measured("vote by shares / %", SHARES, 100),
        ("difference by shares / points", _departure),
        ("how sure", _how_sure),
        measured("excitatory spikes", "spikes_excitatory_per_sample"),
        measured("presentations per image learned", "presentations_per_trained_sample"),
        measured("training / s", "train_seconds"),
    )


def _level(sweep: Sweep, level: float | str) -> str:
    return sweep.varied.show(level) + (" (usual)" if level == sweep.usual else "")


def _departure(sweep: Sweep, level: float | str) -> str:
    found = _difference(sweep, level)
    return cell(found.interval, 100) if found else ""


def _how_sure(sweep: Sweep, level: float | str) -> str:
    found = _difference(sweep, level)
    return str(found.strength) if found else ""


def _difference(sweep: Sweep, level: float | str) -> Difference | None:
    """Return a level minus the usual one, by shares; None of the usual one itself."""
    if level == sweep.usual:
        return None
    others = len(sweep.networks) - 1
    return difference(sweep.networks[level], sweep.networks[sweep.usual], SHARES, others)


def _findings(sweeps: Sequence[Sweep]) -> list[str]:
    """Return by how much settings move accuracy, where the vote fails, which levels are better."""
    if not sweeps:
        return []
    spans = ", ".join(
        f"{sweep.varied.name} {100 * _span(sweep, SHARES):.1f} ({100 * _span(sweep, VOTE):.1f})"
        for sweep in sweeps
    )
    return [
        f"{sweeps[0].dataset}: points of accuracy between the highest and the lowest level that "
        f"was tried, by shares (by the paper's vote): {spans}.",
        *_failing(sweeps),
        *_better(sweeps),
    ]


def _span(sweep: Sweep, metric: str) -> float:
    means = [mean_of(members, metric) for members in sweep.networks.values()]
    return max(means) - min(means)


def _failing(sweeps: Sequence[Sweep]) -> list[str]:
    """Return the levels at which the two read-outs differ by more than chance."""
    levels = [
        f"{sweep.varied.name} {sweep.varied.show(level)} ({100 * mean_of(members, VOTE):.1f} "
        f"against {100 * mean_of(members, SHARES):.1f} %)"
        for sweep in sweeps
        for level, members in sweep.networks.items()
        if level != sweep.usual and vote_fails(members)
    ]
    usual = sweeps[0].networks[sweeps[0].usual]
    if vote_fails(usual):
        levels = ["the usual settings", *levels]
    if not levels:
        return []
    return [
        f"{sweeps[0].dataset}: the paper's vote fails at {', '.join(levels)}: nothing about "
        "learning follows from its accuracy there."
    ]


def _better(sweeps: Sequence[Sweep]) -> list[str]:
    """Return which levels are surely better or worse than the usual one, by shares."""
    told: dict[bool, list[str]] = {True: [], False: []}
    few = False
    for sweep in sweeps:
        for level in sweep.networks:
            found = _difference(sweep, level)
            few |= found is not None and found.strength is Strength.FEW
            if found and found.strength is Strength.SURE:
                by = f"{sweep.varied.name} {sweep.varied.show(level)}"
                told[found.interval.mean > 0].append(f"{by} by {cell(found.interval, 100)}")
    where = sweeps[0].dataset
    if few:
        return [f"{where}: too few seeds to call a level better or worse."]
    return [
        f"{where}: surely {word} than the usual value: {', '.join(levels) or 'none'}."
        for word, levels in (("better", told[True]), ("worse", told[False]))
    ]


def _caveats(records: Sequence[Record], sweeps: Sequence[Sweep]) -> list[str]:
    told = [
        "Settings are changed one at a time about the usual ones: interactions between them "
        "are not seen. After more images the best levels may be others; slower learning catches "
        "up.",
        "The best of several levels looks better than it is: only an interval that excludes zero "
        "by a wide margin is a reason to change a usual value.",
    ]
    return [*told, *one_setting.caveats(records, sweeps)]
