"""The network of `study.learners.lsnn`, taught forward in time: e-prop.

Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein & Maass, "A solution to the learning dilemma
for recurrent networks of spiking neurons", Nat. Commun. 11:3625 (2020),
doi:10.1038/s41467-020-17236-y.

**Claim.** Back-propagation through time sends errors back through a past that no brain stores.
E-prop keeps, at each synapse, what it may have contributed (an eligibility trace, slow where the
neuron's threshold is), and multiplies it with an error that the readout sends to the neuron now:
it learns nearly as well.

**Number to reach.** The same 5 % of store-recall, with errors sent through the readout's own
weights or through random ones.

**Reached.** With these settings and 200 iterations, 580 test bits, three seeds: random feedback
1.9, 0.5 and 0.5 % wrong; symmetric feedback 2.4, 2.8 and 8.3 %. The seed that misses does not miss
by its weights alone: with other batches it ends at 1.8 % in validation.

**How.** The end of `gradsim.lsnn_gradients`: eligibility traces ``eps_v`` and ``eps_b``, filtered
as the readout is. ``feedback="symmetric"`` sends the error back through ``w_out``, ``"random"``
through fixed weights drawn once.

**Deviations.** Those of `study.learners.lsnn`, but firing rates are kept near 20 Hz by a penalty
that is felt, as in the paper: without it some networks do not learn. The slope is (9), not divided
by the base threshold; the number to reach is that of the paper of 2018, since that of 2020 prints
none for this task.
"""

from __future__ import annotations

import dataclasses

from study.learners import lsnn
from study.learners.lsnn import LSNNConfig, LSNNLearner

__all__ = ["LSNNConfig", "LSNNLearner", "preset"]


def preset(profile: str, dataset: str) -> LSNNConfig:
    """Return settings that solve store-recall; e-prop wants its step to stay large for longer."""
    usual = lsnn.preset(profile, dataset)
    config = dataclasses.replace(usual, rule="eprop", rate_penalty=3e-5)
    if profile == "quick":
        return config
    return dataclasses.replace(config, iterations=200, decay_every=200)
