"""Settings of spiking maps that rebuild their input, and the paper whose number is sought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from study.learning.conditions import Conditions
from study.learning.published import Control, Published

if TYPE_CHECKING:
    from gradsim.autoencoder_training import Rebuilding
    from gradsim.rank_code import RankCode

LAYERED = ("maps", "kernel", "winners", "target", "pool")


@dataclass(frozen=True)
class PandaRoyConfig:
    """What is shown, the maps of each layer, how they learn, and who reads them.

    Parameters
    ----------
    centre, surround, side
        Deviations of the two Gaussians in pixels, and the side of their filter.
    full
        Contrast that spikes in each step; the brightest pixel alone has 1.
    n_steps
        Steps in which a layer spikes: the most spikes of a neuron.
    maps, kernel, winners, target
        Of each layer: maps, side of a filter (odd), maps that spike at a place at most, and the
        share of windows for which each is to spike.
    pool
        Side of a window behind each layer: its strongest neuron goes on to the next layer, the sum
        of all of it to what reads the last.
    threshold
        What a hidden spike takes from its neuron, for windows of length 1.
    rate, homeostasis, batch_size, n_batches, n_windows
        Of learning: see `gradsim.autoencoder_training.Rebuilding`.
    images
        Training images from which windows are drawn.
    readout
        ``linear``, or a ``head`` of one hidden layer of spiking neurons.
    inverse_penalties
        Of the linear read-out; the one with the best validation accuracy is kept.
    hidden, dropout, epochs, learning_rate, fine_epochs
        Of the head: neurons, the shares of inputs and of these that are left out as it learns,
        epochs, and more of a tenth of the rate. The best epoch on validation samples is kept.
    label_samples
        Training images whose labels the read-out gets; 0: all.
    features
        Controls: a read-out of ``pixels``, or of the pooled spikes of ``contrast``, in place of
        those of ``maps``.
    filters
        Controls: ``random`` filters, as they were before learning, or learned ones with the weights
        of each ``displaced``, all of whose maps spike for their target share of windows; or random
        ones ``matched`` besides, which spike at least as often in images as those that learned.
    labels
        Control: ``shuffled`` gives the read-out wrong labels.
    """

    centre: float = 1.0
    surround: float = 2.0
    side: int = 7
    full: float = 2.0
    n_steps: int = 8
    maps: tuple[int, ...] = (64,)
    kernel: tuple[int, ...] = (7,)
    winners: tuple[int, ...] = (2,)
    target: tuple[float, ...] = (0.02,)
    pool: tuple[int, ...] = (4,)
    threshold: float = 0.25
    rate: float = 0.2
    homeostasis: float = 0.02
    batch_size: int = 100
    n_batches: int = 2000
    n_windows: int = 60_000
    images: int = 5000
    readout: Literal["linear", "head"] = "linear"
    inverse_penalties: tuple[float, ...] = (0.001, 0.003)
    hidden: int = 500
    dropout: tuple[float, float] = (0.2, 0.5)
    epochs: int = 12
    learning_rate: float = 1e-3
    fine_epochs: int = 4
    label_samples: int = 0
    features: Literal["maps", "contrast", "pixels"] = "maps"
    filters: Literal["learned", "random", "matched", "displaced"] = "learned"
    labels: Literal["given", "shuffled"] = "given"

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in LAYERED}
        if len(lengths) != 1 or not self.maps:
            raise ValueError(f"{', '.join(LAYERED)} must each have one number a layer")
        for name in ("maps", "winners", "pool"):
            if min(getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if any(size < 1 or size % 2 == 0 for size in (self.side, *self.kernel)):
            raise ValueError(f"side and kernel must be odd, not {self.side}, {self.kernel}")
        if any(w > k for w, k in zip(self.winners, self.maps, strict=True)):
            raise ValueError(f"winners must be at most maps, not {self.winners} of {self.maps}")
        shares = [w / k for w, k in zip(self.winners, self.maps, strict=True)]
        if any(not 0 < p <= most for p, most in zip(self.target, shares, strict=True)):
            raise ValueError(f"target must lie above 0 and up to winners / maps, not {self.target}")
        for name in ("centre", "surround", "full", "threshold", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.centre == self.surround:
            raise ValueError("centre and surround must differ")
        for name in ("images", "hidden", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if min(self.label_samples, self.fine_epochs) < 0:
            raise ValueError(
                "label_samples and fine_epochs must be 0 or more, not "
                f"{self.label_samples}, {self.fine_epochs}"
            )
        if min(self.inverse_penalties, default=0) <= 0:
            raise ValueError("inverse_penalties must be positive numbers, at least one")
        for number in self.layers:
            self.rule(number)

    @property
    def layers(self) -> range:
        """The numbers of the layers of maps."""
        return range(len(self.maps))

    def code(self) -> RankCode:
        """Return the contrasts that spike; the least is that of one spike."""
        from gradsim.rank_code import RankCode

        pair = (self.centre, self.surround)
        least = self.full / (2 * self.n_steps)
        return RankCode((pair, pair[::-1]), self.side, least, self.n_steps)

    def rule(self, layer: int) -> Rebuilding:
        """Return how a layer learns."""
        from gradsim.autoencoder_training import Rebuilding

        return Rebuilding(
            self.rate,
            self.homeostasis,
            self.target[layer],
            self.batch_size,
            self.n_batches,
            self.n_windows,
        )

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the maps learn."""
        labelled = min(self.label_samples or n_train, n_train)
        units = [f"{maps} maps" for maps in self.maps]
        if self.readout == "head":
            units.append(str(self.hidden))
        return Conditions(
            "numbers of spikes by contrast",
            " and ".join(units),
            self.n_batches * self.batch_size * len(self.maps),
            labels=f"{labelled} teach the read-out, none the maps",
            chosen=f"the penalty, of {len(self.inverse_penalties)}"
            if self.readout == "linear"
            else "the epoch",
            step=f"{self.n_steps} without unit",
        )


_PRESETS: dict[str, dict[str, Any]] = {
    "digits": {
        "centre": 0.5, "surround": 1.0, "side": 3, "full": 1.0, "maps": (40,), "kernel": (3,),
        "target": (0.04,), "pool": (2,), "n_batches": 600, "n_windows": 10_000, "hidden": 100,
        "epochs": 12, "learning_rate": 5e-3, "fine_epochs": 2, "inverse_penalties": (0.01, 0.03),
    },
}  # fmt: skip
# The shape of the paper: a second layer that rebuilds the pooled spikes of the first.
TWO_LAYERS: dict[str, Any] = {
    "maps": (32, 64), "kernel": (5, 5), "winners": (2, 2), "target": (0.04, 0.02), "pool": (2, 2),
}  # fmt: skip


def preset(_profile: str, dataset: str) -> PandaRoyConfig:
    """Return the settings for a data set, in all profiles alike."""
    return PandaRoyConfig(**_PRESETS.get(dataset, {}))


_RANDOM = Control("random filters, each map of the same share of windows", {"filters": "random"})
PUBLISHED = (
    Published(
        "Spiking autoencoder, a linear read-out", 0.9905, "panda2016", "mnist", control=_RANDOM,
    ),
    Published(
        "Spiking autoencoder, a trained head", 0.9905, "panda2016", "mnist", {"readout": "head"},
        control=_RANDOM,
    ),
)  # fmt: skip
