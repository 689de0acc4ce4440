"""Configurations of Diehl & Cook's network: what may differ from the published one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from study.learning.conditions import Conditions
from study.learning.published import Control, Published
from study.settings.config import Choice, added

if TYPE_CHECKING:
    from biosim.diehl_cook import DiehlCook

PASS = 60_000  # images: the training set of MNIST, of which some are for validation here
HISTORY_EVERY = 20_000  # images
TUNED_FOR = 400  # neurons: for so many the published thresholds were tuned
CLAMPED_S = 5e-3

_STEPPED = "dt_s", "present_s", "rest_s", "max_rate_hz", "tau_theta_s", "max_delay_s"
"""Settings that a time step must carry; see `biosim.diehl_cook.DiehlCook`."""

_CODE: Mapping[str, Any] = {
    "rule": "triplet", "theta_plus_v": 0.05e-3, "tau_theta_s": 1e4, "lockout_s": 5e-3,
    "clamped": False, "max_delay_s": 10e-3,
}  # fmt: skip
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "published_code": _CODE,
    "brian2_ports": {**_CODE, "lockout_s": 50e-3, "clamped": True},
    "paper": {**_CODE, "rule": "power", "max_delay_s": 0.0},
}
"""What sources say, by the names of `biosim.diehl_cook.presets`, for any number of neurons."""


def _thresholds(n_exc: int) -> dict[str, Any]:
    """Return so many neurons, and thresholds that keep their spike budget."""
    share = n_exc / TUNED_FOR
    plus_v, tau_s = round(0.05e-3 * max(1.0, share), 9), 1e4 * min(1.0, share)
    return {"n_exc": n_exc, "theta_plus_v": plus_v, "tau_theta_s": tau_s}


SIZES = {str(n_exc): _thresholds(n_exc) for n_exc in (100, 400, 1600, 6400)}
"""Those of the paper."""


@dataclass(frozen=True)
class DiehlCookConfig:
    """What may differ from the published network; the rest is in `biosim.diehl_cook.DiehlCook`.

    The defaults are `biosim.diehl_cook.budgeted` for 100 neurons, `sized` has those for others.
    What can be taken away from it, and how, stands in `study.experiments.unsupervised.plan`.

    Parameters
    ----------
    engine
        What computes: see `biosim.diehl_cook.engines`. ``"auto"`` is the compiled kernel.
    n_exc
        Excitatory neurons.
    presentations
        Training samples shown, in shuffled passes.
    label_samples
        At most so many training samples, after learning, tell the classes of the neurons
        (published code: 10,000).
    history_points
        At how many equally distant points of learning the accuracy on validation samples is
        noted; it chooses nothing.
    dt_s, present_s, rest_s
        Time step; how long a sample is shown, and the silence after it.
    max_rate_hz
        Poisson rate of a pixel of 1.
    rule
        ``"power"``, of the paper's headline result, or ``"triplet"``, of the published code.
    rate_pre, rate_post
        Learning rates at input spikes (triplet rule only) and at own spikes.
    trace_target, exponent
        Of the power law: the trace from which on weights grow, the dependence on the weight.
    theta_plus_v
        Increment of a neuron's threshold at its spikes.
    tau_theta_s
        Time constant with which these increments decay.
    lockout_s
        For how long a neuron cannot fire again.
    clamped
        Whether its spike also holds the membrane of an excitatory neuron for 5 ms, as Brian2's
        ``(unless refractory)`` does and the published code does not.
    max_delay_s
        Longest delay of an input spike.
    weight_inh_exc
        Strength of lateral inhibition.
    batch
        Samples between two measurements of inference time; Brian2 simulates them side by side.
    threads
        Among which the compiled kernel shares the samples of a batch; results are the same.
    """

    choices: ClassVar[Mapping[str, Choice]] = {
        "network": Choice("A published network, by its source.", NETWORKS),
        "size": Choice("Neurons, with thresholds that keep the spike budget.", SIZES),
    }

    engine: Literal["auto", "events", "brian2", "standalone"] = "auto"
    n_exc: int = 100
    presentations: int = 60_000
    label_samples: int = 10_000
    history_points: int = 0
    dt_s: float = 0.5e-3
    present_s: float = 0.35
    rest_s: float = 0.15
    max_rate_hz: float = 63.75
    rule: Literal["power", "triplet"] = "triplet"
    rate_pre: float = 1e-4
    rate_post: float = 1e-2
    trace_target: float = 0.4
    exponent: float = 0.2
    theta_plus_v: float = 0.05e-3
    tau_theta_s: float = 2500.0
    lockout_s: float = 5e-3
    max_delay_s: float = 0.0
    weight_inh_exc: float = 17.0
    batch: int = 64
    clamped: bool = added(before=True, default=False)
    threads: int = added(before=1)

    def __post_init__(self) -> None:
        for name, allowed in (
            ("engine", ("auto", "events", "brian2", "standalone")), ("rule", ("power", "triplet")),
        ):  # fmt: skip
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}")
        for name in ("n_exc", "label_samples", "batch", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("dt_s", "present_s", "rest_s", "max_rate_hz", "tau_theta_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in (
            "presentations", "history_points", "rate_pre", "rate_post", "trace_target", "exponent",
            "theta_plus_v", "lockout_s", "max_delay_s", "weight_inh_exc",
        ):  # fmt: skip
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        usual = {name: (getattr(DiehlCookConfig, name), _CODE.get(name)) for name in _STEPPED}
        if any(getattr(self, name) not in values for name, values in usual.items()):
            self.specification()  # loads Brian2, which what is as published need not wait for

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the network learns."""
        return Conditions(
            f"Poisson rates up to {self.max_rate_hz:g} Hz, for {1e3 * self.present_s:g} ms",
            f"{self.n_exc} and {self.n_exc}",
            self.presentations,
            labels=f"{min(self.label_samples, n_train)} name neurons, none teaches",
            chosen="nothing",
            step=f"{1e3 * self.dt_s:g} ms",
        )

    def specification(self) -> DiehlCook:
        """Return the network.

        Raises
        ------
        ValueError
            If a duration is not a multiple of the time step, or the step is too long for a time
            constant or a rate.
        """
        from biosim.diehl_cook import DiehlCook, PowerLaw, Triplet
        from biosim.diehl_cook.specification import EXCITATORY

        return DiehlCook(
            n_exc=self.n_exc,
            dt_s=self.dt_s,
            present_s=self.present_s,
            rest_s=self.rest_s,
            max_rate_hz=self.max_rate_hz,
            theta_plus_v=self.theta_plus_v,
            tau_theta_s=self.tau_theta_s,
            lockout_s=self.lockout_s,
            max_delay_s=self.max_delay_s,
            weight_inh_exc=self.weight_inh_exc,
            rule=PowerLaw(self.rate_post, self.trace_target, self.exponent)
            if self.rule == "power"
            else Triplet(self.rate_pre, self.rate_post),
            excitatory=replace(EXCITATORY, refractory_s=CLAMPED_S * self.clamped),
        )


