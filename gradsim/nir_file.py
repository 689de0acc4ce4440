"""The graph in the content of a ``.nir`` file, which may be damaged or a stranger's.

Guaranteed: `read` ends with a graph or with a ValueError of one sentence. Before anything is
unpacked every object of the file is looked at once, without recursion. Refused are links (a group
can then not contain itself, and nothing comes from another file), data that lie outside the file,
other values than numbers and texts, and more objects, levels or bytes than any network of this
package has.
"""

from __future__ import annotations

import io

import h5py
import nir

MOST_OBJECTS = 20_000
DEEPEST = 12
MOST_BYTES = 2**31
"""Of all values, unpacked."""


def read(content: bytes) -> nir.NIRGraph:
    """Return the graph in the content of a file.

    Raises
    ------
    ValueError
        If it is damaged, or holds what the module refuses.
    """
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            _require_plain(file)
        graph = nir.read(io.BytesIO(content), type_check=False)
    except Exception as error:  # h5py and nir document none of theirs
        raise ValueError(f"not a readable .nir file: {_first_line(error)}") from None
    if not isinstance(graph, nir.NIRGraph):
        raise ValueError(f"not a readable .nir file: it holds {type(graph).__name__}, no graph")
    return graph


def _require_plain(file: h5py.File) -> None:
    waiting: list[tuple[h5py.Group, int]] = [(file, 1)]
    seen, n_bytes = {_address(file)}, 0
    while waiting:
        group, depth = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name!r} is a link to somewhere else")
            found = group[name]
            if _address(found) in seen or len(seen) >= MOST_OBJECTS or depth > DEEPEST:
                raise ValueError(
                    f"{name!r} occurs twice, lies deeper than {DEEPEST} groups, or is one of more "
                    f"than {MOST_OBJECTS} objects"
                )
            seen.add(_address(found))
            if isinstance(found, h5py.Group):
                waiting.append((found, depth + 1))
            else:
                n_bytes += _plain_bytes(name, found)
            if n_bytes > MOST_BYTES:
                raise ValueError(f"its values take more than {MOST_BYTES} bytes")


def _plain_bytes(name: str, values: h5py.Dataset) -> int:
    """Return the size of a data set that lies in the file, of numbers or texts."""
    if not isinstance(values, h5py.Dataset) or values.external or values.is_virtual:
        raise ValueError(f"{name!r} does not lie in the file")
    if values.dtype.kind not in "biufS" and h5py.check_string_dtype(values.dtype) is None:
        raise ValueError(f"{name!r} holds {values.dtype}, not numbers or texts")
    return values.size * values.dtype.itemsize


def _address(found: h5py.HLObject) -> int:
    return int(h5py.h5o.get_info(found.id).addr)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
