"""Whether a folder already holds the report that would be rendered: then nothing is drawn again.

A report follows from the request, the records, the code and its libraries, and the language. Their
fingerprint is kept beside it with the digests of the files that were made. Where one of these
differs, or a file is gone or changed, the report is rendered as if there were none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from study import plugins
from study.request import REQUEST_FILE
from study.trials.files import write_atomic
from study.trials.provenance import code_version

FILE = ".rendered.json"
REPORT = ("report.html", "report.pdf", "trials.csv", "provenance.json")
DRAWING = ("matplotlib", "seaborn", "numpy", "pandas", "typst", "jinja2", "nir", "brian2", "torch")


def fingerprint(out: Path, language: str) -> str:
    """Return a digest of what the report of a folder follows from.

    Records count by name, size and time of change: a folder that was copied is rendered again.
    """
    digest = hashlib.sha256((out / REQUEST_FILE).read_bytes())
    made_by = [code_version(), language, *(f"{name} {version(name)}" for name in DRAWING)]
    made_by += [f"{plugin.name} {plugin.digest}" for plugin in plugins.in_use()]
    digest.update("\n".join([*made_by, *_kept(out / "trials")]).encode())
    return digest.hexdigest()


def note(out: Path, state: str, notes: Sequence[str]) -> None:
    """Keep that the report of this fingerprint is here, and what it told its reader."""
    told = {"fingerprint": state, "files": _digests(out), "notes": list(notes)}
    write_atomic(out / FILE, json.dumps(told, indent=1).encode())


def notes_of(out: Path, state: str) -> list[str] | None:
    """Return what the report of this fingerprint told, if it is here and whole."""
    try:
        told = json.loads((out / FILE).read_bytes())
        same = told["fingerprint"] == state and told["files"] == _digests(out)
        return [str(text) for text in told["notes"]] if same else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None  # no such file, or not one of ours: it is made anew


def forget(out: Path) -> None:
    """Remove the fingerprint: what is rendered now follows from more than it says."""
    (out / FILE).unlink(missing_ok=True)


def _kept(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("."):
            found = path.stat()
            yield f"{path.name} {found.st_size} {found.st_mtime_ns}"


def _digests(out: Path) -> dict[str, str]:
    made = [out / name for name in REPORT] + sorted((out / "figures").iterdir())
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in made
    }
