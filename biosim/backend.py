"""The one owner of Brian2's global state, and of the choice between compiling and interpreting.

What it guarantees: a `session` leaves everything that Brian2 keeps globally as it was, whatever
happens in it (`biosim.isolation` says what and how), threads take turns, and sessions nest.
``"auto"`` compiles only where compiled code was seen to work, with this compiler and this cache
folder; elsewhere it interprets and says so, once a process.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from biosim.cache import cache_folder
from biosim.given import number, whole
from biosim.isolation import brian2, isolated

Target = Literal["auto", "cython", "numpy"]


def has_compiler() -> bool:
    """Whether Brian2 can compile: a C++ compiler (``CXX`` if set) and Python's headers."""
    chosen = shlex.split(os.environ.get("CXX", ""))[:1]
    found = any(shutil.which(name) for name in chosen or ("c++", "g++", "clang++", "cl"))
    return found and Path(sysconfig.get_path("include"), "Python.h").exists()


def resolve_target(target: Target) -> str:
    """Return ``"cython"`` or ``"numpy"``: for ``"auto"`` Cython where it works.

    Raises
    ------
    ValueError
        If the target is unknown.
    RuntimeError
        If it is ``"cython"`` and compiled code does not work here.

    Warns
    -----
    RuntimeWarning
        If it is ``"auto"`` and a compiler was found whose code does not work here.
    """
    allowed = get_args(Target)
    if target not in allowed:
        raise ValueError(f"unknown Brian2 target {target!r}; allowed: {', '.join(allowed)}")
    if target == "numpy" or (target == "auto" and not (has_compiler() and find_spec("Cython"))):
        return "numpy"
    reason = why_not_compiled(os.environ.get("CXX"), str(cache_folder(brian2.__version__)))
    if reason is None:
        return "cython"
    if target == "cython":
        raise RuntimeError(f"target 'cython' does not work here, 'numpy' does: {reason}")
    _tell(f"Brian2 interprets, which is slow: compiled code does not work here: {reason}")
    return "numpy"


@cache
def why_not_compiled(_compiler: str | None, folder: str) -> str | None:
    """Return why a small program cannot be compiled to ``folder`` and run; None if it can.

    A compiler may lack its headers, and a folder forbid execution. What was compiled is kept there:
    only the first process of a user waits for it.
    """
    from brian2.codegen.cpp_prefs import get_compiler_and_args
    from brian2.codegen.runtime.cython_rt.extension_manager import cython_extension_manager

    with isolated():
        brian2.prefs["codegen.runtime.cython.cache_dir"] = folder
        try:
            compiler, arguments = get_compiler_and_args()
            program = cython_extension_manager.create_extension(
                "#cython: language_level=3\ndef answer():\n    return 42",
                compiler=compiler,
                extra_compile_args=arguments,
            )
            assert program.answer() == 42
        except Exception as error:  # compilers and loaders fail in many ways
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return None


@cache
def _tell(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)


@contextmanager
def session(
    *, target: Target = "auto", seed: int | None = None, dt_s: float | None = None
) -> Iterator[str]:
    """Give one simulation a clean Brian2, and yield the name of the engine that runs it.

    Everything that Brian2 keeps globally is as before on exit: the objects that ``run()`` collects,
    the device, the default clock and its time, preferences, random state (numpy's legacy one, which
    Brian2 uses), logging. Another thread's session waits until this one has ended.

    Parameters
    ----------
    target
        Code generation: compiled (``"cython"``), interpreted (``"numpy"``), or compiled where
        that works (``"auto"``).
    seed
        Seed of Brian2's random numbers, 0 to 2^32 - 1; None for fresh entropy.
    dt_s
        Time step of the default clock, in seconds; None leaves Brian2's default, 0.1 ms.

    Raises
    ------
    ValueError
        If the target is unknown, the seed out of range, or the step not positive.
    RuntimeError
        If the target is ``"cython"`` and compiled code does not work here.

    Examples
    --------
    >>> import brian2
    >>> with biosim.session(target="numpy", seed=0, dt_s=1e-3):
    ...     float(brian2.defaultclock.dt)
    0.001
    >>> float(brian2.defaultclock.dt)
    0.0001
    """
    if seed is not None:
        seed = whole("seed", seed, at_least=0, at_most=2**32 - 1)
    if dt_s is not None:
        dt_s = number("dt_s", dt_s, above=0.0, unit="second")
    resolved = resolve_target(target)
    with isolated():
        brian2.prefs["codegen.target"] = resolved
        if resolved == "cython":
            folder = str(cache_folder(brian2.__version__))
            brian2.prefs["codegen.runtime.cython.cache_dir"] = folder
        if dt_s is not None:
            brian2.defaultclock.dt = dt_s * brian2.second
        brian2.seed(seed)
        yield resolved
