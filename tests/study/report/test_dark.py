"""Figures on dark paper: every colour that we give out has one there that can be seen."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from study.analysis.figures import COLOURS
from study.learning.families import FAMILIES
from study.report.dark import DARK, PAPER, SVG, darken

VISIBLE = 3.0  # WCAG 2.2's least contrast of graphical objects
READABLE = 7.0


def luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    "colour", sorted({*COLOURS, *(tone for each in FAMILIES.values() for tone in each.colours)})
)
def test_colours_of_learners_are_seen_on_dark_paper(colour: str) -> None:
    assert contrast(DARK[colour.lower()], PAPER) >= VISIBLE


def test_words_are_read_and_tones_stay_apart() -> None:
    assert min(contrast(DARK[ink], PAPER) for ink in ("#262626", "#000000", "#444444")) >= READABLE
    for members in FAMILIES.values():
        assert len({DARK[tone.lower()] for tone in members.colours}) == len(members.colours)


def drawn(cells: bool) -> ET.Element:
    drawing = Figure(figsize=(3, 2))
    ax = drawing.subplots()
    ax.plot([0, 1], [0, 1], color=COLOURS[0])
    if cells:
        ax.pcolormesh(np.arange(4).reshape(2, 2), cmap="Blues")
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="svg")
    return ET.fromstring(buffer.getvalue())


def test_a_figure_says_its_dark_colours() -> None:
    root = drawn(cells=False)
    darken(root)
    style = root[0]
    assert style.tag == f"{SVG}style"
    assert style.text is not None
    assert style.text.startswith("@media(prefers-color-scheme:dark){svg{fill:")
    assert r"[style*=stroke\:\#0072b2]{stroke:#3f9bdc!important}" in style.text
    assert rf"{{fill:{PAPER}!important}}" in style.text


def test_a_heat_map_stays_on_white_paper() -> None:
    root = drawn(cells=True)
    before = ET.tostring(root)
    darken(root)
    assert ET.tostring(root) == before
