"""What an inference would cost in a chip: estimates with bounds, from counted operations.

None of them is a measurement. Energies are those of 45 nm at 0.9 V (Horowitz, ISSCC 2014,
doi:10.1109/ISSCC.2014.6757323): a 32-bit float addition takes 0.9 pJ and a multiply-accumulate
4.6 pJ, with 8-bit integers 0.03 and 0.23 pJ; reading 64 bits takes 20 pJ from 32 KB of SRAM and at
least 1.3 nJ from DRAM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STATES = 2  # of a neuron in records that do not tell: synaptic current and membrane potential


@dataclass(frozen=True)
class Price:
    """Picojoules of one addition, one multiply-accumulate, and one word read or written."""

    addition: float
    mac: float
    word: float = 0.0


FLOAT = Price(0.9, 4.6)
SRAM = Price(0.9, 4.6, 20 / 2)  # words of 32 bits
DRAM = Price(0.9, 4.6, 1300 / 2)
INTEGER = Price(0.03, 0.23)
"""The three estimates are `FLOAT`, from `SRAM` to `DRAM`, and `INTEGER`."""


def nanojoules(metrics: Mapping[str, Any], price: Price) -> float:
    """Return the estimated energy of one inference.

    A synaptic operation is an addition and a weight fetched; a multiply-accumulate fetches a
    weight too. An update of a neuron decays each of its states, a multiply-accumulate each, and
    reads and writes all of them. Addresses of spikes, activations, leakage and control are left
    out.

    Parameters
    ----------
    metrics
        Of a learning trial: ``synops_per_sample``, ``macs_per_sample``, and
        ``state_updates_per_sample`` or, in records from before it was counted,
        ``neuron_updates_per_sample``.
    price
        What an operation costs.
    """
    additions = metrics["synops_per_sample"] or 0.0
    macs = metrics["macs_per_sample"]
    states = metrics.get("state_updates_per_sample")
    if states is None:
        states = STATES * metrics["neuron_updates_per_sample"]
    arithmetic = additions * price.addition + (macs + states) * price.mac
    traffic = (additions + macs + 2 * states) * price.word
    return (arithmetic + traffic) / 1e3
