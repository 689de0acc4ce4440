"""SpyTorch's equations with the input as a sparse matrix: fifteen lines that anybody may write.

A step of a sample is a row of a compressed sparse matrix (CSR), so that the product with the input
weights follows the spikes; its transpose gives the gradient of the weights. What follows is dense.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gradsim import SpikeEvents
from study.bench.peers.spytorch_unbind import SpyTorch
from study.bench.peers.torch_training import TorchTrainer
from study.bench.works import Weights, Work


class SparseInput(NamedTuple):
    """Spikes of a batch: ``[T * B, N]``, its transpose, and T and B."""

    rows: Tensor
    columns: Tensor
    shape: tuple[int, int]


class _Product(torch.autograd.Function):
    """``rows @ weight.T``, whose gradient is a sparse product as well."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        ctx.columns = columns
        return rows @ weight.t().contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return (ctx.columns @ gradients[0].contiguous()).t(), None, None


class SparseSpyTorch(SpyTorch):
    """`SpyTorch` whose input is sparse."""

    def currents(self, x: Any) -> Tensor:
        """Return the input currents ``[T, B, H]`` of a `SparseInput`."""
        found: Tensor = _Product.apply(self.hidden.weight, x.rows, x.columns)
        return found.view(*x.shape, -1)


def sparse(events: SpikeEvents) -> SparseInput:
    """Return spikes as a sparse matrix and its transpose; several in a cell are added."""
    n_steps, n_samples, n_units = events.n_steps, len(events), events.n_units
    sample = np.repeat(np.arange(n_samples), events.counts)
    row = events.step.astype(np.int64) * n_samples + sample
    place = torch.from_numpy(np.stack([row, events.unit.astype(np.int64)]))
    ones = torch.ones(len(row))
    with warnings.catch_warnings(), torch.sparse.check_sparse_tensor_invariants(enable=False):
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        rows, columns = (
            torch.sparse_coo_tensor(found, ones, size).coalesce().to_sparse_csr()
            for found, size in (
                (place, (n_steps * n_samples, n_units)),
                (place.flip(0), (n_units, n_steps * n_samples)),
            )
        )
    return SparseInput(rows, columns, (n_steps, n_samples))


def build(work: Work, weights: Weights) -> TorchTrainer:  # noqa: ARG001
    """Return a trainer of SpyTorch's network with sparse input."""
    return TorchTrainer(SparseSpyTorch(weights), sparse)
