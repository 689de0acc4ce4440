"""The triplet rule: what a pair does depends on the spike before it.

    presynaptic spike:   w -= o1 (A2_minus + A3_minus r2),   then r1 and r2 note the spike,
    postsynaptic spike:  w += r1 (A2_plus + A3_plus o2),     then o1 and o2 note the spike,

where r1, r2 (presynaptic) and o1, o2 (postsynaptic) decay with tau_plus, tau_x, tau_minus, tau_y.
J.-P. Pfister and W. Gerstner, J. Neurosci. 26, 9673-9682 (2006), equations 2-4,
doi:10.1523/JNEUROSCI.1425-06.2006.
"""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import second

from biosim.given import check_fields
from biosim.plasticity.recipe import UNBOUNDED, Pairing, Recipe, changed, check, marked, model


@dataclass(frozen=True)
class TripletSTDP:
    """The triplet rule.

    The amplitudes of the paper are relative changes: a weight of 1 is the weight before.

    Parameters
    ----------
    a2_plus, a2_minus
        Amplitudes of pairs, not negative.
    a3_plus, a3_minus
        Amplitudes of triplets: post-pre-post and pre-post-pre, not negative.
    tau_plus_s, tau_minus_s
        Time constants of r1 and o1, the traces of pairs.
    tau_x_s, tau_y_s
        Time constants of r2 and o2, the slow traces.
    pairing
        ``"all"``: traces add up spikes. ``"nearest"``: they remember the last one.
    bounds
        Lowest and highest weight.

    Raises
    ------
    ValueError
        If an amplitude is negative, a time constant is not positive, or pairing or bounds are
        not as described.

    Examples
    --------
    >>> pre, post = biosim.plasticity.pairings(60, rate_hz=50.0, delta_t_s=10e-3)
    >>> run = biosim.plasticity.simulate_trains(
    ...     biosim.plasticity.VISUAL_CORTEX, [pre], [post], dt_s=5e-3, target="numpy"
    ... )
    >>> run.weight[-1].round(3)
    array([0.763])
    """

    a2_plus: float
    a2_minus: float
    a3_plus: float
    a3_minus: float
    tau_plus_s: float = 16.8e-3
    tau_minus_s: float = 33.7e-3
    tau_x_s: float = 101e-3
    tau_y_s: float = 125e-3
    pairing: Pairing = "all"
    bounds: tuple[float, float] = UNBOUNDED

    def __post_init__(self) -> None:
        amplitudes = "a2_plus", "a2_minus", "a3_plus", "a3_minus"
        times = "tau_plus_s", "tau_minus_s", "tau_x_s", "tau_y_s"
        check_fields(self, positive=times, at_least_0=amplitudes)
        check(self.pairing, self.bounds)

    def recipe(self) -> Recipe:
        """Return the rule for Brian2."""
        low, high = self.bounds
        traces = {"r1": "tau_plus", "r2": "tau_x", "o1": "tau_minus", "o2": "tau_y"}
        depression = changed("- o1 * (a2_minus + a3_minus * r2)")
        potentiation = changed("+ r1 * (a2_plus + a3_plus * o2)")
        return Recipe(
            model=model(traces),
            on_pre=depression + "\n" + marked(self.pairing, "r1", "r2"),
            on_post=potentiation + "\n" + marked(self.pairing, "o1", "o2"),
            namespace={
                "a2_plus": self.a2_plus,
                "a2_minus": self.a2_minus,
                "a3_plus": self.a3_plus,
                "a3_minus": self.a3_minus,
                "tau_plus": self.tau_plus_s * second,
                "tau_minus": self.tau_minus_s * second,
                "tau_x": self.tau_x_s * second,
                "tau_y": self.tau_y_s * second,
                "w_low": low,
                "w_high": high,
            },
        )


# The minimal models of the paper's tables 3 and 4, for a user to choose from: pairs depress,
# triplets potentiate. They have no pre-post-pre term, so that tau_x plays no part.
VISUAL_CORTEX = TripletSTDP(0.0, 7.1e-3, 6.5e-3, 0.0, tau_y_s=114e-3)
VISUAL_CORTEX_NEAREST = TripletSTDP(0.0, 8e-3, 5e-2, 0.0, tau_y_s=40e-3, pairing="nearest")
HIPPOCAMPUS = TripletSTDP(5.3e-3, 3.5e-3, 8e-3, 0.0, tau_y_s=40e-3)
