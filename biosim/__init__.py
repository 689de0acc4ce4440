"""Spiking networks in continuous time, simulated by Brian2.

`simulate` shows what neurons do under `stimuli`, `plasticity` what rules make of weights, `chain`
runs networks of NIR graphs. `diehl_cook` is the network of Diehl & Cook (2015), `mirrored` the
autoencoder of Burbank (2015), and `normad` a neuron that is taught a spike train (Anwani &
Rajendran 2015).

`biosim.backend` owns Brian2's global state: everything runs inside its `session`. Brian2
quantities stay inside this package; what goes in and out is numpy, in SI units.
"""

from importlib import import_module
from types import ModuleType

from biosim.backend import has_compiler, session
from biosim.neurons import (
    LIF,
    AdaptiveLIF,
    AdEx,
    ConductanceLIF,
    HodgkinHuxley,
    Izhikevich,
    NeuronModel,
    Traub,
)
from biosim.plasticity import PairSTDP, TripletSTDP
from biosim.simulate import Recording, simulate

__all__ = [
    "LIF",
    "AdEx",
    "AdaptiveLIF",
    "ConductanceLIF",
    "HodgkinHuxley",
    "Izhikevich",
    "NeuronModel",
    "PairSTDP",
    "Recording",
    "Traub",
    "TripletSTDP",
    "has_compiler",
    "session",
    "simulate",
]

_LATER = ("chain", "diehl_cook", "mirrored", "normad")  # they load nir and Numba


def __getattr__(name: str) -> ModuleType:
    if name in _LATER:
        return import_module(f"biosim.{name}")
    raise AttributeError(f"module 'biosim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
