"""What an LSNN makes of store-recall, and that it makes nothing of it where it must not."""

import dataclasses

import numpy as np
import pytest

from gradsim import encode, lsnn
from gradsim.lsnn import LSNNParameters
from gradsim.lsnn_gradients import Sequences, evaluate
from gradsim.sequence_training import SequenceTraining, error_rate, train_sequences
from study.data import store_recall

pytestmark = pytest.mark.slow

N_STEPS = 2400
CONFIG = SequenceTraining(iterations=110, decay_every=60)


def draw(n_sequences, rng):
    events = store_recall.draw(n_sequences, rng)
    spikes = encode.bin_events(
        events.time_s, events.unit, events.offsets, events.n_units, events.duration_s, N_STEPS
    )
    return Sequences(spikes, events.labels)


def unseen_error(config, beta=1.7, draw=draw):
    """Return the error on 512 sequences that neither trained nor chose anything."""
    setup, validating, testing, training = np.random.default_rng(0).spawn(4)
    network = lsnn.initial(LSNNParameters(beta=beta), setup)
    network, _ = train_sequences(network, draw, draw(512, validating), config, training)
    unseen = draw(512, testing)
    return error_rate(evaluate(network, unseen).logits, unseen.targets)


def test_bptt_solves_it():
    assert unseen_error(CONFIG) < 0.05


def test_eprop_solves_it():
    assert (
        unseen_error(dataclasses.replace(CONFIG, rule="eprop", iterations=200, decay_every=80))
        < 0.05
    )


def test_it_needs_neurons_that_adapt():
    assert unseen_error(CONFIG, beta=0.0) > 0.3


def test_nothing_is_learned_from_shuffled_answers():
    def shuffled(n_sequences, rng):
        inputs, targets = draw(n_sequences, rng)
        asked = targets >= 0
        targets[asked] = rng.permutation(targets[asked])
        return Sequences(inputs, targets)

    assert unseen_error(dataclasses.replace(CONFIG, iterations=60), draw=shuffled) == pytest.approx(
        0.5, abs=0.07
    )
