"""Writes a report: figures, one HTML page, one PDF."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import typst

from study.analysis.section import Figure
from study.report import html, language, pdf
from study.report.context import context
from study.report.document import Report
from study.report.drawing import write_all
from study.trials.files import write_atomic

FILE_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def render(report: Report, out: Path) -> list[str]:
    """Write ``figures/NAME.svg``, ``figures/NAME.png``, ``report.html`` and ``report.pdf``.

    Each file is written whole or not at all. Returns the notes that came up on the way.

    Raises
    ------
    ValueError
        If figures share a name or a name cannot be that of a file.
    RuntimeError
        If the PDF cannot be made. The page is complete then.
    """
    _check_names(report.figures)
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    told = language.of(report)
    for figure in report.figures:
        told.draw(figure.drawing)
    drawings, faults = write_all(report.figures, folder)
    plain = told.context(context(report))
    page = html.page({**plain, "translate": told.translate}, drawings)
    write_atomic(out / "report.html", page.encode())
    try:
        write_atomic(out / "report.pdf", pdf.document(plain, out, report.created))
    except typst.TypstError as error:
        # An older PDF would contradict the new page.
        (out / "report.pdf").unlink(missing_ok=True)
        raise RuntimeError(
            f"report.pdf could not be made, report.html is complete: {error.diagnostic}"
        ) from error
    return [*told.notes(), *faults]


def _check_names(figures: Sequence[Figure]) -> None:
    names = [figure.name for figure in figures]
    wrong = [name for name in names if not FILE_STEM.fullmatch(name)]
    if wrong:
        raise ValueError(f"names of figures are letters, digits, '_', '.' and '-', not {wrong}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"each figure needs its own name; used more than once: {twice}")
