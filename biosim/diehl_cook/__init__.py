"""Unsupervised digit recognition by STDP (Diehl & Cook 2015).

`train` shows images to the plastic network, `respond` counts the spikes of the frozen one, and
`assign_labels` and `classify` read classes off the counts, or `class_shares` and `vote` do.
`engines` says what can compute them. `published_code`, `brian2_ports`, `paper` and `budgeted` are
networks by name, and `spike_budget` says how many spikes their thresholds allow.
"""

from biosim.diehl_cook.budget import spike_budget
from biosim.diehl_cook.engines import Engine
from biosim.diehl_cook.lesson import Trained
from biosim.diehl_cook.presets import brian2_ports, budgeted, paper, published_code
from biosim.diehl_cook.readout import assign_labels, class_shares, classify, vote
from biosim.diehl_cook.response import Response, respond
from biosim.diehl_cook.specification import DiehlCook, Population, PowerLaw, Triplet
from biosim.diehl_cook.training import train

__all__ = [
    "DiehlCook",
    "Engine",
    "Population",
    "PowerLaw",
    "Response",
    "Trained",
    "Triplet",
    "assign_labels",
    "brian2_ports",
    "budgeted",
    "class_shares",
    "classify",
    "paper",
    "published_code",
    "respond",
    "spike_budget",
    "train",
    "vote",
]
