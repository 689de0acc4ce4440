"""Maps of firing rates: against the closed form, and what is said of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from biosim.neurons import LIF
from study.experiments.rates import experiment as rates
from study.experiments.rates.run import RatesConfig, run
from study.request import Request
from study.trials.store import Store
from study.trials.trial import Context, Trial

SMALL = RatesConfig("tau_mem_s", (10e-3, 20e-3, 40e-3), 0.5e-9, n_currents=6, duration_s=0.4)


def trial(name: str = "lif-rates", **changes: object) -> Trial:
    config = dataclasses.asdict(dataclasses.replace(SMALL, **changes))
    return Trial("study.procedures.rates:run", name, None, config, 0)


def test_rates_of_lif_neurons_are_those_of_the_closed_form_at_every_level():
    outcome = run(trial(), Context())
    current, found = outcome.arrays["current"], outcome.arrays["rate_hz"]
    assert found.shape == (3, 6)
    for level, row in zip(SMALL.levels, found, strict=True):
        interval_s = LIF(tau_mem_s=level).interval_s(current)
        # A spike is late by up to one step of 0.1 ms.
        np.testing.assert_allclose(row, 1 / interval_s, rtol=0.03)
    # The rheobase is 0.15 nA whatever the time constant; currents are 0.1 nA apart.
    assert outcome.metrics["firing_current"] == pytest.approx([0.2e-9] * 3)
    assert outcome.metrics["max_rate_error_hz"] < 3


def test_more_potassium_silences_the_squid_axon():
    changes = {"constant": "potassium_s_m2", "levels": (360.0, 720.0), "max_current": 0.1}
    outcome = run(trial("hodgkin-huxley-rates", dt_s=5e-5, n_currents=2, **changes), Context())
    normal, silenced = outcome.metrics["firing_current"]
    assert normal == pytest.approx(0.1)
    assert silenced is None
    assert outcome.metrics["max_rate_error_hz"] is None


def test_an_unknown_constant_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"LIF has no constant 'tau'; it has tau_mem_s, "):
        run(trial(constant="tau"), Context())


@pytest.mark.parametrize("changes", [{"levels": ()}, {"n_currents": 1}, {"max_current": 0.0}])
def test_maps_without_extent_are_refused(changes):
    with pytest.raises(ValueError, match=r"must|be at least"):
        dataclasses.replace(SMALL, **changes)


def test_the_section_says_where_onsets_move(tmp_path: Path):
    store, made = Store(tmp_path), trial()
    section = rates.section([store.put_done(made, run(made, Context()), {})])
    assert (
        "leaky integrate-and-fire: as the membrane time constant rises from 10 ms to 40 ms, the "
        "onset stays at 0.2 nA within a step of the map" in section.findings[0]
    )
    assert len(section.tables[0].rows) == 3


def test_larger_profiles_draw_finer_maps():
    quick, standard = (rates.trials(Request(profile)) for profile in ("quick", "standard"))
    assert len(quick) == len(standard) == len(rates.MODELS)
    assert quick[0].config["n_currents"] < standard[0].config["n_currents"]
