"""One neuron that learns to spike at given times: equations (1) to (5) of `biosim.normad.neuron`.

The same inputs are shown again and again; weights change once a presentation, by all its errors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from biosim.given import number, numbers, whole
from biosim.normad import kernel
from biosim.normad.neuron import Neuron, Traces, similarity, traces


class Lesson(NamedTuple):
    """What became of a neuron.

    Parameters
    ----------
    weights
        ``[n]`` after the last presentation.
    spikes
        ``[presentations, T]`` 0 or 1, those of each presentation, before it changes weights.
    similarity
        ``[presentations]`` of these and the desired train.
    """

    weights: np.ndarray
    spikes: np.ndarray
    similarity: np.ndarray

    def learned_after(self, enough: float = 1.0) -> int | None:
        """Return the presentations before the first that is similar enough; None if none is."""
        found = np.flatnonzero(self.similarity >= enough)
        return int(found[0]) if len(found) else None


def respond(neuron: Neuron, raster: Any, weights: Any) -> np.ndarray:
    """Return the spikes ``[T]``, 0 or 1, of a neuron whose inputs spike as ``raster [T, n]``.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> np.flatnonzero(respond(Neuron(dt_s=1e-3), np.ones((20, 3)), [0.3, 0.3, 0.3]))
    array([ 9, 15])
    """
    found = traces(neuron, raster)
    return _respond(neuron, found, _fitting(weights, found))


def learn(
    neuron: Neuron,
    raster: Any,
    desired: Any,
    rate: float,
    presentations: int,
    *,
    normalised: bool = True,
    weights: Any = None,
) -> Lesson:
    """Teach a neuron to spike when it should.

    Parameters
    ----------
    neuron
        Its time constants.
    raster, desired
        Spikes of inputs ``[T, n]``, and of the teacher ``[T]``.
    rate
        r of (5).
    presentations
        How often inputs are shown.
    normalised
        Whether (5) divides by the norm.
    weights
        ``[n]`` to begin with; 0 if None.

    Raises
    ------
    ValueError
        If shapes do not fit or numbers are out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> raster, desired = rng.random((200, 100)) < 0.02, np.arange(200) % 50 == 49
    >>> lesson = learn(Neuron(dt_s=1e-3), raster, desired, 0.5, 60)
    >>> bool(lesson.similarity[-1] > 0.9)
    True
    """
    rate = number("rate", rate, above=0.0)
    presentations = whole("presentations", presentations, at_least=1)
    found, wanted = traces(neuron, raster), numbers("desired", desired, ndim=1)
    n_steps, n_inputs = found.drive.shape
    if len(wanted) != n_steps:
        raise ValueError(f"desired must be [{n_steps}], as long as raster, not [{len(wanted)}]")
    own = _fitting(np.zeros(n_inputs) if weights is None else weights, found).copy()
    spikes, alike = np.zeros((presentations, n_steps), np.int8), np.zeros(presentations)
    direction = _unit(found.direction) if normalised else found.direction
    for k in range(presentations):
        spikes[k] = _respond(neuron, found, own)
        alike[k] = similarity(wanted, spikes[k], neuron.dt_s)
        own += rate * (wanted - spikes[k]) @ direction
    return Lesson(own, spikes, alike)


def _respond(neuron: Neuron, found: Traces, weights: np.ndarray) -> np.ndarray:
    spikes = np.zeros(len(found.drive), np.int8)
    kernel.fire(found.drive @ weights, neuron.keep, neuron.refractory_steps, spikes)
    return spikes


def _unit(direction: np.ndarray) -> np.ndarray:
    """Return d / |d| step by step, 0 before anything came in."""
    norm = np.linalg.norm(direction, axis=1, keepdims=True)
    return np.divide(direction, norm, out=np.zeros_like(direction), where=norm > 0)


def _fitting(weights: Any, found: Traces) -> np.ndarray:
    own, n_inputs = numbers("weights", weights, ndim=1), found.drive.shape[1]
    if len(own) != n_inputs:
        raise ValueError(f"weights must be [{n_inputs}], one an input, not [{len(own)}]")
    return own
