"""Draws figures to files: half of them in a process beside this one, where there is a second core.

Drawing is most of the time that a report takes. What the other process cannot draw, such as a
figure that holds objects of a plug-in, is drawn here.
"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from study.analysis.section import Figure
from study.trials.files import write_atomic
from study.trials.watch import search_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

PNG_DPI = 144
WORTH_A_PROCESS = 8  # figures; for fewer, starting Python takes longer than drawing them
CODE = "import sys; from study.report.drawing import beside; beside(*sys.argv[1:])"


def write_all(figures: Sequence[Figure], folder: Path) -> dict[str, bytes]:
    """Write each figure as ``NAME.png`` and ``NAME.svg``; return the SVGs by name.

    The same figures give the same bytes, whoever draws them.
    """
    drawings = {figure.name: figure.drawing for figure in figures}
    with _drawn_beside(drawings, folder) as theirs:
        found = {
            name: write(name, drawing, folder)
            for name, drawing in drawings.items()
            if name not in theirs
        }
    for name in theirs:
        path = folder / f"{name}.svg"
        found[name] = path.read_bytes() if path.exists() else write(name, drawings[name], folder)
    return {name: found[name] for name in drawings}


def write(name: str, drawing: Drawing, folder: Path) -> bytes:
    """Write a figure as PNG and SVG; return the SVG."""
    from matplotlib import rc_context

    png, svg = io.BytesIO(), io.BytesIO()
    # Text as outlines, as no viewer can be trusted to have the font; fixed ids and no date, so
    # that the same figure gives the same bytes.
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "report"}):
        drawing.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
        drawing.set_layout_engine("none")  # it is laid out now, and that takes long
        drawing.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    write_atomic(folder / f"{name}.png", png.getvalue())
    write_atomic(folder / f"{name}.svg", svg.getvalue())
    return svg.getvalue()


@contextmanager
def _drawn_beside(drawings: dict[str, Drawing], folder: Path) -> Iterator[list[str]]:
    """Let another process draw about half of the figures meanwhile; yield their names."""
    if len(drawings) < WORTH_A_PROCESS or (os.cpu_count() or 1) < 2:
        yield []
        return
    kept = _pickled(drawings, _half(drawings))
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "drawings.pickle"
        path.write_bytes(pickle.dumps(kept))
        for name in kept:
            (folder / f"{name}.svg").unlink(missing_ok=True)  # what is there then is theirs
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", CODE, str(path), str(folder)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(search_path())},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield list(kept)
            process.wait()
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
    """Draw the figures in a file that `write_all` wrote; what cannot be drawn is left to it."""
    from study.analysis.figures import house_style
    from study.report.fonts import figure_font

    figure_font()
    with house_style():
        for name, pickled in pickle.loads(Path(path).read_bytes()).items():
            with suppress(Exception):  # it is told where it is drawn again
                write(name, pickle.loads(pickled), Path(folder))
