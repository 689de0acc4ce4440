"""A rectifier of few levels: what an integrate-and-fire neuron can say in few steps.

Quantisation, clip, floor and shift (Bu et al., "Optimal ANN-SNN conversion for high-accuracy and
ultra-low-latency spiking neural networks", ICLR 2022, arXiv:2303.04347)::

    a = threshold clip(floor(x L / threshold + 1/2) / L, 0, 1)

with a threshold that is learned. An integrate-and-fire neuron that starts at half its threshold,
loses the threshold with each spike, and is driven by the constant current x, has spiked
``L a / threshold`` times after L steps; `gradsim.convert` says what holds in deeper layers.

To the gradient the floor is the identity: it is 1 for x between 0 and the threshold, and
``a / threshold`` less ``x / threshold`` for the threshold there, 1 above it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gradsim.arrays import like
from gradsim.described import Described


class QCFS(Described):
    """The activation of the module's equation.

    Parameters
    ----------
    levels
        L, the levels above 0.
    threshold
        Initial value of the parameter ``threshold``, in units of the activation; positive.

    Raises
    ------
    ValueError
        If there is no level, or the threshold is not positive.

    Examples
    --------
    >>> import torch
    >>> QCFS(levels=4, threshold=2.0)(torch.tensor([-1.0, 0.2, 0.3, 1.0, 5.0])).tolist()
    [0.0, 0.0, 0.5, 1.0, 2.0]
    """

    def __init__(self, levels: int, threshold: float = 2.0) -> None:
        super().__init__()
        if levels < 1 or not threshold > 0:
            raise ValueError(
                "levels must be at least 1 and threshold positive, "
                f"not levels = {levels}, threshold = {threshold}"
            )
        self.levels = levels
        self.threshold = nn.Parameter(torch.tensor(float(threshold)))

    def constants(self) -> dict[str, int]:
        """Return what the parameters do not tell."""
        return {"levels": self.levels}

    def extra_repr(self) -> str:
        """Return what the parameters do not tell."""
        return f"levels={self.levels}"

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of ``x``, of any shape."""
        x = like("x", x, self.threshold)
        level = self.levels * (x / self.threshold).clamp(0, 1)
        nearest = level + ((level + 0.5).floor() - level).detach()
        return self.threshold * nearest / self.levels
