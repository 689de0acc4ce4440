"""Membranes as figures and tables show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.analysis.figures import COLOURS, label_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_trace(ax: Axes, time_s: Any, v: Any, reference_v: Any, name: str) -> None:
    """Draw a membrane with its reference."""
    ax.plot(time_s * 1e3, v * 1e3, lw=1.6, color=COLOURS[0], label="Brian2")
    ax.plot(time_s * 1e3, reference_v * 1e3, "k--", lw=0.9, label=name)
    label_axes(ax, "time / ms", "membrane potential / mV")


def draw_spikes(ax: Axes, time_s: Any, v: Any, spike_time_s: Any, colour: str) -> None:
    """Draw a membrane with its spikes."""
    ax.plot(time_s * 1e3, v * 1e3, lw=0.8, color=colour)
    # A spike is reset within its step: its peak is drawn, it is in no trace.
    ax.vlines(spike_time_s * 1e3, -50, 30, lw=0.8, color=colour)


def in_ms(time_s: float | None) -> str:
    """Return a time in milliseconds for people; a dash where there is none."""
    return "–" if time_s is None else f"{time_s * 1e3:.4f}"
