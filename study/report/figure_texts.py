"""Texts of users in figures: data, which stand as they were given and end no report.

Names between dollar signs are no mathematics, what cannot be printed is shown by a mark, and
letters that the usual font lacks are set in ours, where it has them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from study.report.context import UNPRINTABLE
from study.report.fonts import figure_font

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

OWN_MATHS = re.compile(r"\$([a-z]|t_\\mathrm\{post\} - t_\\mathrm\{pre\}|\\mathdefault\{[^$]*\})\$")
"""The mathematics of this project's figures, and of the numbers on their axes."""
FIRST_HANGUL = "\u1100"  # DejaVu Sans has the alphabets before it


def as_data(drawing: Drawing) -> None:
    """Let texts of users stand for themselves: no mathematics, no control characters, our letters.

    A name between dollar signs would be read as mathematics, and end the report where it is none.
    """
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    named = (FixedFormatter, FuncFormatter, StrCategoryFormatter)
    for axis in (axis for ax in drawing.get_axes() for axis in (ax.xaxis, ax.yaxis)):
        if isinstance(axis.get_major_formatter(), named):
            names = [tick.get_text() for tick in axis.get_ticklabels()]
            if any(map(UNPRINTABLE.search, names)):
                axis.set_ticks(axis.get_ticklocs(), [_printable(name) for name in names])
    for artist in drawing.findobj(Text):
        assert isinstance(artist, Text)
        text = _printable(artist.get_text())
        if text != artist.get_text():
            artist.set_text(text)
        if "$" in OWN_MATHS.sub("", text):
            artist.set_parse_math(False)
        if max(text, default="") >= FIRST_HANGUL:
            artist.set_fontfamily(["DejaVu Sans", figure_font()])


def _printable(text: str) -> str:
    return UNPRINTABLE.sub("\ufffd", text)
