"""The context as PDF."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typst

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
TRIAL_COLUMNS = (
    "trial",
    "experiment",
    "learner",
    "dataset",
    "seed",
    "status",
    "test_accuracy",
    "spikes_per_sample",
    "synops_per_sample",
    "train_seconds",
)


def document(context: Mapping[str, Any], folder: Path, created: datetime) -> bytes:
    """Return the PDF.

    The context travels as JSON: no text in it is ever Typst source, except the equations.

    Parameters
    ----------
    context
        From `study.report.context.context`.
    folder
        Holds ``figures/NAME.svg``; nothing above it can be read.
    created
        Time stamp of the document.

    Raises
    ------
    typst.TypstError
        If the document cannot be set, as with a mistake in an equation.
    """
    # The stub of typst wants root and input to have one type.
    return typst.compile(  # type: ignore[call-overload]
        TEMPLATE.read_bytes(),
        root=folder,
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"report": inputs(context)},
        timestamp=created,
    )


def inputs(context: Mapping[str, Any]) -> str:
    """Return the context as the JSON that the template reads."""
    return json.dumps({**context, "trials": _main_columns(context["trials"])})


def _main_columns(trials: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trial table with the columns that fit on paper."""
    names = [column["name"] for column in trials["columns"]]
    kept = [names.index(name) for name in TRIAL_COLUMNS if name in names]
    kept = kept or list(range(len(names)))[: len(TRIAL_COLUMNS)]
    return {
        "columns": [trials["columns"][index] for index in kept],
        "rows": [[row[index] for index in kept] for row in trials["rows"]],
    }
