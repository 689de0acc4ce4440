"""The context as one HTML page without outside references."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from study.analysis import measures
from study.analysis.measures import PAGE
from study.report import fonts
from study.report.equations import mathml
from study.report.language import ENGLISH
from study.report.svg import picture

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = (("contents.js",), ("tables.js",), ("viewer.js",))
WIDGETS = ("widget_plot.js", "widget_lif.js", "widget_stdp.js")
LISTED = 1000  # trials at most that the page lists
NO_BREAK = "\u00a0"
CURVE_WIDTH, CURVE_HEIGHT = 300, 90


def page(context: Mapping[str, Any], drawings: Mapping[str, bytes]) -> str:
    """Return the page.

    Everything in ``context`` is text and escaped. Only our own style sheet and scripts and the
    MathML that Typst made are markup; the content policy allows these scripts, by their hashes,
    and nothing from outside.

    Parameters
    ----------
    context
        From `study.report.context.context`, maybe by way of `study.report.language`, whose
        ``translate`` then translates the fixed words of the page.
    drawings
        SVG by name of the figure. Embedded as images: their ids cannot clash and their scripts
        cannot run.
    """
    sections = [context["comparison"], *context["sections"]]
    present = [section for section in sections if section]
    style, formulas = mathml([source for section in present for source in section["equations"]])
    scripts = _scripts(any(section["widget"] for section in present))
    shown = _failed_first(context["details"], lambda detail: detail["status"])
    return (
        _environment(context.get("translate", str))
        .get_template("report.html.j2")
        .render(
            **{**context, "trials": _listed(context["trials"])},
            n_trials=len(context["trials"]["rows"]),
            shown_failures=context["failures"][:LISTED],
            experiments=_by_experiment(shown),
            inspectable={detail["trial_id"] for detail in shown},
            curves=_curves,
            context_basis=context["basis"],
            style=Markup(
                (TEMPLATES / "report.css").read_text(encoding="utf-8") + style + _face(context)
            ),
            scripts=[Markup(script) for script in scripts],
            script_hashes=[_checksum(script) for script in scripts],
            formulas={source: Markup(formula) for source, formula in formulas.items()},
            images={name: picture(svg) for name, svg in drawings.items()},
        )
    )


def _face(context: Mapping[str, Any]) -> str:
    """Return the font for a language whose letters not every system has; English needs none."""
    if context["language"] == ENGLISH:
        return ""
    return fonts.face(json.dumps(context, ensure_ascii=False, default=str))


def _environment(translate: Callable[[str], str]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tr"] = translate
    environment.filters["glued"] = _glued
    return environment


def _glued(text: str) -> str:
    """Return the text with numbers that no line end parts from their interval and unit."""
    return text.replace(" ± ", f"{NO_BREAK}±{NO_BREAK}").replace(" %", f"{NO_BREAK}%")


def _scripts(with_widgets: bool) -> list[str]:
    """Return the scripts, each with its names to itself, so that one cannot break another."""
    files = (*SCRIPTS, WIDGETS) if with_widgets else SCRIPTS
    return [
        '"use strict";\n{\n'
        + "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names)
        + "}\n"
        for names in files
    ]


def _checksum(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()


def _failed_first(items: Sequence[Any], status: Callable[[Any], str]) -> list[Any]:
    """Return all items in their order if the page has room, else those that are not done first."""
    if len(items) <= LISTED:
        return list(items)
    return sorted(items, key=lambda item: status(item) == "done")[:LISTED]


def _listed(trials: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of trials with the rows and columns that the page has room for."""
    names, shown = [column["name"] for column in trials["columns"]], measures.names(PAGE)
    kept = [names.index(name) for name in shown if name in names]
    kept = kept or list(range(len(names)))[: len(shown)]
    status = names.index("status") if "status" in names else 0
    rows = _failed_first(trials["rows"], lambda row: row[status])
    # A column without a single value only widens the table.
    kept = [index for index in kept if any(row[index] not in {"", "–"} for row in rows)]
    return {
        "columns": [trials["columns"][index] for index in kept],
        "rows": [[row[index] for index in kept] for row in rows],
    }


def _by_experiment(details: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for detail in details:
        groups.setdefault(detail["experiment"], []).append(detail)
    return groups


def _curves(detail: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the learning curves of a trial as points to be drawn; None if it has none."""
    series = {
        name: [(epoch, float(value)) for epoch, value in enumerate(values, start=1) if value]
        for name, values in detail["curves"].items()
    }
    values = [value for points in series.values() for _, value in points]
    if not values:
        return None
    low, high = min(values), max(values)
    last = max(epoch for points in series.values() for epoch, _ in points)

    def place(epoch: int, value: float) -> str:
        x = CURVE_WIDTH * (epoch - 1) / max(last - 1, 1)
        y = CURVE_HEIGHT * (high - value) / ((high - low) or 1)
        return f"{x:.1f},{y:.1f}"

    return {
        "low": f"{low:.4g}",
        "high": f"{high:.4g}",
        "epochs": last,
        "lines": [
            {
                "name": name,
                "first": f"{points[0][1]:.4g}",
                "last": f"{points[-1][1]:.4g}",
                "points": " ".join(place(*point) for point in points),
            }
            for name, points in series.items()
            if points
        ],
    }
