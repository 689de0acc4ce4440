"""Korean letters for both renderings and for the figures, under the SIL Open Font License.

The files are subsets of Nanum, made by `study.report.fonts.make`. Its licence reserves the name
Nanum for the originals, so they have names of their own.
"""

from __future__ import annotations

import io
from base64 import b64encode
from functools import cache
from pathlib import Path
from string import printable

FOLDER = Path(__file__).parent
TEXT = "Twinspike Myeongjo"
FIGURES = "Twinspike Gothic"
WEIGHTS = ("Regular", "Bold")
FACE = """
@font-face { font-family: Report; font-weight: %d;
  src: url(data:font/woff;base64,%s) format("woff"); }"""
# Slanted syllables are hard to read, and lines end between words.
RULES = """
:root { --sans: Report, sans-serif; --serif: Report, sans-serif; }
body { word-break: keep-all; }
.question, em { font-style: normal; }
"""


def file(family: str, weight: str) -> Path:
    """Return the file of one of our families in one of `WEIGHTS`."""
    return FOLDER / f"{family.replace(' ', '')}-{weight}.ttf"


@cache
def figure_font() -> str:
    """Make the family for figures known to matplotlib and return its name.

    Examples
    --------
    ``rc_context({"font.family": ["DejaVu Sans", figure_font()]})`` sets Latin letters as before
    and Korean ones from here.
    """
    from matplotlib.font_manager import fontManager

    for weight in WEIGHTS:
        fontManager.addfont(file(FIGURES, weight))
    return FIGURES


def webfont(text: str, weight: str = "Regular") -> bytes:
    """Return the family for figures as WOFF, with the characters of ``text`` alone.

    The same text gives the same bytes. Characters that the family lacks are left out.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    # A page may be open for years: nothing of the clock in it.
    font = TTFont(file(FIGURES, weight), recalcTimestamp=False)
    subsetter = Subsetter(Options(hinting=False, notdef_outline=True))
    subsetter.populate(text=text)
    subsetter.subset(font)
    font.flavor = "woff"
    content = io.BytesIO()
    font.save(content)
    return content.getvalue()


def face(text: str) -> str:
    """Return style rules for a page: a font with the letters of ``text``, within the page."""
    used = "".join(sorted({*text, *printable}))
    fonts = {
        weight: b64encode(webfont(used, name)).decode()
        for weight, name in ((400, "Regular"), (650, "Bold"))
    }
    return "".join(FACE % (weight, font) for weight, font in fonts.items()) + RULES


@cache
def letters() -> frozenset[int]:
    """Return the code points of the family for text."""
    from fontTools.ttLib import TTFont

    with TTFont(file(TEXT, "Regular"), lazy=True) as font:
        return frozenset(font.getBestCmap())
