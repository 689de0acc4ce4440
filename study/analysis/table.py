"""The trials as one table: a row a trial, settings in columns ``config.KEY``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from study.analysis.measures import CSV, names
from study.trials.trial import Record


def trials_table(experiments: Mapping[str, Sequence[Record]]) -> pd.DataFrame:
    """Return the records of all experiments, each trial once.

    A trial that several experiments use names them all in ``experiment``.
    """
    rows = [_row(record, users) for record, users in with_users(experiments)]
    table = pd.DataFrame(rows)
    first = names(CSV)
    leading = table.reindex(columns=list(first))
    columns = [str(column) for column in table]
    settings = sorted(column for column in columns if column.startswith("config."))
    others = [column for column in columns if column not in {*first, *settings}]
    return pd.concat([leading, table[others], table[settings]], axis=1)


def with_users(experiments: Mapping[str, Sequence[Record]]) -> list[tuple[Record, str]]:
    """Return each record once, with the names of all experiments that use it."""
    users: dict[str, list[str]] = {}
    records: dict[str, Record] = {}
    for name, members in experiments.items():
        for record in members:
            users.setdefault(record.trial.id, []).append(name)
            records[record.trial.id] = record
    return [(record, ", ".join(users[key])) for key, record in records.items()]


def _row(record: Record, experiments: str) -> dict[str, object]:
    trial = record.trial
    scalars = {
        key: value for key, value in record.metrics.items() if not isinstance(value, list | dict)
    }
    return {
        "trial": trial.id,
        "experiment": experiments,
        "learner": trial.subject,
        "dataset": trial.dataset_name or None,
        "seed": trial.seed,
        "status": record.status,
        **scalars,
        "error": f"{record.error['type']}: {record.error['message']}" if record.error else None,
        "config_id": trial.config_id,
        "code_version": record.provenance.get("code_version"),
        **_plugins(record),
        "wall_seconds": record.provenance.get("wall_seconds"),
        **{f"config.{key}": _cell(value) for key, value in trial.config.items()},
    }


def _plugins(record: Record) -> dict[str, str]:
    told = record.provenance.get("plugins", {})
    return {"plugins": ", ".join(f"{name} {told[name]}" for name in sorted(told))} if told else {}


def _cell(value: object) -> object:
    return str(list(value)) if isinstance(value, list | tuple) else value
