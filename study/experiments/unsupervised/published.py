"""Accuracies on MNIST that others published for this kind of network, and ours beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from study.analysis.basis import basis
from study.analysis.replicates import Replicates, percent
from study.analysis.section import Table
from study.analysis.stats import INTERVAL
from study.experiments.unsupervised.plan import WHOLE, part_missing
from study.learners.diehl_cook_config import NETWORKS, DiehlCookConfig
from study.settings.config import configured


@dataclass(frozen=True)
class Published:
    """One accuracy, in percent as it was printed, and what differs from the networks here."""

    source: str
    neurons: str
    accuracy: str
    differs: str


PAPER = "Diehl & Cook 2015, paper"
CODE = "Diehl & Cook, published code"
BINDSNET = "BindsNET, eth_mnist.py"
_PAPER_DIFFERS = (
    "all 60,000 training images learned from and used for labels, up to 15 times by the larger "
    "networks; the learning rate is not printed"
)
_BINDSNET_DIFFERS = (
    "neurons without conductances, a step of 1 ms, other weights, a rule of pairs, no delays"
)
PUBLISHED = (
    Published(PAPER, "100", "82.9", _PAPER_DIFFERS),
    Published(PAPER, "400", "87.0", _PAPER_DIFFERS),
    Published(PAPER, "1600", "91.9", _PAPER_DIFFERS),
    Published(PAPER, "6400", "95.0", _PAPER_DIFFERS),
    Published(
        CODE, "400", "91.56", "weights that come with the code; labels taken from the test set"
    ),
    Published(CODE, "400", "about 89", "trained anew, 3 passes; labels taken from the test set"),
    Published(BINDSNET, "100", "77", f"the maintainers' figure (issue 553); {_BINDSNET_DIFFERS}"),
    Published(BINDSNET, "100", "79 to 80", f"users' figures (426, 575); {_BINDSNET_DIFFERS}"),
)
CODE_SAYS = tuple(NETWORKS["published_code"])
SOURCES = {
    "published_code": "its settings",
    "brian2_ports": "settings of its ports to Brian2",
    "paper": "settings of the paper",
}
RULES = {"power": "power law", "triplet": "triplet rule of the published code"}


def beside(groups: Sequence[Replicates]) -> list[Table]:
    """Return published accuracies and ours on MNIST, by number of neurons; none without MNIST."""
    own = longest([group for group in groups if group.dataset == "mnist"])
    if not own:
        return []
    rows = [(p.source, p.neurons, p.accuracy, "", p.differs) for p in PUBLISHED]
    for group in sorted(own, key=lambda group: (_config(group)["n_exc"], _config(group)["rule"])):
        rows.append(
            (
                "here",
                str(_config(group)["n_exc"]),
                percent(group),
                percent(group, "by_shares_accuracy"),
                _setting(group),
            )
        )
    rows.sort(key=lambda row: int(row[1]))  # stable: published ones before ours
    return [
        Table(
            "Test accuracies on MNIST, published and here. The read-out of the paper takes the "
            "class whose neurons fire most on average; in the vote by shares, which is not in the "
            "paper, a spike counts for all classes by what part of its neuron's mean responses "
            "each has.",
            ("source", "neurons", "accuracy / %", "vote by shares / %", "what differs"),
            tuple(rows),
            basis([record for group in own for record in group], interval=INTERVAL),
        )
    ]


def longest(groups: Sequence[Replicates]) -> list[Replicates]:
    """Return whole networks, of those that differ in what they were shown the longest shown."""
    found: dict[tuple, Replicates] = {}
    for group in groups:
        config = _config(group)
        key = (group.dataset, config["n_exc"], *(config.get(name) for name in CODE_SAYS))
        rival = found.get(key)
        if part_missing(config) == WHOLE and (
            rival is None or config["presentations"] > _config(rival)["presentations"]
        ):
            found[key] = group
    return list(found.values())


def network(group: Replicates) -> str:
    """Return size and rule of a network, and its source where it is one's in every respect."""
    config = _config(group)
    told = f"{config['n_exc']} neurons, {RULES[config['rule']]}"
    whole = asdict(configured(DiehlCookConfig, config))
    for name, says in NETWORKS.items():
        if {**whole, **says} == whole:
            return f"{told} ({SOURCES[name]})"
    return told


def _setting(group: Replicates) -> str:
    config, metrics = _config(group), group[0].metrics
    return (
        f"{RULES[config['rule']]}, learning rate {config['rate_post']:g}, threshold grows by "
        f"{1e3 * config['theta_plus_v']:g} mV a spike and decays in "
        f"{config['tau_theta_s']:,.0f} s, silent for {1e3 * config['lockout_s']:g} ms after a "
        f"spike, inputs late by up to {1e3 * config['max_delay_s']:g} ms; "
        f"{config['presentations']:,} images shown, "
        f"drawn from {metrics['n_train']:,}; labels of {config['label_samples']:,} training "
        f"images; {len(group)} seed{'s' if len(group) > 1 else ''}"
    )


def _config(group: Replicates) -> Mapping[str, Any]:
    return group[0].trial.config
