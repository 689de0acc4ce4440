"""What a NIR graph leaves open, and how tools fill it: step, order, reset, meaning of a spike.

NIR (Pedersen et al., Nat. Commun. 15:8122 (2024), doi:10.1038/s41467-024-52259-9) states neurons in
continuous time and without units. Tools that export their discrete networks choose a step and a
reading of the equations, and most do not write down which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from biosim.chain.network import Order


@dataclass(frozen=True)
class Conventions:
    """How the tool that wrote a graph ran its network.

    Parameters
    ----------
    dt_s
        Its step in seconds.
    order
        Within a step; see `biosim.chain.network`.
    reset, hold_steps
        ``"zero"`` and for how many steps a spike keeps the membrane there, or ``"subtract"``.
    strict
        Whether a membrane at exactly the threshold stays silent.
    delay_steps, recurrent_delay_steps
        From a spike to the step whose current it changes, in the next layer and in its own.
    decay
        What a time constant leaves in a step: ``"exact"``, ``exp(-dt / tau)``, or ``"euler"``,
        ``1 - dt / tau``.
    spike
        What a spike is in ``tau_syn dI/dt = -I + w_in S``: a ``"dirac"`` pulse, so that the
        current jumps by ``w_in / tau_syn``; a value of 1 that lasts a ``"step"``, so that it jumps
        by ``w_in dt / tau_syn``; or a ``"jump"`` by ``w_in``.
    time_unit_s
        Unit of the graph's time constants.
    """

    dt_s: float
    order: Order = "fire_first"
    reset: Literal["zero", "subtract"] = "zero"
    hold_steps: int = 1
    strict: bool = True
    delay_steps: int = 1
    recurrent_delay_steps: int = 2
    decay: Literal["exact", "euler"] = "exact"
    spike: Literal["dirac", "step", "jump"] = "dirac"
    time_unit_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("dt_s", "time_unit_s"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be positive and finite, not {getattr(self, name)}")
        for name, allowed in (
            ("order", get_args(Order)),
            ("reset", ("zero", "subtract")),
            ("decay", ("exact", "euler")),
            ("spike", ("dirac", "step", "jump")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"convention {name} = {getattr(self, name)!r}; allowed: {', '.join(allowed)}"
                )
        if min(self.hold_steps, self.delay_steps) < 0:
            raise ValueError("hold_steps and delay_steps must not be negative")


def snntorch(reset: Literal["zero", "subtract"] = "subtract") -> Conventions:
    """Return those of snnTorch 1.0, whose exporter fixes dt = 0.1 ms and drops the reset.

    ``snntorch.export_nir`` writes ``tau = dt / (1 - beta)``, ``r = tau_mem / dt`` and ``w_in =
    tau_syn / dt``. ``Leaky`` and ``Synaptic`` with ``reset_delay`` (the default) subtract or zero
    in the step after a spike.
    """
    return Conventions(
        dt_s=1e-4,
        order="integrate_first",
        reset=reset,
        delay_steps=0,
        recurrent_delay_steps=1,
        decay="euler",
        spike="step",
    )


def norse(dt_s: float = 1e-3) -> Conventions:
    """Return those of Norse 1.1, whose exporter multiplies time constants by dt.

    https://github.com/norse/norse/issues/411. A spike lets ``LIFCell``'s current jump by the
    weight, forward Euler follows, and the reset is in the step of the spike.
    """
    return Conventions(
        dt_s=dt_s,
        order="integrate_first",
        hold_steps=0,
        delay_steps=0,
        recurrent_delay_steps=1,
        decay="euler",
        spike="jump",
        time_unit_s=1 / dt_s,
    )


def stated(metadata: Mapping[str, Any]) -> Conventions:
    """Return those that a graph's metadata state; the names are those of gradsim's export.

    Raises
    ------
    ValueError
        If one is missing or has a value that is not known.
    """
    names = {
        "dt_s": "dt_s",
        "step_order": "order",
        "reset": "reset",
        "reset_hold_steps": "hold_steps",
        "threshold_strict": "strict",
        "input_delay_steps": "delay_steps",
        "recurrent_delay_steps": "recurrent_delay_steps",
    }
    for name in ("time_unit", *names):
        if name not in metadata:
            raise ValueError(
                f"the graph's metadata lack {name!r}: NIR itself has no units and no step. Pass "
                "conventions= for graphs of other tools, such as snntorch() or norse()"
            )
    if metadata["time_unit"] != "s":
        raise ValueError(f"convention time_unit = {metadata['time_unit']!r} must be 's'")
    return Conventions(**{field: _plain(metadata[name]) for name, field in names.items()})


def _plain(value: Any) -> Any:
    """Return Python's own number or text: files hold NumPy's."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else value
