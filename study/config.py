"""Settings from the command line, applied to frozen configuration dataclasses.

A configuration has only the fields that its system uses, so a setting that nothing uses is an
error and never dropped in silence.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from study.errors import UserError, unknown

Config = TypeVar("Config")


@dataclass(frozen=True)
class Setting:
    """``--set key=value,value`` or ``--set name.key=value``.

    Parameters
    ----------
    owner
        Learner or model that the setting is meant for; None for all that have the field.
    key
        Field of a configuration.
    values
        Texts; several make a grid.
    """

    owner: str | None
    key: str
    values: tuple[str, ...]

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


def configure(config: Config, name: str, settings: Sequence[Setting]) -> list[Config]:
    """Return ``config`` with the settings of ``name`` applied: one for each combination.

    Raises
    ------
    UserError
        If a value has the wrong type or is refused by the configuration.
    """
    fields = _field_types(type(config))
    axes = [
        [(setting.key, _convert(setting, text, fields[setting.key])) for text in setting.values]
        for setting in settings
        if setting.concerns(name) and setting.key in fields
    ]
    configs = []
    for combination in itertools.product(*axes):
        try:
            configs.append(dataclasses.replace(config, **dict(combination)))  # type: ignore[type-var]
        except ValueError as error:
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


def _field_types(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _convert(setting: Setting, text: str, kind: Any) -> Any:
    try:
        return _parse(text, kind)
    except (ValueError, TypeError):
        raise UserError(f"setting {setting.key}={text!r}: expected {_describe(kind)}") from None


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
        if not isinstance(values, list):
            raise ValueError
        return tuple(_parse(json.dumps(value), arguments[0]) for value in values)
    if kind is bool:
        return ("false", "true").index(text.lower()) == 1
    return kind(text)


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


def _describe(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(argument) for argument in arguments)
    if origin is tuple:
        return f"a list such as [{_describe(arguments[0])}, ...]"
    return {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        type(None): "none",
    }.get(kind, str(kind))
