"""Spike-timing-dependent plasticity of pairs: additive, multiplicative, and between.

With s = t_post - t_pre, each pair of spikes changes the weight by

    W(s) = A_plus f_plus(w) exp(-s / tau_plus)       for s >= 0,
    W(s) = -A_minus f_minus(w) exp(s / tau_minus)    for s < 0,

    f_plus(w) = ((high - w) / (high - low))^mu_plus,
    f_minus(w) = ((w - low) / (high - low))^mu_minus,

and the weight is kept within its bounds. Exponents of 0 make the additive rule: S. Song,
K. D. Miller and L. F. Abbott, Nat. Neurosci. 3, 919-926 (2000), doi:10.1038/78829; G. Bi and
M. Poo, J. Neurosci. 18, 10464-10472 (1998). Exponents of 1 make the multiplicative rule: J. Rubin,
D. D. Lee and H. Sompolinsky, Phys. Rev. Lett. 86, 364-367 (2001),
doi:10.1103/PhysRevLett.86.364. What lies between them is from R. Guetig, R. Aharonov, S. Rotter
and H. Sompolinsky, J. Neurosci. 23, 3697-3714 (2003), doi:10.1523/JNEUROSCI.23-09-03697.2003;
additive potentiation with multiplicative depression (0 and 1) resembles M. C. W. van Rossum,
G. Q. Bi and G. G. Turrigiano, J. Neurosci. 20, 8812-8821 (2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import second

from biosim.given import check_fields, number, numbers
from biosim.plasticity.recipe import UNBOUNDED, Pairing, Recipe, changed, check, marked, model


@dataclass(frozen=True)
class PairSTDP:
    """The pair rule.

    Parameters
    ----------
    a_plus, a_minus
        Change of weight of a pair at s -> 0 where f is 1, both positive.
    tau_plus_s, tau_minus_s
        Time constants of potentiation and depression.
    mu_plus, mu_minus
        Exponents of the weight dependence; 0 for none.
    pairing
        ``"all"``: every pair counts. ``"nearest"``: a spike is paired with the last spike of the
        other side only (the symmetric scheme of A. Morrison, M. Diesmann and W. Gerstner, Biol.
        Cybern. 98, 459-478 (2008), doi:10.1007/s00422-008-0233-1).
    bounds
        Lowest and highest weight.

    Raises
    ------
    ValueError
        If an amplitude or time constant is not positive, an exponent is negative or lacks finite
        bounds, or pairing or bounds are not as described.

    Examples
    --------
    >>> rule, delta_t_s = biosim.PairSTDP(), np.array([-10e-3, 10e-3])
    >>> biosim.plasticity.simulate_pairs(rule, delta_t_s, target="numpy").weight[-1].round(5)
    array([-0.00318,  0.00303])
    >>> biosim.plasticity.window(rule, delta_t_s).round(5)
    array([-0.00318,  0.00303])
    """

    a_plus: float = 0.005
    a_minus: float = 0.00525
    tau_plus_s: float = 20e-3
    tau_minus_s: float = 20e-3
    mu_plus: float = 0.0
    mu_minus: float = 0.0
    pairing: Pairing = "all"
    bounds: tuple[float, float] = UNBOUNDED

    def __post_init__(self) -> None:
        positive = "a_plus", "a_minus", "tau_plus_s", "tau_minus_s"
        check_fields(self, positive=positive, at_least_0=("mu_plus", "mu_minus"))
        check(self.pairing, self.bounds)
        if max(self.mu_plus, self.mu_minus) > 0 and not np.isfinite(self.bounds).all():
            raise ValueError(f"exponents other than 0 need bounds, such as (0, 1): {self}")

    def recipe(self) -> Recipe:
        """Return the rule for Brian2."""
        low, high = self.bounds
        # Without an exponent there may be no bounds to divide by.
        room = " * ((w_high - w) / (w_high - w_low))**mu_plus" if self.mu_plus else ""
        height = " * ((w - w_low) / (w_high - w_low))**mu_minus" if self.mu_minus else ""
        return Recipe(
            model=model({"x": "tau_plus", "y": "tau_minus"}),
            on_pre=changed(f"- a_minus * y{height}") + "\n" + marked(self.pairing, "x"),
            on_post=changed(f"+ a_plus * x{room}") + "\n" + marked(self.pairing, "y"),
            namespace={
                "a_plus": self.a_plus,
                "a_minus": self.a_minus,
                "tau_plus": self.tau_plus_s * second,
                "tau_minus": self.tau_minus_s * second,
                "mu_plus": self.mu_plus,
                "mu_minus": self.mu_minus,
                "w_low": low,
                "w_high": high,
            },
        )


def window(rule: PairSTDP, delta_t_s: np.ndarray, weight: float = 0.0) -> np.ndarray:
    """Return W(s) for s = t_post - t_pre in seconds.

    Parameters
    ----------
    rule
        Its bounds are taken to be far away.
    delta_t_s
        Any shape. At 0 the presynaptic spike comes first, hence W(0) = A_plus f_plus(w).
    weight
        At which the pair finds the synapse; it matters where the exponents are not 0.
    """
    delta_t_s, weight = numbers("delta_t_s", delta_t_s, unit="second"), number("weight", weight)
    low, high = rule.bounds
    room = ((high - weight) / (high - low)) ** rule.mu_plus if rule.mu_plus else 1.0
    height = ((weight - low) / (high - low)) ** rule.mu_minus if rule.mu_minus else 1.0
    potentiation = rule.a_plus * room * np.exp(-np.abs(delta_t_s) / rule.tau_plus_s)
    depression = -rule.a_minus * height * np.exp(-np.abs(delta_t_s) / rule.tau_minus_s)
    return np.where(delta_t_s >= 0, potentiation, depression)


def printed_window(rule: PairSTDP, delta_t_s: np.ndarray) -> np.ndarray:
    """Return the window as equation 1 of a review prints it, which cannot be meant.

    With r = t_pre - t_post it reads A exp(-r / tau) in both branches: the absolute value and
    the negative amplitude of depression are lost, so that potentiation grows with distance and
    depression becomes potentiation. Y.-S. Choi, Phys. High Technol. 28 (2019),
    doi:10.3938/PhiT.28.014.
    """
    delta_t_s = numbers("delta_t_s", delta_t_s, unit="second")
    tau_s = np.where(delta_t_s >= 0, rule.tau_plus_s, rule.tau_minus_s)
    return rule.a_plus * np.exp(delta_t_s / tau_s)
