"""Rectifier networks as stages of weights, scaled so that activations lie in 0..1.

A stage is one layer of weights, with pooling or reshaping in front of it, and the rectifier
behind it. With a largest activation λ of each stage, ``W <- W λ_before / λ`` and ``b <- b / λ``
leave the network what it was, up to the scale of its activations (Diehl et al., IJCNN 2015,
doi:10.1109/IJCNN.2015.7280696; biases: Rueckauer et al., Front. Neurosci. 11:682 (2017),
doi:10.3389/fnins.2017.00682). Inputs and outputs keep their scale. Batch
normalisation is folded into the weights, dropout left out.

λ is, by ``method``:

``"percentile"``
    A percentile of the non-zero activations on given images (Rueckauer et al. 2017).
``"max"``
    Their maximum (Diehl et al. 2015, data-based).
``"model"``
    The largest input that weights and the λ before allow (Diehl et al. 2015, model-based). It
    grows with the width: spikes become so rare in wide networks that it is useless there.

A `gradsim.QCFS` brings its own: the threshold that it learned.

Guaranteed: layers are known by what they compute, not by what they are called or derived from, and
`scaled` runs the stages beside the network that they were made of: where their outputs differ (a
batch normalisation over another axis, say) they are refused. Images may be of any number type.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from gradsim.arrays import like
from gradsim.quantised import QCFS

Method = Literal["percentile", "max", "model"]

METHODS = ("percentile", "max", "model")
LEFT_OUT = (nn.Dropout, nn.Dropout2d, nn.Identity)
CHECKED = 8  # images on which stages are compared with their network
SAME = 1e-6  # of the largest output
WEIGHTLESS = (nn.AvgPool2d, nn.Flatten, nn.Unflatten)


@dataclass(frozen=True)
class Stage:
    """Weights and the rectifier behind them.

    Parameters
    ----------
    name
        Of the weights in the network.
    synapses
        Pooling and reshaping, then the weights: a copy.
    rectifier
        None for the output.
    """

    name: str
    synapses: nn.Sequential
    rectifier: nn.ReLU | QCFS | None

    @property
    def weights(self) -> nn.Linear | nn.Conv2d:
        """The layer of weights."""
        layer = self.synapses[-1]
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        return layer


def stages(network: nn.Sequential) -> list[Stage]:
    """Return the stages of a rectifier network, the output last; see `require_same_outputs`.

    Raises
    ------
    ValueError
        If the network is not a chain of stages and an output, each with one ``nn.Linear`` or
        ``nn.Conv2d``.
    """
    found: list[Stage] = []
    waiting: list[nn.Module] = []
    name = ""
    for place, layer in _leaves(network):
        if _is(layer, nn.ReLU, QCFS):
            assert isinstance(layer, nn.ReLU | QCFS)
            found.append(_stage(name or place, waiting, layer))
            waiting, name = [], ""
        elif _is(layer, nn.BatchNorm1d, nn.BatchNorm2d):
            assert isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
            waiting.append(_folded(place, waiting.pop() if waiting else None, layer))
        elif _is(layer, nn.Linear, nn.Conv2d):
            waiting.append(copy.deepcopy(layer))
            name = place
        elif _is(layer, *WEIGHTLESS):
            waiting.append(copy.deepcopy(layer))
        elif not _is(layer, *LEFT_OUT):
            raise ValueError(
                f"layer {place} cannot be converted: {type(layer).__name__}; allowed are Linear, "
                "Conv2d, ReLU, QCFS, AvgPool2d, batch normalisation, Dropout, Flatten, Unflatten"
            )
    if not found:
        raise ValueError("there is nothing to convert: the network has no ReLU or QCFS")
    return [*found, _stage(name or "output", waiting, None)]


def _is(layer: nn.Module, *kinds: type[nn.Module]) -> bool:
    """Return whether a layer computes what one of the kinds does; a class of one's own may not."""
    return any(isinstance(layer, kind) and type(layer).forward is kind.forward for kind in kinds)


def require_same_outputs(network: nn.Sequential, images: Tensor) -> None:
    """Refuse a network whose stages answer otherwise than itself, on some images.

    In float64, where no rounding carries an activation over an edge between levels.

    Raises
    ------
    ValueError
        If they do.
    """
    original, some = copy.deepcopy(network).double().eval(), images[:CHECKED].double()
    with torch.no_grad():
        expected, found = original(some), some
        assert isinstance(original, nn.Sequential)
        for stage in stages(original):
            found = stage.synapses(found)
            found = found if stage.rectifier is None else stage.rectifier(found)
    error = (found - expected).abs().max() if found.shape == expected.shape else math.inf
    if not error <= SAME * expected.abs().max():
        raise ValueError(
            "the network does something between its layers that cannot be converted: without it "
            "outputs differ (a batch normalisation over another axis than features or channels?)"
        )


