"""Families of systems: how they learn. A family has one colour and one mark in every figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Style(NamedTuple):
    """How a learner is drawn: Matplotlib's colour and marker."""

    colour: str
    mark: str


@dataclass(frozen=True)
class Family:
    """A way to learn.

    Parameters
    ----------
    title
        For readers.
    colours
        Of its members, tones of one hue; they are given out in the order of the registry.
    mark
        Matplotlib's marker.
    """

    title: str
    colours: tuple[str, ...]
    mark: str

    def style(self, member: int) -> Style:
        """Return the style of a member by its number; tones come again where they run out."""
        return Style(self.colours[member % len(self.colours)], self.mark)


# Hues of Okabe and Ito, told apart without full colour vision; marks tell families apart in grey.
FAMILIES: dict[str, Family] = {
    "local": Family("local learning", ("#0072B2", "#56B4E9", "#003E66", "#8FA9C4"), "o"),
    "gradient": Family("surrogate gradients", ("#D55E00", "#F0A070", "#7A3500", "#C48B6A"), "s"),
    "routes": Family(
        "other error routes",
        ("#009E73", "#7BCBB3", "#00573F", "#5E8F7F", "#35C79A", "#2E7D5B", "#003325", "#86B3A5"),
        "D",
    ),
    "converted": Family("converted networks", ("#CC79A7", "#E5B5CF", "#7D3F61", "#A88497"), "^"),
    "baseline": Family("without spikes", ("#444444", "#888888", "#BBBBBB", "#666666"), "x"),
}
