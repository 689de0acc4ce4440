"""One small mutator: what disks, transfers and strangers do to bytes."""

from __future__ import annotations

import numpy as np

EDGES = [
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\x00" * 8, b"\xff" * 8, b"\xff\xff\xff\x7f", b"-",
    b"9" * 30, b"1e999", b"NaN", b"null", b"[" * 40, b"{", b"}", b"]", b'"', b"'", b"\\", b"\n",
    b"../", b"=", b"\xed\xa0\x80", b"\x1b[2J", b"true", b"[]", b"{}", b"|O", b"<m8[s]", b"<f2",
    b">i4", b"|V8",
]  # fmt: skip


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Return ``content`` after one to eight changes."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        _change(changed, rng)
    return bytes(changed)


def _change(content: bytearray, rng: np.random.Generator) -> None:
    start, stop = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    stop = min(stop, start + int(rng.choice([1, 4, 16, 200])))
    kind = rng.integers(7)
    if kind == 0 and start < len(content):
        content[start] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        content[start:stop] = rng.bytes(stop - start)
    elif kind == 2:
        del content[start:stop]
    elif kind == 3:
        content[start:start] = content[start:stop]
    elif kind == 4:
        content[start:start] = EDGES[rng.integers(len(EDGES))]
    elif kind == 5:
        edge = EDGES[rng.integers(len(EDGES))]
        content[start : start + len(edge)] = edge
    elif kind == 6 and rng.integers(4) == 0:
        del content[start:]
