"""Plug-ins: learners, data sets, experiments and procedures of one's own, from outside the project.

A plug-in is a Python module that defines one or more of

- ``LEARNERS: dict[str, study.learners.LearnerEntry]``,
- ``DATASETS: dict[str, study.data.DatasetEntry]``,
- ``EXPERIMENTS: dict[str, Experiment]``, modules or objects as `study.experiments` describes them,
- ``PROCEDURES: dict[str, study.trials.addresses.Procedure]``.

It is a file that the command line names, ``--plugin FILE.py``, or a module of an installed package
that an entry point of the group ``twinspike.plugins`` names. What it offers is known beside what
the project has, under names that are not taken.

The text of a file travels with each trial. A worker on whatever host runs it once, as the module
``twinspike_plugins.STEM``, so that trials meet the code that there was when the command began. An
installed module is imported there instead.

Code comes from the command line and from what is installed, never from a folder of results.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import linecache
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from study.errors import UserError

Entry = TypeVar("Entry")

GROUP = "twinspike.plugins"
PACKAGE = "twinspike_plugins"
REGISTRIES = ("LEARNERS", "DATASETS", "EXPERIMENTS", "PROCEDURES")
_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class Plugin:
    """A plug-in as it was when the command began.

    Parameters
    ----------
    name
        The file's without ``.py``, or that of the entry point.
    path
        The file as it was named; of an installed plug-in its module.
    source
        The file's text; None of an installed plug-in, which is imported.

    Examples
    --------
    >>> Plugin("mylab", "mylab.py", "LEARNERS = {}").module
    'twinspike_plugins.mylab'
    """

    name: str
    path: str
    source: str | None

    @property
    def module(self) -> str:
        """Full name of the module that it is."""
        return self.path if self.source is None else f"{PACKAGE}.{self.name}"

    @property
    def digest(self) -> str:
        """The first 16 hex digits of the SHA-256 of its code."""
        if self.source is None:
            return _digest_of_package(self.path.partition(".")[0])
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]


def read(path: Path) -> Plugin:
    """Return the plug-in in a file; nothing is run yet.

    Raises
    ------
    UserError
        If it cannot be read, or its name is no name for a module.
    """
    if path.suffix != ".py" or not re.fullmatch(r"[\w-]+", path.stem):
        raise UserError(
            f"--plugin {path}: a plug-in is a Python file, named by letters, digits, _ and -, as "
            "in --plugin mylab.py"
        )
    try:
        return Plugin(path.stem, str(path), path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UserError(f"cannot read plug-in {path}: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        raise UserError(f"plug-in {path} is no text in UTF-8: {problem}") from None


def installed() -> list[Plugin]:
    """Return the plug-ins of installed packages, by their entry points."""
    found = importlib.metadata.entry_points(group=GROUP)
    return [Plugin(entry.name, entry.value, None) for entry in sorted(found)]


_known: dict[str, tuple[Plugin, ModuleType]] = {}
_executed: dict[tuple[str, str], ModuleType] = {}


@contextmanager
def using(plugins: Iterable[Plugin]) -> Iterator[None]:
    """Make these plug-ins, and no others, known meanwhile.

    Raises
    ------
    UserError
        If one cannot be run or offers nothing, or two have the same name.
    """
    before = dict(_known)
    try:
        _forget()
        for plugin in plugins:
            if plugin.name in _known:
                other = _known[plugin.name][0]
                raise UserError(
                    f"two plug-ins are called {plugin.name!r}: {other.path} and {plugin.path}; "
                    "rename one of them"
                )
            _known[plugin.name] = plugin, _loaded(plugin)
        yield
    finally:
        _forget()
        for plugin, module in before.values():
            sys.modules[plugin.module] = module
        _known.update(before)


def _forget() -> None:
    for plugin, _ in _known.values():
        if plugin.source is not None:
            sys.modules.pop(plugin.module, None)
    _known.clear()


def in_use() -> tuple[Plugin, ...]:
    """Return the plug-ins that are known now."""
    return tuple(plugin for plugin, _ in _known.values())


def _loaded(plugin: Plugin) -> ModuleType:
    key = plugin.module, plugin.digest
    if key not in _executed:
        _executed[key] = _imported(plugin) if plugin.source is None else _run(plugin, plugin.source)
    sys.modules[plugin.module] = module = _executed[key]
    if not any(hasattr(module, registry) for registry in REGISTRIES):
        raise UserError(
            f"plug-in {plugin.path} offers nothing.\nAllowed: one or more of "
            f"{', '.join(REGISTRIES)}, each a dict by name"
        )
    return module


def _run(plugin: Plugin, source: str) -> ModuleType:
    module = ModuleType(plugin.module)
    module.__file__ = plugin.path
    parent = sys.modules.setdefault(PACKAGE, ModuleType(PACKAGE))
    parent.__path__ = []
    sys.modules[plugin.module] = module  # dataclasses look there while it runs
    # Tracebacks show its lines, on hosts that have no such file and when it was edited since.
    linecache.cache[plugin.path] = len(source), None, source.splitlines(True), plugin.path
    try:
        exec(compile(source, plugin.path, "exec"), module.__dict__)
    except (Exception, SystemExit) as problem:
        del sys.modules[plugin.module]
        raise _mistake(plugin, problem) from problem
    return module


def _imported(plugin: Plugin) -> ModuleType:
    try:
        return importlib.import_module(plugin.path)
    except (Exception, SystemExit) as problem:
        raise _mistake(plugin, problem) from problem


def mistake(problem: BaseException) -> UserError | None:
    """Return what went wrong in a plug-in, with file and line; None if it was not in one."""
    files = {frame.filename for frame in traceback.extract_tb(problem.__traceback__)}
    for plugin, module in _known.values():
        if getattr(module, "__file__", None) in files:
            return _mistake(plugin, problem)
    return None


def _mistake(plugin: Plugin, problem: BaseException) -> UserError:
    remedy = "Mend it and run the same command again."
    if isinstance(problem, ImportError):
        remedy = (
            "Install what it imports, on every host that runs trials. A plug-in given by --plugin "
            "is one file: others beside it are not found."
        )
    place, told = _place(plugin, problem), str(problem)
    if isinstance(problem, SyntaxError):
        told = problem.msg
    return UserError(f"plug-in {place}: {type(problem).__name__}: {told}\n{remedy}")


def _place(plugin: Plugin, problem: BaseException) -> str:
    """Return the file and the line nearest to the mistake, in the plug-in where that is known."""
    if isinstance(problem, SyntaxError) and problem.filename:
        return f"{problem.filename}, line {problem.lineno}"
    frames = traceback.extract_tb(problem.__traceback__)
    module = sys.modules.get(plugin.module)
    own = {plugin.path, getattr(module, "__file__", None)}
    lines = [frame.lineno for frame in frames if frame.filename in own]
    return f"{plugin.path}, line {lines[-1]}" if lines else plugin.path


def joined(registry: str, own: Mapping[str, Entry], kind: Any, form: str) -> dict[str, Entry]:
    """Return the project's entries of a registry and those of plug-ins.

    Parameters
    ----------
    registry
        One of `REGISTRIES`.
    own
        The project's, by name.
    kind
        What entries are instances of.
    form
        The same in words.

    Raises
    ------
    UserError
        If a plug-in's registry has another form, or a name that is taken.
    """
    found, owners = dict(own), dict.fromkeys(own, "TwinSpike")
    for plugin, module in _known.values():
        for name, entry in _entries(plugin, module, registry).items():
            if not (isinstance(name, str) and _NAME.fullmatch(name)):
                raise _refused(plugin, registry, f"{name!r} is no name (letters, digits, . _ -)")
            if not isinstance(entry, kind):
                told = f"{name!r} must be {form}, not {type(entry).__name__}"
                raise _refused(plugin, registry, told)
            if name in found:
                told = f"{name!r} is a name that {owners[name]} has already; choose another"
                raise _refused(plugin, registry, told)
            found[name], owners[name] = entry, plugin.path
    return found


def _entries(plugin: Plugin, module: ModuleType, registry: str) -> Mapping[str, Any]:
    entries = getattr(module, registry, {})
    if not isinstance(entries, Mapping):
        raise _refused(plugin, registry, f"must be a dict by name, not {type(entries).__name__}")
    return entries


def _refused(plugin: Plugin, registry: str, told: str) -> UserError:
    lines = (plugin.source or "").splitlines()
    numbers = [n for n, line in enumerate(lines, 1) if re.match(rf"{registry}\b", line)]
    place = f"{plugin.path}, line {numbers[-1]}" if numbers else plugin.path
    return UserError(f"plug-in {place}: {registry}: {told}")


def owner(registry: str, name: str) -> Plugin | None:
    """Return the plug-in that an entry is from; None of the project's own."""
    for plugin, module in _known.values():
        if name in getattr(module, registry, ()):
            return plugin
    return None


