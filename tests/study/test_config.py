"""Settings reach the configurations that have them, and nothing is dropped in silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.config import Setting, check_used, configure, parse_setting
from study.errors import UserError


@dataclass(frozen=True)
class Example:
    size: int = 3
    rate: float = 0.1
    fast: bool = False
    kind: Literal["zero", "subtract"] = "zero"
    layers: tuple[int, ...] = (1,)
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError("size must be at least 1")


def configured(*texts: str) -> list[Example]:
    return configure(Example(), "example", [parse_setting(text) for text in texts])


def test_each_type_is_converted() -> None:
    found = configured(
        "size=7", "rate=1e-3", "fast=true", "kind=subtract", "layers=[4,5]", "limit=none"
    )
    assert found == [Example(7, 1e-3, True, "subtract", (4, 5), None)]


def test_several_values_make_a_grid() -> None:
    found = configured("size=1,2", "layers=[1,2],[3]")
    assert [(config.size, config.layers) for config in found] == [
        (1, (1, 2)),
        (1, (3,)),
        (2, (1, 2)),
        (2, (3,)),
    ]


def test_owner_decides_whom_a_setting_concerns() -> None:
    assert configured("example.size=9")[0].size == 9
    assert configured("other.size=9")[0].size == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size=2.5", "a whole number"),
        ("size=many", "a whole number"),
        ("rate=fast", "a number"),
        ("fast=1", "true or false"),
        ("kind=none", "one of zero, subtract"),
        ("layers=3", "a list such as"),
        ("layers=[1,x]", "a list such as"),
        ("limit=x", "a whole number or none"),
        ("size=0", "size must be at least 1"),
    ],
)
def test_wrong_values_are_refused_with_what_is_allowed(text: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        configured(text)


@pytest.mark.parametrize("text", ["size", "=3", "size=", "size=1,,2"])
def test_settings_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="KEY=VALUE"):
        parse_setting(text)


def test_a_setting_that_nothing_has_is_refused_with_the_nearest_name() -> None:
    configs = [("example", ("size", "rate"))]
    check_used([Setting(None, "rate", ("1",))], configs)
    with pytest.raises(UserError, match="Did you mean 'rate'"):
        check_used([Setting(None, "rat", ("1",))], configs)
    with pytest.raises(UserError, match=r"owner of a setting 'exampel'.*'example'"):
        check_used([Setting("exampel", "rate", ("1",))], configs)


@given(st.integers(1, 10**6), st.floats(allow_nan=False, allow_infinity=False))
def test_values_survive_the_command_line(size: int, rate: float) -> None:
    assert configured(f"size={size}", f"rate={rate!r}") == [Example(size, rate)]