def preset(profile: str, dataset: str) -> DiehlCookConfig:
    """Return the settings of a profile on a data set.

    All profiles use the compiled kernel: it computes what Brian2 computes, in a hundredth of the
    time, and needs no C++ compiler; a quick run has time for two passes over ``digits``, larger
    profiles for five. There the power law read 90.1 % of the validation samples (seed 1), the
    triplet rule 83.3 % (seed 0).
    """
    if profile == "quick":
        return DiehlCookConfig(
            presentations=2400, label_samples=600, history_points=4, rule="power"
        )
    if dataset == "digits":
        return DiehlCookConfig(
            presentations=6000, label_samples=2000, history_points=5, rule="power"
        )
    return sized(100, PASS) if profile == "standard" else sized(400, 2 * PASS)


def sized(n_exc: int, presentations: int) -> DiehlCookConfig:
    """Return the settings for 28x28 images and so many neurons: `biosim.diehl_cook.budgeted`.

    The product of increment and decay of thresholds is in proportion to the number of neurons, so
    that 16 spikes a presentation balance thresholds of 40 mV in networks of all sizes; see
    `biosim.diehl_cook.budget`.
    """
    return DiehlCookConfig(
        **_thresholds(n_exc),
        presentations=presentations,
        history_points=-(-presentations // HISTORY_EVERY),
    )


_UNTAUGHT = Control("the network does not learn", {"presentations": 0})


def _published(n_exc: int, presentations: int, score: float, **more: Any) -> Published:
    """Return the row of the review of so many neurons (paper, table 1)."""
    return Published(
        f"STDP and homeostasis, {n_exc:,} neurons", score, "diehl2015", "mnist",
        {
            **_thresholds(n_exc), "presentations": presentations,
            "history_points": presentations // HISTORY_EVERY,
        },
        control=_UNTAUGHT, **more,
    )  # fmt: skip


PUBLISHED = (
    Published(
        "STDP and homeostasis, 100 neurons", 0.829, "diehl2015", "mnist", {"n_exc": 100},
        control=_UNTAUGHT,
    ),
    _published(400, 2 * PASS, 0.87, small=None),
    _published(1600, PASS, 0.919, small=None),
)  # fmt: skip
