"""The state of a training on disk: whole or absent, plain data only."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch


def save(path: Path, identity: dict[str, Any], state: dict[str, Any]) -> None:
    """Write tensors and plain containers; an interruption leaves the former file or the new one.

    Parameters
    ----------
    path
        Of the file; its folder exists.
    identity
        What a training must have in common with this one to be continued from here.
    state
        The rest.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            torch.save({"identity": identity, "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Return the state that `save` wrote.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or one of a training with another identity.
    """
    try:
        # On the CPU: the optimiser and the module take it to where they are.
        content = torch.load(path, map_location="cpu", weights_only=True)
        found, state = content["identity"], content["state"]
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a checkpoint of a training; delete it ({error})") from None
    differences = [
        _difference(name, found.get(name), identity.get(name))
        for name in sorted(found.keys() | identity.keys())
        if found.get(name) != identity.get(name)
    ]
    if differences:
        raise ValueError(
            f"the checkpoint {path} belongs to another training: {'; '.join(differences)}. "
            "Use the same settings and data, another path, or delete it"
        )
    return state


def digest(*arrays: np.ndarray) -> str:
    """Return a short hash of the arrays' bytes."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]


def generator_state(rng: np.random.Generator) -> str:
    """Return the state of a generator as JSON: its integers are wider than a tensor's."""
    return json.dumps(rng.bit_generator.state, default=np.ndarray.tolist)


def restore_generator(rng: np.random.Generator, state: str) -> None:
    """Put a generator of the same kind into a state that `generator_state` returned."""
    rng.bit_generator.state = json.loads(state)


def _difference(name: str, there: object, here: object) -> str:
    """Return where two values differ: of long texts, the first line that does."""
    lines = zip_longest(str(there).splitlines(), str(here).splitlines(), fillvalue="")
    there, here = next((pair for pair in lines if pair[0] != pair[1]), (there, here))
    return f"{name} is {str(there).strip()} there and {str(here).strip()} here"