def _leaves(network: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, layer in network.named_children():
        if _is(layer, nn.Sequential):
            yield from _leaves(layer, f"{prefix}{name}.")
        else:
            yield prefix + name, layer


def _stage(name: str, layers: list[nn.Module], rectifier: nn.ReLU | QCFS | None) -> Stage:
    weighted = [isinstance(layer, nn.Linear | nn.Conv2d) for layer in layers]
    if weighted != [False] * (len(layers) - 1) + [True]:
        raise ValueError(
            "each ReLU or QCFS, and the output, must come right behind a Linear or Conv2d of its "
            f"own, with only pooling and reshaping before it; at {name} stand "
            f"{[type(layer).__name__ for layer in layers]}"
        )
    return Stage(name, nn.Sequential(*layers).requires_grad_(False), rectifier)


def _folded(
    place: str, layer: nn.Module | None, norm: nn.BatchNorm1d | nn.BatchNorm2d
) -> nn.Module:
    if norm.running_mean is None:
        raise ValueError(f"batch normalisation {place} keeps no statistics to convert")
    norm = copy.deepcopy(norm).eval()
    if isinstance(layer, nn.Conv2d):
        return fuse_conv_bn_eval(layer.eval(), norm)
    if isinstance(layer, nn.Linear):
        return fuse_linear_bn_eval(layer.eval(), norm)
    raise ValueError(f"batch normalisation {place} must stand right behind a Linear or Conv2d")


def scales(
    chain: list[Stage], images: Tensor, method: Method = "percentile", percentile: float = 99.0
) -> list[float]:
    """Return λ of each stage but the output.

    Parameters
    ----------
    chain
        As `stages` returns them.
    images
        ``[B, ...]`` training images, as the network takes them; some thousands suffice.
    method, percentile
        See the module; the percentile lies above 0, 100 is the maximum.

    Raises
    ------
    ValueError
        If the method is unknown, the percentile out of range, or a stage never active.
    """
    if method not in METHODS or not 0 < percentile <= 100:
        raise ValueError(
            f"method must be one of {', '.join(METHODS)} and percentile in 0..100, above 0, "
            f"not {method!r}, {percentile}"
        )
    found, x, before = [], images, 1.0
    for stage in chain[:-1]:
        inputs, x = x, _active(stage, x)
        if isinstance(stage.rectifier, QCFS):
            before = stage.rectifier.threshold.item()
        elif method == "model":
            before = _largest_possible(stage, inputs.shape[1:], before)
        else:
            before = _percentile(x, percentile if method == "percentile" else 100.0)
        if not before > 0:
            raise ValueError(f"layer {stage.name} is never active, or its threshold not positive")
        found.append(before)
    return found


@torch.no_grad()
def _active(stage: Stage, x: Tensor) -> Tensor:
    assert stage.rectifier is not None
    return stage.rectifier(stage.synapses(x))


def _percentile(activations: Tensor, percentile: float) -> float:
    active = activations[activations > 0].cpu().numpy()
    return float(np.percentile(active, percentile)) if len(active) else 0.0


def _largest_possible(stage: Stage, shape: torch.Size, largest_input: float) -> float:
    excitatory = copy.deepcopy(stage)
    weight = excitatory.weights.weight
    weight.data.clamp_(min=0)
    return float(excitatory.synapses(weight.new_full((1, *shape), largest_input)).max())


def normalised(
    chain: list[Stage], largest: list[float], bias_factor: float = 1.0
) -> list[nn.Sequential]:
    """Return the synapses of each stage, scaled by the λ of `scales`, as copies.

    Biases are multiplied by ``bias_factor`` besides, where activations come multiplied by it.
    """
    scaled = copy.deepcopy(chain)
    for stage, before, after in zip(scaled, [1.0, *largest], [*largest, 1.0], strict=True):
        stage.weights.weight.data *= before / after
        if stage.weights.bias is not None:
            stage.weights.bias.data *= bias_factor / after
    return [stage.synapses for stage in scaled]


class Scaled(NamedTuple):
    """Names and scaled synapses of stages, the output last, and the shape of an image."""

    names: list[str]
    synapses: list[nn.Sequential]
    shape: torch.Size


def scaled(
    network: nn.Sequential,
    images: Any,
    method: Method,
    percentile: float,
    bias_factor: float = 1.0,
) -> Scaled:
    """Return what conversions begin with: stages that answer as the network does, scaled.

    Parameters are those of `scales` and `normalised`.

    Raises
    ------
    ValueError
        If the network holds what cannot be converted, a stage is never active, or an option is
        out of range.
    """
    chain, images = stages(network), as_images(images, network)
    require_same_outputs(network, images)
    synapses = normalised(chain, scales(chain, images, method, percentile), bias_factor)
    return Scaled([stage.name for stage in chain], synapses, images.shape[1:])


def as_images(images: Any, network: nn.Module) -> Tensor:
    """Return images of any number type as a tensor of that of the network's weights."""
    return like("images", images, next(network.parameters()))


def require_images(images: Tensor, shape: torch.Size, *, probabilities: bool) -> None:
    """Refuse images that are not ``[B, *shape]``, or have values outside 0..1 where they must not.

    Raises
    ------
    ValueError
        If they are so.
    """
    if images.shape[1:] != shape or len(images) < 1:
        raise ValueError(f"images must be [B, {str(list(shape))[1:]}, not {list(images.shape)}")
    if probabilities and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            f"images must lie in 0..1 to become spikes, not in {images.min():g}..{images.max():g}"
        )
