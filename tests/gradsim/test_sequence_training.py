"""Training on a task that takes a moment: which of two groups of inputs was on."""

import dataclasses

import numpy as np
import pytest
from scipy.special import log_softmax

from gradsim import SpikeEvents, lsnn
from gradsim.lsnn import LSNNParameters
from gradsim.lsnn_gradients import RatePenalty, Sequences, evaluate
from gradsim.sequence_training import SequenceTraining, error_rate, train_sequences
from gradsim.training import TrainingError

PARAMETERS = LSNNParameters(n_in=10, n_regular=6, n_adaptive=2, max_delay=3)
N_STEPS, N_WINDOWS = 60, 2
CONFIG = SequenceTraining(iterations=30, batch_size=16, validate_every=5)


def draw(n_sequences, rng):
    """Return sequences in whose second half it is asked which group fires all along."""
    classes = rng.integers(2, size=n_sequences)
    counts = rng.poisson(40, n_sequences)
    sample = np.repeat(np.arange(n_sequences), counts)
    unit = rng.integers(5, size=counts.sum()) + 5 * classes[sample]
    step = rng.integers(N_STEPS, size=counts.sum())
    offsets = np.concatenate(([0], counts.cumsum()))
    targets = np.stack([np.full(n_sequences, -1), classes], axis=1)
    return Sequences(SpikeEvents(step, unit, offsets, 10, N_STEPS), targets)


def trained(config, seed=0, draw=draw):
    """Return the network, the history, the validation and what was said on the way."""
    setup, rng = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    said = []
    network = lsnn.initial(PARAMETERS, setup)
    validation = draw(100, setup)
    network, history = train_sequences(
        network, draw, validation, config, rng, lambda *note: said.append(note)
    )
    return network, history, validation, said


@pytest.mark.parametrize(
    "how",
    [{"rule": "bptt"}, {"rule": "eprop"}, {"rule": "eprop", "feedback": "random"}],
)
@pytest.mark.parametrize("carry_state", [False, True])
def test_every_rule_learns_to_tell_the_groups_apart(how, carry_state):
    network, history, _, _ = trained(dataclasses.replace(CONFIG, carry_state=carry_state, **how))
    unseen = draw(200, np.random.default_rng(99))
    assert error_rate(evaluate(network, unseen).logits, unseen.targets) < 0.05
    assert history.loss[-5:].mean() < 0.7 * history.loss[:5].mean()


def test_the_kept_weights_are_those_of_the_best_validation():
    # Answers change sides from the 21st batch on, so that the last weights are not the best.
    drawn = iter(range(1, 1000))

    def fickle(n_sequences, rng):
        inputs, targets = draw(n_sequences, rng)
        late = next(drawn) > 1 + 20
        return Sequences(inputs, np.where(targets < 0, -1, targets ^ late))

    network, history, validation, said = trained(CONFIG, draw=fickle)
    outcome = evaluate(network, validation)
    best = np.lexsort((history.validation_loss, history.validation_error))[0]
    assert history.validated.tolist() == [5, 10, 15, 20, 25, 30]
    assert history.best == history.validated[best] == 20
    assert outcome.loss == history.validation_loss[best]
    assert [fraction for fraction, _ in said] == pytest.approx(history.validated / 30)
    assert len(history.loss) == len(history.error) == len(history.rate_hz) == 30


def test_the_same_seed_gives_the_same_weights_and_the_start_stays_as_it_was():
    start = lsnn.initial(PARAMETERS, np.random.default_rng(0))
    before = [part.copy() for part in start.weights]
    ends = [
        train_sequences(start, draw, draw(20, np.random.default_rng(1)), CONFIG, rng)[0]
        for rng in (np.random.default_rng(seed) for seed in (2, 2, 3))
    ]
    same, other = (
        [(a == b).all() for a, b in zip(ends[0].weights, end.weights, strict=True)]
        for end in ends[1:]
    )
    assert all(same)
    assert not any(other)
    assert all((a == b).all() for a, b in zip(before, start.weights, strict=True))


def test_training_ends_when_it_is_good_enough():
    _, history, _, _ = trained(dataclasses.replace(CONFIG, iterations=200, good_enough=0.1))
    assert history.validation_error[-1] < 0.1
    assert (history.validation_error[:-1] >= 0.1).all()
    assert history.validated[-1] == len(history.loss) < 200


def test_the_penalty_brings_rates_to_its_target():
    config = dataclasses.replace(CONFIG, iterations=80, penalty=RatePenalty(1e-2, 60.0))
    for rule in ("bptt", "eprop"):
        _, free, _, _ = trained(dataclasses.replace(config, rule=rule, penalty=None))
        _, held, _, _ = trained(dataclasses.replace(config, rule=rule))
        assert held.rate_hz[-10:].mean() == pytest.approx(60, abs=10)
        assert free.rate_hz[-10:].mean() > 100


def test_loss_and_error_are_those_of_the_windows_that_are_asked():
    network = lsnn.initial(PARAMETERS, np.random.default_rng(0))
    sequences = draw(50, np.random.default_rng(5))
    outcome = evaluate(network, sequences)
    logits, classes = outcome.logits[:, 1], sequences.targets[:, 1]
    log_p = log_softmax(logits, axis=1)[np.arange(50), classes]
    assert outcome.loss == pytest.approx(-log_p.mean(), rel=1e-5)
    wrong = (logits[:, 1] > logits[:, 0]) != classes
    assert error_rate(outcome.logits, sequences.targets) == wrong.mean()


def test_a_loss_that_is_not_a_number_ends_training():
    network = lsnn.initial(PARAMETERS, np.random.default_rng(0))
    network.weights.w_out[0, 0] = np.nan
    rng = np.random.default_rng(1)
    with pytest.raises(TrainingError, match="the loss is nan"):
        train_sequences(network, draw, draw(20, rng), CONFIG, rng)


@pytest.mark.parametrize(
    "bad", [{"rule": "bp"}, {"feedback": "none"}, {"iterations": 0}, {"decay": 0.0}]
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        SequenceTraining(**bad)
