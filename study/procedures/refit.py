"""A second training on all that is not the test set, for as many epochs as a first one chose.

Where validation takes whole speakers away, a network that is selected on them has heard fewer
voices than published ones, which hold nothing out or select on the test set. Epochs are chosen by
the trial that this one needs; nothing is chosen here.
"""

from __future__ import annotations

import numpy as np

from study import data, learners
from study.data.samples import joined
from study.learning.contract import Refits
from study.procedures.learning import taught
from study.trials.trial import Context, Outcome, Progress, Trial

PROCEDURE = "study.procedures.refit:run"


def trial_after(selection: Trial) -> Trial:
    """Return the trial that trains the network of ``selection`` again."""
    return Trial(
        PROCEDURE,
        selection.subject,
        selection.dataset,
        selection.config,
        selection.seed,
        selection.version,
        (selection,),
    )


def run(trial: Trial, context: Context) -> Outcome:
    """Train on training and validation samples together, and read the test set once.

    Raises
    ------
    UserError
        If the data set is missing or damaged.
    """
    assert trial.dataset is not None
    dataset = data.load(trial.dataset, context.data)
    (selection,) = context.needs
    epochs = int(selection.metrics["best_epoch"])
    learner = learners.find(trial.subject).build({**trial.config, "epochs": epochs}, dataset.task)
    assert isinstance(learner, Refits), f"{trial.subject} cannot be trained again"
    everything = joined(dataset.train, dataset.validation)

    def fit(rng: np.random.Generator, progress: Progress) -> None:
        learner.refit(everything, rng, progress)

    parts = {"train": everything, "test": dataset.test}
    return taught(learner, fit, parts, dataset, trial.seed, context.progress)
