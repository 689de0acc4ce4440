"""Tactile recordings are read as the tutorial reads them; their pickle runs nothing."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from study.data import pickles, tbl
from study.data.reference import DataAccess
from study.data.samples import Traces
from study.errors import UserError
from study.learners.dense import features

PER_LETTER = 10


def recording(letter: str, repetition: int, rng: np.random.Generator) -> dict[str, Any]:
    frames = rng.integers(0, 256, (76 + repetition % 2, 12)).astype(float)
    return {"letter": letter, "repetition": repetition, "taxel_data": frames}


def records() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [recording(letter, k, rng) for letter in tbl.LETTERS for k in range(PER_LETTER)]


def load(tmp_path: Path, content: bytes):
    folder = tmp_path / "tbl"
    folder.mkdir(exist_ok=True)
    (folder / tbl.FILE.name).write_bytes(content)
    file = dataclasses.replace(tbl.FILE, checksum=f"sha256:{hashlib.sha256(content).hexdigest()}")
    return tbl.load(DataAccess(tmp_path), file), tbl.recordings(DataAccess(tmp_path), file)[0]


def test_recordings_become_pressure_at_four_taxels(tmp_path) -> None:
    given = records()
    _, raw = load(tmp_path, pickle.dumps(given))
    assert (raw.values.shape, raw.values.dtype, raw.dt_s) == ((270, 76, 4), np.float32, 0.025)
    assert raw.labels.tolist() == np.repeat(np.arange(27), PER_LETTER).tolist()
    for values, record in zip(raw.values, given, strict=True):
        expected = 1 - record["taxel_data"][:76][:, [1, 2, 6, 10]] / 255
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-7)


def test_only_training_recordings_decide_the_scale(tmp_path) -> None:
    dataset, raw = load(tmp_path, pickle.dumps(records()))
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [np.bincount(part.labels).tolist() for part in parts] == [[7] * 27, [1] * 27, [2] * 27]
    np.testing.assert_allclose(dataset.train.values.mean(axis=(0, 1)), 0, atol=1e-6)
    deviation = dataset.train.values.std(axis=(0, 1))
    np.testing.assert_allclose(deviation, 1, atol=2e-3 / raw.values.std())
    assert (deviation < 1).all()
    assert np.abs(dataset.test.values.mean(axis=(0, 1))).max() > 1e-4
    # One straight line leads from raw to standardised values, for all parts alike.
    raw_values = np.sort(raw.values[:, :, 0].ravel())
    values = np.sort(np.concatenate([part.values[:, :, 0].ravel() for part in parts]))
    slope = np.ptp(raw_values) / np.ptp(values)
    np.testing.assert_allclose((values - values[0]) * slope, raw_values - raw_values[0], atol=1e-5)


def test_the_split_is_always_the_same(tmp_path) -> None:
    first, second = (load(tmp_path, pickle.dumps(records()))[0] for _ in range(2))
    np.testing.assert_array_equal(first.test.values, second.test.values)


def test_baselines_see_every_frame_of_every_taxel() -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    found = features(Traces(values, np.arange(2), 0.025), time_bins=7)
    np.testing.assert_array_equal(found, values.reshape(2, 12))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"letter": "Ä"}, "recording 3 is of the letter 'Ä'; allowed are Space and A..Z"),
        ({"taxel_data": np.zeros((75, 12))}, r"12 taxels\], not \[75, 12\]"),
        ({"taxel_data": np.zeros((76, 4))}, r"12 taxels\], not \[76, 4\]"),
        ({"taxel_data": np.full((76, 12), 256.0)}, r"recording 3 must lie in 0\.\.255"),
        ({"taxel_data": np.full((76, 12), np.nan)}, r"recording 3 must lie in 0\.\.255"),
        ({"taxel_data": np.full((76, 12), None)}, "must be an array of numbers"),
        ({"taxel_data": [[0] * 12] * 76}, "must be an array of numbers"),
    ],
)
def test_a_recording_of_another_form_is_refused(tmp_path, change, problem: str) -> None:
    given = records()
    given[3] |= change
    with pytest.raises(UserError, match=rf"(?s){tbl.FILE.name}.*{problem}.*Delete it.*https://"):
        load(tmp_path, pickle.dumps(given))


@pytest.mark.parametrize("given", [[], {}, [1], [{"letter": "A"}]])
def test_a_pickle_of_something_else_is_refused(tmp_path, given: object) -> None:
    with pytest.raises(UserError, match=r"must (hold a list|be a dict)"):
        load(tmp_path, pickle.dumps(given))


class Spy:
    """Leaves a file behind when it is unpickled by an unpickler that trusts it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_foreign_class_is_refused_by_name_and_nothing_runs(tmp_path) -> None:
    trace = tmp_path / "it ran"
    content = pickle.dumps([{"letter": Spy(trace)}])
    with pytest.raises(UserError, match=r"(?s)asks for (posix|nt)\.mkdir, but only numpy"):
        load(tmp_path, content)
    assert not trace.exists()
    pickle.loads(content)
    assert trace.exists()  # the spy works


