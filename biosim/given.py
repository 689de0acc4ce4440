"""What a user gives, as plain numbers; or a refusal in one sentence.

What it guarantees: every public entry of `biosim` takes Python's numbers and lists, and arrays of
numpy and whatever turns into them (tensors on the CPU), of any integer, Boolean or floating type
and byte order, and computes with native float64 or int64: the type cannot change a result. Refused
by ValueError: values that are not finite or out of range, complex numbers and text, masks and
fractions where indices are expected, and Brian2 quantities of another dimension than the unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from biosim.isolation import brian2


def number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    unit: str | None = None,
) -> float:
    """Return one finite number within its bounds as a float."""
    one = _one(name, numbers(name, value, unit=unit))
    return _bounded(name, one, above, at_least, at_most)


def whole(name: str, value: Any, *, at_least: int | None = None, at_most: int | None = None) -> int:
    """Return one whole number within its bounds as an int."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _bounded(name, value, None, at_least, at_most)  # of any size
    return _bounded(name, _one(name, indices(name, value)), None, at_least, at_most)


def numbers(
    name: str,
    value: Any,
    *,
    ndim: int | None = None,
    unit: str | None = None,
    finite: bool = True,
) -> np.ndarray:
    """Return numbers as float64, native byte order.

    Parameters
    ----------
    name
        What messages call them.
    value
        A number, nested sequences of them, or an array.
    ndim
        Number of dimensions that it must have.
    unit
        Name of the unit of a Brian2 quantity; None takes quantities without dimension only.
    finite
        Whether infinity is refused, as NaN always is.
    """
    _check_dimension(name, value, unit)
    array = _array(name, value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, not {_kind(array)}")
    array = array.astype(float)
    if np.isnan(array).any() or (finite and not np.isfinite(array).all()):
        raise ValueError(f"{name} has values that are not finite")
    _check_ndim(name, array, ndim)
    return array


def indices(
    name: str,
    value: Any,
    below: int | None = None,
    *,
    ndim: int | None = None,
    booleans: bool = False,
) -> np.ndarray:
    """Return whole numbers as int64, native byte order.

    Parameters
    ----------
    name
        What messages call them.
    value
        Whole numbers of any type.
    below
        If given, they must lie in 0..below - 1.
    ndim
        Number of dimensions that it must have.
    booleans
        Whether False and True count as 0 and 1, as for labels; else they are taken for a mask.
    """
    array = _array(name, value)
    if array.dtype.kind == "b" and not booleans and array.size:
        raise ValueError(f"{name} must hold whole numbers, not Booleans; see np.flatnonzero")
    if array.dtype.kind not in "biuf" or (
        array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.round(array))).all()
    ):
        raise ValueError(f"{name} must hold whole numbers, not {_kind(array)}")
    _check_ndim(name, array, ndim)
    limit = 2**63 if below is None else below
    lowest = -(2**63) if below is None else 0
    if array.size and not lowest <= int(array.min()) <= int(array.max()) < limit:
        raise ValueError(f"{name} must lie in {lowest}..{limit - 1}")
    return array.astype(np.int64)


def check_fields(
    spec: Any, *, positive: Sequence[str] = (), at_least_0: Sequence[str] = ()
) -> None:
    """Make plain numbers of all numeric fields of a frozen dataclass, or raise ValueError.

    A field that is annotated as a float (perhaps ``float | None``) becomes a finite float, an int
    a whole number.
    """
    for field in fields(spec):
        value, kind = getattr(spec, field.name), str(field.type).removesuffix(" | None")
        if kind not in ("float", "int") or (value is None and kind != field.type):
            continue
        above = 0.0 if field.name in positive else None
        at_least = 0 if field.name in at_least_0 else None
        plain: float | int
        if kind == "float":
            plain = number(field.name, value, above=above, at_least=at_least)
        else:
            plain = whole(field.name, value, at_least=1 if field.name in positive else at_least)
        object.__setattr__(spec, field.name, plain)


def _bounded(
    name: str, value: Any, above: float | None, at_least: float | None, at_most: float | None
) -> Any:
    if above is not None and not value > above:
        wanted = "positive" if above == 0 else f"above {above:g}"
        raise ValueError(f"{name} must be {wanted}, not {value}")
    if at_least is not None and not value >= at_least:
        wanted = "not be negative" if at_least == 0 else f"be at least {at_least:g}"
        raise ValueError(f"{name} must {wanted}, not {value}")
    if at_most is not None and not value <= at_most:
        raise ValueError(f"{name} must be at most {at_most:g}, not {value}")
    return value


def _one(name: str, array: np.ndarray) -> Any:
    if array.size != 1:
        raise ValueError(f"{name} must be one number, not an array of shape {array.shape}")
    return array.item()


def _check_ndim(name: str, array: np.ndarray, ndim: int | None) -> None:
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, not the shape {array.shape}")


def _array(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} cannot be read as an array: {error}") from None
    if array.dtype == object:
        raise ValueError(f"{name} must hold numbers in rows of equal length, not {_kind(value)}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        shown = np.array2string(value.ravel()[:3], threshold=3)
        return f"{value.dtype} such as {shown}"
    return repr(value)[:60]


def _check_dimension(name: str, value: Any, unit: str | None) -> None:
    """Raise ValueError if Brian2 quantities do not have the dimension of a unit."""
    if isinstance(value, list | tuple):
        for each in value:
            _check_dimension(name, each, unit)
    if not isinstance(value, brian2.Quantity):
        return
    if value.dim is not brian2.equations.equations.dimensions_and_type_from_string(unit or "1")[0]:
        wanted = f"be in {unit}" if unit else "be a plain number in its SI unit"
        raise ValueError(f"{name} must {wanted}, not a quantity in {brian2.get_unit(value.dim)!s}")
