"""How many spikes a presentation the thresholds allow.

Thresholds adapt until what they lose by decay is what spikes add. Of ``N`` neurons with the mean
``theta*``, ``N theta* T / tau_theta`` is lost in a presentation and the silence after it, of ``T``
together, and each spike adds ``theta_plus``; hence, in equilibrium, the whole network fires

    S* = N theta* T / (theta_plus tau_theta)

times. Thresholds settle where spikes become rare, on MNIST near 40 mV in all networks tried: with
the published 0.05 mV and 10,000 s that leaves 16 spikes to 400 neurons, and 4 to 100, which is less
than the five without which a sample is shown again. Every image is then shown twice, at raised
rates. No source prints this; it follows from the equations of the network.
"""

from __future__ import annotations

from biosim.diehl_cook.specification import DiehlCook
from biosim.given import number


def spike_budget(spec: DiehlCook, theta_v: float) -> float:
    """Return how often all neurons together fire in a presentation, in equilibrium.

    Parameters
    ----------
    spec
        Its size, its durations, and increment and decay of thresholds.
    theta_v
        Mean of the adaptive part of the thresholds, volts.

    Returns
    -------
    float
        Spikes a presentation; infinite where spikes raise no threshold.

    Raises
    ------
    TypeError, ValueError
        If ``theta_v`` is no finite number, or negative.

    Examples
    --------
    >>> for n_exc in (100, 400):
    ...     published = biosim.diehl_cook.published_code(n_exc)
    ...     round(biosim.diehl_cook.spike_budget(published, theta_v=40e-3), 3)
    4.0
    16.0
    """
    theta_v = number("theta_v", theta_v, at_least=0.0)
    lost_v = spec.n_exc * theta_v * (spec.present_s + spec.rest_s) / spec.tau_theta_s
    return lost_v / spec.theta_plus_v if spec.theta_plus_v else float("inf")
