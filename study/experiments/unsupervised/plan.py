"""Which networks are run: sizes, the published code's settings, and parts taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from study.learners.diehl_cook import HISTORY_LABELS
from study.learners.diehl_cook_config import NETWORKS, PASS, DiehlCookConfig, sized
from study.procedures import tried
from study.request import Request
from study.settings.config import configured, settings_of
from study.trials.trial import Trial

LEARNER = "diehl-cook"
FOREVER_S = 1e12  # a time constant with which nothing decays

WHOLE = "whole network"
# What is taken away, by name. Where thresholds do not adapt they stay 13 mV above rest, as at the
# published start; with random weights they adapt; where nothing is shown, nothing does.
ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "no adaptive threshold": {"theta_plus_v": 0.0, "tau_theta_s": FOREVER_S},
    "no inhibition": {"weight_inh_exc": 0.0},
    "no lock-out": {"lockout_s": 0.0},
    "random weights": {"rate_post": 0.0, "rate_pre": 0.0},
    "nothing shown": {"presentations": 0},
}
SLOW = ("no inhibition",)  # all neurons learn from all images: not in the quick profile
QUICK_SHOWN, SHOWN = 1200, 5000  # images that networks with and without a part see
LARGE = 400  # neurons; more take as long as all the others together


@dataclass(frozen=True)
class Size:
    """A network of ``n_exc`` neurons that sees so many images, with so many seeds."""

    n_exc: int
    presentations: int
    seeds: int


SIZES = {
    "mnist": (Size(100, PASS, 3), Size(400, 2 * PASS, 3), Size(1600, PASS, 1)),
    "fashion-mnist": (Size(100, PASS, 3), Size(400, PASS, 3)),
}


def trials(request: Request) -> list[Trial]:
    """Return the trials of a request.

    A user who gives settings gets the one network that they describe. Else larger profiles run
    `SIZES` on MNIST and Fashion-MNIST, and the networks of all sources on the first data set;
    there, too, parts are taken away from the first network, without reading the test set.
    """
    own = request.learning_trials([LEARNER], ["digits"])
    if request.settings or not own:
        return own
    if request.profile == "quick":
        parts = _parts(own[0], QUICK_SHOWN)
        return own + [trial for trial in parts if part_missing(trial.config) not in SLOW]
    by_dataset: dict[str, list[Trial]] = {}
    for trial in own:
        by_dataset.setdefault(trial.dataset_name, []).append(trial)
    first, *others = (_sizes(members, request.n_seeds) for members in by_dataset.values())
    sources = [of_source(own[0], name) for name in NETWORKS]
    once = [*first, *_parts(own[0], SHOWN), *sources]
    return sorted(chain(once, *others), key=_place)


def _place(trial: Trial) -> tuple[bool, int]:
    """Put what takes long last, and all networks once before any of them again."""
    slow = trial.config["n_exc"] > LARGE or part_missing(trial.config) in SLOW
    return slow, trial.seed


def _parts(trial: Trial, shown: int) -> list[Trial]:
    """Return the network of a trial after it saw so many images, whole and without each part."""
    whole = tried_out(trial, shown)
    return [whole, *(changed(whole, change) for change in ABLATIONS.values())]


def tried_out(trial: Trial, shown: int) -> Trial:
    """Return a short form of the trial that reads validation samples in place of the test set."""
    change = {"presentations": shown, "history_points": 0, "label_samples": HISTORY_LABELS}
    return changed(replace(trial, procedure=tried.PROCEDURE), change)


def changed(trial: Trial, change: Mapping[str, Any]) -> Trial:
    """Return the trial with some of its settings changed."""
    return replace(trial, config={**trial.config, **change})


def of_source(trial: Trial, name: str) -> Trial:
    """Return the trial with the network of a source, by its name in `NETWORKS`."""
    config = configured(DiehlCookConfig, {**trial.config, **NETWORKS[name]})
    return replace(trial, config=settings_of(config))


def part_missing(config: Mapping[str, Any]) -> str:
    """Return the name of what a network lacks, `WHOLE` where it lacks nothing."""
    lacking = [name for name, change in ABLATIONS.items() if {**config, **change} == config]
    return " and ".join(lacking) or WHOLE


def _sizes(members: list[Trial], n_seeds: int | None) -> list[Trial]:
    """Return networks of all sizes on a data set; the given trials where none are planned."""
    first = members[0]
    return [
        replace(first, config=settings_of(sized(size.n_exc, size.presentations)), seed=seed)
        for size in SIZES.get(first.dataset_name, ())
        for seed in range(n_seeds or size.seeds)
    ] or members
