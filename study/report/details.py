"""The trials one by one: configuration, measures, what was followed while they learned, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from study.analysis.table import with_users
from study.report.document import FailedTrial, TrialDetail
from study.trials.trial import Lacking, Record

FOLLOWED = ("train_accuracy", "validation_accuracy")
WITH_CURVES = 1000  # trials at most whose arrays are read: a file each


def failure(record: Record) -> FailedTrial:
    """Return a failed trial as the report names it."""
    error = record.error or {}
    return FailedTrial(
        record.trial.label,
        record.trial.id,
        error.get("type", ""),
        error.get("message", ""),
        error.get("traceback", ""),
    )


def details(records: Mapping[str, Sequence[Record]]) -> list[TrialDetail]:
    """Return each trial once, with the names of all experiments that use it."""
    unique = with_users(records)
    drawn = len(unique) <= WITH_CURVES
    return [_detail(record, users, drawn) for record, users in unique]


def _detail(record: Record, experiment: str, drawn: bool) -> TrialDetail:
    trial = record.trial
    return TrialDetail(
        label=trial.label,
        trial_id=trial.id,
        config_id=trial.config_id,
        experiment=experiment,
        status=record.status,
        seed=trial.seed,
        subject=trial.subject,
        dataset=trial.dataset_name,
        config=trial.config,
        metrics=record.metrics,
        provenance=record.provenance,
        curves=_curves(record) if drawn and record.done else {},
        error=None if record.done else failure(record),
    )


def _curves(record: Record) -> dict[str, tuple[float, ...]]:
    try:
        followed = record.read_arrays(FOLLOWED)
    except Lacking:  # damaged: that costs this curve alone
        return {}
    return {
        name: tuple(values.astype(float).tolist())
        for name, values in followed.items()
        if values.ndim == 1 and values.dtype.kind in "iuf"
    }
