"""The loss on the readout and penalties on activity; every term carries a gradient.

Guaranteed: there is one label of an existing class for each sample, of any integer type, or a
ValueError; numbers of spikes may be of any number type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, relu

from gradsim import arrays
from gradsim.arrays import floating
from gradsim.recording import Recording


def max_over_time(readout: Tensor) -> Tensor:
    """Return the logits ``[B, C]``: the largest value over time of each readout unit.

    If the recording starts with 0, logits are never negative, and a unit whose membrane stays
    below 0 receives no gradient (Neftci, Mostafa & Zenke 2019).
    """
    return readout.max(dim=0).values


def sum_over_time(readout: Tensor) -> Tensor:
    """Return the logits ``[B, C]``: the sum over time of each readout unit."""
    return readout.sum(dim=0)


def last_step(readout: Tensor) -> Tensor:
    """Return the logits ``[B, C]``: the last value of each readout unit."""
    return readout[-1]


READOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "max": max_over_time,
    "sum": sum_over_time,
    "last": last_step,
}
"""From ``[T, B, C]`` membranes to ``[B, C]`` logits, by the name that configurations use."""


def logits(recording: Recording, readout: str) -> Tensor:
    """Return the logits ``[B, C]`` of a recording by a name in `READOUTS`.

    The maximum is read off the recording's own `peak`: the event-driven engine finds it on its way
    and sends its gradient back to one step, where one through ``readout`` would come as a tensor
    ``[T, B, C]`` of zeros but for that step.
    """
    return recording.peak if readout == "max" else READOUTS[readout](recording.readout)


def max_over_time_nll(readout: Tensor, labels: Any) -> Tensor:
    """Return the mean negative log-likelihood of the softmax of `max_over_time`, in nats.

    Parameters
    ----------
    readout
        ``[T, B, C]`` membranes.
    labels
        ``[B]`` integers.

    Raises
    ------
    ValueError
        If labels are not one of the C classes for each sample.

    Examples
    --------
    >>> readout = torch.tensor([[[0.0, 1.0]], [[2.0, 0.0]]])
    >>> gradsim.losses.max_over_time_nll(readout, labels=torch.tensor([0]))
    tensor(0.3133)
    """
    scores = max_over_time(floating("readout", readout))
    found = arrays.labels(labels, len(scores))
    arrays.require_classes(found, scores.shape[1])
    return cross_entropy(scores, torch.from_numpy(found).to(scores.device))


def spytorch_activity(counts: Tensor, l1: float, l2: float) -> Tensor:
    """Return ``l1 sum(S) + l2 mean_n (sum_bt S)^2``, SpyTorch's penalty in its exact form.

    Neither term is normalised by batch or time, so the strengths hold for one batch size only:
    the counts of a neuron are summed over the whole batch before they are squared.

    Parameters
    ----------
    counts
        ``[B, N]`` spikes of each sample and neuron.
    l1, l2
        Strengths; SpyTorch's tutorials 3 and 4 use the same value, 1e-5 or 2e-6, at batches of
        256.

    Examples
    --------
    >>> gradsim.losses.spytorch_activity(torch.tensor([[0.0, 5.0], [0.0, 7.0]]), l1=0.1, l2=0.01)
    tensor(1.9200)
    """
    per_neuron = floating("counts", counts).sum(dim=0)
    return l1 * per_neuron.sum() + l2 * (per_neuron**2).mean()


def mean_activity(counts: Tensor) -> Tensor:
    """Return the mean spikes per neuron and sample; independent of batch size.

    The penalty that SpyTorch's tutorial 5 means (it takes the spikes out of the graph first, so
    that it has no effect there), and that of Müller-Cleve et al. 2022.
    """
    return floating("counts", counts).mean()


def activity_bounds(counts: Tensor, lower: float, upper: float) -> Tensor:
    """Return the mean squared excess of each neuron's spikes per sample over its bounds.

    ``mean_n [relu(lower - c_n)^2 + relu(c_n - upper)^2]`` with ``c_n`` the spikes of neuron n per
    sample, averaged over the batch; independent of batch size. After Zenke & Vogels, Neural
    Comput. 33:899-925 (2021), doi:10.1162/neco_a_01367.

    Parameters
    ----------
    counts
        ``[B, N]`` spikes of each sample and neuron.
    lower, upper
        Bounds in spikes per neuron and sample.

    Examples
    --------
    >>> counts = torch.tensor([[0.0, 5.0], [0.0, 7.0]])
    >>> gradsim.losses.activity_bounds(counts, lower=1, upper=4)
    tensor(2.5000)
    """
    per_sample = floating("counts", counts).mean(dim=0)
    return (relu(lower - per_sample) ** 2 + relu(per_sample - upper) ** 2).mean()
