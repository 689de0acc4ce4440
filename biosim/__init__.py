"""Spiking networks in continuous time, simulated by Brian2.

`biosim.backend` owns Brian2's global state: everything runs inside its `session`. Brian2
quantities stay inside this package; what goes in and out is numpy, in SI units.
"""

from biosim.backend import has_compiler, session

__all__ = ["has_compiler", "session"]
