"""Neuron models: frozen parameters in SI units, each with a ``model()`` for Brian2.

Named cells and patterns: `biosim.neurons.izhikevich`, `biosim.neurons.adex`.
"""

from biosim.neurons import adex, izhikevich
from biosim.neurons.adaptive_lif import AdaptiveLIF
from biosim.neurons.adex import AdEx
from biosim.neurons.conductance_lif import ConductanceLIF
from biosim.neurons.hodgkin_huxley import HodgkinHuxley
from biosim.neurons.izhikevich import Izhikevich
from biosim.neurons.lif import LIF
from biosim.neurons.model import Neuron, NeuronModel
from biosim.neurons.traub import Traub

__all__ = [
    "LIF",
    "AdEx",
    "AdaptiveLIF",
    "ConductanceLIF",
    "HodgkinHuxley",
    "Izhikevich",
    "Neuron",
    "NeuronModel",
    "Traub",
    "adex",
    "izhikevich",
]
