"""What the report holds: plain data, handed whole to the rendering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from study.analysis.section import Figure, Section, Table

Cell = str | float | bool | None


@dataclass(frozen=True)
class FailedTrial:
    """A trial that raised, as the report names it."""

    label: str
    trial_id: str
    error_type: str
    message: str
    traceback: str


@dataclass(frozen=True)
class TrialDetail:
    """All that is known of one trial.

    Parameters
    ----------
    label, trial_id, config_id, experiment, status, seed
        As in the table of trials.
    subject, dataset
        What was run on which data; the latter empty where there is none.
    config, metrics, provenance
        As in its record.
    curves
        What was followed while it learned, one value an epoch, by name.
    error
        Where it failed.
    """

    label: str
    trial_id: str
    config_id: str
    experiment: str
    status: str
    seed: int
    subject: str
    dataset: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    provenance: Mapping[str, Any]
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    error: FailedTrial | None = None


@dataclass(frozen=True)
class Report:
    """Everything that is rendered.

    Parameters
    ----------
    title, subtitle
        Set at the top.
    command
        The command line that makes this report again.
    profile
        Name of the profile.
    created
        When the last trial ended, with time zone. The only clock that the rendering sees, so that
        the same trials give the same bytes.
    summary
        The answer: learners x data sets; None where nothing was compared.
    summary_figure
        Accuracy against spikes; None likewise.
    sections
        One for each experiment, in reading order.
    failures
        Trials that raised.
    trial_columns, trial_rows
        The table of all trials; a row has one cell for each column.
    provenance
        Versions, processor, data checksums, code version: nested mappings of plain values.
    notes
        What a reader should know first, such as a fallback that made the run slower.
    question, answer
        What the report is about, and what the data say to it, in sentences: the few that a reader
        sees first.
    shown_by
        Name of the figure that shows a sentence of the answer, by the sentence.
    more
        The other sentences of the answer.
    basis
        What the answer rests on, in sentences: data, machine, how many trials failed.
    details
        The trials one by one.
    comparison
        What differs from another run, if one was given.
    language
        ``en`` or ``ko``; see `study.report.language`.

    Raises
    ------
    ValueError
        If ``created`` has no time zone.
    """

    title: str
    subtitle: str
    command: str
    profile: str
    created: datetime
    summary: Table | None = None
    summary_figure: Figure | None = None
    sections: tuple[Section, ...] = ()
    failures: tuple[FailedTrial, ...] = ()
    trial_columns: tuple[str, ...] = ()
    trial_rows: Sequence[Sequence[Cell]] = ()
    details: Sequence[TrialDetail] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    question: str = ""
    answer: tuple[str, ...] = ()
    shown_by: Mapping[str, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    basis: tuple[str, ...] = ()
    comparison: Section | None = None
    language: str = "en"

    def __post_init__(self) -> None:
        if self.created.tzinfo is None:
            raise ValueError("the time of a report needs a time zone, such as datetime.now(UTC)")

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures in reading order."""
        first = (self.summary_figure,) if self.summary_figure else ()
        compared = (self.comparison,) if self.comparison else ()
        sections = compared + self.sections
        return first + tuple(figure for section in sections for figure in section.figures)
