"""The state of a training on disk: whole or absent, plain data only.

Guaranteed: a file carries a digest of all its numbers and texts, which is compared when it is
loaded, so that damage is never taken for other numbers; reading ends with the state or with a
ValueError, and runs no code. Files of earlier versions, without a digest, are still read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


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
            content = {"identity": identity, "state": state}
            torch.save({**content, "digest": _content_digest(content)}, file)
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
        If the file is no checkpoint, damaged, or one of a training with another identity.
    """
    try:
        # On the CPU: the optimiser and the module take it to where they are.
        content = torch.load(path, map_location="cpu", weights_only=True)
        found, state = content["identity"], content["state"]
        told = content.pop("digest", None)
        if content.keys() != {"identity", "state"} or told not in (None, _content_digest(content)):
            raise ValueError("its content is not what was written")
        differences = _differences(found, identity)
    except OSError:  # it cannot be read, which says nothing about what it holds
        raise
    except Exception as error:  # damaged files raise whatever the bytes lead to
        raise ValueError(f"{path} is not a checkpoint of a training; delete it ({error})") from None
    if differences:
        raise ValueError(
            f"the checkpoint {path} belongs to another training: {'; '.join(differences)}. "
            "Use the same settings and data, another path, or delete it"
        )
    return state


def _differences(found: dict[str, Any], identity: dict[str, Any]) -> list[str]:
    return [
        _difference(name, found.get(name), identity.get(name))
        for name in sorted(found.keys() | identity.keys())
        if found.get(name) != identity.get(name)
    ]


def _content_digest(content: object) -> str:
    total = hashlib.sha256()
    for part in _parts(content):
        total.update(len(part).to_bytes(8) + part)
    return total.hexdigest()


def _parts(content: object) -> Iterator[bytes]:
    """Yield what tensors and plain containers hold, with types, as bytes."""
    if isinstance(content, Tensor):
        flat = content.detach().cpu().contiguous()
        yield f"{flat.dtype} {list(flat.shape)}".encode()
        yield flat.reshape(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(content, dict | list | tuple):
        yield f"{'dict' if isinstance(content, dict) else 'list'} {len(content)}".encode()
        for part in content.items() if isinstance(content, dict) else content:
            yield from _parts(part)
    else:
        yield repr(content).encode()


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
