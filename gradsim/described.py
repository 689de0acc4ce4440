"""What a module is besides its numbers: carried by its ``state_dict``, checked when one is loaded.

Guaranteed: a ``state_dict`` of gradsim's modules says on which constants the outputs depend (time
constants, step, threshold, order, reset, levels and so on; not what only shapes gradients, so that
training may go on with another surrogate). It loads into modules of the same constants; for others
a ValueError says what differs, before a single number is changed. One that says nothing, from a
version before this, loads with a warning.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

KEY = "_extra_state"  # PyTorch's name


class Checking(nn.Module):
    """A module that compares all `Described` ones within it before it loads a ``state_dict``."""

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        found = list(_differences(self, state_dict, prefix))
        if found:
            raise ValueError(f"the state_dict belongs to another network: {'; '.join(found)}")
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Described(Checking):
    """A module whose ``state_dict`` says with which constants its numbers make a network."""

    def constants(self) -> dict[str, Any]:
        """Return by name what outputs depend on besides parameters: numbers, texts, None."""
        raise NotImplementedError

    def get_extra_state(self) -> Tensor:
        """Return the constants as a tensor of bytes, which is JSON: loops over tensors go on."""
        text = json.dumps(self.constants(), default=float)
        return torch.tensor(list(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Do nothing: constants are compared, not changed."""

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        if prefix + KEY not in state_dict:
            missing = rest[2]
            missing[:] = [name for name in missing if name != prefix + KEY]
            warnings.warn(
                "this state_dict does not say of which network it is (it was saved by an earlier "
                "version): whether time constants, step and threshold are the same is not known",
                stacklevel=2,
            )


def only_constants(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a ``state_dict`` that are no parameters or buffers."""
    return {name: value for name, value in state_dict.items() if name.endswith(KEY)}


def _differences(root: nn.Module, state_dict: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, module in root.named_modules():
        place = f"{prefix}{name}{'.' if name else ''}"
        if not isinstance(module, Described) or place + KEY not in state_dict:
            continue
        there, here = _read(state_dict[place + KEY]), _read(module.get_extra_state())
        for key in sorted(there.keys() | here.keys()):
            if there.get(key) != here.get(key):
                yield f"{place}{key} is {there.get(key)} there and {here.get(key)} here"


def _read(state: Tensor) -> dict[str, Any]:
    try:
        found = json.loads(bytes(np.asarray(state.cpu(), np.uint8)))
        return dict(found)
    except (AttributeError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"the state_dict's {KEY} cannot be read ({error})") from None
