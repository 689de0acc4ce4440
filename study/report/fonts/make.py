"""Makes the fonts of this folder from the Nanum fonts of Naver, as Debian's fonts-nanum has them.

``python -m study.report.fonts.make /usr/share/fonts/truetype/nanum``
"""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from study.report.fonts import FIGURES, TEXT, WEIGHTS, file

SOURCES = {TEXT: "NanumMyeongjo", FIGURES: "NanumGothic"}
# The syllables of KS X 1001 are the 2,350 that running text needs.
SYLLABLES = "".join(
    bytes((row, cell)).decode("euc_kr") for row in range(0xB0, 0xC9) for cell in range(0xA1, 0xFF)
)
# ASCII, Latin-1, Greek, punctuation, letters alone; both renderings have other fonts for the rest.
SIGNS = (
    *(range(0x20, 0x7F), range(0xA0, 0x100), range(0x391, 0x3CA), range(0x2010, 0x2028)),
    *(range(0x2190, 0x2194), range(0x2260, 0x2266), range(0x3000, 0x3016), range(0x3131, 0x3164)),
)


def make(source: Path, family: str, weight: str) -> None:
    """Write one file of this folder."""
    bold = "Bold" if weight == "Bold" else ""
    font = TTFont(source / f"{SOURCES[family]}{bold}.ttf", recalcTimestamp=False)
    subsetter = Subsetter(Options(hinting=False, notdef_outline=True))
    subsetter.populate(unicodes=chain(*SIGNS), text=SYLLABLES)
    subsetter.subset(font)
    _name(font, family, weight)
    font["OS/2"].usWeightClass = 700 if bold else 400
    font.save(file(family, weight))


def _name(font: TTFont, family: str, weight: str) -> None:
    """Give the font names of its own: the licence reserves those of the originals."""
    copied = font["name"].getDebugName(0)
    font["name"].names = []
    stem = file(family, weight).stem
    texts = {
        0: copied,
        1: family,
        2: weight,
        3: stem,
        4: f"{family} {weight}",
        6: stem,
        13: "This Font Software is licensed under the SIL Open Font License, Version 1.1.",
        14: "https://openfontlicense.org",
    }
    for number, text in texts.items():
        font["name"].setName(text, number, 3, 1, 0x409)


if __name__ == "__main__":
    for family in SOURCES:
        for weight in WEIGHTS:
            make(Path(sys.argv[1]), family, weight)
