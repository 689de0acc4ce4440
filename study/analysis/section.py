"""What an experiment hands to the report: plain data, no markup."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure


@dataclass(frozen=True)
class Figure:
    """A picture with what a reader needs to trust it.

    Parameters
    ----------
    name
        Stem of the file, unique in the report.
    drawing
        The matplotlib figure.
    caption
        What is shown and what to see in it.
    alt
        The same for somebody who cannot see it.
    basis
        Number of samples, seeds, kind of interval, configuration hashes; from
        `study.analysis.basis.basis`.
    """

    name: str
    drawing: MplFigure
    caption: str
    alt: str
    basis: str


LONGEST = 60  # characters of a part of a name


def figure_name(*parts: str) -> str:
    """Return a name for a figure that is a file name too, whatever a user called the data.

    Parts that lose characters get a few digits of their checksum, so that names stay distinct.
    """
    return "-".join(_plain(part) for part in parts)


def _plain(part: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", part)[:LONGEST]
    return (
        plain
        if plain == part
        else f"{plain}_{hashlib.sha256(part.encode(errors='surrogatepass')).hexdigest()[:6]}"
    )


@dataclass(frozen=True)
class Table:
    """A table of ready-made cells; numbers are formatted by the experiment."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    basis: str = ""


@dataclass(frozen=True)
class Widget:
    """An interactive picture of the page; on paper and without scripts it is left out.

    Parameters
    ----------
    kind
        Which: ``"lif"``, a neuron whose current can be turned up, or ``"stdp"``, a window whose
        time constants can be moved.
    parameters
        Where it starts, in SI units, from the model that the section is about.
    """

    kind: str
    parameters: Mapping[str, float]


@dataclass(frozen=True)
class Section:
    """One experiment in the report.

    ``equations`` are Typst math strings. ``findings`` say what the data show, ``caveats`` what
    they do not, ``deviations`` where the model departs from its source; their numbers are taken
    from the records, never typed. ``references`` are keys of `study.analysis.references`,
    ``widget`` names an interactive picture for the page, and ``command`` makes the section again.
    ``lead`` opens a report of sections alone; where it is empty the first finding does.
    """

    name: str
    title: str
    question: str
    method: str
    _: KW_ONLY
    equations: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    findings: tuple[str, ...] = ()
    lead: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    widget: Widget | None = None
    command: str = ""
