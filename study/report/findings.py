"""What the first screen says: a few findings, each with its figure; the rest stands below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from study.analysis.comparison import Strength
from study.analysis.section import Section

FIRST = 4  # findings of the first screen at most
BESIDE = ("frugality", "bridge")  # sections that have a word there too, beside the learners


class Finding(NamedTuple):
    """A sentence of the first screen, and the name of the figure that shows it, if one does."""

    text: str
    figure: str = ""


def first(
    answer: Sequence[str], headlines: Sequence[str], sections: Sequence[Section], picture: str
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the findings of the first screen, and the sentences of the answer left for below it.

    Parameters
    ----------
    answer
        The whole answer.
    headlines
        Those of its sentences that a reader wants first; where there are none, no learners stand
        side by side, and what the sections found is the answer.
    sections
        All sections in their order.
    picture
        Name of the figure that shows the headlines; empty if there is none.
    """
    if not headlines:
        shown = {text: _figure(section) for section in sections for text in _said(section)}
        told = tuple(Finding(text, shown.get(text, "")) for text in answer)
        return told[:FIRST], tuple(answer[FIRST:])
    known = {section.name: section for section in sections if _said(section)}
    beside = [leading(known[name]) for name in BESIDE if name in known]
    own = [Finding(text, picture) for text in headlines[: FIRST - len(beside)]]
    said = {finding.text for finding in own}
    return (*own, *beside), tuple(text for text in answer if text not in said)


def leading(section: Section) -> Finding:
    """Return the first of a section's findings that is sure, or else its first."""
    told = _said(section)
    sure = next((text for text in told if f"({Strength.SURE})" in text), told[0])
    return Finding(sure, _figure(section))


def _said(section: Section) -> tuple[str, ...]:
    return tuple(section.lead or section.findings)


def _figure(section: Section) -> str:
    return section.figures[0].name if section.figures else ""
