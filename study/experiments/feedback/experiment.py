"""Ways back for errors: what networks and spike times lose without the transpose of the weights."""

from __future__ import annotations

from collections.abc import Sequence

from study.analysis import comparison, one_setting
from study.analysis.section import Section
from study.experiments.feedback import networks as images
from study.experiments.feedback import patterns as times
from study.experiments.feedback import rule
from study.request import Request
from study.trials.trial import Record, Trial

TITLE = "Ways back for errors"
ORDER = 47
SWEEP = True  # too many configurations for the opening table

TOLD = {
    "holds": "the statement holds",
    "fails": "the statement does not hold",
    "open": "the statement stays open",
}


def trials(request: Request) -> list[Trial]:
    """Return networks by the way back of their errors, and patterns unless learners are asked for.

    The quick profile has one seed of each, and few networks.
    """
    alone = request.datasets or request.learners
    return [*images.trials(request), *([] if alone else times.trials(request))]


def section(records: list[Record]) -> Section:
    """Return angles, accuracies and losses by the way back, and the verdict."""
    networks, patterns = images.found(records), times.found(records)
    shown = [*(r for each in networks for r in each.records), *times.of_patterns(patterns)]
    told = [sentence for each in networks for sentence in images.findings(each)]
    judged = _judged(patterns)
    return Section(
        name="feedback",
        title=TITLE,
        question="Do errors have to come back through the weights themselves, or does another "
        "matrix do: random, of the same signs, uniform?",
        method="In back-propagation errors come back through the transpose of the weights; here "
        "they come through a matrix of its own: symmetric (the weights), sign (their signs), "
        "random (drawn once), uniform (all entries the same) or none. The networks are one of "
        "rates and a spiking one with surrogate gradients; the epoch is chosen on validation "
        "samples, and test samples are read once. The angle is that between what the first hidden "
        "layer is told and its gradient. Patterns are frozen Poisson spikes that outputs are to "
        "answer with spikes at given times, learned by SuperSpike: the easy one has 1 output, the "
        "hard one 20. The review's statement, that simple tasks do with random feedback and hard "
        "ones need symmetric, is judged by a rule. Random feedback does where the loss of the easy "
        f"pattern ends below {rule.DONE:.0%} of its start in every seed, and without feedback does "
        "not. Symmetric is needed where "
        f"the loss of the hard pattern ends below {rule.APART:.0%} of that with random feedback in "
        "every seed. The statement holds where both are so, does not hold where one is so in no "
        f"seed, and stays open otherwise, and with fewer than {rule.SEEDS} seeds.",
        equations=(
            "delta_l = (B_(l + 1)^T delta_(l + 1)) dot.o f'(a_l)",
            "Delta w_(j i) = sum_t (sum_k b_(k j) e_k) (epsilon * [h_j (epsilon * s_i)]) - "
            "rho w_(j i) sum_t z_j^4",
        ),
        figures=(*images.figures(networks), *(times.figures(patterns) if patterns else ())),
        tables=(
            *([images.table(networks)] if networks else []),
            *([times.table(patterns)] if patterns else []),
        ),
        findings=(*told, *times.findings(patterns), *judged),
        lead=(*_leading(told), *judged),
        caveats=tuple(_caveats(records, shown, networks)),
        deviations=(
            "Networks learn in mini-batches with momentum or Adam, in place of single images at a "
            "constant rate.",
            "SuperSpike changes weights behind each presentation at a rate that falls to 0, and "
            "sends errors back without delay.",
            "The penalty on firing is given to all ways back alike; without it uniform feedback "
            "lets hidden neurons fire more and more.",
        ),
        references=("lillicrap2016", "liao2016", "zenke2018", "neftci2019"),
    )


def _judged(patterns: times.Patterns) -> list[str]:
    """Return the verdict in a sentence; nothing where a side of it has too few seeds."""
    done = rule.does(
        times.ratios(patterns, times.EASY, "random"), times.ratios(patterns, times.EASY, "none")
    )
    needed = rule.needs(
        times.ratios(patterns, times.HARD, "symmetric"),
        times.ratios(patterns, times.HARD, "random"),
    )
    if min(len(done), len(needed)) < rule.SEEDS:
        return []
    return [
        f"Simple tasks do with random feedback and hard ones need symmetric: by the rule "
        f"{TOLD[rule.verdict(done, needed)]}. Random feedback does for the easy pattern in "
        f"{sum(done)} of {len(done)} seeds, and the hard one needs symmetric in {sum(needed)} of "
        f"{len(needed)}."
    ]


def _leading(told: Sequence[str]) -> list[str]:
    """Return what random feedback reaches."""
    return [sentence for sentence in told if ": random feedback reaches" in sentence]


def _caveats(
    records: Sequence[Record], shown: Sequence[Record], networks: Sequence[images.Networks]
) -> list[str]:
    told = [
        "Errors of a softmax with cross entropy sum to 0, so that uniform feedback brings nothing "
        "back in a network of rates. In the spiking one each class has its error in another step, "
        "and something does come back.",
        "One pattern a seed is learned and none is held out: the loss says what can be fitted, not "
        "what would be recognised.",
        "How far random feedback falls behind on the hard pattern depends on how long is learned: "
        "it goes on learning where symmetric feedback has ended.",
    ]
    if networks:
        told.append(comparison.RULE)
    unplaced = len({r.trial.id for r in records} - {r.trial.id for r in shown})
    told += one_setting.left_out(unplaced)
    if len({record.trial.seed for record in shown}) < rule.SEEDS:
        told.append(
            f"Nothing is concluded from fewer than {rule.SEEDS} seeds: --seeds K adds seeds."
        )
    return told
