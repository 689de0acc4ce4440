"""Typst math as MathML, for the HTML rendering."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

import typst

# Typst's HTML export of whole documents is incomplete; that of equations is not.
SHEET = b"""#for source in json(bytes(sys.inputs.equations)) {
  html.elem("div", math.equation(block: true, eval(source, mode: "math")))
}"""


class MathML(NamedTuple):
    """The style sheet that the formulas need, and one ``<math>`` element for each source."""

    style: str
    formulas: dict[str, str]


def mathml(sources: Sequence[str]) -> MathML:
    """Return MathML for Typst math strings, all set in one run.

    A source that Typst refuses leaves the formulas empty, so that the page shows the sources;
    the PDF then ends in Typst's message.
    """
    inputs = {"equations": json.dumps(list(sources))}
    try:
        page, _ = typst.compile_with_warnings(
            SHEET, format="html", sys_inputs=inputs, ignore_system_fonts=True
        )
    except typst.TypstError:
        return MathML("", {})
    text = page.decode()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    formulas = re.findall(r"<math\b.*?</math>", text, re.DOTALL)
    if len(formulas) != len(sources):
        return MathML("", {})
    return MathML(style[1] if style else "", dict(zip(sources, formulas, strict=True)))
