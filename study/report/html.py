"""The context as one HTML page without outside references."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from study.report.equations import mathml

TEMPLATES = Path(__file__).parent / "templates"


def page(context: Mapping[str, Any], drawings: Mapping[str, bytes]) -> str:
    """Return the page.

    Everything in ``context`` is text and escaped. Only our own style sheet and script and the
    MathML that Typst made are markup; the content policy allows this one script, by its hash,
    and nothing from outside.

    Parameters
    ----------
    context
        From `study.report.context.context`.
    drawings
        SVG by name of the figure. Embedded as images: their ids cannot clash and their scripts
        cannot run.
    """
    sources = [source for section in context["sections"] for source in section["equations"]]
    style, formulas = mathml(sources)
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        **context,
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8") + style),
        script=Markup(script),
        script_hash=_base64(sha256(script.encode()).digest()),
        formulas={source: Markup(formula) for source, formula in formulas.items()},
        images={
            name: f"data:image/svg+xml;base64,{_base64(svg)}" for name, svg in drawings.items()
        },
    )


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
