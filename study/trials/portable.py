"""Vector units that workers may use, so that a trial has the same bits on other processors.

Sums are taken in another order with wider vectors, and training carries that on: one trial had an
accuracy of 0.932 with PyTorch's kernels for AVX2 and of 0.901 with those for AVX-512. So PyTorch
always uses the former where a processor has them, which costs no time that could be measured.
``--portable`` holds the others to AVX2 too: Numba, MKL, OpenBLAS and NumPy. What was used stands in
every record.

What is promised: with ``--portable`` the libraries that a trial computes with choose the same
kernels on every x86-64 processor with AVX2 and FMA. On others nothing is set: the record tells.
"""

from __future__ import annotations

import importlib
from functools import cache

ALWAYS = {"ATEN_CPU_CAPABILITY": "avx2"}
ON_DEMAND = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+fma,+f16c",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}


def variables(portable: bool) -> dict[str, str]:
    """Return what the environment of a worker says of vector units."""
    used = _features()
    if not {"AVX2", "FMA3"} <= used:
        return {}
    if not portable:
        return dict(ALWAYS)
    wider = " ".join(sorted(name for name in used if name.startswith("AVX512")))
    numpys = {"NPY_DISABLE_CPU_FEATURES": wider} if wider else {}
    return {**ALWAYS, **ON_DEMAND, **numpys}


@cache
def _features() -> frozenset[str]:
    core = importlib.import_module("numpy._core._multiarray_umath")
    known = [*core.__cpu_baseline__, *core.__cpu_dispatch__]
    return frozenset(name for name in known if core.__cpu_features__[name])
