"""Writes the graphs and spikes beside this file with snnTorch's and Norse's own exporters.

Run in an environment with snntorch, norse, nir and nirtorch::

    python tests/biosim/data/export_foreign_graphs.py [FOLDER]

For each network there is ``NAME.nir``, as the tool wrote it, and ``NAME.npz`` with what the tool
itself computed: ``input`` [T, B, N] and ``layer_K`` [T, B, N] of spikes, both of 0 and 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nir
import norse.torch as norse
import numpy as np
import snntorch
import torch
from norse.torch.utils.export_nir import to_nir
from snntorch.export_nir import export_to_nir
from torch import nn

N_IN, N_HIDDEN, N_OUT, N_STEPS, N_SAMPLES = 20, 30, 10, 100, 8


def linear(n_in: int, n_out: int, scale: float, bias: bool = False) -> nn.Linear:
    """Return weights with which the layer behind them fires now and then."""
    layer = nn.Linear(n_in, n_out, bias=bias)
    nn.init.normal_(layer.weight, 0.25 * scale / n_in**0.5, scale / n_in**0.5)
    if bias:
        nn.init.normal_(layer.bias, 0, 0.05 * scale)
    return layer


def snntorch_synaptic(reset: str) -> nn.Module:
    """Two layers with synaptic current and weights with bias."""
    settings = {"init_hidden": True, "reset_mechanism": reset, "reset_delay": True}
    alphas = torch.linspace(0.7, 0.9, N_HIDDEN)
    return nn.Sequential(
        linear(N_IN, N_HIDDEN, 0.6, bias=True),
        snntorch.Synaptic(alphas, torch.full((N_HIDDEN,), 0.9), torch.ones(N_HIDDEN), **settings),
        linear(N_HIDDEN, N_OUT, 0.4),
        snntorch.Synaptic(
            torch.full((N_OUT,), 0.8), torch.full((N_OUT,), 0.95), torch.ones(N_OUT), **settings
        ),
    )


def snntorch_leaky() -> nn.Module:
    """Two layers without synaptic current."""
    return nn.Sequential(
        linear(N_IN, N_HIDDEN, 2.0),
        snntorch.Leaky(torch.linspace(0.8, 0.95, N_HIDDEN), torch.ones(N_HIDDEN), init_hidden=True),
        linear(N_HIDDEN, N_OUT, 1.5),
        snntorch.Leaky(torch.full((N_OUT,), 0.9), torch.ones(N_OUT), init_hidden=True),
    )


def snntorch_recurrent() -> nn.Module:
    """A layer that is connected to itself, and one that is not."""
    recurrent = snntorch.RSynaptic(
        0.8, 0.9, linear_features=N_HIDDEN, init_hidden=True, reset_mechanism="subtract"
    )
    with torch.no_grad():
        recurrent.recurrent.weight.copy_(0.1 * torch.randn(N_HIDDEN, N_HIDDEN))
    return nn.Sequential(
        linear(N_IN, N_HIDDEN, 0.6),
        recurrent,
        linear(N_HIDDEN, N_OUT, 0.4),
        snntorch.Synaptic(
            torch.full((N_OUT,), 0.8), torch.full((N_OUT,), 0.95), torch.ones(N_OUT),
            init_hidden=True,
        ),
    )  # fmt: skip


def norse_lif() -> nn.Module:
    """Two layers of current-based neurons."""

    def cell(n: int) -> norse.LIFCell:
        p = norse.LIFParameters(
            tau_syn_inv=torch.linspace(100.0, 300.0, n),
            tau_mem_inv=torch.full((n,), 80.0),
            v_leak=torch.zeros(n),
            v_th=torch.full((n,), 0.8),
            v_reset=torch.zeros(n),
        )
        return norse.LIFCell(p)

    return norse.SequentialState(
        linear(N_IN, N_HIDDEN, 5.0), cell(N_HIDDEN), linear(N_HIDDEN, N_OUT, 3.0), cell(N_OUT)
    )


def spikes_of_snntorch(network: nn.Sequential, x: torch.Tensor) -> list[np.ndarray]:
    """Return the spikes of each layer of neurons, step by step."""
    for layer in network:
        if hasattr(layer, "reset_mem"):
            layer.reset_mem()
    recorded: list[list[torch.Tensor]] = []
    for values in x:
        fired = []
        for layer in network:
            values = layer(values)
            if not isinstance(layer, nn.Linear):
                fired.append(values)
        recorded.append(fired)
    return [torch.stack(layer).detach().numpy() for layer in zip(*recorded, strict=True)]


def spikes_of_norse(network: nn.Module, x: torch.Tensor) -> list[np.ndarray]:
    """Return the spikes of each layer of neurons, step by step."""
    layers, states = list(network), [None] * len(network)
    recorded: list[list[torch.Tensor]] = []
    for values in x:
        fired = []
        for k, layer in enumerate(layers):
            if isinstance(layer, nn.Linear):
                values = layer(values)
            else:
                values, states[k] = layer(values, states[k])
                fired.append(values)
        recorded.append(fired)
    return [torch.stack(layer).detach().numpy() for layer in zip(*recorded, strict=True)]


def main(folder: Path) -> None:
    """Write all networks."""
    generator = torch.Generator().manual_seed(1)
    x = (torch.rand(N_STEPS, N_SAMPLES, N_IN, generator=generator) < 0.05).float()
    networks = {
        "snntorch_synaptic": lambda: snntorch_synaptic("subtract"),
        "snntorch_zero": lambda: snntorch_synaptic("zero"),
        "snntorch_leaky": snntorch_leaky,
        "snntorch_recurrent": snntorch_recurrent,
        "norse_lif": norse_lif,
    }
    for name, build in networks.items():
        torch.manual_seed(2)
        network = build()
        with torch.no_grad():
            if name.startswith("norse"):
                graph = to_nir(network, x[0, 0])
                layers = spikes_of_norse(network, x)
            else:
                graph = export_to_nir(network, x[0, 0])
                layers = spikes_of_snntorch(network, x)
        nir.write(folder / f"{name}.nir", graph)
        arrays = {f"layer_{k}": layer.astype(np.uint8) for k, layer in enumerate(layers)}
        np.savez_compressed(folder / f"{name}.npz", input=x.numpy().astype(np.uint8), **arrays)
        print(name, [int(layer.sum()) for layer in layers])  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
