"""Where the program stands: how it was called, how to add to it, whose packages it meets."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

from study.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("biosim", "gradsim", "study")
DISTRIBUTION = "twinspike"


def program() -> str:
    """Return how the program was called, as words that call it again."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py" and called.parent == ROOT / "study":
        return "python -m study"
    return called.stem if called.stem == DISTRIBUTION else "python -m study.run"


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, where the project is a checkout or a wheel.

    Examples
    --------
    >>> "[cluster]'" in how_to_install("cluster")
    True
    """
    if not (ROOT / "pyproject.toml").is_file():
        return f"pip install '{DISTRIBUTION}[{extra}]'"
    return f"pip install -e '{'.' if Path.cwd() == ROOT else ROOT}[{extra}]'"


def require_own_packages() -> None:
    """Refuse to go on where another package bears the name of one of the project's.

    It may come first on the search path, lie in the working directory, or have been installed
    into the same folder, over the project's own.

    Raises
    ------
    UserError
        With the place of the other one and how to mend it.
    """
    for name in PACKAGES:
        if (found := _place(name)) != ROOT / name / "__init__.py":
            raise _in_the_way(name, found)
    for name in _overwritten():
        raise UserError(
            f"{ROOT / name / '__init__.py'} is not TwinSpike's: another distribution called "
            f"{name} was installed over it.\nMend it: pip uninstall {name}; pip install "
            f"--force-reinstall --no-deps {DISTRIBUTION}"
        )


def _place(name: str) -> Path | None:
    """Return the file that importing a package would run, or its folder if it has none."""
    spec = importlib.util.find_spec(name)
    places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    return next((Path(place).resolve() for place in places if place), None)


def _in_the_way(name: str, found: Path | None) -> UserError:
    if found in (None, ROOT / name):  # nothing, or the folder without its __init__.py
        return UserError(
            f"TwinSpike's package {name} is not whole in {ROOT}, perhaps since another one of this "
            f"name was uninstalled.\nMend it: pip install --force-reinstall --no-deps "
            f"{DISTRIBUTION}"
        )
    return UserError(
        f"another package called {name}, at {found}, stands in the way of TwinSpike's in {ROOT}.\n"
        "Rename it, or call the command twinspike, or python -P, which do not look in the working "
        "directory."
    )


def _overwritten() -> list[str]:
    """Return the packages whose first file is not the one that pip installed here."""
    try:
        installed = importlib.metadata.distribution(DISTRIBUTION).files or []
    except importlib.metadata.PackageNotFoundError:
        return []
    first = {f"{name}/__init__.py": name for name in PACKAGES}
    changed = []
    for file in installed:
        name, path = first.get(file.as_posix()), Path(str(file.locate()))
        if name and file.hash and path.resolve() == ROOT / file.as_posix() and path.is_file():
            digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
            if urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
                changed.append(name)
    return changed
