"""Under which conditions a system learns: what makes a comparison fair, or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Conditions:
    """What a system is given, in words that stand in a table.

    Parameters
    ----------
    code
        How samples come in.
    neurons
        Hidden neurons or units, layer by layer; none where there are none.
    shown
        Samples shown in training at most, repeats counted.
    labels
        Which labels it uses.
    chosen
        What validation samples choose within a trial.
    step
        Of time, with its unit; what has no steps says so.
    """

    code: str
    neurons: str
    shown: int
    labels: str = "all"
    chosen: str = "the epoch"
    step: str = "no steps of time"


@runtime_checkable
class Conditioned(Protocol):
    """A configuration that says under which conditions its learner learns."""

    def conditions(self, n_train: int, kind: str) -> Conditions:
        """Return them for so many training samples of a kind, such as ``"images"``."""
