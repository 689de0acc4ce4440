"""One trained network in two simulators: PyTorch's steps and Brian2's continuous time."""

from __future__ import annotations

from study.analysis.section import Section
from study.experiments.bridge import bearing, equality, plan, refining
from study.experiments.bridge.groups import groups
from study.experiments.bridge.limit import CostConfig, LimitConfig
from study.experiments.bridge.robustness import RobustnessConfig, SubstituteConfig
from study.experiments.bridge.run import BridgeConfig
from study.trials.trial import Record

TITLE = "One network, two simulators"
ORDER = 50

PARTS = {
    BridgeConfig: equality.part,
    LimitConfig: refining.limits,
    CostConfig: refining.cost,
    RobustnessConfig: bearing.perturbed,
    SubstituteConfig: bearing.substituted,
}
"""What the records of each kind of run add to the section."""

trials = plan.trials


def section(records: list[Record]) -> Section:
    """Return what the three questions found, and what the network bears."""
    parts = [part(groups(records, plan.RUNS[config][1])) for config, part in PARTS.items()]
    return Section(
        name="bridge",
        title=TITLE,
        question="Is a network that was trained in discrete time the same network in a "
        "continuous-time simulator? Have both the same limit as dt shrinks? What does training in "
        "steps cost in continuous time, and what does the network bear there?",
        method="The networks of the surrogate experiment are written as NIR graphs, with step and "
        "conventions in the metadata, and built from them in Brian2; both simulators get the same "
        "input spikes. Spikes of the same neuron and sample are paired one to one within a "
        "tolerance; agreement is the share of spikes with a partner. (i) At equal dt Brian2 holds "
        "the synaptic current over a step and keeps the order of a step, as training did. "
        "(ii) Both are refined together: PyTorch's step keeps holding the current, Brian2 "
        "integrates the differential equations exactly between spikes, so that they differ at any "
        "step and have the same limit; what took a trained step, delays and reset, keeps its "
        "duration. (iii) Brian2 alone is refined in the same way and compared with networks as "
        "they were trained, at several steps. Then thresholds and input times are perturbed and "
        "weights rounded, and neurons of Hodgkin and Huxley's kind, calibrated to the rates of the "
        "LIF neuron under constant currents, take its place.",
        equations=(
            "tau_m (dif v)/(dif t) = -v + r I, quad tau_s (dif I)/(dif t) = -I + tau_s W S(t)",
            'v_(t+1) = beta v_t + kappa I_t, quad kappa_"held" = r (1 - beta), quad '
            'kappa_"exact" = r tau_s / (tau_s - tau_m) (alpha - beta)',
            '"agreement" = 2 m / (n_"discrete" + n_"continuous")',
        ),
        figures=tuple(figure for figures, _, _ in parts for figure in figures),
        tables=tuple(table for _, tables, _ in parts for table in tables),
        findings=tuple(finding for _, _, findings in parts for finding in findings),
        caveats=(
            "Agreement within a tolerance rises with the tolerance and with the firing rate even "
            "for unrelated trains: read it beside the controls and the coincidence factor, which "
            "takes off what chance matches.",
            "In (ii) and (iii) the delays of the trained step and the time for which a reset holds "
            "the membrane are kept as times. They belong to the trained network: without them a "
            "strongly driven neuron would fire at a rate that grows without bound as dt shrinks.",
            "The neurons that take the place of LIF neurons share their rates under constant "
            "currents only. Their currents are cut where the calibration ends, and the network is "
            "not trained again.",
        ),
        references=(
            "pedersen2024",
            "stimberg2019",
            "dice1945",
            "kistler1997",
            "jolivet2008",
            "vanrossum2001",
        ),
    )
