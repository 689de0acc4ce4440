"""Settings of spiking maps that learn by STDP, and the paper whose number is sought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from study.learning.conditions import Conditions
from study.learning.published import Control, Published

if TYPE_CHECKING:
    from gradsim.rank_code import RankCode
    from gradsim.stdp_convolution_training import ConvolutionSTDP

MOST_STEPS = 255
GREYS = 255  # the brightest pixel, in the unit of thresholds of contrast
LAYERED = ("maps", "kernel", "threshold", "winners", "radius", "pool", "images")


@dataclass(frozen=True)
class KheradpishehConfig:
    """The paper's table, as far as we know it, with the rates of SpykeTorch.

    Parameters
    ----------
    centre, surround, side
        Deviations of the two Gaussians in pixels, and the side of their filter.
    contrast
        Least difference that spikes, of 255 grey levels.
    n_steps
        Steps in which an image's spikes come.
    maps, kernel, threshold, pool
        Of each layer: maps, side of a filter (odd; maps are as large as their input), threshold,
        and side of a pooled window.
    winners, radius, images
        Of each layer: neurons that learn from an image at most, the places around each in which no
        other does, and how many images are shown at most.
    rate, depression, double_every, largest_rate
        a+, a- as a share of it, and after how many images both double, up to where; 0: never.
    converged
        A layer stops to learn when the mean of w (1 - w) is less.
    readout
        What is classified: how early each pooled window spikes (``latencies``), or the largest
        potential of each map of the last layer, which then does not spike (``potentials``).
    inverse_penalties
        Of the linear read-out; the one with the best validation accuracy is kept.
    label_samples
        Training images whose labels the read-out gets; 0: all.
    features
        Controls: a read-out of ``pixels``, or of how early each ``contrast`` spikes, in place of
        ``maps``.
    filters
        Controls: ``displaced`` has each learned filter's weights in random places; ``matched`` has
        thresholds besides at which these spike at least as often as what was learned.
    times
        Control: the steps of an image's spikes ``shuffled`` among them, in place of ``ranked``.
    inhibits
        Control: whether a spike inhibits other maps at its place once learning is over.
    labels
        Control: ``shuffled`` gives the read-out wrong labels.
    """

    centre: float = 1.0
    surround: float = 2.0
    side: int = 7
    contrast: float = 50.0
    n_steps: int = 30
    maps: tuple[int, ...] = (30, 100)
    kernel: tuple[int, ...] = (5, 5)
    threshold: tuple[float, ...] = (15.0, 10.0)
    pool: tuple[int, ...] = (2, 2)
    winners: tuple[int, ...] = (5, 8)
    radius: tuple[int, ...] = (2, 1)
    images: tuple[int, ...] = (10_000, 20_000)
    rate: float = 0.004
    depression: float = 0.75
    double_every: int = 500
    largest_rate: float = 0.15
    converged: float = 0.01
    readout: Literal["latencies", "potentials"] = "potentials"
    inverse_penalties: tuple[float, ...] = (0.01, 0.1, 1.0)
    label_samples: int = 0
    features: Literal["maps", "contrast", "pixels"] = "maps"
    filters: Literal["learned", "displaced", "matched"] = "learned"
    times: Literal["ranked", "shuffled"] = "ranked"
    inhibits: bool = True
    labels: Literal["given", "shuffled"] = "given"

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in LAYERED}
        if len(lengths) != 1 or not self.maps:
            raise ValueError(f"{', '.join(LAYERED)} must each have one number a layer")
        for name in LAYERED:
            least = 0 if name == "radius" else 1
            if name != "threshold" and min(getattr(self, name)) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if any(size % 2 == 0 for size in (self.side, *self.kernel)):
            raise ValueError(f"side and kernel must be odd, not {self.side}, {self.kernel}")
        if not 1 <= self.n_steps <= MOST_STEPS:
            raise ValueError(f"n_steps must lie in 1..{MOST_STEPS}, not {self.n_steps}")
        if min(self.centre, self.surround, self.contrast) <= 0 or self.centre == self.surround:
            raise ValueError(
                "centre, surround and contrast must be positive, and centre and surround differ, "
                f"not {self.centre}, {self.surround}, {self.contrast}"
            )
        if not 0 < self.rate <= self.largest_rate <= 1 or not 0 < self.depression <= 1:
            raise ValueError(
                "rate, largest_rate and depression must lie in 0..1, above 0, rate below "
                f"largest_rate, not {self.rate}, {self.largest_rate}, {self.depression}"
            )
        if min(self.threshold) <= 0 or min(self.inverse_penalties, default=0) <= 0:
            raise ValueError(
                "threshold and inverse_penalties must be positive numbers, at least one, not "
                f"{self.threshold}, {self.inverse_penalties}"
            )
        if min(self.label_samples, self.double_every, self.converged) < 0:
            raise ValueError(
                "label_samples, double_every and converged must be 0 or more, not "
                f"{self.label_samples}, {self.double_every}, {self.converged}"
            )

    @property
    def layers(self) -> range:
        """The numbers of the layers of maps."""
        return range(len(self.maps))

    def code(self) -> RankCode:
        """Return how images become spikes."""
        from gradsim.rank_code import RankCode

        pair = (self.centre, self.surround)
        return RankCode((pair, pair[::-1]), self.side, self.contrast / GREYS, self.n_steps)

    def rule(self, layer: int) -> ConvolutionSTDP:
        """Return how a layer learns."""
        from gradsim.stdp_convolution_training import ConvolutionSTDP

        return ConvolutionSTDP(
            self.rate,
            self.depression,
            self.double_every or None,
            self.largest_rate,
            self.winners[layer],
            self.radius[layer],
            self.converged,
        )

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the maps learn."""
        labelled = min(self.label_samples or n_train, n_train)
        return Conditions(
            "one spike a contrast, the strongest first",
            " and ".join(f"{maps} maps" for maps in self.maps),
            sum(self.images),
            labels=f"{labelled} teach the read-out, none the maps",
            chosen=f"the penalty, of {len(self.inverse_penalties)}",
            step=f"{self.n_steps} without unit",
        )


