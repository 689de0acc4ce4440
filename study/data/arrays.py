"""Samples from a user's plain arrays by name, or the reason why they are none.

Four forms, each with ``labels`` [N], integers 0, 1, ...:

- ``images`` [N, H, W], uint8 or floats in 0..1;
- ``traces`` [N, T, C], floats, and optionally ``dt_s``, seconds from frame to frame (0.001);
- events by unit: ``time_s`` [E], ``unit`` [E], ``offsets`` [N + 1], ``duration_s``, and
  ``n_units`` or the ``shape`` that the units fill;
- events by place: ``time_s``, ``x``, ``y`` [E], optionally ``polarity`` [E], 0 or 1, ``offsets``,
  ``duration_s``, and ``width`` and ``height`` or ``shape``, [H, W] or [polarities, H, W]. Unit
  ``(polarity H + y) W + x`` fires.

Arrays may be of any size and byte order of their kind, and lists. What is accepted can be used:
integers are compared before they are converted, differences are never taken of unsigned ones, spans
of time are no integers, and no number of units is beyond what an array of units can count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from study.data.samples import Events, Images, Samples, Traces
from study.data.steps import precision

Arrays: TypeAlias = Mapping[str, np.ndarray]

FORMS = (
    "images + labels; traces + labels (dt_s); time_s, unit, offsets, duration_s, labels + n_units "
    "or shape; time_s, x, y (polarity), offsets, duration_s, labels + width and height, or shape"
)
DEFAULT_DT_S = 1e-3
MOST_UNITS = 2**31 - 1  # units of events are 32 bits


def kind(names: Collection[str]) -> str:
    """Return ``"images"``, ``"traces"`` or ``"events"`` by the names of the arrays.

    Examples
    --------
    >>> kind({"traces", "labels"})
    'traces'
    """
    return next((name for name in ("images", "traces") if name in names), "events")


def samples(given: Mapping[str, ArrayLike]) -> Samples:
    """Return the samples that arrays, or lists, hold.

    Examples
    --------
    >>> len(samples({"images": [[[0.0, 0.5]], [[1.0, 0.5]]], "labels": [0, 1]}))
    2

    Raises
    ------
    ValueError
        If they break a rule of their form; the message says which.
    """
    arrays = {name: np.asarray(values) for name, values in given.items()}
    found = [name for name in ("images", "traces", "time_s") if name in arrays]
    if len(found) > 1:
        raise ValueError(f"{' and '.join(found)} in one file.\nAllowed: {FORMS}")
    read: dict[str, Callable[[Arrays], Samples]] = {
        "images": _images,
        "traces": _traces,
        "events": _events,
    }
    return read[kind(arrays)](arrays)


def _images(arrays: Arrays) -> Images:
    _require(arrays, ("images", "labels"))
    return Images(_pixels(arrays["images"]), _labels(arrays["labels"], len(arrays["images"])))


def _traces(arrays: Arrays) -> Traces:
    _require(arrays, ("traces", "labels"))
    traces = arrays["traces"]
    if traces.ndim != 3 or 0 in traces.shape:
        raise ValueError(f"traces must be [N, T, C] and not empty, not {list(traces.shape)}")
    if traces.dtype.kind != "f":
        raise ValueError(f"traces must be floating point numbers, not {traces.dtype}")
    with np.errstate(over="ignore"):
        values = traces.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("traces contain NaN, infinite or, for 32 bits, too large values")
    dt_s = _positive(arrays, "dt_s") if "dt_s" in arrays else DEFAULT_DT_S
    return Traces(values, _labels(arrays["labels"], len(traces)), dt_s)


def _events(arrays: Arrays) -> Events:
    places = [name for name in ("x", "y", "polarity") if name in arrays]
    if places and "unit" in arrays:
        raise ValueError(f"unit and {', '.join(places)} both say where events are; give one")
    by = ("x", "y") if places else ("unit",)
    _require(arrays, ("time_s", *by, "offsets", "labels", "duration_s"))
    time_s, offsets = arrays["time_s"], arrays["offsets"]
    duration_s = _positive(arrays, "duration_s")
    _check_times(time_s, duration_s)
    unit, n_units, shape = (_by_place if places else _by_unit)(arrays, len(time_s))
    _check_offsets(offsets, len(time_s))
    return Events(
        _in_own_type(time_s),
        unit.astype(np.int32),
        offsets.astype(np.int64),
        _labels(arrays["labels"], len(offsets) - 1),
        n_units,
        duration_s,
        shape=shape,
    )


Where: TypeAlias = tuple[np.ndarray, int, tuple[int, ...] | None]
"""Units of events, the number of units, and their shape."""


def _by_unit(arrays: Arrays, n_events: int) -> Where:
    if "shape" in arrays:
        shape = _shape(arrays)
        n_units = math.prod(shape)
        if "n_units" in arrays and _whole(arrays, "n_units") != n_units:
            raise ValueError(f"shape {list(shape)} has {n_units} units, not n_units")
    else:
        _require(arrays, ("n_units",))
        shape, n_units = None, _whole(arrays, "n_units")
        _check_units(n_units, "n_units")
    return _coordinate(arrays, "unit", n_units, n_events), n_units, shape


def _by_place(arrays: Arrays, n_events: int) -> Where:
    polar = "polarity" in arrays
    if "shape" in arrays:
        shape = _shape(arrays)
    else:
        _require(arrays, ("width", "height"))
        shape = (*([2] if polar else []), _whole(arrays, "height"), _whole(arrays, "width"))
        _check_units(math.prod(shape), "width by height")
    if len(shape) != 2 + polar:
        wanted = "[polarities, H, W] with" if polar else "[H, W] without"
        raise ValueError(f"shape must be {wanted} polarity, not {list(shape)}")
    axes = (*(["polarity"] if polar else []), "y", "x")
    places = [
        _coordinate(arrays, name, size, n_events) for name, size in zip(axes, shape, strict=True)
    ]
    return np.ravel_multi_index(tuple(places), shape), math.prod(shape), shape


def _coordinate(arrays: Arrays, name: str, size: int, n_events: int) -> np.ndarray:
    values = arrays[name]
    if values.shape != (n_events,):
        raise ValueError(f"{name} {list(values.shape)} must be [E] like time_s [{n_events}]")
    if values.dtype == bool:
        values = values.astype(np.int64)
    if values.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers, not {values.dtype}")
    if len(values) and (values.min() < 0 or values.max() >= size):
        raise ValueError(f"{name} must lie in 0..{size - 1}, not {values.min()}..{values.max()}")
    return values.astype(np.int64)


def _shape(arrays: Arrays) -> tuple[int, ...]:
    shape = arrays["shape"]
    if shape.ndim != 1 or shape.dtype.kind not in "iu" or not len(shape):
        raise ValueError(f"shape must be a few integers, not {shape.dtype} {list(shape.shape)}")
    if shape.min() < 1:
        raise ValueError(f"shape must be positive, not {shape.tolist()}")
    _check_units(math.prod(shape.tolist()), "shape")
    return tuple(shape.tolist())


def _check_units(n_units: int, name: str) -> None:
    if n_units > MOST_UNITS:
        raise ValueError(f"{name} has {n_units} units; at most {MOST_UNITS} are allowed")


def _require(arrays: Arrays, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ValueError(f"missing array {', '.join(missing)}.\nAllowed: {FORMS}")


def _pixels(images: np.ndarray) -> np.ndarray:
    if images.ndim != 3 or 0 in images.shape:
        raise ValueError(f"images must be [N, H, W] and not empty, not {list(images.shape)}")
    if images.dtype == bool:
        return images.astype(np.float32)
    if images.dtype == np.uint8:
        return images.astype(np.float32) / 255.0
    if images.dtype.kind != "f":
        raise ValueError(f"images must be uint8 or float in 0..1, not {images.dtype}")
    if not np.isfinite(images).all():
        raise ValueError("images contain NaN or infinite values")
    if images.min() < 0 or images.max() > 1:
        raise ValueError(f"float images must lie in 0..1, not {images.min():g}..{images.max():g}")
    return images.astype(np.float32)


def _labels(labels: np.ndarray, n_samples: int) -> np.ndarray:
    if labels.dtype == bool:
        labels = labels.astype(np.int64)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers [N], not {labels.dtype} {list(labels.shape)}")
    if len(labels) != n_samples:
        raise ValueError(f"{len(labels)} labels for {n_samples} samples")
    if labels.min() < 0:
        raise ValueError(f"labels must be 0, 1, ..., found {labels.min()}")
    if labels.max() >= n_samples:
        raise ValueError(f"label {labels.max()} in a file of {n_samples} samples")
    counts = np.bincount(labels)
    if (counts == 0).any():
        absent = np.flatnonzero(counts == 0)
        raise ValueError(
            f"label {absent[0]} has no samples, though labels go up to {len(counts) - 1}"
        )
    return labels.astype(np.int64)


def _in_own_type(time_s: np.ndarray) -> np.ndarray:
    """Return times in the type in which they were stored, which says how exact they are."""
    kind = np.dtype(np.float64) if time_s.dtype.itemsize > 8 else time_s.dtype
    return time_s.astype(kind.newbyteorder("="))


def _check_times(time_s: np.ndarray, duration_s: float) -> None:
    if time_s.ndim != 1:
        raise ValueError(f"time_s must be [E], not {list(time_s.shape)}")
    if time_s.dtype.kind != "f":
        raise ValueError(f"time_s must be floating point seconds, not {time_s.dtype}")
    if not np.isfinite(time_s).all():
        raise ValueError("time_s contains NaN or infinite values")
    latest = duration_s * (1 + precision(time_s.dtype))
    if len(time_s) and (time_s.min() < 0 or float(time_s.max()) > latest):
        raise ValueError(
            f"time_s must lie in 0..duration_s = {duration_s:g}, "
            f"not {time_s.min():g}..{time_s.max():g}"
        )


def _check_offsets(offsets: np.ndarray, n_events: int) -> None:
    if offsets.ndim != 1 or len(offsets) < 2:
        raise ValueError(f"offsets must be [N + 1] with N >= 1, not {list(offsets.shape)}")
    if offsets.dtype.kind not in "iu":
        raise ValueError(f"offsets must be integers, not {offsets.dtype}")
    if (offsets[1:] < offsets[:-1]).any():
        raise ValueError("offsets must not decrease")
    if offsets[0] != 0 or offsets[-1] != n_events:
        raise ValueError(
            f"offsets must go from 0 to the number of events {n_events}, "
            f"not from {offsets[0]} to {offsets[-1]}"
        )


def _positive(arrays: Arrays, name: str) -> float:
    value = _scalar(arrays, name)
    if not np.isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be positive, not {value:g}")
    return value


def _whole(arrays: Arrays, name: str) -> int:
    value = _scalar(arrays, name)
    if not 1 <= value < math.inf or value != int(value):
        raise ValueError(f"{name} must be a positive whole number, not {value:g}")
    return int(value)


def _scalar(arrays: Arrays, name: str) -> float:
    value = arrays[name]
    if value.size != 1 or value.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be one number, not {value.dtype} {list(value.shape)}")
    return float(value.reshape(()))
