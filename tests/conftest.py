"""Guards that hold for every test: nobody pollutes global state, nobody uses the user's cache."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# Compiling and imports make single examples slow; time limits would only test the machine.
settings.register_profile("project", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("project")


def global_state() -> dict[str, Any]:
    """Return what tests must leave as it was, of the libraries imported so far."""
    state: dict[str, Any] = {"numpy generator": np.random.get_state(legacy=True)[1].tobytes()}  # noqa: NPY002
    if torch := sys.modules.get("torch"):
        state["torch default type"] = torch.get_default_dtype()
        state["torch threads"] = torch.get_num_threads()
        state["torch generator"] = torch.random.get_rng_state().numpy().tobytes()
    if matplotlib := sys.modules.get("matplotlib"):
        state["matplotlib parameters"] = dict(matplotlib.rcParams)
    if brian2 := sys.modules.get("brian2"):
        state["brian2 preferences"] = dict(brian2.prefs)
        state["brian2 clock"] = float(brian2.defaultclock.dt)
        state["brian2 device"] = type(brian2.get_device()).__name__
    return state


@pytest.fixture(autouse=True)
def _unpolluted_globals() -> Iterator[None]:
    before = global_state()
    yield
    after = global_state()
    changed = [name for name in before if before[name] != after[name]]
    assert not changed, f"the test changed global state: {', '.join(changed)}"


@pytest.fixture(autouse=True)
def _no_user_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNN_DATA_DIR", raising=False)


@pytest.fixture
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parent.parent
