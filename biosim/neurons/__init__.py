"""Neuron models: frozen parameters in SI units, each with a ``model()`` for Brian2."""

from biosim.neurons.hodgkin_huxley import HodgkinHuxley
from biosim.neurons.izhikevich import CELLS, Izhikevich
from biosim.neurons.lif import LIF
from biosim.neurons.model import NeuronModel

__all__ = ["CELLS", "LIF", "HodgkinHuxley", "Izhikevich", "NeuronModel"]
