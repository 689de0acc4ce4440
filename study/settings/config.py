"""Configurations: frozen dataclasses, how they enter trials, and settings applied to them.

A configuration has only the fields that its system uses, so a setting that nothing uses is an
error and never dropped in silence.

A configuration is part of the identity of its trials, and it may grow all the same: a field that
`added` declares stays out of the identity as long as its value is what held before the field was
there, so that records from that time remain those of today's trials.

Whatever text is given for a setting, on the command line or in a grid file, ends as a value of the
field's type that the configuration accepts, or as a `UserError`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from study.errors import UserError, unknown
from study.settings import design as designs

Config = TypeVar("Config")
Value = TypeVar("Value")

SHOWN = 200  # characters of a value in a message
_BEFORE = "before"  # key of a field's metadata


def added(before: Value, default: Value | None = None) -> Value:
    """Return a field that joins a configuration of which trials were already run.

    Parameters
    ----------
    before
        The value that does what was done when there was no such field. It never changes.
    default
        Today's default, where it is another one.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Network:
    ...     hidden: int = 100
    ...     delay_steps: int = added(before=0)
    >>> settings_of(Network()), settings_of(Network(delay_steps=2))
    ({'hidden': 100}, {'hidden': 100, 'delay_steps': 2})
    >>> configured(Network, {"hidden": 50})
    Network(hidden=50, delay_steps=0)
    """
    return dataclasses.field(
        default=before if default is None else default, metadata={_BEFORE: before}
    )


def settings_of(config: Any) -> dict[str, Any]:
    """Return the fields of a configuration that identify a trial; see `added`."""
    before = _before(type(config))
    return {
        name: value
        for name, value in dataclasses.asdict(config).items()
        if name not in before or value != before[name]
    }


def configured(kind: type[Config], settings: Mapping[str, Any]) -> Config:
    """Return the configuration that `settings_of` told of, also by code from before fields came.

    Raises
    ------
    TypeError
        If there is no field of a name.
    ValueError
        If the configuration refuses a value.
    """
    return kind(**{**_before(kind), **settings})


def _before(kind: Any) -> dict[str, Any]:
    return {
        field.name: field.metadata[_BEFORE]
        for field in dataclasses.fields(kind)
        if _BEFORE in field.metadata
    }


@dataclass(frozen=True)
class Choice:
    """A setting that is no field: a name for values of several fields, as ``choices`` of a class.

    What is given for one of these fields besides counts more; trials have the values alone.

    Parameters
    ----------
    what
        What it means.
    sets
        Values of fields, by name of the choice.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Network:
    ...     choices = {"like": Choice("Whose.", {"theirs": {"hidden": 9, "layers": 2}})}
    ...     hidden: int = 100
    ...     layers: int = 1
    >>> configure(Network(), "network", [Setting(None, "like", ("theirs",))])
    [Network(hidden=9, layers=2)]
    """

    what: str
    sets: Mapping[str, Mapping[str, Any]]


def choices_of(kind: type) -> Mapping[str, Choice]:
    """Return the choices of a class of configurations, by name."""
    return getattr(kind, "choices", {})


@dataclass(frozen=True)
class Setting:
    """``--set key=value,value`` or ``--set name.key=value``, or a line of a grid file.

    Parameters
    ----------
    owner
        Learner or model that the setting is meant for; None for all that have the field.
    key
        Field of a configuration.
    values
        Texts; several make an axis of a grid.
    """

    owner: str | None
    key: str
    values: tuple[str, ...]

    @staticmethod
    def of(owner: object, key: object, values: object) -> Setting:
        """Return the setting that a file tells of.

        Raises
        ------
        ValueError
            If these are no texts, or there is no value.
        """
        if not (owner is None or isinstance(owner, str)) or not isinstance(key, str):
            raise ValueError("a setting has a key, and an owner or none")
        if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
            raise ValueError(f"the values of {key} are no texts")
        if not values:
            raise ValueError(f"{key} has no value")
        return Setting(owner, key, tuple(values))

    def __str__(self) -> str:
        """Return the setting as on the command line."""
        owner = f"{self.owner}." if self.owner else ""
        return f"{owner}{self.key}={','.join(self.values)}"

    def concerns(self, name: str) -> bool:
        """Whether the setting is meant for a configuration of this owner."""
        return self.owner in (None, name)


def parse_setting(text: str) -> Setting:
    """Return the setting in ``[name.]key=value[,value...]``.

    Raises
    ------
    UserError
        If the text has another form.
    """
    left, equals, right = text.partition("=")
    owner, _, key = left.strip().rpartition(".")
    values = _split_outside_brackets(right)
    if not equals or not key or not all(values):
        raise UserError(f"--set {text!r} is not of the form KEY=VALUE, as in --set slope=10")
    return Setting(owner or None, key, values)


def _split_outside_brackets(text: str) -> tuple[str, ...]:
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return tuple(part.strip() for part in parts)


def read_grid(path: Path) -> tuple[Setting, ...]:
    """Return the settings of a TOML file.

    ``key = value`` fixes a setting, ``key = [value, value]`` is an axis; below ``[name]`` stand
    those of one learner or model. A setting that is itself a list needs a list of lists; no value
    is written ``"none"``.

    Raises
    ------
    UserError
        If the file cannot be read or has another form.
    """
    import tomllib

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read grid file {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"grid file {path} is not TOML: {error}") from None
    found = []
    for key, value in content.items():
        entries = value.items() if isinstance(value, dict) else [(key, value)]
        owner = key if isinstance(value, dict) else None
        for own_key, values in entries:
            texts = tuple(map(_text, values if isinstance(values, list) else [values]))
            if not texts or None in texts:
                raise UserError(
                    f"grid file {path}: {own_key} = {_shown(values)} is no setting.\n"
                    "Allowed: a number, true, false, a text, or a list of some that is not empty."
                )
            found.append(Setting(owner, own_key, tuple(text for text in texts if text)))
    return tuple(found)


def _shown(value: object) -> str:
    """Return a value for a message, however large it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # of a whole number of thousands of digits
        return "..."
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _text(value: object) -> str | None:
    """Return a TOML value as on the command line; None for tables, dates and empty texts."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool | int | float | list):
        try:
            return json.dumps(value)
        except (TypeError, ValueError, RecursionError):
            return None
    return None


def configure(
    config: Config, name: str, settings: Sequence[Setting], design: str = designs.FULL
) -> list[Config]:
    """Return ``config`` with the settings of ``name`` applied: one for each point of the design.

    Of several settings of one field the last counts.

    Raises
    ------
    UserError
        If a value has the wrong type or is refused by the configuration.
    """
    kind: type = type(config)
    fields = settable(kind)
    axes = {
        setting.key: list(
            dict.fromkeys(_convert(setting, text, fields[setting.key]) for text in setting.values)
        )
        for setting in settings
        if setting.concerns(name) and setting.key in fields
    }
    configs = []
    for point in designs.points([len(levels) for levels in axes.values()], design):
        values = {key: axes[key][level] for key, level in zip(axes, point, strict=True)}
        for key, choice in choices_of(kind).items():
            values = {**choice.sets.get(values.pop(key, ""), {}), **values}
        try:
            configs.append(dataclasses.replace(config, **values))  # type: ignore[type-var]
        except (ValueError, TypeError, ArithmeticError) as error:
            raise UserError(f"{name}: {error}") from None
    return configs


def check_used(settings: Iterable[Setting], configs: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Refuse settings that no configuration has.

    Parameters
    ----------
    settings
        What the user gave.
    configs
        Owner and field names of every configuration that will run.

    Raises
    ------
    UserError
        With the nearest name that exists.
    """
    owned = [(name, list(fields)) for name, fields in configs]
    for setting in settings:
        names = {name for name, _ in owned}
        if setting.owner is not None and setting.owner not in names:
            raise unknown("owner of a setting", setting.owner, names)
        allowed = {field for name, fields in owned if setting.concerns(name) for field in fields}
        if setting.key not in allowed:
            raise unknown("setting", setting.key, allowed)


