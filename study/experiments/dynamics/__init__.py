"""Whether neuron models follow their equations."""
