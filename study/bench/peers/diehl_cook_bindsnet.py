"""BindsNET's ``DiehlAndCook2015``, run as a script by an interpreter that has BindsNET.

What differs from the published network: currents in place of conductances, the pair rule
``PostPre`` in single precision, no delays and no lock-out, a reset to -60 mV, other strengths; no
sample is shown again, and the silence between samples is one call that resets the state, which
takes no time. Each of these makes it cheaper. Spikes are drawn by its own encoder.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import torch
from bindsnet.encoding import poisson  # type: ignore[import-not-found]
from bindsnet.models import DiehlAndCook2015  # type: ignore[import-not-found]


def main() -> None:
    """Read what to do from standard input; print seconds and presentations as JSON."""
    asked = json.load(sys.stdin)
    torch.set_num_threads(1)
    images = torch.from_numpy(np.load(asked["images"]))
    dt_ms, present_ms = asked["dt_ms"], asked["present_ms"]
    network = DiehlAndCook2015(
        n_inpt=images.shape[1], n_neurons=asked["n_exc"], dt=dt_ms, inpt_shape=(images.shape[1],)
    )
    for number, image in enumerate(images):
        if number == 1:  # the first one is for warming up
            started = time.perf_counter(), time.process_time()
        spikes = poisson(asked["max_rate_hz"] * image, time=present_ms, dt=dt_ms)
        network.run(inputs={"X": spikes}, time=present_ms)
        network.reset_state_variables()
    wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "presentations": len(images) - 1}))  # noqa: T201


if __name__ == "__main__":
    main()
