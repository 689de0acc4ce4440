"""Spikes on a grid of time steps, as a list of events or as a dense raster.

Guaranteed: what a `SpikeEvents` holds was checked when it was made, and is signed integers in this
machine's byte order whatever it was made from, so that no difference wraps and compiled loops,
which check no bounds, read nothing else. Boolean indices are masks.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gradsim.arrays import MOST, indices, integers, plain

if TYPE_CHECKING:
    from gradsim.kernels.orders import Layout, Sums

COMPILED = (np.float32, np.float64, np.int64, np.bool_, np.uint8)
"""Number types of rasters for which loops are compiled; others are taken to one of these."""


@dataclass(frozen=True)
class SpikeEvents:
    """The spikes of many samples in one list.

    Parameters
    ----------
    step, unit
        ``[E]`` integers of any type: time step (0..n_steps-1) and unit (0..n_units-1) of each
        spike; sample ``b`` owns ``offsets[b]:offsets[b + 1]``, in any order.
    offsets
        ``[B + 1]`` integers from 0 to E, non-decreasing.
    n_units, n_steps
        Size of the grid.

    Raises
    ------
    ValueError
        If shapes, types or ranges disagree.

    Examples
    --------
    >>> step, unit, offsets = np.array([0, 2, 1]), np.array([1, 0, 1]), np.array([0, 2, 3])
    >>> events = gradsim.SpikeEvents(step, unit, offsets, n_units=2, n_steps=3)
    >>> len(events), events.counts
    (2, array([2, 1]))
    >>> events.take([1]).step
    array([1])
    """

    step: np.ndarray
    unit: np.ndarray
    offsets: np.ndarray
    n_units: int
    n_steps: int

    def __post_init__(self) -> None:
        for name in ("step", "unit", "offsets"):
            object.__setattr__(self, name, integers(name, getattr(self, name)))
        object.__setattr__(self, "offsets", np.ascontiguousarray(self.offsets, np.int64))
        for name in ("n_units", "n_steps"):
            object.__setattr__(self, name, operator.index(getattr(self, name)))
        for name, values, limit in (
            ("step", self.step, self.n_steps),
            ("unit", self.unit, self.n_units),
            ("offsets", self.offsets, MOST),
        ):
            if values.ndim != 1:
                raise ValueError(f"{name} must be a list of integers, not {list(values.shape)}")
            if values.size and (values.min() < 0 or values.max() >= limit):
                raise ValueError(
                    f"{name} must lie in 0..{limit - 1}, not {values.min()}..{values.max()}"
                )
        if len(self.step) != len(self.unit):
            raise ValueError(f"{len(self.step)} steps for {len(self.unit)} units")
        ends = self.offsets[[0, -1]].tolist() if self.offsets.size else []
        if ends != [0, len(self.step)] or (np.diff(self.offsets) < 0).any():
            raise ValueError(
                f"offsets must rise from 0 to the number of events {len(self.step)}, ends: {ends}"
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def by_step(self) -> Layout:
        """The events ordered by sample and step, for compiled loops; kept once made.

        Where many units fire in a step, as sums; see `gradsim.kernels.orders`.
        """
        from gradsim.kernels import orders

        return orders.by_step(self.step, self.unit, self.offsets, self.n_units, self.n_steps)

    @cached_property
    def by_unit(self) -> Sums:
        """The events ordered by samples and unit, for compiled loops; kept once made."""
        from gradsim.kernels import orders

        return orders.by_unit(self.step, self.unit, self.offsets, self.n_units, self.n_steps)

    @property
    def counts(self) -> np.ndarray:
        """Number of spikes of each sample, ``[B]``."""
        return np.diff(self.offsets)

    def take(self, index: Any) -> SpikeEvents:
        """Return the samples at ``index``, in that order: numbers, a slice, or a mask of all.

        Raises
        ------
        TypeError, ValueError
            If it is none of these, or there is no such sample.
        """
        from gradsim.kernels import orders

        index = indices(index, len(self))
        starts, ends = self.offsets[:-1][index], self.offsets[1:][index]
        offsets = np.concatenate(([0], np.cumsum(ends - starts, dtype=np.int64)))
        step, unit = (
            orders.copy_runs(values, starts, offsets) for values in (self.step, self.unit)
        )
        return SpikeEvents(step, unit, offsets, self.n_units, self.n_steps)


def raster(
    events: SpikeEvents,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """Return the number of spikes in each cell of the grid, ``[T, B, N]``.

    Cells hold 0 or 1 unless recorded events were binned so coarsely that a unit fires several
    times within a step.

    Examples
    --------
    >>> events = gradsim.encode.latency(np.array([[0.5, 1.0]]), n_steps=20)
    >>> gradsim.raster(events)[[4, 10], 0]
    tensor([[0., 1.],
            [1., 0.]])
    """
    sample = np.repeat(np.arange(len(events)), events.counts)
    cells = tuple(
        torch.as_tensor(part.astype(np.int64), device=device)
        for part in (events.step, sample, events.unit)
    )
    dense = torch.zeros(events.n_steps, len(events), events.n_units, dtype=dtype, device=device)
    ones = torch.ones(len(sample), dtype=dtype, device=device)
    return dense.index_put_(cells, ones, accumulate=True)


def from_raster(dense: Any) -> SpikeEvents:
    """Return the events of a raster ``[T, B, N]`` of counts, ordered by sample, step and unit.

    Raises
    ------
    ValueError
        If it is not ``[T, B, N]``, or holds anything else than counts.

    Examples
    --------
    >>> gradsim.from_raster(torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]])).unit
    array([1, 0], dtype=int16)
    """
    events = if_sparse(dense, densest=math.inf)
    if events is None:
        raise ValueError("a raster must hold numbers of spikes: 0, 1, 2 and so on")
    return events


def if_sparse(dense: Any, densest: float) -> SpikeEvents | None:
    """Return the events of a raster as `from_raster` does.

    None where there are more than ``densest`` a cell, or where it does not hold counts.
    """
    from gradsim.kernels import orders

    values = plain("raster", dense)
    if values.ndim != 3:
        raise ValueError(f"a raster must be [T, B, N], not {list(values.shape)}")
    if values.dtype not in COMPILED:
        values = values.astype(np.int64 if values.dtype.kind in "iu" else np.float64)
    values = np.ascontiguousarray(values)
    n_steps, _, n_units = values.shape
    counts = orders.count_spikes(values)
    if (counts < 0).any() or counts.sum() > densest * values.size:
        return None
    return SpikeEvents(*orders.list_spikes(values, counts), n_units, n_steps)
