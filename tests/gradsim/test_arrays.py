"""Every public entry, given what users have: the same answer as from plain arrays, or a sentence.

The plain input is float32 or int64 of numpy, C-contiguous.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import gradsim
from gradsim import delays, lsnn, lsnn_gradients, sequence_training
from gradsim.arrays import indices
from gradsim.layers import LIF, Readout

TYPES = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?")
TORCH = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"),
    *("float16", "bfloat16", "float32", "float64"),
)


def spaced(values: np.ndarray) -> np.ndarray:
    """Return the same values with gaps between them in memory."""
    room = np.zeros((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)
    room[..., ::2] = values
    return room[..., ::2]


def frozen(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flags.writeable = False
    return values


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    **{f"numpy {kind}": lambda v, kind=kind: v.astype(kind) for kind in TYPES},
    **{f"big-endian {kind}": lambda v, kind=kind: v.astype(f">{kind}") for kind in TYPES[:11]},
    **{
        f"torch {kind}": lambda v, kind=kind: torch.tensor(v.tolist()).to(getattr(torch, kind))
        for kind in TORCH
    },
    "list": lambda v: v.tolist(),
    "tuple": lambda v: tuple(v.tolist()),
    "with gaps": spaced,
    "backwards": lambda v: v[::-1].copy()[::-1],
    "column by column": np.asfortranarray,
    "read-only": frozen,
    "torch with gaps": lambda v: torch.from_numpy(spaced(v)),
    "text": lambda v: v.astype(str),
    "objects": lambda v: v.astype(object),
    "complex": lambda v: torch.tensor(v.tolist()).to(torch.complex64),
    "None": lambda _v: None,
}

rng = np.random.default_rng(0)
SPARSE, DENSE = ((rng.random((20, 8, 6)) < share).astype(np.float32) for share in (0.05, 0.5))
IMAGES = (rng.random((12, 6)) < 0.5).astype(np.float32)
LABELS = np.arange(12) % 2
EVENTS = gradsim.encode.latency(IMAGES, 30)
QUICK = gradsim.TrainingConfig(epochs=1, batch_size=5)


def network(engine: Any = "auto") -> gradsim.SpikingNetwork:
    config = gradsim.NetworkConfig(6, (7,), 3, weight_scale=3.0, recurrent=True)
    return gradsim.SpikingNetwork(config, torch.Generator().manual_seed(0), engine)


def through_network(engine: str) -> Callable[[Any], list[Any]]:
    def run(x: Any) -> list[Any]:
        net = network(engine)
        recording = net(x)
        recording.peak.sum().backward()
        return [recording.readout, *recording.counts, net.hidden[0].weight.grad]

    return run


def layer(make: Callable[..., nn.Module], *sizes: int, **options: Any) -> nn.Module:
    return make(*sizes, generator=torch.Generator().manual_seed(0), **options)


def trained(labels: Any) -> list[Any]:
    net = network()
    history = gradsim.train(
        net, gradsim.Labelled(EVENTS, labels), None, QUICK, np.random.default_rng(0)
    )
    return [history.loss, net.readout.weight]


def encoded(values: Any) -> list[Any]:
    encode, random = gradsim.encode, np.random.default_rng(0)
    found = [encode.latency(values, 40), encode.linear_latency(values, 40)]
    return [part for events in [*found, encode.rate(values, 40, random)] for part in parts(events)]


def parts(events: gradsim.SpikeEvents) -> list[np.ndarray]:
    return [events.step, events.unit, events.offsets]


def images(values: Any) -> list[Any]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    converted = gradsim.convert(net, values)
    first = gradsim.convert_to_first_spikes(net, values)
    return [converted(values, 5).readout, first(values).readout]


SMALL = lsnn.initial(
    lsnn.LSNNParameters(n_in=6, n_regular=4, n_adaptive=3, n_out=2), np.random.default_rng(0)
)
RASTER = gradsim.from_raster(DENSE)
TARGETS = np.arange(8).reshape(8, 1) % 2


def lsnn_of(targets: Any) -> list[Any]:
    sequences = lsnn_gradients.Sequences(RASTER, targets)
    learned = [lsnn_gradients.bptt(SMALL, sequences), lsnn_gradients.eprop(SMALL, sequences)]
    error = sequence_training.error_rate(np.zeros((8, 1, 2)), targets)
    outcome = lsnn_gradients.evaluate(SMALL, sequences)
    return [*(part for each in learned for part in each.gradients), error, outcome.loss]


def with_delays(values: Any) -> list[Any]:
    changed = SMALL._replace(delays=values)
    arriving = delays.currents(torch.from_numpy(DENSE), torch.ones(7, 6), delays_of(values))
    return [lsnn.run(changed, RASTER).readout, arriving]


def delays_of(values: Any) -> Any:
    return values[:, :6] if isinstance(values, np.ndarray | torch.Tensor) else DELAYS[:, :6]


STEP, UNIT = np.array([3, 1, 2, 0]), np.array([0, 1, 1, 0])
OFFSETS, DELAYS = np.array([0, 2, 3, 4]), np.arange(7 * 13).reshape(7, 13) % 10 + 1
TIMES = np.array([0.0, 1.0, 3.0, 2.0], np.float32)
COUNTS = np.array([[0.0, 5.0], [3.0, 7.0]], np.float32)
TRACES = np.cumsum(rng.integers(0, 2, (3, 9, 2)), axis=1).astype(np.float32)


def penalties(counts: Any) -> list[Any]:
    losses = gradsim.losses
    bounds = losses.activity_bounds(counts, 1, 4)
    return [losses.spytorch_activity(counts, 0.1, 0.1), losses.mean_activity(counts), bounds]


def pooled(x: Any) -> list[Any]:
    pools = gradsim.OrPool2d(2), gradsim.MeanPool2d(2)
    return [*(pool(x) for pool in pools), gradsim.FirstPool2d(2)(x)[0]]


ENTRIES: dict[str, tuple[Callable[[Any], list[Any]], np.ndarray]] = {
    **{
        f"network, {engine}, {density}": (through_network(engine), x)
        for engine in ("torch", "events", "auto")
        for density, x in (("sparse", SPARSE), ("dense", DENSE))
    },
    **{
        f"LIF, {engine}": (lambda x, e=engine: [*layer(LIF, 6, 4, engine=e)(x)], DENSE)
        for engine in ("torch", "events")
    },
    "Readout": (lambda x: [*layer(Readout, 6, 4)(x)], DENSE),
    "Sequential": (
        lambda x: [gradsim.Sequential(layer(LIF, 6, 4), layer(Readout, 4, 2))(x)[0]],
        SPARSE,
    ),
    "ConvLIF": (
        lambda x: [layer(gradsim.ConvLIF, 2, 3, 2)(x)[0]],
        DENSE.reshape(20, 1, 2, 4, 6),
    ),
    "pools": (pooled, DENSE.reshape(20, 1, 2, 4, 6)),
    "CurrentEncoder": (lambda x: [layer(gradsim.CurrentEncoder, 6, 2)(x)[0]], DENSE),
    "QCFS": (lambda x: [gradsim.QCFS(4)(x)], COUNTS),
    "from_raster": (lambda x: parts(gradsim.from_raster(x)), DENSE),
    "Traces": (lambda x: [gradsim.Traces(x).take([1, 0])], TRACES),
    "step": (lambda x: parts(gradsim.SpikeEvents(x, UNIT, OFFSETS, 2, 4).take([2, 0])), STEP),
    "unit": (lambda x: [gradsim.raster(gradsim.SpikeEvents(STEP, x, OFFSETS, 2, 4))], UNIT),
    "offsets": (lambda x: parts(gradsim.SpikeEvents(STEP, UNIT, x, 2, 4)), OFFSETS),
    "take": (lambda x: parts(EVENTS.take(x)), np.array([3, 0, 5])),
    "take of traces": (lambda x: [gradsim.Traces(TRACES).take(x)], np.array([2, 0])),
    "encoders": (encoded, IMAGES),
    "delta": (lambda x: parts(gradsim.encode.delta(x, 0.5)), TRACES),
    "times": (lambda x: parts(gradsim.encode.bin_events(x, UNIT, OFFSETS, 2, 4.0, 8)), TIMES),
    "units": (lambda x: parts(gradsim.encode.bin_events(TIMES, x, OFFSETS, 2, 4.0, 8)), UNIT),
    "labels": (trained, LABELS),
    "labels of the loss": (
        lambda x: [gradsim.losses.max_over_time_nll(torch.from_numpy(DENSE), x)],
        np.arange(8) % 2,
    ),
    "readout of the loss": (
        lambda x: [gradsim.losses.max_over_time_nll(x, np.arange(8) % 2)],
        DENSE,
    ),
    "counts": (penalties, COUNTS),
    "images": (images, IMAGES),
    "targets": (lsnn_of, TARGETS),
    "delays": (with_delays, DELAYS),
}


def close(found: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        for pair in zip(found, expected, strict=True):
            close(*pair)
        return
    arrays = (x.detach() if isinstance(x, torch.Tensor) else x for x in (found, expected))
    np.testing.assert_allclose(*map(np.asarray, arrays), rtol=1e-6, atol=1e-6)


def answer(run: Callable[[Any], list[Any]], given: Any) -> list[Any] | str:
    """Return what an entry answers, or the sentence in which it refuses."""
    try:
        return run(given)
    except (TypeError, ValueError) as error:
        return str(error)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_takes_what_users_have_or_refuses_it_in_a_sentence(entry: str) -> None:
    run, plain = ENTRIES[entry]
    expected, refused = run(plain), []
    for name, form in FORMS.items():
        with np.errstate(invalid="ignore"):
            given = form(plain)
        same = given is not None and name not in ("text", "objects", "complex")
        if same and not np.array_equal(np.asarray(torch.as_tensor(plain_of(given))), plain):
            continue  # the type cannot hold these values
        found = answer(run, given)
        if isinstance(found, str):
            assert len(found) > 15, f"{name}: {found}"
            assert "\n" not in found, f"{name}: {found}"
            refused.append(name)
            continue
        try:
            for pair in zip(found, expected, strict=True):
                close(*pair)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
    assert {"text", "complex", "None"} <= set(refused)
    whole = [name for name in refused if not any(each in name for each in ("f", "None", "text"))]
    assert set(whole) <= {"objects", "complex", "numpy ?", "torch bool"}


def plain_of(given: Any) -> Any:
    """Return values as numbers that PyTorch reads."""
    array = given.float().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)
    return np.array(array, np.float64, order="C")


@pytest.mark.parametrize(
    "index", [[True, False] * 6, np.arange(12) % 2 == 0, torch.arange(12) % 2 == 0]
)
def test_a_mask_is_a_mask(index: Any) -> None:
    assert parts(EVENTS.take(index))[2].tolist() == parts(EVENTS.take(range(0, 12, 2)))[2].tolist()


@pytest.mark.parametrize(
    "index", [[True, False], np.True_, [0.5], 12, -13, [[0]], "a", np.array([2**63], np.uint64)]
)
def test_an_index_that_means_no_samples_is_refused(index: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        EVENTS.take(index)
    with pytest.raises((TypeError, ValueError)):
        indices(index, 12)


def test_one_number_is_one_sample_and_negative_ones_count_from_the_end() -> None:
    for index in (3, np.int8(3), torch.tensor(3), torch.tensor([3]), [-9]):
        assert len(EVENTS.take(index)) == 1
        assert gradsim.Traces(np.zeros((12, 4, 2))).take(index).shape == (4, 1, 2)
    assert len(EVENTS.take([])) == 0


def test_unsigned_offsets_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="offsets must rise"):
        gradsim.SpikeEvents(STEP[:2], UNIT[:2], np.array([0, 2, 1, 2], np.uint64), 2, 4)


def test_a_state_that_does_not_fit_is_refused_before_loops_without_bounds_read_it() -> None:
    for engine in ("torch", "events"):
        lif = layer(LIF, 6, 4, engine=engine)
        _, state = lif(DENSE[:, :2])
        if engine == "events":
            with pytest.raises(
                ValueError, match=r"mem of the state must be torch.float32 \[8, 4\]"
            ):
                lif(DENSE, state)
