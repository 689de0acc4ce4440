"""What users hand in, as the arrays and tensors that are computed with, or refused in a sentence.

Guaranteed at every public entry that goes through here: lists, tuples, numpy arrays (any byte
order, strides and number type) and tensors (any device and number type) mean the same numbers;
booleans are 0 and 1, and as an index a mask of all samples; integers are never taken from floats;
unsigned ones cannot wrap, since they are signed from here on; everything else is a TypeError or a
ValueError.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

MOST = np.iinfo(np.int64).max


def plain(name: str, values: Any) -> np.ndarray:
    """Return numbers or booleans as an array in this machine's byte order; a copy if need be.

    Raises
    ------
    TypeError, ValueError
        If they are no numbers, or rows of differing length.
    """
    if isinstance(values, Tensor):
        values = _of_tensor(values)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be numbers, not {array.dtype}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _of_tensor(values: Tensor) -> np.ndarray:
    dense = values.detach().cpu().to_dense().resolve_conj().resolve_neg()
    if dense.dtype == torch.bfloat16:  # numpy has none
        dense = dense.float()
    return dense.numpy()


def integers(name: str, values: Any) -> np.ndarray:
    """Return integers or booleans as an array of a signed type: their own, or int64.

    Examples
    --------
    >>> integers("unit", np.array([3, 1], ">u2"))
    array([3, 1])
    """
    array = plain(name, values)
    if array.dtype.kind == "f" and array.size:
        raise ValueError(f"{name} must be integers, not {array.dtype} {array.shape}")
    if array.dtype.kind == "u" and array.size and array.max() > MOST:
        raise ValueError(f"{name} must be integers below 2^63, not {array.max()}")
    return array if array.dtype.kind == "i" else array.astype(np.int64)


def indices(index: Any, n_samples: int) -> np.ndarray | slice:
    """Return which of ``n_samples`` an index means: a slice, a mask of all, or numbers.

    One number is one sample. Numbers below 0 count from the end.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, a mask has another length, or there is no such sample.

    Examples
    --------
    >>> indices([True, False, True], 3), indices(-1, 3)
    (array([0, 2]), array([2]))
    """
    if isinstance(index, slice):
        return index
    array = plain("index", index)
    if array.dtype == bool:
        if array.shape != (n_samples,):
            raise ValueError(f"a mask must be [{n_samples}] booleans, not {list(array.shape)}")
        return np.flatnonzero(array)
    if array.ndim > 1:
        raise ValueError(f"an index must be one number or a list, not {list(array.shape)}")
    number = np.atleast_1d(integers("index", array)).astype(np.int64)
    if number.size and not (-n_samples <= number.min() and number.max() < n_samples):
        raise ValueError(
            f"index must lie in 0..{n_samples - 1}, not {number.min()}..{number.max()}"
        )
    return np.where(number < 0, number + n_samples, number)


def like(name: str, values: Any, weight: Tensor) -> Tensor:
    """Return numbers as a tensor of the type of ``weight``; on its device if they were no tensor.

    Gradients flow to what was a tensor.
    """
    if isinstance(values, Tensor):
        if values.is_complex() or values.is_quantized:
            raise TypeError(f"{name} must be real numbers, not {values.dtype}")
        values = values if values.layout == torch.strided else values.to_dense()
        return values if values.dtype == weight.dtype else values.to(weight.dtype)
    kind = np.float64 if weight.dtype == torch.float64 else np.float32
    array = np.require(plain(name, values), kind, ["C", "W"])
    return torch.from_numpy(array).to(weight)


def floating(name: str, values: Any) -> Tensor:
    """Return numbers as a tensor of float64 where they are, else of float32."""
    kind = values.dtype if isinstance(values, Tensor) else plain(name, values).dtype
    wide = kind in (torch.float64, np.float64, np.longdouble)
    return like(name, values, torch.empty(0, dtype=torch.float64 if wide else torch.float32))


def labels(values: Any, n_samples: int) -> np.ndarray:
    """Return classes ``[n_samples]``, int64 from 0 on.

    Raises
    ------
    ValueError
        If they are of another number, no integers, or negative.
    """
    array = integers("labels", values).astype(np.int64)
    if array.shape != (n_samples,):
        raise ValueError(f"labels must be [{n_samples}], one a sample, not {list(array.shape)}")
    if array.size and array.min() < 0:
        raise ValueError(f"labels must be 0, 1 and so on, not {array.min()}")
    return array


def classes(values: Any, n_samples: int, n_classes: int) -> np.ndarray:
    """Return classes ``[n_samples]``, int64, each of which has a readout unit.

    Raises
    ------
    ValueError
        As of `labels` and `require_classes`, and if there is no sample.
    """
    array = labels(values, n_samples)
    if not len(array):
        raise ValueError("there must be samples, and a label for each")
    require_classes(array, n_classes)
    return array


def require_classes(array: np.ndarray, n_classes: int) -> None:
    """Raise ValueError where a label has no readout unit."""
    if array.size and array.max() >= n_classes:
        raise ValueError(f"labels must lie in 0..{n_classes - 1}, not up to {array.max()}")
