"""Plasticity rules, each as a recipe for Brian2's ``Synapses``.

The two rules of Diehl & Cook belong to their network: `biosim.diehl_cook.specification`.

A rule is a frozen dataclass of its parameters; its ``recipe()`` holds the text that Brian2 needs.
What all of them share:

- weights ``w`` and traces are numbers without unit, times are in seconds;
- traces are advanced exactly from one spike to the next; nothing is computed between spikes;
- a presynaptic spike acts on its target with the weight that it finds and changes it afterwards;
- of two spikes in one time step the presynaptic one comes first, so that the pair counts as
  potentiation, as in Kheradpisheh et al. (2018), doi:10.1016/j.neunet.2017.12.005. Brian2 runs
  its presynaptic pathways before its postsynaptic ones.
"""

from biosim.plasticity.competition import Competition, Competitors, compete
from biosim.plasticity.normalise import normalised
from biosim.plasticity.pair import PairSTDP, printed_window, window
from biosim.plasticity.recipe import UNBOUNDED, Pairing, Recipe, Rule
from biosim.plasticity.trains import (
    WeightRecording,
    pairings,
    simulate_pairs,
    simulate_trains,
)
from biosim.plasticity.triplet import (
    HIPPOCAMPUS,
    VISUAL_CORTEX,
    VISUAL_CORTEX_NEAREST,
    TripletSTDP,
)

__all__ = [
    "HIPPOCAMPUS",
    "UNBOUNDED",
    "VISUAL_CORTEX",
    "VISUAL_CORTEX_NEAREST",
    "Competition",
    "Competitors",
    "PairSTDP",
    "Pairing",
    "Recipe",
    "Rule",
    "TripletSTDP",
    "WeightRecording",
    "compete",
    "normalised",
    "pairings",
    "printed_window",
    "simulate_pairs",
    "simulate_trains",
    "window",
]