@functools.cache
def field_types(cls: type) -> dict[str, Any]:
    """Return the types of a configuration's fields by name."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def settable(cls: type) -> dict[str, Any]:
    """Return the types of all that can be set: fields, and choices of values for several."""
    choices = {name: typing.Literal[tuple(choice.sets)] for name, choice in choices_of(cls).items()}
    return {**choices, **field_types(cls)}


def _convert(setting: Setting, text: str, kind: Any) -> Any:
    try:
        return _parse(text, kind)
    except (ValueError, TypeError, RecursionError):
        raise UserError(
            f"setting {setting.key}={_shown(text)}: expected {described(kind)}"
        ) from None


def _parse(text: str, kind: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        if text not in arguments:
            raise ValueError
        return text
    if origin in (typing.Union, types.UnionType):
        return _parse_union(text, arguments)
    if origin is tuple:
        values = json.loads(text)
        if not isinstance(values, list) or len(arguments) not in (len(values), _any_length(kind)):
            raise ValueError
        return tuple(_parse(json.dumps(value), arguments[0]) for value in values)
    if kind is bool:
        return ("false", "true").index(text.lower()) == 1
    value = kind(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError  # no JSON, so no identity of a trial, has it
    return value


def _any_length(kind: Any) -> int | None:
    """Return the number of arguments of a tuple that takes any number of items."""
    arguments = typing.get_args(kind)
    return len(arguments) if arguments[1:] == (...,) else None


def _parse_union(text: str, kinds: tuple[Any, ...]) -> Any:
    if type(None) in kinds and text.lower() == "none":
        return None
    for kind in kinds:
        if kind is not type(None):
            try:
                return _parse(text, kind)
            except ValueError:
                continue
    raise ValueError


def described(kind: Any) -> str:
    """Return what is allowed for a field of this type, in words."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(described(argument) for argument in arguments)
    if origin is tuple:
        return f"a list such as [{described(arguments[0])}, ...]"
    return {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        type(None): "none",
    }.get(kind, str(kind))
