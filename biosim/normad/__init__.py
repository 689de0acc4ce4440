"""NormAD: a teacher says when a neuron should spike; what it heard just before says how to learn.

Anwani & Rajendran, IJCNN 2015, and, for images, Kulkarni & Rajendran, Neural Networks 103, 2018.
`neuron` has neuron and equations, `learn` teaches one neuron a spike train, `fit` and `answer` are
a layer of such neurons that reads `periods`, which fixed filters make of images. `twin` simulates
one neuron in Brian2.
"""

from biosim.normad.neuron import Neuron, Traces, similarity, traces
from biosim.normad.periods import oriented, periods, rasters
from biosim.normad.readout import Answers, Readout, answer, fit
from biosim.normad.single import Lesson, learn, respond

__all__ = [
    "Answers",
    "Lesson",
    "Neuron",
    "Readout",
    "Traces",
    "answer",
    "fit",
    "learn",
    "oriented",
    "periods",
    "rasters",
    "respond",
    "similarity",
    "traces",
]
