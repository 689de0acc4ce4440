"""A spiking LSTM: signed counts on two channels, store and release, products by coincidence.

After Shrestha et al., "A spike-based long short-term memory on a neurosynaptic processor", ICCAD
2017, whose system ran on TrueNorth. A value v in -1..1 is ``K abs(v)`` spikes in a window of K
ticks, on the channel of its sign. A symbol takes three windows:

*Store.* Spikes of inputs, and before them those of hidden units, add weights to the membrane
potentials u of all gates; (1) of `gradsim.lstm`, all in integers: weights are multiples of 1 / U.

*Release.* A gate is an integrate-and-fire neuron with threshold 4 U that begins at ``u + 2 U (K +
1)`` and is reset by subtraction: it spikes in the first n ticks, n as in (2) there. A candidate is
a neuron for each sign that is not reset; its threshold goes through 1..K in the order of
bit-reversed ticks (van der Corput), so that its spikes are spread evenly over the window. Where a
gate and a candidate spike in the same tick, so does the neuron that has both: n / K of the ticks
are open, evenly spread spikes fall into them in proportion, and their count is the product::

    #{k: k < n_gate, rank(k) < n} = n_gate n / K, to log2(K) + 1 spikes                (1)

A cell is an exact counter for each sign. It has L lines: line m sends what the counter holds beyond
m K, as a spread train again, and all lines meet the forget gate. Together they are a burst of up to
L spikes a tick. What was kept and what was admitted make the next state; spikes on both channels
cancel, and the counter is full at L K.

*Emit.* The output gate meets the lowest line, which is the hard tanh of the cell; the coincidences
are the spikes of the hidden unit, which the readout and the gates' next step get.

With one line the cell is limited to what a rate code can carry. Gates that open ``late`` miss the
first ticks of the other trains. ``exact`` puts rounded products in the place of coincidences: then
h and c are those of (1) to (5) of `gradsim.lstm`, symbol by symbol.

A step without an input spike releases nothing. Of the paper only the abstract could be read, which
names discretised activations, quantised weights and store and release; two channels, and bursts for
the cell's precision, are told by Tavanaei et al. 2019, arXiv:1804.08150. The circuits are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gradsim.arrays import plain
from gradsim.kernels import counted_lstm as loops
from gradsim.lstm import MOST_TICKS, NAMES, HardLSTM


class CountedWeights(NamedTuple):
    """Weights and biases in units of 1 / U, int64; a cell's gates in the order i, f, o, g.

    ``w_in [4 H, n_in]``, ``w_rec [4 H, H]``, ``bias [4 H]``, ``w_out [n_out, H]``,
    ``b_out [n_out]``.
    """

    w_in: np.ndarray
    w_rec: np.ndarray
    bias: np.ndarray
    w_out: np.ndarray
    b_out: np.ndarray


@dataclass(frozen=True)
class CountedLSTM:
    """A spiking LSTM.

    Parameters
    ----------
    weights
        See `counted`.
    unit
        U.
    window
        K, in ticks.
    lines
        L, spikes of a cell in a tick at most; 1 is a cell in rate code.
    late
        Ticks by which gates open behind the beginning of a window.
    exact
        Whether products are exact, to rounding, in place of coincidences.

    Raises
    ------
    ValueError
        If weights do not fit one another, or a number is outside its range.
    """

    weights: CountedWeights
    unit: int
    window: int = 16
    lines: int = 4
    late: int = 0
    exact: bool = False

    def __post_init__(self) -> None:
        n = self.n_hidden
        shapes = ((4 * n, None), (4 * n, n), (4 * n,), (None, n), (len(self.weights.w_out),))
        for name, part, shape in zip(NAMES, self.weights, shapes, strict=True):
            fits = len(part.shape) == len(shape) and all(
                size in (None, found) for found, size in zip(part.shape, shape, strict=True)
            )
            if not fits or part.dtype != np.int64:
                wanted = ["any" if size is None else size for size in shape]
                raise ValueError(
                    f"{name} must be int64 {wanted}, not {part.dtype} {list(part.shape)}"
                )
        if not 1 <= self.window <= MOST_TICKS or not 0 <= self.late <= self.window:
            raise ValueError(
                f"window must lie in 1..{MOST_TICKS} and late in 0..window, "
                f"not {self.window}, {self.late}"
            )
        if self.lines < 1 or self.unit < 1:
            raise ValueError(f"lines and unit must be at least 1, not {self.lines}, {self.unit}")

    @property
    def n_hidden(self) -> int:
        """Number of cells."""
        return self.weights.w_rec.shape[1]


class CountedSpikes(NamedTuple):
    """Spikes of each part of a network in all sequences together.

    Parameters
    ----------
    inputs, gates, candidates, cells, products, hiddens
        ``[n_in]``, ``[3, H]`` (admit, keep, emit), ``[H]``, ``[2, H]`` (of the lowest line, of the
        others), ``[H]`` (that go into the cell), ``[H]``.
    steps
        Steps that were not skipped.
    """

    inputs: np.ndarray
    gates: np.ndarray
    candidates: np.ndarray
    cells: np.ndarray
    products: np.ndarray
    hiddens: np.ndarray
    steps: int


class CountedResponse(NamedTuple):
    """What a network did with B sequences.

    Parameters
    ----------
    readout
        ``[T, B, n_out]`` int64, K U times the logits; the answer is the largest.
    hidden, cell
        ``[T, B, H, 2]`` int64 spikes of hidden units, and the counters of cells, by channel.
    spikes
        See `CountedSpikes`.
    """

    readout: np.ndarray
    hidden: np.ndarray
    cell: np.ndarray
    spikes: CountedSpikes


def spread(window: int) -> np.ndarray:
    """Return the place of each tick in the order in which spikes fill a window, ``[K]``.

    Examples
    --------
    >>> spread(8)
    array([0, 4, 2, 6, 1, 5, 3, 7])
    """
    n_bits = max(1, (window - 1).bit_length())
    reversed_bits = [int(f"{tick:0{n_bits}b}"[::-1], 2) for tick in range(window)]
    return np.argsort(np.argsort(reversed_bits)).astype(np.int64)


def coincidences(window: int) -> np.ndarray:
    """Return the product of each gate and value, in spikes ``[K + 1, K + 1]``: (1).

    Examples
    --------
    >>> coincidences(4)
    array([[0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1],
           [0, 1, 1, 2, 2],
           [0, 1, 2, 3, 3],
           [0, 1, 2, 3, 4]])
    """
    counts = np.arange(window + 1)
    gates = np.arange(window) < counts[:, None]
    values = spread(window) < counts[:, None]
    return gates.astype(np.int64) @ values.T.astype(np.int64)


def counted(
    lstm: HardLSTM, window: int = 16, lines: int | None = None, late: int = 0, exact: bool = False
) -> CountedLSTM:
    """Return the spiking network that a trained LSTM becomes, with rounded weights.

    Parameters
    ----------
    lstm
        Best trained with a window; see `gradsim.lstm_training`.
    window, lines, late, exact
        Of `CountedLSTM`; lines are the LSTM's limit where None.
    """
    parts = (getattr(lstm, name).detach().cpu().double().numpy() * lstm.unit for name in NAMES)
    whole = [np.copysign(np.floor(np.abs(part) + 0.5), part).astype(np.int64) for part in parts]
    lines = lstm.limit if lines is None else lines
    return CountedLSTM(CountedWeights(*whole), lstm.unit, window, lines, late, exact)


def respond(network: CountedLSTM, inputs: Any) -> CountedResponse:
    """Show sequences to a network, each from rest.

    Parameters
    ----------
    network
        See `counted`.
    inputs
        ``[T, B, n_in]`` in -1..1, real numbers; each is rounded to spikes.

    Raises
    ------
    ValueError
        If inputs have another shape or leave -1..1.

    Examples
    --------
    >>> lstm = HardLSTM(2, 4, 3, np.random.default_rng(0))
    >>> inputs = np.eye(2)[[[0], [1], [1]]]
    >>> found = respond(counted(lstm, window=8, exact=True), inputs)
    >>> found.spikes.inputs, found.spikes.steps
    (array([ 8, 16]), 3)
    >>> signed = found.hidden[..., 0] - found.hidden[..., 1]
    >>> bool((signed == lstm(inputs, window=8).hidden.detach().numpy()).all())
    True
    """
    counts = _counts(network, inputs)
    n_sequences, n_steps, n_in = counts.shape
    n, n_out = network.n_hidden, len(network.weights.w_out)

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.int64)

    steps = (n_sequences, n_steps)
    channels = [zeros(n, 2) for _ in range(4)]
    state = loops.State(zeros(4 * n), zeros(4 * n), zeros(n, 2), zeros(3, n), *channels)
    record = loops.Record(
        zeros(*steps, n_out), zeros(*steps, n, 2), zeros(*steps, n, 2),
        zeros(n_in), zeros(3, n), zeros(n), zeros(2, n), zeros(n), zeros(n), zeros(1),
    )  # fmt: skip
    loops.run(counts, _cell(network), state, record)
    readout, hidden, cell = (
        part.swapaxes(0, 1) for part in (record.readout, record.hidden, record.cell)
    )
    spikes = CountedSpikes(
        record.inputs, record.gates, record.candidates, record.cells, record.products,
        record.hiddens, int(record.steps[0]),
    )  # fmt: skip
    return CountedResponse(readout, hidden, cell, spikes)


def _cell(network: CountedLSTM) -> loops.Network:
    w_in, w_rec, bias, w_out, b_out = map(np.ascontiguousarray, network.weights)
    return loops.Network(
        w_in, w_rec, bias, w_out, b_out,
        unit=network.unit,
        rank=spread(network.window),
        lines=network.lines,
        late=network.late,
        exact=network.exact,
    )  # fmt: skip


def _counts(network: CountedLSTM, inputs: Any) -> np.ndarray:
    """Return inputs as signed counts of spikes ``[B, T, n_in]``."""
    values, n_in = plain("inputs", inputs).astype(np.float64), network.weights.w_in.shape[1]
    if values.ndim != 3 or values.shape[2] != n_in or not len(values):
        raise ValueError(f"inputs must be [T, B, {n_in}], not {list(values.shape)}")
    if not (np.abs(values) <= 1).all():
        raise ValueError("inputs must lie in -1..1")
    counts = np.copysign(np.floor(np.abs(values) * network.window + 0.5), values)
    return np.ascontiguousarray(counts.swapaxes(0, 1), np.int64)
