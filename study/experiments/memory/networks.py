"""The networks that are to remember: which there are, their names, and their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from study.analysis.basis import basis
from study.analysis.replicates import Replicates
from study.analysis.stats import INTERVAL, Interval, mean_interval
from study.data.task import NOTHING_ASKED

SCORE = "test_symbol_accuracy"
SOLVED = 0.05  # share of wrong bits at which the paper counts the task as solved
LONGEST = 8  # symbols: longer waits are rare and stand together


class Variant(NamedTuple):
    """A learner, what is changed in its preset, and whether the quick profile has time for it."""

    learner: str
    changes: Mapping[str, Any]
    quick: bool = False


VARIANTS = (
    Variant("lsnn", {}, quick=True),
    Variant("lsnn", {"beta": 0.0}, quick=True),
    Variant("lsnn", {"max_delay": 1}),
    Variant("lsnn-eprop", {}, quick=True),
    Variant("lsnn-eprop", {"feedback": "random"}),
    Variant("lsnn-eprop", {"beta": 0.0}),
)


def named(groups: Sequence[Replicates]) -> dict[str, Replicates]:
    """Return replicates by what was run, in the order of `VARIANTS`."""
    several = len({group.dataset for group in groups}) > 1
    found: dict[str, Replicates] = {}
    for group in sorted(groups, key=_place):
        name = variant_name(group[0].trial.config)
        name += f" · {group.dataset}" if several else ""
        name += f" ({group.setting})" if name in found and group.setting else ""
        found[name] = group
    return found


def _place(group: Replicates) -> tuple[str, int]:
    config = group[0].trial.config
    own = [(v.learner, v.changes) for v in VARIANTS]
    fitting = [
        (len(changes), -place)
        for place, (name, changes) in enumerate(own)
        if name == group[0].trial.subject
        and all(config[key] == value for key, value in changes.items())
    ]
    return group.dataset, -max(fitting)[1] if fitting else len(own)


def variant_name(config: Mapping[str, Any]) -> str:
    """Return what was run, in words.

    Examples
    --------
    >>> settings = {"rule": "bptt", "beta": 0.0, "n_adaptive": 10, "max_delay": 10}
    >>> variant_name(settings)
    'BPTT without adaptation'
    """
    name = "BPTT" if config["rule"] == "bptt" else "e-prop"
    if config["rule"] == "eprop" and config["feedback"] == "random":
        name += " with random feedback"
    lacking = [
        part
        for part, absent in (
            ("adaptation", not (config["beta"] and config["n_adaptive"])),
            ("delays", config["max_delay"] == 1),
        )
        if absent
    ]
    return name + (f" without {' and '.join(lacking)}" if lacking else "")


def errors(group: Replicates) -> Interval:
    """Return the share of wrong bits in the test set."""
    shares = [1 - record.metrics[SCORE] for record in group]
    if len(set(shares)) == 1:  # rounding would make a spread of what has none
        return Interval(shares[0], shares[0], shares[0])
    return mean_interval(shares, (0, 1))


def bits(group: Replicates) -> int:
    """Return how many bits the test set asks for."""
    return int((group[0].arrays["test_labels"] != NOTHING_ASKED).sum())


def wrong_by_wait(group: Replicates) -> tuple[list[int], np.ndarray]:
    """Return waits in symbols and the share of wrong bits of each, ``[seeds, waits]``.

    Waits of `LONGEST` symbols and more stand together.
    """
    waits: list[int] = []
    shares = []
    for record in group:
        waited = np.minimum(record.arrays["test_waited"], LONGEST)
        wrong = record.arrays["test_predictions"] != record.arrays["test_labels"]
        waits = [int(wait) for wait in np.unique(waited) if wait]
        shares.append([float(wrong[waited == wait].mean()) for wait in waits])
    return waits, np.array(shares)


def basis_of(networks: Mapping[str, Replicates], tested: bool = True) -> str:
    """Return the line under a figure or table of all networks, of test bits or of others."""
    n_bits = max(map(bits, networks.values()))
    records = [record for group in networks.values() for record in group]
    return basis(records, f"{n_bits} test bits" if tested else "", INTERVAL)
