"""Settings reach the configurations that have them, and nothing is dropped in silence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import UserError
from study.settings.config import (
    Setting,
    added,
    check_used,
    configure,
    configured,
    parse_setting,
    read_grid,
    settings_of,
)
from study.trials.trial import Trial


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


def applied(*texts: str) -> list[Example]:
    return configure(Example(), "example", [parse_setting(text) for text in texts])


def test_each_type_is_converted() -> None:
    found = applied(
        "size=7", "rate=1e-3", "fast=true", "kind=subtract", "layers=[4,5]", "limit=none"
    )
    assert found == [Example(7, 1e-3, True, "subtract", (4, 5), None)]


def test_several_values_make_a_grid() -> None:
    found = applied("size=1,2", "layers=[1,2],[3]")
    assert [(config.size, config.layers) for config in found] == [
        (1, (1, 2)),
        (1, (3,)),
        (2, (1, 2)),
        (2, (3,)),
    ]


def test_of_several_settings_of_a_field_the_last_counts() -> None:
    assert applied("size=1,2", "rate=1", "example.size=5") == [Example(5, 1.0)]


def test_a_design_takes_its_points_of_the_grid() -> None:
    settings = [parse_setting(text) for text in ("size=1,2,3", "rate=1,2,3", "fast=false,true")]
    found = configure(Example(), "example", settings, "fraction")
    # Those whose level numbers, from 0, sum to an even one.
    assert [(c.size, c.rate) for c in found if not c.fast] == [
        (1, 1),
        (1, 3),
        (2, 2),
        (3, 1),
        (3, 3),
    ]
    assert [(c.size, c.rate) for c in found if c.fast] == [(1, 2), (2, 1), (2, 3), (3, 2)]
    assert len(configure(Example(), "example", settings, "random:5")) == 5
    assert configure(Example(), "example", [], "random:5") == [Example()]


GRID = """
rate = [1e-3, 0.5]
limit = "none"

[example]
size = 7
fast = [true, false]
layers = [[1, 2], [3]]

[other-model]
kind = "subtract"
"""


def test_a_grid_file_says_what_the_command_line_would(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    texts = ["rate=1e-3,0.5", "limit=none", "example.size=7", "example.fast=true,false",
             "example.layers=[1,2],[3]", "other-model.kind=subtract"]  # fmt: skip
    for name in ("example", "other-model"):
        from_file = configure(Example(), name, read_grid(path))
        assert from_file == configure(Example(), name, [parse_setting(text) for text in texts])
    assert len(configure(Example(), "example", read_grid(path))) == 8


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("size = ", "is not TOML"),
        ("size = []", "size = .* is no setting"),
        ("size = 1979-05-27", "is no setting"),
        ("[a.b]\nsize = 1", "is no setting"),
        ("size = ''", "is no setting"),
        ("size = [1, '']", "is no setting"),
        (f"size = 0x{'f' * 5000}", "is no setting"),
        (f"size = {'[' * 5000}", "is not TOML"),
        ("size = '\udcff'", "is not TOML"),
    ],
)
def test_grid_files_of_another_form_are_refused(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "grid.toml"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=told) as refused:
        read_grid(path)
    assert len(str(refused.value)) < 20_000


@pytest.mark.parametrize(
    "text", [f"layers={'[' * 9000}", "layers=[1e999]", f"size={'9' * 9000}", "size=٣²"]
)
def test_values_that_nothing_can_read_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match="expected") as refused:
        applied(text)
    assert len(str(refused.value)) < 1000


def test_a_grid_that_nobody_runs_is_refused_before_it_is_made() -> None:
    values = ",".join(map(str, range(1, 1002)))
    with pytest.raises(UserError, match=r"1,002,001 points"):
        applied(f"size={values}", f"rate={values}")


def test_arithmetic_that_a_configuration_cannot_do_is_told() -> None:
    @dataclass(frozen=True)
    class Odd:
        n: int = 1

        def __post_init__(self) -> None:
            1 / self.n

    with pytest.raises(UserError, match="division by zero"):
        configure(Odd(), "odd", [parse_setting("n=0")])


def test_a_grid_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read grid file"):
        read_grid(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="is not TOML"):
        read_grid(tmp_path / "binary.toml")


def test_owner_decides_whom_a_setting_concerns() -> None:
    assert applied("example.size=9")[0].size == 9
    assert applied("other.size=9")[0].size == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size=2.5", "a whole number"),
        ("size=many", "a whole number"),
        ("rate=fast", "a number"),
        ("rate=inf", "a number"),
        ("rate=nan", "a number"),
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
        applied(text)


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
    assert applied(f"size={size}", f"rate={rate!r}") == [Example(size, rate)]


@dataclass(frozen=True)
class Before:
    hidden: int = 100


@dataclass(frozen=True)
class Since:
    """The same configuration, grown by a field whose default has changed since."""

    hidden: int = 100
    delay_steps: int = added(before=0, default=3)


def identity(config: object) -> str:
    return Trial("learn", "mine", None, settings_of(config), 0).id


def test_a_new_field_with_the_old_behaviour_changes_no_identity() -> None:
    assert identity(Since(delay_steps=0)) == identity(Before())
    assert identity(Since(delay_steps=1)) != identity(Before())
    assert identity(Since()) != identity(Before())


def test_settings_from_before_a_field_mean_what_they_meant() -> None:
    assert configured(Since, settings_of(Before(50))) == Since(50, delay_steps=0)


def test_a_setting_that_no_field_has_is_refused() -> None:
    with pytest.raises(TypeError, match="delay"):
        configured(Before, {"delay": 1})
