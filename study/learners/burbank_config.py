"""Settings of the autoencoder whose weights mirror each other, and its row of the review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from study.learning.conditions import Conditions
from study.learning.published import Control, Published

if TYPE_CHECKING:
    from biosim.mirrored import Specification

ERROR = "reconstruction_error"
"""The score of rebuilt images: their error as a share of that of the mean training image."""


@dataclass(frozen=True)
class BurbankConfig:
    """Constants of `biosim.mirrored.Specification`, for how long it learns, and what reads it.

    Parameters
    ----------
    hidden
        Hidden layer size.
    presentations
        Images shown, in shuffled passes; with 0 the weights stay random.
    dt_s, bout_s
        Time step, and length of each of the three bouts.
    white_spikes
        Mean input spikes of a pixel of 1.
    weight_start, threshold_start
        Largest weight, and thresholds of hidden neurons, at the start.
    threshold_rate, wanted_spikes
        How fast these thresholds follow what a neuron spikes beyond so many spikes an image.
    rate, rate_last
        Learning rate, which falls in a straight line.
    tau_trace_s
        Time constant of the traces of spikes; 0: they last until the image is over.
    feedback
        STDP of the feedback synapses, ``mirrored`` or, as a control, ``classical``.
    inverse_penalties
        Of the linear read-out; the one with the best validation accuracy is kept.
    label_samples
        Training images whose labels the read-out gets; 0: all.
    features
        Control: a read-out of ``pixels`` in place of the ``hidden`` spikes.
    labels
        Control: ``shuffled`` gives the read-out wrong labels.
    """

    hidden: int = 100
    presentations: int = 120_000
    dt_s: float = 1e-3
    bout_s: float = 5e-3
    white_spikes: float = 5.0
    weight_start: float = 0.05
    threshold_start: float = 12.0
    threshold_rate: float = 0.02
    wanted_spikes: float = 0.5
    rate: float = 4e-3
    rate_last: float = 2e-4
    tau_trace_s: float = 0.0
    feedback: Literal["mirrored", "classical"] = "mirrored"
    inverse_penalties: tuple[float, ...] = (0.01, 0.1, 1.0)
    label_samples: int = 0
    features: Literal["hidden", "pixels"] = "hidden"
    labels: Literal["given", "shuffled"] = "given"

    def __post_init__(self) -> None:
        if min(self.inverse_penalties, default=0) <= 0:
            raise ValueError(
                "inverse_penalties must be positive numbers, at least one, not "
                f"{self.inverse_penalties}"
            )
        for name in ("presentations", "label_samples", "tau_trace_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        for name, allowed in (
            ("feedback", ("mirrored", "classical")), ("features", ("hidden", "pixels")),
            ("labels", ("given", "shuffled")),
        ):  # fmt: skip
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}")

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the network learns."""
        labelled = min(self.label_samples or n_train, n_train)
        return Conditions(
            f"random spikes, {self.white_spikes:g} of a bright pixel in {1e3 * self.bout_s:g} ms",
            f"{self.hidden} hidden, and the input again",
            self.presentations,
            labels=f"{labelled} teach the read-out, none the network",
            chosen=f"the penalty, of {len(self.inverse_penalties)}",
            step=f"{1e3 * self.dt_s:g} ms",
        )

    def specification(self) -> Specification:
        """Return the network.

        Raises
        ------
        ValueError
            If a value cannot be; see `biosim.mirrored.Specification`.
        """
        from biosim.mirrored import Specification

        return Specification(
            n_hidden=self.hidden,
            dt_s=self.dt_s,
            bout_s=self.bout_s,
            white_spikes=self.white_spikes,
            weight_start=self.weight_start,
            threshold_start=self.threshold_start,
            threshold_rate=self.threshold_rate,
            wanted_spikes=self.wanted_spikes,
            rate=self.rate,
            rate_last=self.rate_last,
            tau_trace_s=self.tau_trace_s or None,
            feedback=self.feedback,
        )


def preset(_profile: str, dataset: str) -> BurbankConfig:
    """Return the settings for a data set, in all profiles alike; chosen on validation images."""
    if dataset == "digits":
        return BurbankConfig(
            hidden=50, presentations=10_000, weight_start=0.2, threshold_start=8.0, rate=0.01,
            rate_last=1e-3,
        )  # fmt: skip
    return BurbankConfig()


PUBLISHED = (
    Published(
        "Autoencoder by STDP that is mirrored in its feedback", None,
        "burbank2015", "mnist",
        control=Control("feedback by classical STDP", {"feedback": "classical"}),
    ),
)  # fmt: skip