_ONE_LAYER: dict[str, Any] = {
    "n_steps": 15, "maps": (256,), "kernel": (7,), "threshold": (8.0,), "pool": (3,),
    "winners": (7,), "radius": (3,), "images": (8000,), "rate": 0.02, "depression": 0.6,
    "readout": "latencies", "inverse_penalties": (0.003, 0.01),
}  # fmt: skip
_PRESETS: dict[str, dict[str, Any]] = {
    "digits": {
        "centre": 0.5, "surround": 1.0, "side": 3, "contrast": 10.0, "maps": (60,), "kernel": (3,),
        "threshold": (2.5,), "pool": (2,), "winners": (4,), "radius": (1,), "images": (3000,),
        "inverse_penalties": (0.03, 0.1),
    },
}  # fmt: skip
# The paper's two layers, with the rates of the presets.
TWO_LAYERS: dict[str, Any] = {
    "maps": (30, 100), "kernel": (5, 5), "threshold": (10.0, 10.0), "pool": (2, 2),
    "winners": (5, 8), "radius": (2, 1), "images": (4000, 3000), "depression": 0.75,
    "inverse_penalties": (0.01, 0.1),
}  # fmt: skip


def preset(_profile: str, dataset: str) -> KheradpishehConfig:
    """Return the settings for a data set, in all profiles alike."""
    return KheradpishehConfig(**{**_ONE_LAYER, **_PRESETS.get(dataset, {})})


PUBLISHED = (
    Published(
        "STDP by the order of spikes, one layer", 0.984, "kheradpisheh2018", "mnist",
        control=Control("weights of each filter in random places, as many spikes", {
            "filters": "matched",
        }),
    ),
    Published(
        "STDP by the order of spikes, the paper's two layers", 0.984, "kheradpisheh2018", "mnist",
        {**TWO_LAYERS, "readout": "potentials"},
    ),
)  # fmt: skip
