"""Diehl & Cook's network as their code drives it: Brian2's ``run`` is called for each presentation.

Equations, rule and stimulus are those of `biosim.diehl_cook`; what differs is that Python takes
over after each 350 ms and each 150 ms, as in github.com/peter-u-diehl/stdp-mnist.
"""

from __future__ import annotations

import brian2
import numpy as np
from brian2 import Hz, second, volt

from biosim.backend import session
from biosim.diehl_cook.lesson import Lesson, normalised
from biosim.diehl_cook.network import layers, plastic
from biosim.diehl_cook.stimulus import Progress


def learn(lesson: Lesson, progress: Progress) -> np.ndarray:
    """Return how often each sample was shown, ``[P]``; ``progress`` is called after each."""
    spec, silent = lesson.spec, np.zeros(lesson.images.shape[1])
    presentations = np.zeros(len(lesson.order), np.int64)
    with session(seed=lesson.seed, dt_s=spec.dt_s):
        inputs = brian2.PoissonGroup(len(silent), silent * Hz, name="input")
        net = layers(spec, adapting=True)
        net.exc.theta = lesson.theta_v * volt
        net.exc.v -= spec.start_below_rest_v * volt
        net.inh.v -= spec.start_below_rest_v * volt
        synapses = plastic(spec, inputs, net.exc, lesson.weights, lesson.delays_s)
        network = brian2.Network(inputs, synapses, *net.objects())
        for at, index in enumerate(lesson.order):
            spikes = 0
            while spikes < spec.min_spikes and presentations[at] < spec.max_presentations:
                weights = np.array(synapses.w_[:]).reshape(lesson.weights.shape)
                synapses.w_[:] = normalised(spec, weights).ravel()
                brightest = spec.max_rate_hz + presentations[at] * spec.extra_rate_hz
                inputs.rates_[:] = brightest * lesson.images[index]
                net.exc.count_[:] = 0
                network.run(spec.present_s * second)
                spikes = int(np.sum(net.exc.count_[:]))
                inputs.rates_[:] = silent
                network.run(spec.rest_s * second)
                presentations[at] += 1
            progress((at + 1) / len(lesson.order), f"{spikes} spikes")
    return presentations
