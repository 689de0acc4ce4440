"""Fails unless the quick profile's table shows what the README promises."""

import sys

import pandas as pd

from study import experiments

LEAST = {
    ("diehl-cook", "digits"): 0.75,
    ("surrogate", "digits"): 0.93,
    ("mlp", "digits"): 0.95,
    ("surrogate", "randman"): 0.90,
}
MOST = {("surrogate", "randman-shuffled"): 0.16}  # chance is 0.1; 200 test samples or more
# With settings that are meant to fail.
SWEEPS = {name for name in experiments.names() if getattr(experiments.load(name), "SWEEP", False)}


def main(path: str) -> int:
    """Return 1 and say so if an accuracy, averaged over seeds, is out of its range."""
    trials = pd.read_csv(path)
    swept = trials["experiment"].str.split(", ").map(SWEEPS.issuperset)
    means = trials[~swept].groupby(["learner", "dataset"])["test_accuracy"].mean()
    bridge = trials[trials["learner"] == "bridge-same"]
    problems = [
        f"{key}: {means[key]:.3f} < {least}"
        for key, least in LEAST.items()
        if not means[key] >= least
    ]
    problems += [
        f"{key}: {means[key]:.3f} > {most}" for key, most in MOST.items() if not means[key] <= most
    ]
    if not (bridge["agreement_same"] >= 0.99).all():
        problems.append("bridge: fewer than 99 % of hidden spikes agree at equal dt")
    if not (bridge["agreement_shuffled"] < 0.5).all():
        problems.append("bridge: the control with shuffled weights agrees")
    if bridge.empty:
        problems.append("bridge: no trial")
    if not (trials["status"] == "done").all():
        problems.append("some trials failed")
    print(means.to_string())  # noqa: T201
    print("\n".join(problems) or "all as promised")  # noqa: T201
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
