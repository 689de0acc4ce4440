"""What the thesis claims, as data; the rules that judge it are in ``verdicts``."""

from __future__ import annotations

from dataclasses import dataclass

from study.experiments.grid.grids import PENALTY, Level
from study.experiments.grid.runs import GAP, TEST, TIME, TRAIN, VALIDATION, Response

HIDDEN, STEPS, SLOPE = "hidden neurons", "time steps", "surrogate slope"


@dataclass(frozen=True)
class Rises:
    """A response rises (falls: ``up`` false) from the lowest level of an axis to the highest.

    A ``marginal`` rise may be as small as it likes.
    """

    axis: str
    response: Response
    up: bool = True
    marginal: bool = False


@dataclass(frozen=True)
class Step:
    """A response is higher (lower) at one level than at another."""

    axis: str
    response: Response
    high: Level
    low: Level
    up: bool = True


@dataclass(frozen=True)
class Best:
    """A response is largest (smallest) at a level of an axis; ``marginal``: by however little."""

    axis: str
    response: Response
    level: Level
    up: bool = True
    marginal: bool = False


@dataclass(frozen=True)
class NoEffect:
    """A response does not depend on an axis, or is the same at some of its levels."""

    axis: str
    response: Response
    levels: tuple[Level, ...] = ()


@dataclass(frozen=True)
class Silent:
    """At a level of an axis the network does not learn."""

    axis: str
    level: Level


@dataclass(frozen=True)
class Largest:
    """Two axes explain most of the variance of a response."""

    axes: tuple[str, str]
    response: Response


@dataclass(frozen=True)
class Optimum:
    """No combination of settings is better in training accuracy than this one."""

    levels: tuple[tuple[str, Level], ...]


@dataclass(frozen=True)
class Reaches:
    """The best training accuracy of the grid is the printed one, 0..1."""

    accuracy: float


@dataclass(frozen=True)
class Gain:
    """The best training accuracy lies above the grid's mean by so many points."""

    low: float
    high: float


@dataclass(frozen=True)
class Beyond:
    """Levels outside the grid would be better still."""

    wanted: str