def used_by(learner: str, dataset: str, procedure: str) -> dict[str, str]:
    """Return the plug-ins that a trial rests on and their digests, by name."""
    asked = {"LEARNERS": learner, "DATASETS": dataset, "PROCEDURES": procedure}
    owners = [owner(registry, name) for registry, name in asked.items()]
    code = procedure.partition(":")[0]
    owners += [plugin for plugin in in_use() if plugin.module == code]
    return {plugin.name: plugin.digest for plugin in owners if plugin is not None}


def given(words: Sequence[str]) -> list[Plugin]:
    """Return the installed plug-ins and those that a command line names by ``--plugin``."""
    import argparse

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--plugin", action="append", default=[], type=Path)
    try:
        paths = parser.parse_known_args(list(words))[0].plugin
    except argparse.ArgumentError:  # --plugin without a file; the command's parser tells it
        paths = []
    return [*installed(), *map(read, dict.fromkeys(paths))]


@functools.cache
def _digest_of_package(name: str) -> str:
    """Return the digest of all code of an installed package or module."""
    digest = hashlib.sha256()
    spec = importlib.util.find_spec(name)
    folders = list(spec.submodule_search_locations or []) if spec else []
    files = sorted(file for folder in folders for file in Path(folder).rglob("*.py"))
    if not folders and spec and spec.origin:
        files = [Path(spec.origin)]
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
