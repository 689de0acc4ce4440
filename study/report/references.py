"""The papers that sections cite, by key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A paper as it stands in the list; ``doi`` may be a whole address where there is no DOI."""

    authors: str
    year: int
    title: str
    venue: str
    doi: str


REFERENCES: dict[str, Reference] = {
    "neftci2019": Reference(
        "Neftci E. O., Mostafa H., Zenke F.",
        2019,
        "Surrogate gradient learning in spiking neural networks",
        "IEEE Signal Processing Magazine 36(6):51-63",
        "10.1109/MSP.2019.2931595",
    ),
    "diehl2015": Reference(
        "Diehl P. U., Cook M.",
        2015,
        "Unsupervised learning of digit recognition using spike-timing-dependent plasticity",
        "Frontiers in Computational Neuroscience 9:99",
        "10.3389/fncom.2015.00099",
    ),
}


def cited(keys: list[str]) -> dict[str, Reference]:
    """Return the references by key in the order of their first citation.

    Raises
    ------
    KeyError
        If a key is unknown.
    """
    return {key: REFERENCES[key] for key in dict.fromkeys(keys)}
