"""Unsupervised digit recognition by STDP (Diehl & Cook 2015).

`train` shows images to the plastic network, `respond` counts the spikes of the frozen one, and
`assign_labels` and `classify` read classes off the counts, or `class_shares` and `vote` do.
`engines` says what can compute them.
"""

from biosim.diehl_cook.engines import Engine
from biosim.diehl_cook.lesson import Trained
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
    "class_shares",
    "classify",
    "respond",
    "train",
    "vote",
]
