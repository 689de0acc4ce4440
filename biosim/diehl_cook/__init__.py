"""Unsupervised digit recognition by STDP (Diehl & Cook 2015).

`train` shows images to the plastic network, `respond` counts the spikes of the frozen one, and
`assign_labels` and `classify` read classes off the counts.
"""

from biosim.diehl_cook.readout import assign_labels, classify
from biosim.diehl_cook.response import Response, respond
from biosim.diehl_cook.specification import DiehlCook, Population
from biosim.diehl_cook.training import Trained, train

__all__ = [
    "DiehlCook",
    "Population",
    "Response",
    "Trained",
    "assign_labels",
    "classify",
    "respond",
    "train",
]
