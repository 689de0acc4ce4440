"""The loss on the readout and penalties on activity; every term carries a gradient."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy, relu


def max_over_time(readout: Tensor) -> Tensor:
    """Return the logits ``[B, C]``: the largest value over time of each readout unit.

    The recording starts with 0, so logits are never negative, and a unit whose membrane stays
    below 0 receives no gradient (Neftci, Mostafa & Zenke 2019).
    """
    return readout.max(dim=0).values


def max_over_time_nll(readout: Tensor, labels: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of the softmax of `max_over_time`, in nats.

    Parameters
    ----------
    readout
        ``[T + 1, B, C]`` membranes.
    labels
        ``[B]`` integers.
    """
    return cross_entropy(max_over_time(readout), labels)


def spytorch_activity(spikes: Tensor, l1: float, l2: float) -> Tensor:
    """Return ``l1 sum(S) + l2 mean_n (sum_bt S)^2``, SpyTorch's penalty in its exact form.

    Neither term is normalised by batch or time, so the strengths hold for one batch size only:
    the counts of a neuron are summed over the whole batch before they are squared.

    Parameters
    ----------
    spikes
        ``[T, B, N]``.
    l1, l2
        Strengths; SpyTorch's tutorials use the same value, 1e-5 or 2e-6, at batches of 256.
    """
    per_neuron = spikes.sum(dim=(0, 1))
    return l1 * per_neuron.sum() + l2 * (per_neuron**2).mean()


def activity_bounds(spikes: Tensor, lower: float, upper: float) -> Tensor:
    """Return the mean squared excess of each neuron's spikes per sample over its bounds.

    ``mean_n [relu(lower - c_n)^2 + relu(c_n - upper)^2]`` with ``c_n`` the spikes of neuron n per
    sample, averaged over the batch; independent of batch size. After Zenke & Vogels, Neural
    Comput. 33:899-925 (2021), doi:10.1162/neco_a_01367.

    Parameters
    ----------
    spikes
        ``[T, B, N]``.
    lower, upper
        Bounds in spikes per neuron and sample.
    """
    per_sample = spikes.sum(dim=0).mean(dim=0)
    return (relu(lower - per_sample) ** 2 + relu(per_sample - upper) ** 2).mean()
