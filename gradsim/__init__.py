"""Discrete-time spiking networks trained by surrogate gradients, in PyTorch.

Time first, ``[T, B, N]``; weights ``[out, in]``; seconds as floats; state and randomness are
arguments. `gradsim.surrogate`, `gradsim.encode` and `gradsim.losses` hold the rest by name.
`gradsim.lsnn`, `gradsim.lsnn_gradients` and `gradsim.sequence_training` are recurrent networks with
adaptive thresholds, trained on sequences by BPTT or e-prop in compiled loops.
"""

from gradsim import encode, losses, surrogate
from gradsim.current_encoder import CurrentEncoder, EncodedNetwork, Traces
from gradsim.events import SpikeEvents, from_raster, raster
from gradsim.layers import LIF, Readout, Sequential
from gradsim.network import NetworkConfig, Recording, SpikingNetwork
from gradsim.neurons import Adaptation, LIFParameters, snntorch, spytorch
from gradsim.to_nir import from_nir, to_nir
from gradsim.training import History, Labelled, TrainingConfig, TrainingError, predict, train

__all__ = [
    "LIF",
    "Adaptation",
    "CurrentEncoder",
    "EncodedNetwork",
    "History",
    "LIFParameters",
    "Labelled",
    "NetworkConfig",
    "Readout",
    "Recording",
    "Sequential",
    "SpikeEvents",
    "SpikingNetwork",
    "Traces",
    "TrainingConfig",
    "TrainingError",
    "encode",
    "from_nir",
    "from_raster",
    "losses",
    "predict",
    "raster",
    "snntorch",
    "spytorch",
    "surrogate",
    "to_nir",
    "train",
]
