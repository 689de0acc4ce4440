"""Unsupervised STDP (Diehl & Cook 2015) in Brian2; labels only name the neurons afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from study.data.samples import Images, Samples
from study.learners.contract import Artefacts, Evaluation
from study.trial import Progress, no_progress

if TYPE_CHECKING:
    from biosim.diehl_cook import DiehlCook, Response

SIDE = 28  # the published constants hold for images of 28x28 pixels
METHOD = (
    "median over batches of {} copies of the network in one simulation after one warm-up batch, "
    "times the mean presentations per sample, image to spike counts, brian2 {}"
)
INTERPRETED = "no C++ compiler was found: Brian2 interpreted the network, about three times slower"


@dataclass(frozen=True)
class DiehlCookConfig:
    """What may differ from the published network; the rest is in `biosim.diehl_cook.DiehlCook`.

    Parameters
    ----------
    n_exc
        Excitatory neurons.
    presentations
        Training samples shown, in shuffled passes.
    label_samples
        At most so many training samples, after learning, tell the classes of the neurons
        (published code: 10,000).
    dt_s, present_s, rest_s
        Time step; how long a sample is shown, and the silence after it.
    max_rate_hz
        Poisson rate of a pixel of 1.
    rate_pre, rate_post
        Learning rates at input and at own spikes.
    theta_plus_v
        Increment of a neuron's threshold at its spikes.
    lockout_s
        For how long a neuron cannot fire again.
    copies
        Samples that are simulated side by side when learning is off.
    """

    n_exc: int = 100
    presentations: int = 60_000
    label_samples: int = 10_000
    dt_s: float = 0.5e-3
    present_s: float = 0.35
    rest_s: float = 0.15
    max_rate_hz: float = 63.75
    rate_pre: float = 1e-4
    rate_post: float = 1e-2
    theta_plus_v: float = 0.05e-3
    lockout_s: float = 50e-3
    copies: int = 64

    def __post_init__(self) -> None:
        for name in ("n_exc", "presentations", "label_samples", "copies"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("dt_s", "present_s", "rest_s", "max_rate_hz"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("rate_pre", "rate_post", "theta_plus_v", "lockout_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")

    def specification(self) -> DiehlCook:
        """Return the network.

        Raises
        ------
        ValueError
            If a duration is not a multiple of the time step.
        """
        from biosim.diehl_cook import DiehlCook

        return DiehlCook(
            n_exc=self.n_exc,
            dt_s=self.dt_s,
            present_s=self.present_s,
            rest_s=self.rest_s,
            max_rate_hz=self.max_rate_hz,
            rate_pre=self.rate_pre,
            rate_post=self.rate_post,
            theta_plus_v=self.theta_plus_v,
            lockout_s=self.lockout_s,
        )


def preset(profile: str, dataset: str) -> DiehlCookConfig:
    """Return the settings of a profile on a data set.

    The published rates were made for 60,000 presentations and more. For the few of ``digits`` and
    of the quick profile, weights learn five times and thresholds adapt 1.4 times as fast.
    """
    if profile == "quick" or dataset == "digits":
        return DiehlCookConfig(
            presentations=1200,
            label_samples=2000,
            rate_pre=5e-4,
            rate_post=5e-2,
            theta_plus_v=0.07e-3,
        )
    return DiehlCookConfig(presentations=20_000 if profile == "standard" else 60_000)


class DiehlCookLearner:
    """Unsupervised STDP network; see `study.learners.contract.Learner`."""

    def __init__(self, config: DiehlCookConfig) -> None:
        self.config = config
        self._spec = config.specification()

    def prepare(self, train: Samples) -> None:
        """Show a throwaway network one sample, so that Brian2 compiles its code."""
        throwaway = DiehlCookLearner(replace(self.config, presentations=1, label_samples=1))
        one = train.take(np.arange(1))
        throwaway.fit(one, one, np.random.default_rng(0), no_progress)

    def fit(
        self,
        train: Samples,
        validation: Samples,  # noqa: ARG002 - nothing is chosen
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Learn without labels, then name each neuron by its responses to training samples.

        Raises
        ------
        ValueError
            If the samples are not images.
        """
        from biosim import diehl_cook

        rates, labels = inputs(train), train.labels
        shuffles = -(-self.config.presentations // len(train))
        order = np.concatenate([rng.permutation(len(train)) for _ in range(shuffles)])
        self._trained = diehl_cook.train(
            self._spec,
            rates,
            order[: self.config.presentations],
            int(rng.integers(2**32)),
            progress=lambda fraction, note: progress(0.9 * fraction, f"learning: {note}"),
        )
        drawn = rng.permutation(len(train))[: self.config.label_samples]
        self._n_classes = int(labels.max()) + 1
        response = self._respond(rates[drawn], rng)
        self._assignments = diehl_cook.assign_labels(
            response.counts, labels[drawn], self._n_classes
        )
        progress(1.0, "neurons labelled")

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify ``samples`` with weights and thresholds frozen.

        Raises
        ------
        ValueError
            If the samples are not images.
        """
        from biosim.diehl_cook import classify

        response = self._respond(inputs(samples), rng)
        predictions = classify(response.counts, self._assignments, self._n_classes)
        spikes = {
            "input": float(response.input_spikes.sum(axis=1).mean()),
            "excitatory": float(response.excitatory_spikes.mean()),
            "inhibitory": float(response.inhibitory_spikes.mean()),
        }
        steps = round(self._spec.present_s / self._spec.dt_s) * response.presentations.mean()
        return Evaluation(
            predictions=predictions,
            accuracy=float(np.mean(predictions == samples.labels)),
            spikes_per_sample=spikes,
            synops_per_sample=self._synops(response),
            macs_per_sample=0.0,
            neuron_updates_per_sample=float(2 * self._spec.n_exc * steps),
            inference_ms_per_sample=_milliseconds(response),
            inference_method=METHOD.format(response.copies, response.engine),
        )

    def artefacts(self) -> Artefacts:
        """Return receptive fields, thresholds, assignments and the history of learning."""
        trained = self._trained
        return Artefacts(
            arrays={
                "weights": trained.weights.astype(np.float32),
                "theta_v": trained.theta_v,
                "assignments": self._assignments,
                "history_spikes": trained.spikes,
                "history_presentations": trained.presentations,
                "history_theta_v": trained.theta_mean_v,
            },
            metrics={
                "engine": f"brian2 {trained.engine}",
                "engine_note": None if trained.engine == "cython" else INTERPRETED,
                "presentations_per_trained_sample": float(trained.presentations.mean()),
                "silent_neurons": int((self._assignments < 0).sum()),
            },
        )

    def _respond(self, rates: np.ndarray, rng: np.random.Generator) -> Response:
        from biosim.diehl_cook import respond

        seed, copies = int(rng.integers(2**32)), min(self.config.copies, len(rates))
        return respond(self._spec, self._trained, rates, seed, copies=copies)

    def _synops(self, response: Response) -> float:
        """Return spikes times their non-zero outgoing weights, per sample."""
        outgoing = np.count_nonzero(self._trained.weights, axis=1)
        lateral = response.excitatory_spikes + (self._spec.n_exc - 1) * response.inhibitory_spikes
        return float(np.mean(response.input_spikes @ outgoing + lateral))


def inputs(samples: Samples) -> np.ndarray:
    """Return images as intensities ``[N, 28 * 28]`` in 0..1.

    Raises
    ------
    ValueError
        If the samples are not images.
    """
    if not isinstance(samples, Images):
        raise ValueError("diehl-cook learns from images only; these samples are spike events")
    return resized(samples.pixels, SIDE).reshape(len(samples), -1)


def resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return images ``[N, side, side]`` whose pixels are means over the area that they cover.

    Parameters
    ----------
    pixels
        ``[N, H, W]`` float32.
    side
        Height and width of the result.
    """
    rows, columns = (_overlap(size, side) for size in pixels.shape[1:])
    return np.clip(rows @ pixels @ columns.T, 0.0, 1.0)


def _overlap(size: int, side: int) -> np.ndarray:
    """Return the share ``[side, size]`` of each new cell that lies in each old one."""
    new, old = (np.linspace(0.0, 1.0, cells + 1) for cells in (side, size))
    upper = np.minimum(new[1:, None], old[None, 1:])
    lower = np.maximum(new[:-1, None], old[None, :-1])
    return (side * np.maximum(upper - lower, 0.0)).astype(np.float32)


def _milliseconds(response: Response) -> float:
    """Return the milliseconds a sample; the first batch is for warming up where others follow."""
    seconds = (
        response.batch_seconds[1:] if len(response.batch_seconds) > 1 else response.batch_seconds
    )
    return float(np.median(seconds) / response.copies * response.presentations.mean() * 1e3)
