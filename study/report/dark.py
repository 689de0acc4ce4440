"""Figures on dark paper: what each colour becomes there, said by the picture itself.

A picture of the page learns from the page whether it is dark (``prefers-color-scheme`` in an SVG
image is the colour scheme of the page that shows it), so that one picture serves both, without
JavaScript. A figure with other colours than these, a heat map's, stays on white paper: what is
written in its cells was chosen for their colours.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"
PAPER = "#1d2126"

DARK = {
    "#ffffff": PAPER,
    "#000000": "#e8ecf0", "#262626": "#d5dae0", "#333333": "#cdd3d9", "#444444": "#c3c9d0",
    "#4c4c4c": "#bcc3ca", "#4d4d4d": "#bcc3ca", "#666666": "#aab2bb", "#7f7f7f": "#9aa3ad",
    "#808080": "#9aa3ad", "#888888": "#98a1ab", "#999999": "#929ba5", "#b2b2b2": "#7d8690",
    "#b3b3b3": "#7d8690", "#bbbbbb": "#78818b", "#bfbfbf": "#747d87", "#cccccc": "#4c545e",
    "#d9d9d9": "#454d57", "#e6e6e6": "#3a424c", "#f2f2f2": "#262b31",
    "#0072b2": "#3f9bdc", "#56b4e9": "#8ccdf2", "#003e66": "#5f86b8", "#8fa9c4": "#b3c4d6",
    "#d55e00": "#f07f32", "#f0a070": "#f5b893", "#7a3500": "#c97a48", "#c48b6a": "#d9ab91",
    "#009e73": "#1fb98b", "#7bcbb3": "#9bdcc8", "#00573f": "#3f9c80", "#5e8f7f": "#8fb8aa",
    "#35c79a": "#58d8b0", "#2e7d5b": "#55a883", "#003325": "#4a8672", "#86b3a5": "#a9cdc1",
    "#cc79a7": "#dc93bb", "#e5b5cf": "#efcadd", "#7d3f61": "#b9729a", "#a88497": "#c4a5b5",
    "#e69f00": "#f0b030", "#f0e442": "#f0e442",
}  # fmt: skip
"""By the colour on light paper; neutrals turn round, hues become lighter."""

_COLOUR = re.compile(r"(fill|stroke):\s*(#[0-9a-f]{6})")


def darken(root: ET.Element) -> None:
    r"""Let a drawing, an SVG's root, say what its colours are on dark paper, if it can.

    Examples
    --------
    >>> root = ET.Element("svg")
    >>> _ = ET.SubElement(root, "path", style="fill:#ffffff")
    >>> darken(root)
    >>> print(root[0].text)
    @media(prefers-color-scheme:dark){svg{fill:#e8ecf0}[style*=fill\:\#ffffff]{fill:#1d2126!important}}
    """
    found = {pair for element in root.iter() for pair in _COLOUR.findall(element.get("style", ""))}
    if not found or not {colour for _, colour in found} <= DARK.keys():
        return
    rules = (
        rf"[style*={part}\:\{colour}]{{{part}:{DARK[colour]}!important}}"
        for part, colour in sorted(found)
    )
    style = ET.Element(f"{SVG}style")
    unsaid = f"svg{{fill:{DARK['#000000']}}}"  # what says no colour is black
    style.text = f"@media(prefers-color-scheme:dark){{{unsaid}{''.join(rules)}}}"
    root.insert(0, style)
