"""Discrete-time spiking networks trained by surrogate gradients, in PyTorch.

Time first, ``[T, B, N]``; weights ``[out, in]``; seconds as floats; state and randomness are
arguments. `gradsim.surrogate`, `gradsim.encode` and `gradsim.losses` hold the rest by name.
"""

from gradsim import encode, losses, surrogate
from gradsim.events import SpikeEvents, raster
from gradsim.layers import LIF, Readout
from gradsim.network import NetworkConfig, Recording, SpikingNetwork
from gradsim.neurons import LIFParameters
from gradsim.to_nir import from_nir, to_nir
from gradsim.training import Labelled, TrainingConfig, TrainingError, predict, train

__all__ = [
    "LIF",
    "LIFParameters",
    "Labelled",
    "NetworkConfig",
    "Readout",
    "Recording",
    "SpikeEvents",
    "SpikingNetwork",
    "TrainingConfig",
    "TrainingError",
    "encode",
    "from_nir",
    "losses",
    "predict",
    "raster",
    "surrogate",
    "to_nir",
    "train",
]