Statement = (
    Rises | Step | Best | NoEffect | Silent | Largest | Optimum | Reaches | Gain | Beyond
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A sentence of the thesis.

    Parameters
    ----------
    text
        In English.
    source
        Section, and figure or table.
    parts
        What it states; a claim stands if all parts do.
    """

    text: str
    source: str
    parts: tuple[Statement, ...]


def _optimum(hidden: int, steps: int, slope: float, penalty: float) -> Optimum:
    return Optimum(((HIDDEN, hidden), (STEPS, steps), (SLOPE, slope), (PENALTY, penalty)))


FASHION = (
    Claim("More hidden neurons are more accurate", "4.2, Fig. 13", (Rises(HIDDEN, VALIDATION),)),
    Claim(
        "100 hidden neurons and more train faster", "4.2, Fig. 13",
        (Step(HIDDEN, TIME, 100, 50, up=False), Step(HIDDEN, TIME, 150, 50, up=False)),
    ),
    Claim(
        "100 time steps are marginally most accurate", "4.2, Fig. 14",
        (Best(STEPS, VALIDATION, 100, marginal=True),),
    ),
    Claim("More time steps take longer", "4.2, Fig. 14", (Rises(STEPS, TIME),)),
    Claim(
        "A smaller slope is marginally more accurate", "4.2, Fig. 15",
        (Rises(SLOPE, VALIDATION, up=False, marginal=True),),
    ),
    Claim("A smaller slope takes longer", "4.2, Fig. 15", (Rises(SLOPE, TIME, up=False),)),
    Claim("A penalty of 1e-6 is most accurate", "4.2, Fig. 16", (Best(PENALTY, VALIDATION, 1e-6),)),
    Claim("With a penalty of 1e-4 nothing is learned", "4.2, Fig. 16", (Silent(PENALTY, 1e-4),)),
    Claim(
        "Training time does not depend on the penalty", "4.2, Fig. 16", (NoEffect(PENALTY, TIME),)
    ),
    Claim(
        "The best combination is 150 neurons, 100 steps, slope 80, penalty 1e-6", "4.2, Table 2",
        (_optimum(150, 100, 80.0, 1e-6),),
    ),
    Claim("It reaches 89.53 % in training", "4.2, Table 2", (Reaches(0.8953),)),
    Claim(
        "More than 150 neurons, slopes below 80 and penalties below 1e-6 suit better still",
        "4.2, Table 2", (Beyond("150+ neurons, slope 80-, penalty 1e-6-"),),
    ),
    Claim(
        "Hidden neurons and penalty matter most for accuracy", "Abstract, 5",
        (Largest((HIDDEN, PENALTY), VALIDATION),),
    ),
    Claim("The best combination gains 2-4 %", "Abstract, 5", (Gain(2, 4),)),
)  # fmt: skip
SPEECH = (
    Claim("More hidden neurons are more accurate", "4.3, Fig. 17", (Rises(HIDDEN, VALIDATION),)),
    Claim(
        "More hidden neurons take longer, but not 200", "4.3, Fig. 17",
        (Step(HIDDEN, TIME, 150, 100), Step(HIDDEN, TIME, 200, 150, up=False)),
    ),
    Claim(
        "More time steps over-fit: training accuracy rises, test accuracy falls", "4.3, Fig. 18",
        (Rises(STEPS, TRAIN), Rises(STEPS, TEST, up=False)),
    ),
    Claim(
        "Training time is alike at 80 and 100 steps and jumps at 120", "4.3, Fig. 18",
        (NoEffect(STEPS, TIME, (80, 100)), Step(STEPS, TIME, 120, 100)),
    ),
    Claim("The slope does not change accuracy", "4.3, Fig. 19", (NoEffect(SLOPE, VALIDATION),)),
    Claim("A slope of 100 is fastest", "4.3, Fig. 19", (Best(SLOPE, TIME, 100.0, up=False),)),
    Claim("A penalty of 2e-6 is best", "4.3, Fig. 20", (Best(PENALTY, VALIDATION, 2e-6),)),
    Claim(
        "The best combination is 200 neurons, 75 steps or fewer, slope 100, penalty 2e-6",
        "4.3, Table 3", (_optimum(200, 75, 100.0, 2e-6),),
    ),
    Claim("It reaches 99.92 % in training", "4.3, Table 3", (Reaches(0.9992),)),
    Claim("It lies about 1 % above the mean of all combinations", "4.3", (Gain(0.5, 1.5),)),
    Claim("Fewer than 80 steps suit better still", "4.3, Table 3", (Beyond("75 steps or fewer"),)),
    Claim("More time steps over-fit strongly", "Abstract, 5", (Rises(STEPS, GAP),)),
    Claim("The best combination gains 2-4 %", "Abstract, 5", (Gain(2, 4),)),
)  # fmt: skip
TOUCH = (
    Claim("300 hidden neurons are most accurate", "4.4, Fig. 23", (Best(HIDDEN, VALIDATION, 300),)),
    Claim(
        "More hidden neurons train faster", "4.4, Fig. 23; Abstract",
        (Rises(HIDDEN, TIME, up=False),),
    ),
    Claim("Fewer time steps are more accurate", "4.4, Fig. 24",
          (Rises(STEPS, VALIDATION, up=False),)),
    Claim("Fewer time steps train faster", "4.4, Fig. 24; Abstract", (Rises(STEPS, TIME),)),
    Claim("A slope of 20 is most accurate", "4.4, Fig. 25", (Best(SLOPE, VALIDATION, 20.0),)),
    Claim("A slope of 20 is fastest", "4.4, Fig. 25", (Best(SLOPE, TIME, 20.0, up=False),)),
    Claim("A larger penalty is more accurate", "4.4, Fig. 26", (Rises(PENALTY, VALIDATION),)),
    Claim(
        "Training time does not depend on the penalty", "4.4, Fig. 26", (NoEffect(PENALTY, TIME),)
    ),
    Claim(
        "The best combination is 300 neurons, 76 steps, slope 20, penalty 0.01", "4.4, Table 4",
        (_optimum(300, 76, 20.0, 1e-2),),
    ),
    Claim("It reaches 99.80 % in training", "4.4, Table 4", (Reaches(0.9980),)),
    Claim("It gains about 4 %", "4.4", (Gain(3.5, 4.5),)),
    Claim(
        "More than 300 neurons, fewer than 76 steps and penalties above 0.01 suit better still",
        "4.4, Table 4", (Beyond("300+ neurons, 76- steps, penalty 0.01+"),),
    ),
    Claim("The best combination gains 2-4 %", "Abstract, 5", (Gain(2, 4),)),
)  # fmt: skip

CLAIMS: dict[str, tuple[Claim, ...]] = {
    "fashion-mnist": FASHION,
    "shd": SPEECH,
    "hd-spikes": SPEECH,
    "tbl": TOUCH,
}
"""By the data set that the claims are held against."""
