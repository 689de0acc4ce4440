"""Brian2's global state, exchanged for a fresh one and put back: how `biosim.session` isolates.

Brian2 keeps its state in module globals. Within `isolated` each of them is our own or clean, and
afterwards, however it ends, each is what it was before:

- the device, with its clock and the clock's time: a run-time device of our own takes its place, so
  that a device which a user has chosen, C++ standalone included, is never asked anything;
- the objects that ``run()`` collects, and the magic network: objects of a session belong to a scope
  that no user's object is in, and the user's scope is that of before;
- random numbers: numpy's legacy state, and the buffers from which compiled code draws;
- preferences: those that change numbers are Brian2's own, all are put back;
- whether a run is in progress or stopped, logging, and what Ctrl-C does: within a session it
  raises KeyboardInterrupt, where Brian2 would end the run early and return what is there.

All this is one process's: threads take turns. A thread that uses Brian2 or numpy's legacy random
numbers *without* a session while another is in one is beyond what can be guarded.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

import numpy as np

# Brian2 2.9 calls pyparsing by names that pyparsing 3.3 deprecates.
_DEPRECATED = r"'\w+' (argument is )?deprecated"

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", _DEPRECATED, DeprecationWarning)
    import brian2
    from brian2.core.base import BrianObject
    from brian2.core.network import Network
    from brian2.utils.logger import BrianLogger

devices: Any = import_module("brian2.devices.device")  # as an attribute it is hidden by a proxy

CLEAN = {
    "core.default_float_dtype": np.float64,
    "core.default_integer_dtype": np.int32,
    "core.network.default_schedule": ["start", "groups", "thresholds", "synapses", "resets", "end"],
    "core.stop_on_keyboard_interrupt": False,
    "codegen.loop_invariant_optimisations": True,
    "codegen.runtime.numpy.discard_units": False,
    "codegen.string_expression_target": "numpy",
    "legacy.refractory_timing": False,
    "logging.std_redirection_to_file": False,
}
"""Preferences that a session sets: Brian2's defaults, no early end, no log files."""

_SCOPE = 1 << 32  # more scopes than anybody starts
_scopes = itertools.count(1)
_turn = threading.RLock()
_spare: list[tuple[np.ndarray, np.ndarray]] = []  # buffers of random numbers not in use


def _forget_turn() -> None:
    """Let a forked child begin anew: the thread that holds the lock is not in it."""
    global _turn
    _turn = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_turn)


@contextmanager
def isolated() -> Iterator[None]:
    """Give the calling thread a clean Brian2 of its own, and put back everything afterwards."""
    with _turn, ExitStack() as stack:
        for part in (_logging, _interrupts, _preferences, _runs, _scope, _device, _random):
            stack.enter_context(part())
        yield


@contextmanager
def _device() -> Iterator[None]:
    found, before = devices.active_device, list(devices.previous_devices)
    own, shared = devices.RuntimeDevice(), devices.runtime_device
    for name in ("rand_buffer", "rand_buffer_index", "randn_buffer", "randn_buffer_index"):
        setattr(own, name, getattr(shared, name))  # compiled code knows no others
    try:
        devices.active_device = own
        own.activate()
        yield
    finally:
        devices.active_device, devices.previous_devices[:] = found, before


@contextmanager
def _random() -> Iterator[None]:
    """Exchange the buffers too: they hold numbers drawn ahead, by address."""
    device = devices.runtime_device
    shared = device.rand_buffer, device.randn_buffer
    indices = device.rand_buffer_index, device.randn_buffer_index
    state = np.random.get_state()  # noqa: NPY002 - what Brian2 uses
    found = [np.array(each) for each in (*shared, *indices)]
    own = _spare.pop() if _spare else (np.zeros(1, np.intp), np.zeros(1, np.intp))
    for each, address in zip(shared, own, strict=True):
        each[:] = address
    for index in indices:
        index[:] = 0  # it is filled anew
    try:
        yield
    finally:
        _spare.append((np.array(shared[0]), np.array(shared[1])))
        for each, values in zip((*shared, *indices), found, strict=True):
            each[:] = values
        np.random.set_state(state)  # noqa: NPY002


@contextmanager
def _scope() -> Iterator[None]:
    magic = brian2.magic_network
    found, before = BrianObject._scope_current_key, dict(magic.__dict__)
    objects = set(magic.objects)
    # Below zero, where no scope of a user's is, however many they start.
    BrianObject._scope_current_key = -next(_scopes) * _SCOPE
    try:
        yield
    finally:
        BrianObject._scope_current_key = found
        magic.__dict__.clear()
        magic.__dict__.update(before | {"objects": objects})


@contextmanager
def _runs() -> Iterator[None]:
    found = Network._globally_running, Network._globally_stopped
    try:
        yield
    finally:
        Network._globally_running, Network._globally_stopped = found


@contextmanager
def _preferences() -> Iterator[None]:
    found = dict(brian2.prefs)
    try:
        _prefer(CLEAN)
        yield
    finally:
        _prefer(found)


def _prefer(wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if brian2.prefs[name] != value:
            brian2.prefs[name] = value


@contextmanager
def _interrupts() -> Iterator[None]:
    """Have Ctrl-C do what it did before Brian2 was imported; only the main thread can."""
    handler: Any = brian2._int_handler
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) != handler:
        yield
        return
    signal.signal(signal.SIGINT, handler.previous_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


@contextmanager
def _logging() -> Iterator[None]:
    """Write no log files, show warnings only, and hide what Brian2's parser deprecates."""
    logger, console = logging.getLogger("brian2"), BrianLogger.console_handler
    handlers, level = list(logger.handlers), console.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _DEPRECATED, DeprecationWarning)
        logger.removeHandler(BrianLogger.file_handler)
        console.setLevel(logging.WARNING)
        try:
            yield
        finally:
            console.setLevel(level)
            logger.handlers[:] = handlers
