"""The one owner of Brian2's global state.

Brian2 keeps preferences, the default clock, the random numbers, the device and the list of all
objects in module globals. A `session` sets them for one simulation and puts them back, so that
simulations in one process cannot influence each other.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from biosim.cache import cache_folder

Target = Literal["auto", "cython", "numpy"]

# Brian2 2.9 calls pyparsing by names that pyparsing 3.3 deprecates.
_DEPRECATED = r"'\w+' (argument is )?deprecated"

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", _DEPRECATED, DeprecationWarning)
    import brian2
    from brian2.devices.device import reset_device
    from brian2.utils.logger import BrianLogger


def has_compiler() -> bool:
    """Whether Brian2 can compile: a C++ compiler (``CXX`` if set) and Python's headers."""
    chosen = shlex.split(os.environ.get("CXX", ""))[:1]
    found = any(shutil.which(name) for name in chosen or ("c++", "g++", "clang++", "cl"))
    return found and Path(sysconfig.get_path("include"), "Python.h").exists()


def resolve_target(target: Target) -> str:
    """Return ``"cython"`` or ``"numpy"``: for ``"auto"`` Cython where it can compile.

    Raises
    ------
    ValueError
        If the target is unknown.
    """
    allowed = get_args(Target)
    if target not in allowed:
        raise ValueError(f"unknown Brian2 target {target!r}; allowed: {', '.join(allowed)}")
    if target != "auto":
        return target
    return "cython" if has_compiler() and find_spec("Cython") else "numpy"


@contextmanager
def session(
    *, target: Target = "auto", seed: int | None = None, dt_s: float | None = None
) -> Iterator[str]:
    """Give one simulation a clean Brian2, and yield the name of the engine that runs it.

    Everything that Brian2 keeps globally is as before on exit: preferences, default clock,
    random state (numpy's legacy one, which Brian2 uses), device, logging.

    Parameters
    ----------
    target
        Code generation: compiled (``"cython"``), interpreted (``"numpy"``), or compiled where
        possible (``"auto"``).
    seed
        Seed of Brian2's random numbers; None for fresh entropy.
    dt_s
        Time step of the default clock, in seconds; None leaves Brian2's default.

    Raises
    ------
    ValueError
        If the target is unknown.
    """
    resolved = resolve_target(target)
    with _quiet(), _restored():
        brian2.set_device("runtime")
        try:
            brian2.prefs["codegen.target"] = resolved
            if resolved == "cython":
                folder = str(cache_folder(brian2.__version__))
                brian2.prefs["codegen.runtime.cython.cache_dir"] = folder
            if dt_s is not None:
                brian2.defaultclock.dt = dt_s * brian2.second
            brian2.seed(seed)
            brian2.start_scope()
            yield resolved
        finally:
            brian2.start_scope()
            reset_device()


@contextmanager
def _restored() -> Iterator[None]:
    device = brian2.get_device()
    preferences = dict(brian2.prefs)
    random = device.get_random_state()
    dt_s = float(brian2.defaultclock.dt)
    try:
        yield
    finally:
        brian2.defaultclock.dt = dt_s * brian2.second
        # The buffers hold addresses of memory in use; an index of zero makes Brian2 refill them.
        buffers = {"rand_buffer": device.rand_buffer, "randn_buffer": device.randn_buffer}
        empty = {"rand_buffer_index": 0, "randn_buffer_index": 0}
        device.set_random_state({**random, **buffers, **empty})
        for name, value in preferences.items():
            if brian2.prefs[name] != value:
                brian2.prefs[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """Write no log files, show warnings only, and hide what Brian2's parser deprecates."""
    logger, handler = logging.getLogger("brian2"), BrianLogger.file_handler
    console = BrianLogger.console_handler
    level = console.level
    redirect = brian2.prefs["logging.std_redirection_to_file"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _DEPRECATED, DeprecationWarning)
        logger.removeHandler(handler)
        console.setLevel(logging.WARNING)
        brian2.prefs["logging.std_redirection_to_file"] = False
        try:
            yield
        finally:
            brian2.prefs["logging.std_redirection_to_file"] = redirect
            console.setLevel(level)
            if handler is not None:
                logger.addHandler(handler)
