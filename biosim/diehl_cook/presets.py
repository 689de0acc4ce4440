"""Networks by name: the published code, what its Brian2 ports made of it, and the paper.

- `published_code`: github.com/peter-u-diehl/stdp-mnist, read together with Brian 1, for which it
  was written. Its ``timer`` never holds a neuron back: the text after the colon of ``dtimer/dt =
  100.0 : ms`` states a unit and scales nothing, so that the timer passes its 5 ms within a step.
  What is left is the refractory time of 5 ms, in which Brian 1 drops spikes; it clamps membranes
  only where a reset is a number, and that of excitatory neurons is a string.
- `brian2_ports`: many ports write ``dtimer/dt = 0.1 : second``, which keeps a neuron silent for
  50 ms, and Brian2's ``(unless refractory)`` clamps the membrane for 5 ms.
- `paper`: the power law of its headline result and no delays. It prints neither increment nor decay
  of thresholds: they are those of the code, which was tuned for 400 neurons.
- `budgeted`: the published code without delays, the product of increment and decay of thresholds in
  proportion to the number of neurons; see `biosim.diehl_cook.budget` for the reason.
"""

from __future__ import annotations

from dataclasses import replace

from biosim.diehl_cook.specification import EXCITATORY, DiehlCook, PowerLaw
from biosim.given import whole

TUNED_FOR = 400  # neurons: for so many the published increment and decay of thresholds were chosen


def published_code(n_exc: int = TUNED_FOR) -> DiehlCook:
    """Return the network of the published code.

    Examples
    --------
    >>> spec = biosim.diehl_cook.published_code()
    >>> spec.lockout_s, spec.excitatory.refractory_s, spec.max_delay_s
    (0.005, 0.0, 0.01)
    """
    return DiehlCook(n_exc=n_exc)


def brian2_ports(n_exc: int = TUNED_FOR) -> DiehlCook:
    """Return the network of ports that lock a neuron out for 50 ms.

    Examples
    --------
    >>> spec = biosim.diehl_cook.brian2_ports()
    >>> spec.lockout_s, spec.excitatory.refractory_s
    (0.05, 0.005)
    """
    clamped = replace(EXCITATORY, refractory_s=5e-3)
    return DiehlCook(n_exc=n_exc, lockout_s=50e-3, excitatory=clamped)


def paper(n_exc: int = TUNED_FOR) -> DiehlCook:
    """Return the network that the paper's text describes.

    Examples
    --------
    >>> biosim.diehl_cook.paper().rule
    PowerLaw(rate_post=0.01, target=0.4, exponent=0.2, tau_pre_s=0.02)
    """
    return DiehlCook(n_exc=n_exc, rule=PowerLaw(), max_delay_s=0.0)


def budgeted(n_exc: int = TUNED_FOR) -> DiehlCook:
    """Return the network whose number of spikes a presentation does not depend on its size.

    Below 400 neurons thresholds decay faster, above they grow in larger steps, so that neither
    takes long to find its level.

    Examples
    --------
    >>> specs = [biosim.diehl_cook.budgeted(n) for n in (100, 400, 1600)]
    >>> [(round(1e3 * spec.theta_plus_v, 3), spec.tau_theta_s) for spec in specs]
    [(0.05, 2500.0), (0.05, 10000.0), (0.2, 10000.0)]
    """
    share = whole("n_exc", n_exc, at_least=1) / TUNED_FOR
    return DiehlCook(
        n_exc=n_exc,
        max_delay_s=0.0,
        theta_plus_v=0.05e-3 * max(1.0, share),
        tau_theta_s=1e4 * min(1.0, share),
    )
