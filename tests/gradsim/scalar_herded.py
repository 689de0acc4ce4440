"""A herded network as its equations are written: one number at a time, in float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradsim import herding


class Shown(NamedTuple):
    """Of each image: spikes of each layer ``[T, n]``, readouts ``[T, out]``, error spikes."""

    spikes: list[list[np.ndarray]]
    readout: list[np.ndarray]
    errors: list[list[np.ndarray]]


def show(weights, images, labels=None, *, n_steps=10, rate=0.0, rule="none", **options):
    """Show images one after another; ``weights``, ``[out, in]``, change in place."""
    waiting = [np.zeros(part.shape[1]) for part in weights]
    found = Shown([], [], [])
    for number, image in enumerate(images):
        if options.get("reset_errors"):
            waiting = [np.zeros_like(part) for part in waiting]
        label = None if labels is None else labels[number]
        one = _sample(weights, image, label, n_steps, rate, rule, waiting, options)
        for kept, new in zip(found, one, strict=True):
            kept.append(new)
    return found


def _sample(weights, image, label, n_steps, rate, rule, waiting, options):
    sizes = [len(image), *(len(part) for part in weights)]
    potential, drive, counts = ([np.zeros(n) for n in sizes] for _ in range(3))
    spikes, readouts, sums = [], [], [np.zeros(n) for n in sizes]
    for _ in range(n_steps):
        sent, potential[0] = herding.rectified(image, potential[0])
        step = [sent]
        for k, part in enumerate(weights):
            emitted = np.zeros(len(part))
            for row in _rows(part, step[-1], options.get("per_event")):
                drive[k + 1] = drive[k + 1] + row
                new, potential[k + 1] = herding.rectified(row, potential[k + 1])
                emitted += new
            step.append(emitted)
        counts = [a + b for a, b in zip(counts, step, strict=True)]
        spikes.append(np.concatenate(step))
        readouts.append(drive[-1] / n_steps)
        if label is not None:
            for k, error in _back(
                weights, step, drive, counts, label, rate, rule, waiting, options
            ):
                sums[k] += error
    if rule == "sgd":
        for k, part in enumerate(weights):
            part -= rate * np.outer(sums[k + 1], counts[k])
    return spikes, np.array(readouts), sums


def _rows(part, sent, per_event):
    """Return what arrives, spike by spike or at once."""
    if not per_event:
        return [part @ sent]
    return [part[:, i] for i in range(len(sent)) for _ in range(int(sent[i]))]


def _back(weights, step, drive, counts, label, rate, rule, waiting, options):
    error = (step[-1] - (np.arange(len(step[-1])) == label)) * (drive[-1] >= 0)
    for k in range(len(weights) - 1, -1, -1):
        if not error.any():
            return
        yield k + 1, error
        before = np.zeros(weights[k].shape[1])
        if not options.get("update_first"):
            before, waiting[k] = _passed(weights[k], error, waiting[k], options)
        if rule == "fractional":
            weights[k] -= rate * np.outer(error, counts[k])
        if options.get("update_first"):
            before, waiting[k] = _passed(weights[k], error, waiting[k], options)
        error = before * (drive[k] >= 0)


def _passed(part, error, waiting, options):
    emitted = np.zeros(part.shape[1])
    lonely = [np.sign(e) * part[j] for j, e in enumerate(error) for _ in range(int(abs(e)))]
    for row in lonely if options.get("per_event") else [error @ part]:
        new, waiting = herding.signed(row, waiting)
        emitted += new
    return emitted, waiting
