"""Draws figures to files: half of them in a process beside this one, where there is a second core.

Drawing is most of the time that a report takes. What the other process cannot draw, such as a
figure that holds objects of a plug-in, is drawn here.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.analysis.section import Figure
from study.report.figure_texts import as_data
from study.report.legible import faults
from study.trials.files import write_atomic
from study.trials.watch import search_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

PNG_DPI = 144
WORTH_A_PROCESS = 8  # figures; for fewer, starting Python takes longer than drawing them
CODE = "import sys; from study.report.drawing import beside; beside(*sys.argv[1:])"


def write_all(figures: Sequence[Figure], folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """Write each figure as ``NAME.png`` and ``NAME.svg``; return SVGs by name, and `faults`.

    The same figures give the same bytes, whoever draws them.
    """
    drawings = {figure.name: figure.drawing for figure in figures}
    told: dict[str, list[str]] = {}
    with _drawn_beside(drawings, folder) as theirs:
        for name, drawing in drawings.items():
            if name not in theirs.names:
                told[name] = write(name, drawing, folder)
    told |= theirs.told
    for name in drawings:
        if name not in told:
            told[name] = write(name, drawings[name], folder)
    svgs = {name: (folder / f"{name}.svg").read_bytes() for name in drawings}
    return svgs, [f"figure {name}: {each}" for name in drawings for each in told[name]]


def write(name: str, drawing: Drawing, folder: Path) -> list[str]:
    """Write a figure as PNG and SVG; return its `faults`."""
    from matplotlib import rc_context

    as_data(drawing)
    png, svg = io.BytesIO(), io.BytesIO()
    # Text as outlines, as no viewer can be trusted to have the font; fixed ids and no date, so
    # that the same figure gives the same bytes.
    own: Any = {"svg.fonttype": "path", "svg.hashsalt": "report"}
    with rc_context(own), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands for it
        drawing.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
        drawing.set_layout_engine("none")  # it is laid out now, and that takes long
        drawing.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        found = faults(drawing)
    write_atomic(folder / f"{name}.png", png.getvalue())
    write_atomic(folder / f"{name}.svg", svg.getvalue())
    return found


@dataclass
class _Theirs:
    """What another process draws: names of figures and, once it has ended, their faults."""

    names: Sequence[str] = ()
    told: dict[str, list[str]] = field(default_factory=dict)


@contextmanager
def _drawn_beside(drawings: dict[str, Drawing], folder: Path) -> Iterator[_Theirs]:
    """Let another process draw about half of the figures meanwhile."""
    if len(drawings) < WORTH_A_PROCESS or (os.cpu_count() or 1) < 2:
        yield _Theirs()
        return
    kept = _pickled(drawings, _half(drawings))
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "drawings.pickle"
        path.write_bytes(pickle.dumps(kept))
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", CODE, str(path), str(folder)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(search_path())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        theirs = _Theirs(list(kept))
        try:
            yield theirs
            lines = process.communicate()[0].decode().splitlines()
            theirs.told.update(json.loads(line) for line in lines)
        finally:
            process.kill()
            process.wait()


def _half(drawings: dict[str, Drawing]) -> list[str]:
    """Return names of about half of the work, which goes with the number of axes."""
    mine = theirs = 0
    names = []
    for name in sorted(drawings, key=lambda name: -len(drawings[name].axes)):
        size = 2 + len(drawings[name].axes)
        if theirs <= mine:
            names.append(name)
            theirs += size
        else:
            mine += size
    return names


def _pickled(drawings: dict[str, Drawing], names: Sequence[str]) -> dict[str, bytes]:
    found = {}
    for name in names:
        with suppress(pickle.PicklingError, AttributeError, TypeError):
            found[name] = pickle.dumps(drawings[name])
    return found


def beside(path: str, folder: str) -> None:
    """Draw the figures in a file that `write_all` wrote; what cannot be drawn is left to it.

    A line for each that is drawn goes to standard output: its name and its faults, as JSON.
    """
    from study.analysis.figures import house_style
    from study.report.fonts import figure_font

    figure_font()
    with house_style():
        for name, pickled in pickle.loads(Path(path).read_bytes()).items():
            with suppress(Exception):  # it is told where it is drawn again
                told = write(name, pickle.loads(pickled), Path(folder))
                print(json.dumps([name, told]))  # noqa: T201
