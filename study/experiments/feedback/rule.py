"""The statement that simple tasks do with random feedback and hard ones need symmetric, judged.

Zenke & Ganguli (2018): "simpler tasks can be solved with any type of feedback, while more complex
tasks require symmetric feedback". Limits were set before the trials that the rule judges; sizes of
the tasks were set by trial runs, so that both can be learned at all.

1. A feedback *does* for a task where the loss ends below `DONE` of its start, and without feedback
   does not (else hidden neurons had nothing to learn), in every seed.
2. A task *needs* symmetric feedback where the loss with it ends below `APART` of the loss with
   random feedback, in every seed, seed by seed.
3. The statement holds where random feedback does for the easy task and the hard one needs
   symmetric. It fails where either is so in no seed. Otherwise it stays open, as it does with fewer
   than `SEEDS` seeds of all that is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

DONE = 0.25
APART = 0.5
SEEDS = 3

Verdict = Literal["holds", "fails", "open"]
BySeed = Mapping[int, float]
"""The last loss against the first, by seed."""


def does(ratios: BySeed, without: BySeed) -> list[bool]:
    """Return of each seed that both have whether feedback does, which none does not."""
    seeds = sorted(ratios.keys() & without.keys())
    return [ratios[seed] < DONE <= without[seed] for seed in seeds]


def needs(symmetric: BySeed, random: BySeed) -> list[bool]:
    """Return of each seed that both have whether symmetric feedback is needed."""
    seeds = sorted(symmetric.keys() & random.keys())
    return [symmetric[seed] < APART * random[seed] for seed in seeds]


def verdict(done: Sequence[bool], needed: Sequence[bool]) -> Verdict:
    """Return whether the statement holds.

    Parameters
    ----------
    done, needed
        Of `does` for the easy task with random feedback, and of `needs` for the hard task.

    Examples
    --------
    >>> verdict([True] * 3, [True] * 3), verdict([True] * 3, [True, False, True])
    ('holds', 'open')
    >>> verdict([True] * 3, [False] * 3), verdict([True], [True])
    ('fails', 'open')
    """
    if min(len(done), len(needed)) < SEEDS:
        return "open"
    if all(done) and all(needed):
        return "holds"
    return "open" if any(done) and any(needed) else "fails"
