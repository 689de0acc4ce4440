"""A review's table measured again: what papers print of each system, and what it reaches here.

Rows come from the registry of learners alone: each says which systems of papers it makes, with
their numbers and their negative controls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from study import learners
from study.analysis.basis import basis, teaching
from study.analysis.comparison import MIN_SEEDS, Strength
from study.analysis.replicates import Replicates, cell, interval_of, percent, score_of, tested
from study.analysis.section import Figure, Section, Table
from study.analysis.stats import INTERVAL
from study.analysis.votes import SHARES, failing, warning
from study.data.reference import DatasetRef
from study.learners import style
from study.learning.published import Published
from study.request import Request, learning_trial
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Published systems, measured again"
ORDER = 70
SWEEP = True  # the first page has the learners as they are compared

NOT_RUN = "not run"
MISREAD = "none: the read-out fails"


class Row(NamedTuple):
    """A published system and the learner that makes it."""

    learner: str
    published: Published

    def place(self, small: bool) -> tuple[str, Mapping[str, Any]] | None:
        """Return the data set that a profile runs it on and what it changes there."""
        if not small:
            return self.published.dataset, self.published.settings
        if self.published.small is None:
            return None
        dataset, changes = self.published.small
        return dataset, {**self.published.settings, **changes}


@dataclass
class Found:
    """What was run of a row: replicates of the system and of its control."""

    row: Row
    system: Replicates | None = None
    control: Replicates | None = None


def rows() -> list[Row]:
    """Return the rows of the review, in the order of the registry."""
    return [Row(name, one) for name, entry in learners.known().items() for one in entry.published]


def trials(request: Request) -> list[Trial]:
    """Return each published system and its control, on small data in the quick profile."""
    return [
        trial
        for row in rows()
        if not request.learners or row.learner in request.learners
        for trial in _trials(row, request)
    ]


def _trials(row: Row, request: Request) -> Iterator[Trial]:
    place = row.place(request.profile == "quick")
    if place is None:
        return
    dataset, changes = place
    refs = [ref for ref in request.datasets if ref.name == dataset]
    if request.datasets and not refs:
        return
    ref, entry = (refs or [DatasetRef(dataset)])[0], learners.find(row.learner)
    control = row.published.control
    for settings in ({}, control.settings) if control else ({},):
        preset = entry.preset(request.profile, dataset)
        config = dataclasses.replace(preset, **{**changes, **settings})
        for one in request.configure(config, row.learner):
            for seed in _seeds(request):
                yield learning_trial(row.learner, ref, one, seed)


def _seeds(request: Request) -> Sequence[int]:
    """Return the seeds; one in the quick profile, whose small data allow no verdict anyway."""
    short = request.profile == "quick" and not request.n_seeds
    return request.seeds[:1] if short else request.seeds


def section(records: list[Record]) -> Section:
    """Return the table of the review, and which of its rows were not run."""
    found = _found(records)
    run = [each for each in found if each.system]
    return Section(
        name="review",
        title=TITLE,
        question="What do published systems of spiking neurons reach under one protocol, and does "
        "what each claims to work by make the difference?",
        method="Each system is built as its paper has it and trained on training samples; settings "
        "were chosen on validation samples, and the test set is read once for each seed. The "
        "negative control is the same system with what it claims to work by taken away. Numbers "
        "are compared with the paper's only on the paper's data set.",
        figures=(_figure(run),) if run else (),
        tables=(_table(found),),
        findings=tuple(_finding(each) for each in run),
        lead=(_lead(run, found),),
        caveats=_caveats(found),
        references=tuple(dict.fromkeys(each.row.published.reference for each in run)),
    )


def _found(records: Sequence[Record]) -> list[Found]:
    """Return what was run of each row; a configuration goes to the row that says most of it."""
    found = [Found(row) for row in rows()]
    for group in tested(records):
        fitting = [fit for each in found for fit in _fits(each, group)]
        if fitting:
            _, each, controls = max(fitting, key=lambda fit: fit[0])
            setattr(each, "control" if controls else "system", group)
    return found


def _fits(each: Found, group: Replicates) -> Iterator[tuple[int, Found, bool]]:
    """Yield how much of a configuration a row or its control prescribes, where it fits."""
    trial, published = group[0].trial, each.row.published
    if trial.subject != each.row.learner:
        return
    config = dataclasses.asdict(learners.find(trial.subject).configured(trial.config))
    for small in (False, True):
        place = each.row.place(small)
        if place is None or place[0] != group.dataset:
            continue
        for controls in (False, True):
            taken = published.control.settings if controls and published.control else {}
            wanted = {**place[1], **taken}
            if (taken or not controls) and all(config[key] == wanted[key] for key in wanted):
                yield len(wanted), each, controls


def _at_home(each: Found) -> bool:
    """Whether the system was run on the data set of its published number."""
    return each.system is not None and each.system.dataset == each.row.published.dataset


def _scored(group: Replicates | None) -> str:
    return percent(group, score_of(group)) if group else NOT_RUN


def _operations(group: Replicates) -> str:
    counts = [(r.metrics["synops_per_sample"] or 0.0) + r.metrics["macs_per_sample"] for r in group]
    return f"{sum(counts) / len(counts):,.0f}"


def _table(found: Sequence[Found]) -> Table:
    return Table(
        "Published systems: the paper's number and what was measured here, in percent of test "
        "samples; costs are of one inference. A row that was not run says so.",
        (
            "system", "learner", "data set", "published / %", "here / %", "verdict", "control / %",
            "spikes", "SynOps and MACs", "training / s",
        ),
        tuple(map(_row, found)),
        basis([r for each in found for r in (each.system or [])], interval=INTERVAL),
    )  # fmt: skip


def _row(each: Found) -> tuple[str, ...]:
    published, group = each.row.published, each.system
    number = f"{100 * published.score:.2f}" if published.score is not None else "–"
    if group is None:
        return (published.system, each.row.learner, published.dataset, number, NOT_RUN, *"–––––")
    return (
        published.system,
        each.row.learner,
        group.dataset,
        number,
        _scored(group),
        verdict(each),
        _scored(each.control) if published.control else "–",
        cell(interval_of(group, "spikes_per_sample")),
        _operations(group),
        cell(interval_of(group, "train_seconds")),
    )


def verdict(each: Found) -> str:
    """Return how the measured number stands to the published one.

    A number on other data, and fewer than three seeds, allow none. Otherwise the published number
    lies below, within (tied) or above the 95 % interval over seeds and test samples. Where two
    read-outs of the same spikes contradict each other, nothing follows from either.
    """
    group, published = each.system, each.row.published.score
    if group is None or published is None or not _at_home(each):
        return Strength.OTHER
    if len(group) < MIN_SEEDS:
        return Strength.FEW
    if failing(group, score_of(group)):
        return MISREAD
    interval = interval_of(group, score_of(group))
    assert interval is not None
    if interval.low > published:
        return "above"
    return "below" if interval.high < published else "equal within its interval"


def _finding(each: Found) -> str:
    published, group = each.row.published, each.system
    assert group is not None
    n_seeds = f"{len(group)} seed{'s' * (len(group) > 1)}"
    told = f"{published.system}: {_scored(group)} % on {group.dataset} ({n_seeds})"
    if published.score is not None:
        told += f", published {100 * published.score:.2f} % on the data of the paper"
    if all(record.metrics.get(SHARES) is not None for record in group):
        told += f"; by the vote of shares {percent(group, SHARES)} %"
    if published.control and each.control:
        told += f"; {published.control.told}, {_scored(each.control)} %"
    return f"{told}.{warning(group, score_of(group))}"


def _lead(run: Sequence[Found], found: Sequence[Found]) -> str:
    comparable = [
        each for each in run if verdict(each) not in (Strength.OTHER, Strength.FEW, MISREAD)
    ]
    reached = sum(verdict(each) != "below" for each in comparable)
    told = f"{len(run)} of {len(found)} published systems were run"
    if comparable:
        told += f"; {reached} of {len(comparable)} that compare reach the published number"
    return f"{told}."


def _caveats(found: Sequence[Found]) -> tuple[str, ...]:
    missing = [each.row.published.system for each in found if each.system is None]
    away = [each for each in found if each.system and not _at_home(each)]
    told = [f"Not run: {'; '.join(missing)}."] if missing else []
    if away:
        told.append(
            "Small data stand in for the papers' in this profile: they prove that a system works, "
            "not how well it does; --profile standard takes the papers' data."
        )
    return (
        *told,
        *teaching([record for each in found for record in each.system or []]),
        "Published numbers are of one network each where papers do not say otherwise, and were "
        "often chosen on the test set.",
    )


def _figure(run: Sequence[Found]) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(7.2, 1.0 + 0.4 * len(run)), layout="constrained")
    ax = drawing.subplots()
    for place, each in enumerate(run):
        _draw(ax, place, each)
    ax.set_yticks(range(len(run)), [_label(each) for each in run])
    ax.set_ylim(len(run) - 0.5, -0.5)
    ax.set_xlabel("test samples answered rightly / %")
    ax.grid(axis="x", alpha=0.3)
    return Figure(
        "review",
        drawing,
        "Each published system (filled, with the 95 % interval over seeds), its negative control "
        "(open) and the paper's number (vertical tick, on the paper's data set alone).",
        "One row a system, with its share of right answers, that of its control and, on the data "
        "of the paper, the published one; the table has the numbers.",
        basis([r for each in run for r in (each.system or [])], interval=INTERVAL),
    )


def _label(each: Found) -> str:
    assert each.system is not None
    return f"{each.row.published.system} · {each.system.dataset}"


def _draw(ax: Axes, place: int, each: Found) -> None:
    colour, mark = style(each.row.learner)
    for group, face in ((each.system, colour), (each.control, "none")):
        found = interval_of(group, score_of(group)) if group else None
        if found:
            reach = [[100 * (found.mean - found.low)], [100 * (found.high - found.mean)]]
            ax.errorbar(
                100 * found.mean, place, xerr=reach, fmt=mark, color=colour, mfc=face, capsize=3
            )
    if _at_home(each) and each.row.published.score is not None:
        ax.plot(100 * each.row.published.score, place, "|", color="black", ms=14, mew=1.5)
