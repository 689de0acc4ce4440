"""Records of the same configuration over seeds, and their means with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from study.analysis.stats import Interval, accuracy_interval, mean_interval
from study.trials import addresses
from study.trials.trial import Record

MISSING = (
    "–"  # a setting that a configuration does not name: it is what it was before there was one
)

SHARES = ("accuracy", "agreement", "share")  # in a metric's name: it lies between 0 and 1
MOST_PLACES = 6
LEAST_P = 1e-15
EQUAL = 1e-9  # relative: what differs by less is the same number, computed in another order
SCORES = ("test_accuracy", "test_symbol_accuracy")  # what tests are scored by, by the task


class Replicates(list[Record]):
    """Records that differ in their seed alone.

    ``setting`` holds what tells them from other replicates of the same learner and data set,
    such as ``slope=5``; it is empty where there are no others. Of settings that change together
    it names the first.
    """

    setting: str = ""

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self[0].trial.dataset_name

    @property
    def learner(self) -> str:
        """Name of the learner, with its setting where others stand beside it."""
        name = self[0].trial.subject
        return f"{name} ({self.setting})" if self.setting else name


def replicates(records: Sequence[Record], metric: str = "test_accuracy") -> list[Replicates]:
    """Return the records with a metric, grouped by configuration, in a stable order."""
    groups: dict[str, Replicates] = {}
    for record in records:
        if record.done and metric in record.metrics:
            groups.setdefault(record.trial.config_id, Replicates()).append(record)
    kinds: dict[tuple[str, str], list[Replicates]] = {}
    for group in groups.values():
        kinds.setdefault((group[0].trial.subject, group.dataset), []).append(group)
    for members in kinds.values():
        _name(members)
    return sorted(groups.values(), key=lambda group: (group.dataset, group.learner))


def tested(records: Sequence[Record]) -> list[Replicates]:
    """Return the records that were tested, grouped as by `replicates`, whatever their task."""
    return [group for score in SCORES for group in replicates(records, score)]


def score_of(group: Sequence[Record], part: str = "test") -> str:
    """Return the name of the score that a group was tested by, or that of another part."""
    found = next(score for score in SCORES if score in group[0].metrics)
    return found.replace("test", part, 1)


def by_dataset(groups: Sequence[Replicates]) -> dict[str, list[Replicates]]:
    """Return the groups of each data set, in the order of their first."""
    found: dict[str, list[Replicates]] = {}
    for group in groups:
        found.setdefault(group.dataset, []).append(group)
    return found


def by_learner(groups: Sequence[Replicates]) -> dict[str, list[Replicates]]:
    """Return the groups of each learner, whatever its settings, in the order of their first."""
    found: dict[str, list[Replicates]] = {}
    for group in groups:
        found.setdefault(group[0].trial.subject, []).append(group)
    return found


def _name(groups: Sequence[Replicates]) -> None:
    """Give groups of a kind the settings that tell them apart."""
    telling = _telling([group[0].trial.config for group in groups])
    for group in groups:
        trial = group[0].trial
        told = [f"{key}={trial.config.get(key, MISSING)}" for key in telling]
        remark = addresses.find(trial.procedure).remark
        group.setting = ", ".join([*told, *([remark] if remark else [])])


def _telling(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the fields, in their order, each of which parts what those before it leave alike."""
    told: list[str] = []
    parts: list[tuple[str, ...]] = [()] * len(configs)
    for key in dict.fromkeys(key for config in configs for key in config):
        finer = [
            (*part, str(config.get(key, MISSING)))
            for part, config in zip(parts, configs, strict=True)
        ]
        if len(set(finer)) > len(set(parts)):
            told.append(key)
            parts = finer
    return told


def interval_of(group: Sequence[Record], metric: str) -> Interval | None:
    """Return mean and interval of a metric over replicates, None where it does not apply.

    The interval of an accuracy in validation or test is over samples too.
    """
    found = [record.metrics.get(metric) for record in group]
    values = [float(value) for value in found if value is not None]
    if len(values) < len(group):
        return None
    if (n := n_samples(group, metric)) is not None:
        return accuracy_interval(values, n)
    bounds = (0.0, 1.0) if any(kind in metric for kind in SHARES) else (0.0, float("inf"))
    return mean_interval(values, bounds)


