"""What the settings of a learner mean, and where its presets depart from the defaults."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from study import data
from study.learners import LearnerEntry
from study.request import PROFILES
from study.settings.config import Choice, choices_of, described, settable

NAMES = re.compile(r"(\w+(?:, \w+)*)(?: : .*)?")


@dataclasses.dataclass(frozen=True)
class Meaning:
    """A setting in words."""

    name: str
    what: str
    allowed: str
    default: str
    presets: str


def of_learner(entry: LearnerEntry) -> list[Meaning]:
    """Return every setting of a learner, in the order of its configuration."""
    what: dict[str, str] = {}
    for kind in reversed(entry.kind.__mro__):  # a configuration may add to that of another
        what |= parameters(kind)
    types = settable(entry.kind)
    presets = _presets(entry)
    choices = [
        Meaning(name, choice.what, described(types[name]), "", _sets(choice))
        for name, choice in choices_of(entry.kind).items()
    ]
    return choices + [
        Meaning(
            field.name,
            what.get(field.name, ""),
            described(types[field.name]),
            _told(_default(field)),
            _departures(field.name, _default(field), presets),
        )
        for field in dataclasses.fields(entry.kind)
    ]


def parameters(kind: type) -> dict[str, str]:
    """Return what the section Parameters of a NumPy docstring says of each name.

    Examples
    --------
    >>> class Example:
    ...     '''A class.
    ...
    ...     Parameters
    ...     ----------
    ...     low, high
    ...         Bounds, in
    ...         seconds.
    ...     '''
    >>> parameters(Example)
    {'low': 'Bounds, in seconds.', 'high': 'Bounds, in seconds.'}
    """
    _, _, section = (inspect.getdoc(kind) or "").partition("Parameters\n----------\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if re.fullmatch("-+", line):  # of the next section
            break
        if (heading := NAMES.fullmatch(line)) is not None:
            names = heading[1].split(", ")
        elif line.strip():
            found |= {name: f"{found.get(name, '')} {line.strip()}".strip() for name in names}
    return found


def _sets(choice: Choice) -> str:
    """Return what each name of a choice stands for."""
    return "; ".join(
        f"{name}: " + ", ".join(f"{field}={_told(value)}" for field, value in values.items())
        for name, values in choice.sets.items()
    )


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _told(value: Any) -> str:
    """Return a value as `--set` takes it."""
    if value is dataclasses.MISSING:
        return ""
    if isinstance(value, bool | None):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _presets(entry: LearnerEntry) -> dict[tuple[str, str], Any]:
    """Return the configuration of each data set that the learner accepts and each profile."""
    return {
        (name, profile): entry.preset(profile, name)
        for name, dataset in data.known().items()
        if dataset.kind in entry.reads
        for profile in PROFILES
    }


def _departures(name: str, default: Any, presets: Mapping[tuple[str, str], Any]) -> str:
    """Return the values of a setting that are not its default, and of which data sets they are."""
    profiles: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for (dataset, profile), config in presets.items():
        if (value := getattr(config, name)) != default:
            profiles[_told(value)][dataset].append(profile)
    return "; ".join(
        f"{value}: " + ", ".join(_dataset(name, used) for name, used in datasets.items())
        for value, datasets in profiles.items()
    )


def _dataset(name: str, profiles: list[str]) -> str:
    return name if len(profiles) == len(PROFILES) else f"{name} ({', '.join(profiles)})"
