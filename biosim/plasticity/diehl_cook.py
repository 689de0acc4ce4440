"""Two rules of Diehl & Cook for input synapses: that of their code and that of their paper.

P. U. Diehl and M. Cook: Unsupervised learning of digit recognition using
spike-timing-dependent plasticity. Front. Comput. Neurosci. 9:99 (2015),
doi:10.3389/fncom.2015.00099; code: github.com/peter-u-diehl/stdp-mnist.
"""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import second

from biosim.plasticity.recipe import Recipe, changed, marked, model


@dataclass(frozen=True)
class DiehlCookTriplet:
    """The rule of the published code: a triplet rule with traces of the last spike.

        presynaptic spike:   w -= rate_pre y1,        then x = 1
        postsynaptic spike:  w += rate_post x y2,     then y1 = y2 = 1

    The first postsynaptic spike changes nothing, as y2 is still 0.

    Parameters
    ----------
    rate_pre, rate_post
        Learning rates (code: nu_ee_pre, nu_ee_post), not negative.
    tau_pre_s, tau_post_s, tau_post_slow_s
        Time constants of x, y1, y2 (code: tc_pre_ee, tc_post_1_ee, tc_post_2_ee).
    max_weight
        Weights stay between 0 and this (code: wmax_ee).

    Raises
    ------
    ValueError
        If a rate is negative or another parameter not positive.
    """

    rate_pre: float = 1e-4
    rate_post: float = 1e-2
    tau_pre_s: float = 20e-3
    tau_post_s: float = 20e-3
    tau_post_slow_s: float = 40e-3
    max_weight: float = 1.0

    def __post_init__(self) -> None:
        if min(self.rate_pre, self.rate_post) < 0:
            raise ValueError(f"learning rates must not be negative: {self}")
        if min(self.tau_pre_s, self.tau_post_s, self.tau_post_slow_s, self.max_weight) <= 0:
            raise ValueError(f"time constants and max_weight must be positive: {self}")

    def recipe(self) -> Recipe:
        """Return the rule for Brian2."""
        return Recipe(
            model=model({"x": "tau_pre", "y1": "tau_post", "y2": "tau_post_slow"}),
            on_pre=changed("- rate_pre * y1") + "\n" + marked("nearest", "x"),
            on_post=changed("+ rate_post * x * y2") + "\n" + marked("nearest", "y1", "y2"),
            namespace={
                "rate_pre": self.rate_pre,
                "rate_post": self.rate_post,
                "tau_pre": self.tau_pre_s * second,
                "tau_post": self.tau_post_s * second,
                "tau_post_slow": self.tau_post_slow_s * second,
                "w_low": 0.0,
                "w_high": self.max_weight,
            },
        )


@dataclass(frozen=True)
class DiehlCookPowerLaw:
    """The rule that the paper puts first (section 2.3): weights change at postsynaptic spikes.

        presynaptic spike:   x += 1
        postsynaptic spike:  w += rate (x - target) (max_weight - w)^mu

    Inputs that were silent before a spike lose weight. The paper does not give all numbers;
    ``target`` and ``mu`` are constants of the published code that it does not use (STDP_offset,
    exp_ee), the others are those of its triplet rule.

    Parameters
    ----------
    rate
        Learning rate, not negative (paper: eta).
    target
        Trace at which the weight rests (paper: x_tar), not negative.
    mu
        Exponent of the weight dependence, not negative.
    tau_pre_s
        Time constant of the trace x.
    max_weight
        Weights stay between 0 and this (paper: w_max).

    Raises
    ------
    ValueError
        If rate, target or mu is negative, or another parameter not positive.
    """

    rate: float = 1e-2
    target: float = 0.4
    mu: float = 0.2
    tau_pre_s: float = 20e-3
    max_weight: float = 1.0

    def __post_init__(self) -> None:
        if min(self.rate, self.target, self.mu) < 0:
            raise ValueError(f"rate, target and mu must not be negative: {self}")
        if min(self.tau_pre_s, self.max_weight) <= 0:
            raise ValueError(f"tau_pre_s and max_weight must be positive: {self}")

    def recipe(self) -> Recipe:
        """Return the rule for Brian2."""
        return Recipe(
            model=model({"x": "tau_pre"}),
            on_pre=marked("all", "x"),
            on_post=changed("+ rate * (x - x_target) * (w_high - w)**mu"),
            namespace={
                "rate": self.rate,
                "x_target": self.target,
                "mu": self.mu,
                "tau_pre": self.tau_pre_s * second,
                "w_low": 0.0,
                "w_high": self.max_weight,
            },
        )
