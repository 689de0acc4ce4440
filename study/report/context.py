"""The one context that both renderings are made from: dictionaries, lists and clean text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from study.analysis import references
from study.analysis.section import Figure, Section, Table
from study.report.document import Cell, Report, TrialDetail

MISSING = "–"
LEADING = 3  # findings at most that open a section
LIMITS = 3  # caveats at most that stand beside them
# Neither XML, JSON for Typst nor a terminal's escape codes in an error message allow these.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
NUMBER = re.compile(r"[<>≤≥≈~]?\s*[-+−±]?\d[\d.,]*(e[-+]?\d+)?(?!\w)")


def context(report: Report) -> dict[str, Any]:
    """Return the report as dictionaries, lists and strings, numbered and ready to be set."""
    figures, tables = Numbers(), Numbers()
    compared = [report.comparison] if report.comparison else []
    cited = references.cited(
        [key for section in (*compared, *report.sections) for key in section.references]
    )
    numbers = {key: number for number, key in enumerate(cited, start=1)}
    plain = {
        "language": report.language,
        "question": report.question,
        "answer": report.answer,
        "more": report.more,
        "basis": report.basis,
        "title": report.title,
        "subtitle": report.subtitle,
        "command": report.command,
        "profile": report.profile,
        "generated": f"{report.created:%Y-%m-%d %H:%M %Z}".strip(),
        "notes": report.notes,
        "summary": _table(report.summary, tables.main()) if report.summary else None,
        "summary_figure": _figure(report.summary_figure, figures.main())
        if report.summary_figure
        else None,
        "comparison": _section(0, report.comparison, figures, tables, numbers)
        if report.comparison
        else None,
        "sections": [
            _section(number, section, figures, tables, numbers)
            for number, section in enumerate(report.sections, start=1)
        ],
        "references": [
            {
                "number": numbers[key],
                **vars(paper),
                "stop": paper.stop,
                "address": paper.address,
            }
            for key, paper in cited.items()
        ],
        "details": [_detail(detail) for detail in report.details],
        "deviations": [
            {"title": section.title, "items": section.deviations}
            for section in report.sections
            if section.deviations
        ],
        "failures": [vars(failure) for failure in report.failures],
        "trials": _trials(report.trial_columns, report.trial_rows),
        "provenance": _leaves_as_text(report.provenance),
    }
    return _clean({**plain, "answer_figures": _shown_by(report, plain)})


def _shown_by(report: Report, plain: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    """Return the figure that shows each sentence of the answer, None where none does."""
    first = [plain["summary_figure"], *(section["figure"] for section in plain["sections"])]
    found = {figure["name"]: figure for figure in first if figure}
    shown = [found.get(report.shown_by.get(text, "")) for text in report.answer]
    return [figure and {key: figure[key] for key in ("name", "number")} for figure in shown]


class Numbers:
    """Numbers of what stands in the main part, 1, 2, ..., and in the supplement, S1, S2, ..."""

    def __init__(self) -> None:
        self._main, self._supplement = count(1), count(1)

    def main(self) -> str:
        """Return the next number of the main part."""
        return str(next(self._main))

    def supplement(self) -> str:
        """Return the next number of the supplement."""
        return f"S{next(self._supplement)}"


def _section(
    number: int,
    section: Section,
    figures: Numbers,
    tables: Numbers,
    cited: Mapping[str, int],
) -> dict[str, Any]:
    """Return a section in two parts: what a reader wants first, and its supplement.

    First come the question, what was found, one figure and what the findings do not show; the
    supplement has method, all other figures, tables, findings and caveats.
    """
    leading = list(section.lead or section.findings)[:LEADING]
    limits = section.caveats[:LIMITS]
    slug = re.sub(r"[^a-z0-9]+", "-", section.name.lower()).strip("-")
    return {
        "id": f"section-{number}-{slug}",
        "title": section.title,
        "question": section.question,
        "leading": leading,
        "figure": _figure(section.figures[0], figures.main()) if section.figures else None,
        "limits": limits,
        "method": section.method,
        "equations": section.equations,
        "figures": [_figure(figure, figures.supplement()) for figure in section.figures[1:]],
        "tables": [_table(table, tables.supplement()) for table in section.tables],
        "findings": [told for told in section.findings if told not in leading],
        "caveats": section.caveats[LIMITS:],
        "references": [cited[key] for key in section.references],
        "widget": {"kind": section.widget.kind, "parameters": _numbers(section.widget.parameters)}
        if section.widget
        else None,
        "command": section.command,
    }


def _detail(detail: TrialDetail) -> dict[str, Any]:
    return {
        "label": detail.label,
        "trial_id": detail.trial_id,
        "config_id": detail.config_id,
        "experiment": detail.experiment,
        "status": detail.status,
        "seed": detail.seed,
        "subject": detail.subject,
        "dataset": detail.dataset,
        "config": _leaves_as_text(detail.config),
        "metrics": _leaves_as_text(detail.metrics),
        "provenance": _leaves_as_text(detail.provenance),
        "curves": {name: _numbers(values) for name, values in detail.curves.items()},
        "error": vars(detail.error) if detail.error else None,
    }


def _numbers(values: Any) -> Any:
    """Return numbers as text that scripts read back; those that are no number become empty."""
    if isinstance(values, Mapping):
        return {key: f"{value:.6g}" for key, value in values.items()}
    return [f"{value:.4g}" if value == value else "" for value in values]


def _figure(figure: Figure, number: str) -> dict[str, Any]:
    return {
        "number": number,
        "name": figure.name,
        "caption": figure.caption,
        "alt": figure.alt,
        "basis": figure.basis,
    }


def _table(table: Table, number: str) -> dict[str, Any]:
    numeric = [_all(NUMBER.match, cells) for cells in _by_column(table.columns, table.rows)]
    return {
        "number": number,
        "caption": table.caption,
        "basis": table.basis,
        "columns": _columns(table.columns, numeric),
        "rows": table.rows,
    }


def _trials(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> dict[str, Any]:
    numeric = [_all(_is_number, cells) for cells in _by_column(columns, rows)]
    return {
        "columns": _columns(columns, numeric),
        "rows": [[_shown(cell) for cell in row] for row in rows],
    }


def _by_column(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return the cells of each column that hold something."""
    return [
        [row[index] for row in rows if not _is_missing(row[index])] for index in range(len(columns))
    ]


def _columns(names: Sequence[str], numeric: Sequence[bool]) -> list[dict[str, Any]]:
    return [{"name": name, "numeric": flag} for name, flag in zip(names, numeric, strict=True)]


def _all(test: Callable[[Any], object], cells: Sequence[Any]) -> bool:
    return bool(cells) and all(test(cell) for cell in cells)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _is_missing(cell: Cell) -> bool:
    return cell is None or cell in ("", MISSING) or cell != cell  # NaN differs from itself


def _shown(cell: Cell) -> str:
    """Return a cell for people; scripts can still read the number back."""
    if _is_missing(cell):
        return MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.0f}" if 1e5 <= abs(cell) < 1e15 else f"{cell:.5g}"
    return str(cell)


def _leaves_as_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _leaves_as_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value) or MISSING
    return _shown(value)


def _clean(value: Any) -> Any:
    """Return ``value`` with strings that both renderings can set, containers made plain."""
    if isinstance(value, Mapping):
        return {str(_clean(str(key))): _clean(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_clean(item) for item in value]
    if isinstance(value, bool | int | None):
        return value
    return UNPRINTABLE.sub("\ufffd", str(value))
