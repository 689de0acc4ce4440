"""Networks of current-based LIF neurons, layer after layer: from NIR graphs, run in Brian2.

`read_chain` makes a `Chain` of a graph, `run_chain` shows what it does to input spikes, at the
network's own step or a smaller one. `conventions` holds what a graph leaves open and tools fill;
`calibrate` finds other neurons to put in place of LIF neurons.
"""

from biosim.chain import conventions
from biosim.chain.conventions import Conventions, Preset
from biosim.chain.from_nir import read_chain
from biosim.chain.network import (
    Chain,
    ChainRecording,
    InputSpikes,
    Layer,
    LayerSpikes,
    Order,
    Scheme,
)
from biosim.chain.run import run_chain
from biosim.chain.substitute import Calibration, Substitute, calibrate

__all__ = [
    "Calibration",
    "Chain",
    "ChainRecording",
    "Conventions",
    "InputSpikes",
    "Layer",
    "LayerSpikes",
    "Order",
    "Preset",
    "Scheme",
    "Substitute",
    "calibrate",
    "conventions",
    "read_chain",
    "run_chain",
]
