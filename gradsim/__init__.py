"""Discrete-time spiking networks trained by surrogate gradients, in PyTorch.

Time first, ``[T, B, N]``; weights ``[out, in]``; seconds as floats; state and randomness are
arguments. `gradsim.surrogate`, `gradsim.encode`, `gradsim.losses` and `gradsim.feedback` hold the
rest by name.
`gradsim.lsnn`, `gradsim.lsnn_gradients` and `gradsim.sequence_training` are recurrent networks with
adaptive thresholds, trained on sequences by BPTT or e-prop in compiled loops; `gradsim.lstm`,
`gradsim.lstm_training` and `gradsim.counted_lstm` are LSTMs that become networks of spike counts.
`gradsim.rank_code`, `gradsim.stdp_convolution` and `gradsim.stdp_convolution_training` are maps of
neurons that spike once and learn their filters by STDP, without labels; `gradsim.autoencoder` and
`gradsim.autoencoder_training` maps that learn to rebuild what they read, and `gradsim.count_head` a
network that is trained on numbers of spikes.
"""

from gradsim import encode, feedback, losses, surrogate
from gradsim.conversion import Converted, Response, convert
from gradsim.convolution import ConvLIF, FirstPool2d, MeanPool2d, OrPool2d
from gradsim.current_encoder import CurrentEncoder
from gradsim.events import SpikeEvents, from_raster, raster
from gradsim.first_spike import FirstSpikeResponse, FirstSpikes, convert_to_first_spikes
from gradsim.layers import LIF, Readout, Sequential
from gradsim.network import EncodedNetwork, NetworkConfig, SpikingNetwork
from gradsim.neurons import Adaptation, LIFParameters, snntorch, spytorch
from gradsim.operations import LayerCost
from gradsim.quantised import QCFS
from gradsim.recording import Recording, Traces
from gradsim.to_nir import from_nir, to_nir
from gradsim.training import History, Labelled, TrainingConfig, TrainingError, predict, train

__all__ = [
    "LIF",
    "QCFS",
    "Adaptation",
    "ConvLIF",
    "Converted",
    "CurrentEncoder",
    "EncodedNetwork",
    "FirstPool2d",
    "FirstSpikeResponse",
    "FirstSpikes",
    "History",
    "LIFParameters",
    "Labelled",
    "LayerCost",
    "MeanPool2d",
    "NetworkConfig",
    "OrPool2d",
    "Readout",
    "Recording",
    "Response",
    "Sequential",
    "SpikeEvents",
    "SpikingNetwork",
    "Traces",
    "TrainingConfig",
    "TrainingError",
    "convert",
    "convert_to_first_spikes",
    "encode",
    "feedback",
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