@pytest.mark.parametrize("foreign", [collections.OrderedDict(), Path("x"), np.random.Philox, print])
def test_other_classes_and_functions_are_refused(foreign: object) -> None:
    with pytest.raises(ValueError, match="only numpy arrays and plain containers"):
        pickles.load(io.BytesIO(pickle.dumps(foreign)))


def array_of(dtype: np.dtype, content: object, shape: tuple[int, ...] = (1,)) -> bytes:
    """Return a pickle that makes an array of a type from what is called its bytes."""

    class Array:
        def __reduce__(self) -> tuple[Any, ...]:
            made = np.empty(0).__reduce__()[0], (np.ndarray, (0,), b"b")
            return *made, (1, shape, dtype, False, content)

    return pickle.dumps(Array(), 4)


ADDRESS = (0xDEADBEEF).to_bytes(8, "little")


@pytest.mark.parametrize(
    "content",
    [
        array_of(np.dtype(object), ADDRESS),
        array_of(np.dtype(object), [1]),
        array_of(np.dtype([("a", object)]), ADDRESS),
        array_of(np.dtype("V8"), ADDRESS),
        array_of(np.dtype("f8"), ADDRESS, (2,)),
        array_of(np.dtype("f8"), ADDRESS, (-1, -1)),
        array_of(np.dtype("f8"), [1.0]),
        array_of(np.dtype("?"), b"\x07"),
        array_of(np.dtype("f8"), ADDRESS).replace(b"f8", b"O8"),
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\ntRS'AAAAAAAA'\ntR.",
        b"\x80\x04cnumpy\ndtype\n\x8c\x02O8\x85R.",
        b"\x80\x04\x8e" + b"\xff" * 8 + b"N.",
        b"\x80\x04]h\x00.",
    ],
)
def test_what_would_reach_beyond_the_pickle_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"damaged pickle|must be an array of numbers"):
        pickles.load(io.BytesIO(content))


def test_an_array_that_is_named_twice_is_one_array() -> None:
    array = np.arange(3.0)
    first, second = pickles.load(io.BytesIO(pickle.dumps([array, array])))
    assert first is second
    assert first.flags.writeable


def test_a_letter_that_is_endless_is_not_printed(tmp_path) -> None:
    endless: tuple[Any, ...] = ()
    for _ in range(60):
        endless = (endless, endless)
    given = records()
    given[3]["letter"] = endless
    with pytest.raises(UserError, match="recording 3 is of the letter a tuple"):
        load(tmp_path, pickle.dumps(given))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


@given(plain, st.integers(3, pickle.HIGHEST_PROTOCOL))
def test_plain_containers_come_back(given: object, protocol: int) -> None:
    assert pickles.load(io.BytesIO(pickle.dumps(given, protocol))) == given


@given(
    npst.arrays(st.sampled_from(["u1", "<i4", ">f8", "f4", "?"]), npst.array_shapes(min_side=0)),
    st.integers(3, 4),
)
def test_numpy_arrays_and_scalars_come_back(array: np.ndarray, protocol: int) -> None:
    content = pickle.dumps([array, array.sum(), array.dtype], protocol)
    found, trusting = pickles.load(io.BytesIO(content)), pickle.loads(content)
    np.testing.assert_array_equal(found[0], array)
    np.testing.assert_array_equal(found[1], array.sum())
    assert (found[0].dtype, found[2]) == (trusting[0].dtype, array.dtype)


WHOLE = pickle.dumps(records()[:1])


@given(st.binary(max_size=40) | st.integers(0, 200).map(lambda n: WHOLE[:n]))
def test_damaged_pickles_end_in_one_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"damaged pickle|only numpy"):
        pickles.load(io.BytesIO(content))
