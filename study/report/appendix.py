"""Of hundreds of trials, what a reader on paper needs: configurations, failures, durations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from study.analysis.basis import DIGITS

Detail = Mapping[str, Any]
SHOWN = 400  # configurations of a subject at most
REASONS = 20  # ways to fail at most, and trials of each


def configurations(details: Sequence[Detail]) -> list[dict[str, Any]]:
    """Return the configurations by subject: the usual settings once, then what departs from them.

    Parameters
    ----------
    details
        The trials one by one, from `study.report.context.context`.
    """
    by_subject: dict[str, dict[str, list[Detail]]] = {}
    for detail in details:
        groups = by_subject.setdefault(detail["subject"], {})
        groups.setdefault(detail["config_id"], []).append(detail)
    return [_of_subject(name, list(groups.values())) for name, groups in by_subject.items()]


def _of_subject(name: str, groups: Sequence[Sequence[Detail]]) -> dict[str, Any]:
    usual = _usual([group[0]["config"] for group in groups])
    rows: dict[tuple[str, ...], list[str]] = {}
    for group in groups:
        # Some differ in nothing but in the trials that they build on.
        rows.setdefault(_row(group, usual), []).append(group[0]["config_id"][:DIGITS])
    columns = ("experiment", "dataset", "seeds", "differs")
    return {
        "subject": name,
        "usual": _settings(usual),
        "rows": [
            {"ids": ids, **dict(zip(columns, row, strict=True))}
            for row, ids in list(rows.items())[:SHOWN]
        ],
        "left": max(0, len(rows) - SHOWN),
    }


def _usual(configs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return for each setting the value that most of the configurations have."""
    keys = dict.fromkeys(key for config in configs for key in config)
    return {
        key: Counter(_value(config.get(key, "–")) for config in configs).most_common(1)[0][0]
        for key in keys
    }


def _row(group: Sequence[Detail], usual: Mapping[str, str]) -> tuple[str, ...]:
    config = group[0]["config"]
    own = {key: config.get(key, "–") for key in usual if _value(config.get(key, "–")) != usual[key]}
    seeds = sorted({detail["seed"] for detail in group})
    return group[0]["experiment"], group[0]["dataset"], _ranges(seeds), _settings(own) or "–"


def _settings(config: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {_value(value)}" for key, value in config.items())


def _value(value: Any) -> str:
    return f"({_settings(value)})" if isinstance(value, Mapping) else str(value)


def _ranges(seeds: Sequence[int]) -> str:
    """Return ``0–2, 5``."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def anchors(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the shortened hashes that name one configuration and no other."""
    counts = Counter(name for group in groups for row in group["rows"] for name in row["ids"])
    return [name for name, count in counts.items() if count == 1]


def reasons(failures: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return each way to fail once, with the trials that did."""
    groups: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    for failure in failures:
        reason = (failure["error_type"], failure["message"], failure["traceback"])
        groups.setdefault(reason, []).append(failure)
    return [
        {
            "error_type": error_type,
            "message": message,
            "traceback": traceback,
            "trials": [
                {"label": failure["label"], "id": failure["trial_id"][:DIGITS]}
                for failure in members[:REASONS]
            ],
        }
        for (error_type, message, traceback), members in list(groups.items())[:REASONS]
    ]


def durations(details: Sequence[Detail]) -> list[list[str]]:
    """Return experiment, trials, failures, seconds in all and first start."""
    by_experiment: dict[str, list[Detail]] = {}
    for detail in details:
        by_experiment.setdefault(detail["experiment"], []).append(detail)
    return [
        [
            experiment,
            str(len(members)),
            str(sum(detail["status"] != "done" for detail in members)),
            f"{sum(_seconds(detail) for detail in members):.1f}",
            min(detail["provenance"].get("started", "–") for detail in members),
        ]
        for experiment, members in by_experiment.items()
    ]


def _seconds(detail: Detail) -> float:
    try:
        return float(detail["provenance"]["wall_seconds"])
    except (KeyError, ValueError):
        return 0.0
