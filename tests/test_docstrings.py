"""The examples in docstrings run and print what they say, and what a user calls first has one.

As in NumPy's docstrings, ``np`` is there without an import; so are ``torch`` and both packages.
"""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import biosim
import gradsim
from biosim import chain, diehl_cook

ROOT = Path(__file__).resolve().parent.parent
NAMES = {"np": np, "torch": torch, "biosim": biosim, "gradsim": gradsim}
WITH_EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("biosim", "gradsim")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>>" in path.read_text()
]
CALLED_FIRST = [
    biosim.simulate,
    biosim.LIF,
    biosim.AdEx,
    biosim.AdaptiveLIF,
    biosim.ConductanceLIF,
    biosim.HodgkinHuxley,
    biosim.Izhikevich,
    biosim.Traub,
    biosim.PairSTDP,
    biosim.TripletSTDP,
    biosim.plasticity.normalised,
    biosim.stimuli.step,
    biosim.stimuli.exponential_input,
    biosim.stimuli.poisson_trains,
    chain.read_chain,
    chain.run_chain,
    diehl_cook.published_code,
    diehl_cook.respond,
    diehl_cook.spike_budget,
    diehl_cook.train,
    gradsim.CurrentEncoder,
    gradsim.EncodedNetwork,
    gradsim.LIF,
    gradsim.Sequential,
    gradsim.SpikeEvents,
    gradsim.SpikingNetwork,
    gradsim.encode.bin_events,
    gradsim.encode.delta,
    gradsim.encode.latency,
    gradsim.encode.rate,
    gradsim.from_nir,
    gradsim.from_raster,
    gradsim.losses.activity_bounds,
    gradsim.losses.max_over_time_nll,
    gradsim.losses.spytorch_activity,
    gradsim.predict,
    gradsim.raster,
    gradsim.surrogate.fast_sigmoid,
    gradsim.to_nir,
    gradsim.train,
]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_print_what_they_say(module: str) -> None:
    with torch.random.fork_rng():  # examples may draw as their reader would
        found = doctest.testmod(importlib.import_module(module), extraglobs=NAMES)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("part", CALLED_FIRST, ids=lambda part: part.__qualname__)
def test_what_is_called_first_has_an_example(part: Any) -> None:
    assert ">>> " in (part.__doc__ or "")
