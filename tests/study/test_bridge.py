"""The bridge finds the same network where it is the same, and says so where it is not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from gradsim import SpikeEvents, SpikingNetwork
from gradsim.to_nir import to_bytes
from study.agreement import Spikes
from study.data.reference import DatasetRef
from study.experiments import bridge
from study.learners.surrogate import SurrogateConfig
from study.procedures import bridge as procedure
from study.procedures import twin
from study.store import Store
from study.trial import Context, Outcome, Record, Trial

NETWORK = SurrogateConfig(hidden=20, n_steps=40, weight_scale=3.0)
BRIDGE = procedure.BridgeConfig(refinements=(1, 4), tolerances_steps=(0.0, 2.0), max_samples=60)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A comparison of a network with random weights, kept in a store."""
    network = SpikingNetwork(NETWORK.network(64, 10), torch.Generator().manual_seed(3))
    trained = Trial("x:y", "surrogate", DatasetRef("digits"), dataclasses.asdict(NETWORK), 0)
    trial = Trial(
        procedure.PROCEDURE, "bridge", DatasetRef("digits"), dataclasses.asdict(BRIDGE), 0,
        needs=(trained,),
    )  # fmt: skip
    context = Context(needs=(Outcome(files={"network.nir": to_bytes(network)}),))
    store = Store(tmp_path_factory.mktemp("trials"))
    return store.put_done(trial, procedure.run(trial, context), {})


def test_at_equal_dt_it_is_the_same_network(record: Record) -> None:
    found = record.metrics
    assert found["spikes_discrete"] > 1000
    assert found["agreement_same"] == 1.0
    assert found["trains_differing"] == 0
    assert found["accuracy_same"] == found["accuracy_discrete"]
    assert found["readout_error_same"] < 1e-9


def test_continuous_time_and_the_controls_are_not(record: Record) -> None:
    found, agreement = record.metrics, record.arrays["agreement"]
    assert found["agreement_shuffled"] < 0.5
    assert found["agreement_swapped"] < 0.9
    assert agreement.shape == (2, 2)
    assert (agreement[:, 0] < 1).all()
    assert (agreement[:, 1] > agreement[:, 0]).all()


def test_the_section_tells_both(record: Record) -> None:
    section = bridge.section([record])
    assert "at least 100.000 % of hidden spikes agree" in section.findings[0]
    names = {figure.name for figure in section.figures}
    assert names == {"bridge-towards-continuous-time", "bridge-raster"}
    for figure in section.figures:
        assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.drawing.axes)


def test_an_input_that_fires_twice_in_a_step_is_refused() -> None:
    twice = SpikeEvents(np.array([3, 3]), np.array([0, 0]), np.array([0, 2]), 1, 5)
    with pytest.raises(ValueError, match="twice within a step"):
        twin.input_spikes(twice, 1e-3)


def test_a_rounding_tie_is_told_from_a_difference() -> None:
    margin = np.full((10, 3), -0.5)
    margin[4, 0] = 1e-12
    discrete = twin.DiscreteRun(Spikes(np.array([4e-3]), np.array([0])), margin, np.zeros((1, 1)))
    late = Spikes(np.array([5e-3, 2e-3]), np.array([0, 2]))
    assert twin.exceptions(discrete, late, 1e-3) == (2, 1)
    assert twin.exceptions(discrete, discrete.spikes, 1e-3) == (0, 0)


def test_plain_settings_out_of_range_are_refused(tmp_path: Path) -> None:
    for wrong in ({"refinements": (0,)}, {"tolerances_steps": (-1.0,)}, {"max_samples": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            procedure.BridgeConfig(**wrong)
