"""A spiking autoencoder whose forward and feedback weights mirror each other (Burbank 2015).

`initial` draws a network, `learn` shows images to it, `respond` counts its spikes with everything
frozen. `twin` computes the same in Brian2.
"""

from biosim.mirrored.network import Network, Specification, initial
from biosim.mirrored.training import History, Response, learn, rebuilt_images, respond

__all__ = [
    "History",
    "Network",
    "Response",
    "Specification",
    "initial",
    "learn",
    "rebuilt_images",
    "respond",
]