def n_samples(group: Sequence[Record], metric: str) -> int | None:
    """Return how many samples an accuracy is the share of, drawn anew in another data set.

    None of what is no accuracy, of training samples, which the network was made for, and of symbols
    of a sequence, which are not independent.
    """
    if not metric.endswith("accuracy") or metric.startswith("train") or "symbol" in metric:
        return None
    parts = ("validation",) if metric.startswith("validation") else ("test", "validation")
    for part in parts:
        found = [record.metrics.get(f"n_{part}") for record in group]
        known = [n for n in found if n is not None]
        if known and len(known) == len(found):
            return min(known)
    return None


def mean_of(group: Sequence[Record], metric: str) -> float:
    """Return the mean over replicates of a metric that all of them have."""
    return sum(record.metrics[metric] for record in group) / len(group)


def spikes_apart(group: Sequence[Record]) -> tuple[float, float]:
    """Return the mean spikes a sample that come in, and those that the network emits."""
    total = mean_of(group, "spikes_per_sample")
    inputs = [record.metrics.get("spikes_input_per_sample") or 0.0 for record in group]
    come_in = sum(inputs) / len(inputs)
    return come_in, total - come_in


def cell(interval: Interval | None, scale: float = 1.0) -> str:
    """Return ``mean ± half width``, or ``mean [low, high]`` where the two sides differ; or a dash.

    The mean stands alone where there is no interval: one replicate, or replicates all equal.
    """
    if interval is None:
        return "–"
    mean, low, high = (value * scale for value in interval)
    known = high - low > EQUAL * max(abs(low), abs(high))
    # Three significant digits of the mean, or of its interval where that is wider, and as many
    # more as it takes to see that there is an interval.
    size = max(abs(mean), high - mean if known else 0.0)
    places = max(0, 2 - math.floor(math.log10(size))) if size else 0
    if not known:
        return f"{mean:,.{places}f}"
    places = max(places, min(MOST_PLACES, -math.floor(math.log10((high - low) / 2))))
    below, above = (f"{reach:,.{places}f}" for reach in (mean - low, high - mean))
    if below == above:
        return f"{mean:,.{places}f} ± {above}"
    return f"{mean:,.{places}f} [{low:,.{places}f}, {high:,.{places}f}]"


def percent(group: Sequence[Record], metric: str = "test_accuracy") -> str:
    """Return the cell of a share in percent; see `cell`."""
    return cell(interval_of(group, metric), 100)


def p_text(value: float) -> str:
    """Return a p value behind its sign; of the smallest only that they are small.

    Examples
    --------
    >>> p_text(0.0123), p_text(1e-287)
    ('= 0.012', '< 1e-15')
    """
    return f"= {value:.2g}" if value >= LEAST_P else f"< {LEAST_P:g}"


def at_most(value: float, digits: int = 2) -> str:
    """Return a bound, rounded up: what is said to be at most it is at most it.

    Examples
    --------
    >>> at_most(1.038), at_most(1.2e-14), at_most(0)
    ('1.1', '1.2e-14', '0')
    """
    if not value:
        return "0"
    unit = 10.0 ** (math.floor(math.log10(value)) + 1 - digits)
    return f"{math.ceil(value / unit * (1 - EQUAL)) * unit:.{digits}g}"


def at_least(value: float, places: int) -> str:
    """Return a bound with so many decimal places, rounded down.

    Examples
    --------
    >>> at_least(99.9999, 3), at_least(100, 3)
    ('99.999', '100.000')
    """
    return f"{math.floor(value * 10**places * (1 + EQUAL)) / 10**places:.{places}f}"


def significant(value: float) -> str:
    """Return a number with three significant digits, none of them in an exponent."""
    return cell(Interval(value, value, value))
