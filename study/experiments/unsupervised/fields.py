"""Receptive fields: the input weights of neurons as images."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from study.analysis.artefacts import GAP, draw_tiles
from study.analysis.basis import basis
from study.analysis.figures import panel_grid
from study.analysis.section import Figure, figure_name
from study.learners.diehl_cook import SIDE
from study.learning.artefacts import filters
from study.trials.trial import Record

SHOWN = 100  # of one network
SHOWN_EACH = 25  # of one of several networks
TILE = SIDE + GAP  # pixels from one receptive field to the next


def of_one(record: Record) -> Figure:
    """Return the input weights of each neuron as an image, sorted by class."""
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    classes = arrays["assignments"]
    order = np.argsort(classes, kind="stable")[:: max(1, len(classes) // SHOWN)][:SHOWN]
    columns = math.ceil(math.sqrt(len(order)))
    drawing = Drawing(figsize=(6.4, 6.0), layout="constrained")
    ax = drawing.subplots()
    image = draw_tiles(ax, _fields(record)[order], columns, cmap="magma", vmin=0)
    for place, neuron in enumerate(order):
        row, column = divmod(place, columns)
        label = str(classes[neuron]) if classes[neuron] >= 0 else "–"
        ax.text(
            column * TILE + 1, row * TILE + 1, label, color="white", fontsize=6, va="top", ha="left"
        )
    drawing.colorbar(image, shrink=0.6, label="synaptic weight / leak conductance")
    return Figure(
        figure_name("unsupervised", "fields", record.trial.dataset_name),
        drawing,
        "Receptive fields: the learned input weights of each neuron, marked with the class that it "
        "was assigned and sorted by it; – marks neurons that never fired.",
        f"Grid of {len(order)} images, one a neuron, showing its input weights; most look like "
        "a blurred sample of the assigned class.",
        basis([record], f"{len(order)} of {len(classes)} neurons"),
    )


def side_by_side(records: Mapping[str, Record]) -> Figure:
    """Return receptive fields of several networks by name, with their validation accuracies."""
    drawing, grid = panel_grid(len(records), 2.6)
    for ax, (name, record) in zip(grid.flat, records.items(), strict=False):
        some = _fields(record)[:SHOWN_EACH]
        draw_tiles(ax, some, math.isqrt(SHOWN_EACH), cmap="magma", vmin=0)
        ax.set_title(f"{name}: {100 * record.metrics['validation_accuracy']:.1f} %", fontsize=8)
    return Figure(
        figure_name("unsupervised", "parts"),
        drawing,
        "What each part is for: input weights of the first neurons of the network, and of the same "
        "network learning without one of its parts, with the validation accuracy; brightness is "
        "scaled in each panel.",
        "Panels of small images of input weights, one panel for the whole network and one for each "
        "part taken away, titled with the validation accuracy.",
        basis(list(records.values()), f"{SHOWN_EACH} neurons each"),
    )


def _fields(record: Record) -> np.ndarray:
    found = filters(record.arrays)
    if found is None:
        raise KeyError("filters")
    return found.images
