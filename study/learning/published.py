"""What papers report of a system, beside what makes that system here: rows of the review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Control:
    """The same system with what it claims to work by taken away: it has to do worse.

    Parameters
    ----------
    told
        What was taken away, as in ``"without adaptation of thresholds"``.
    settings
        What it changes in the configuration.
    """

    told: str
    settings: Settings


@dataclass(frozen=True)
class Published:
    """A system of a paper: the number to reach, and the settings that make it.

    Parameters
    ----------
    system
        Its name for readers.
    score
        The published score on ``dataset``, a share of 1; None where the paper prints none.
    reference
        Key of `study.analysis.references`.
    dataset
        Data set of the published score.
    settings
        What it changes in the learner's preset on that data set.
    small
        Data set that stands in for it in the quick profile, and what is changed there besides;
        None where it is not run there.
    control
        Its negative control.
    """

    system: str
    score: float | None
    reference: str
    dataset: str
    settings: Settings = field(default_factory=dict)
    small: tuple[str, Settings] | None = ("digits", {})
    control: Control | None = None
