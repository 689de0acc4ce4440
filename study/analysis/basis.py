"""The line under a figure or table that says what its numbers rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from study.analysis.stats import INTERVAL
from study.procedures.learning import TEACHERS
from study.trials.trial import Record

SHOWN = 4
ONE_SEED = "one seed: intervals are of accuracies, over samples alone"
DIGITS = 8


def basis(records: Sequence[Record], n: str = "", interval: str = "") -> str:
    """Return one line with n, seeds, interval, configuration hashes and number of trials.

    Parameters
    ----------
    records
        The records that the numbers come from.
    n
        What was counted, such as ``"360 test images"``.
    interval
        The kind of interval; `INTERVAL` says so where there is one seed.

    Examples
    --------
    ``n = 360 test images · seeds 0, 1, 2 · configuration 3f2a91c0 · trials 3``
    """
    seeds = sorted({record.trial.seed for record in records})
    hashes = list(dict.fromkeys(record.trial.config_id[:DIGITS] for record in records))
    parts = [
        f"n = {n}" if n else "",
        _seeds(seeds),
        ONE_SEED if len(seeds) == 1 and interval == INTERVAL else interval,
        _listed("configuration", hashes, SHOWN),
        f"trials {len(records)}",
    ]
    return " · ".join(part for part in parts if part)


def engine_notes(records: Iterable[Record]) -> list[str]:
    """Return, as sentences, what the engines of these records have to say, each once."""
    notes = {record.metrics.get("engine_note") for record in records}
    return [f"{note[0].upper()}{note[1:]}." for note in sorted(filter(None, notes))]


def teaching(records: Iterable[Record]) -> list[str]:
    """Return, as sentences, whether training times count networks that learners begin with."""
    found = [record for record in records if record.trial.needs and record.done]
    told = []
    for counts, words in ((True, "counts that"), (False, "is its own alone, without that")):
        those = {r.trial.subject for r in found if (TEACHERS in r.metrics) is counts}
        told += [
            f"The training time of {name} {words} of the network that it begins with."
            for name in sorted(those)
        ]
    return told


def processors(records: Sequence[Record]) -> list[str]:
    """Return the processors that trials ran on, the most used first."""
    counted = Counter(str(r.provenance["cpu"]) for r in records if r.provenance.get("cpu"))
    return [name for name, _ in counted.most_common()]


def _seeds(seeds: list[int]) -> str:
    """Return the seeds one by one, or as a range where they are many in a row."""
    if len(seeds) > SHOWN and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return _listed("seed", [str(seed) for seed in seeds], len(seeds))


def _listed(noun: str, items: list[str], shown: int) -> str:
    if not items:
        return ""
    more = f" +{len(items) - shown} more" if len(items) > shown else ""
    return f"{noun}{'s' if len(items) > 1 else ''} {', '.join(items[:shown])}{more}"
