"""A spiking network to which errors come back through fixed random weights.

The network and its training are those of `study.learners.surrogate`; the claim is that of
`study.learners.feedback_alignment`, here for surrogate gradients: Neftci, Mostafa & Zenke, IEEE
Signal Process. Mag. 36(6):51-63 (2019), doi:10.1109/MSP.2019.2931595, name feedback alignment as
the way to make them local in space.

**Number to reach.** None is printed for this network; back-propagation in the same one is the
yardstick.

**Reached.** On MNIST with 100 neurons and one seed 96.43 % of test samples by random feedback,
96.89 % by back-propagation; the angle falls from 92 to 37 degrees.

**How.** (1) of `gradsim.feedback` between layers, in every step: what comes back to a spike is
multiplied with the surrogate slope and goes on through time as ever. The event-driven engine does
it in its own backward pass.

**Deviations.** The presets leave out the penalty on activity, which hidden weights would hear with
any feedback. Errors of a softmax over the largest membranes belong to other steps for each class,
so that uniform feedback does bring something back; where logits are sums it brings rounding errors
alone, of which Adam makes steps as of anything.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from study.data.samples import Samples
from study.data.task import Classes
from study.learners.feedback_alignment import told
from study.learners.feedback_config import FeedbackSpikingConfig
from study.learners.feedback_config import spiking_preset as preset
from study.learners.surrogate import SurrogateLearner, encode
from study.learning.contract import Artefacts
from study.trials.trial import Progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    import gradsim

__all__ = ["FeedbackSpikingConfig", "FeedbackSpikingLearner", "preset"]

PROBE = 256  # validation samples on which angles are taken


class FeedbackSpikingLearner(SurrogateLearner):
    """Surrogate-gradient network with feedback of its own."""

    config: FeedbackSpikingConfig

    def __init__(self, config: FeedbackSpikingConfig, task: Classes) -> None:
        super().__init__(config, task)

    def _train(
        self,
        train: Samples,
        validation: Samples | None,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Train as every `SurrogateLearner`, with angles before the first epoch and after each."""
        shown = validation or train
        self._probe = shown.take(np.arange(min(PROBE, len(shown))))

        def followed(share: float, note: str) -> None:
            self._angles.append(self._aligned())
            progress(share, note)

        super()._train(train, validation, rng, followed)
        moved = self._hidden()[0].detach() - self._start
        self._hidden_change = float(moved.norm() / self._start.norm())

    def _build(
        self, train: Samples, generator: torch.Generator
    ) -> tuple[gradsim.CurrentEncoder | None, gradsim.SpikingNetwork]:
        from gradsim.feedback import attach

        self.encoder, self.network = super()._build(train, generator)
        config, network = self.config, self.network
        above = [*network.hidden[1:], network.readout]
        attach(above, config.feedback, config.feedback_scale, generator)
        self._start = self._hidden()[0].detach().clone()
        self._angles = [self._aligned()]
        return self.encoder, self.network

    def _hidden(self) -> list[Tensor]:
        """Return the weights into each hidden layer."""
        return [layer.get_parameter("weight") for layer in self.network.hidden]

    def _aligned(self) -> list[float]:
        """Return the angle of each hidden layer in degrees; see `gradsim.feedback.alignment`."""
        import torch
        from torch.nn.functional import cross_entropy

        from gradsim.feedback import alignment
        from gradsim.losses import logits

        inputs = encode(self._probe, self.config).take(slice(None))
        labels = torch.as_tensor(self._probe.labels)
        model, readout = self._model, self.config.readout

        def loss() -> Tensor:
            return cross_entropy(logits(model(inputs), readout), labels)

        return alignment(model, loss, self._hidden())

    def keep(self) -> Artefacts:
        """Return what `SurrogateLearner.keep` does, and the angles on the way."""
        kept, angles = super().keep(), np.array(self._angles)
        metrics: dict[str, Any] = {**kept.metrics, **told(angles, self._hidden_change)}
        arrays = {**kept.arrays, "alignment_deg": angles}
        return dataclasses.replace(kept, arrays=arrays, metrics=metrics)
