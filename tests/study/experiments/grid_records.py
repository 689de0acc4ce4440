"""Records of a grid with planted effects, without training anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from study.data.reference import DatasetRef
from study.experiments.grid import experiment as grid
from study.request import Request
from study.trials.trial import Record, Trial

Planted = Callable[[Mapping[str, Any]], Mapping[str, Any]]

METRICS = {
    "train_accuracy": 0.9,
    "validation_accuracy": 0.85,
    "test_accuracy": 0.84,
    "train_seconds": 30.0,
    "epochs_run": 30,
    "best_epoch": 20,
    "spikes_input_per_sample": 300.0,
    "spikes_hidden_per_sample": 50.0,
    "n_classes": 10,
    "n_validation": 6000,
    "n_test": 10000,
}


def grid_trials(dataset: str = "fashion-mnist", seeds: int = 1) -> list[Trial]:
    return grid.trials(Request("thesis", seeds, (DatasetRef(dataset),)))


def planted(
    trials: list[Trial], of: Planted, folder: Path = Path("/nowhere"), spread: float = 1e-3
) -> list[Record]:
    """Return a record for each trial; ``of(config)`` has what departs from `METRICS`.

    Each record's accuracies have one normal deviation in common, of standard deviation ``spread``.
    """
    made = []
    for trial in trials:
        metrics = METRICS | of(trial.config)
        shift = spread * np.random.default_rng([int(trial.id, 16) % 2**32, trial.seed]).normal()
        for part in ("train", "validation", "test"):
            metrics[f"{part}_accuracy"] += shift
        made.append(Record(trial, "done", metrics, None, {"wall_seconds": 1.0}, folder))
    return made
