"""The context as PDF."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

from study.analysis import measures
from study.analysis.basis import DIGITS
from study.analysis.measures import PAPER
from study.report import fonts
from study.report.appendix import anchors, configurations, durations, reasons

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
# To be read by machines and in fifty years: archived with its structure and data, and accessible.
STANDARDS = ["a-3a", "ua-1"]
ATTACHED = "trials.csv"
TRIALS = 1000  # rows of the table of trials at most
# What Typst's fonts have from left to right. PDF/A allows no letter without a glyph.
GLYPHS = (
    "\n\\u0020-\\u007e\\u00a0-\\u00ac\\u00ae-\\u02ff\\u0370-\\u0377\\u037a-\\u037f\\u0384-\\u038a"
    "\\u038c\\u038e-\\u03a1\\u03a3-\\u0482\\u048a-\\u04ff\\u1e00-\\u1eff\\u200b\\u2010-\\u2027"
    "\\u202f-\\u2040\\u2044-\\u2052\\u2070\\u2071\\u2074-\\u208e\\u2090-\\u209c\\u20a0-\\u20c0"
    "\\u2100-\\u211e\\u2126-\\u2151\\u2153-\\u2184\\u2190-\\u23ff\\u2460-\\u2606\\u27c0-\\u27ef"
    "\\u2900-\\u2aff\\ufffd"
)


def document(context: Mapping[str, Any], folder: Path, created: datetime) -> bytes:
    """Return the PDF: PDF/A-3a and PDF/UA-1, the same bytes for the same arguments.

    The context travels as JSON: no text in it is ever Typst source, except the equations.

    Parameters
    ----------
    context
        From `study.report.context.context`.
    folder
        Holds ``figures/NAME.svg``, and maybe ``trials.csv``, which the document then brings along;
        nothing above it can be read.
    created
        Time stamp of the document.

    Raises
    ------
    typst.TypstError
        If the document cannot be set, as with a mistake in an equation.
    """
    attached = [ATTACHED] if (folder / ATTACHED).exists() else []
    # The stub of typst wants root and input to have one type.
    return typst.compile(  # type: ignore[call-overload]
        TEMPLATE.read_bytes(),
        root=folder,
        format="pdf",
        font_paths=[fonts.FOLDER],
        ignore_system_fonts=True,
        sys_inputs={"report": inputs({**context, "attached": attached})},
        timestamp=created,
        pdf_standards=STANDARDS,
    )


def inputs(context: Mapping[str, Any]) -> str:
    """Return the context as the JSON that the template reads."""
    groups = configurations(context["details"])
    failures = reasons(context["failures"])
    content = {key: value for key, value in context.items() if key != "details"} | {
        "trials": _main_columns(context["trials"]),
        "failures": failures,
        "failures_left": len(context["failures"]) - sum(len(way["trials"]) for way in failures),
        "configurations": groups,
        "anchors": anchors(groups),
        "durations": durations(context["details"]),
    }
    return json.dumps(_printable(content, _unprintable()))


def _main_columns(trials: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trial table with the columns and rows that fit on paper."""
    names, shown = [column["name"] for column in trials["columns"]], measures.names(PAPER)
    kept = [names.index(name) for name in shown if name in names]
    kept = kept or list(range(len(names)))[: len(shown)]
    rows = [[row[index] for index in kept] for row in trials["rows"][:TRIALS]]
    if kept and names[kept[0]] == "trial":
        rows = [[identity[:DIGITS], *row] for identity, *row in rows]
    return {
        "columns": [trials["columns"][index] for index in kept],
        "rows": rows,
        "left": max(0, len(trials["rows"]) - TRIALS),
    }


def _unprintable() -> re.Pattern[str]:
    letters = "".join(chr(code) for code in sorted(fonts.letters()) if code > 0x3000)
    return re.compile(f"[^{GLYPHS}{letters}]")


def _printable(value: Any, unprintable: re.Pattern[str]) -> Any:
    """Return ``value`` with a mark for each letter that no font here has, but equations kept."""
    if isinstance(value, Mapping):
        return {
            _printable(key, unprintable): item
            if key == "equations"
            else _printable(item, unprintable)
            for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_printable(item, unprintable) for item in value]
    if isinstance(value, str) and not value.isascii():
        return unprintable.sub("\ufffd", unicodedata.normalize("NFC", value))
    return value
