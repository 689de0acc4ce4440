"""What the thesis says that does not hold, as data: where, what it says, what holds."""

from __future__ import annotations

ERRORS = (
    (
        "4.2-4.4, Tables 2-4",
        "The best combination is the one with the highest training accuracy.",
        "Training accuracy rewards over-fitting: SpyTorch's own network on speech has 98 % in "
        "training and 69 % in test. Choose on validation samples, test once.",
    ),
    (
        "Tables 2-4",
        "Optima are 150+, 75-, 200+, 300+, 76- and so on.",
        "75 is not in the grid, and fewer steps than the 76 of a recording cannot come from making "
        "it longer. Most optima lie on the border of the grid, so they are not bracketed.",
    ),
    (
        "Abstract, 4.2-4.4",
        "The best combination gains 2-4 % on each data set.",
        "Its own section on SHD says 1 %. On Fashion-MNIST a third of the runs stays at 10 %, so "
        "the best lies far more than 4 points above the mean of all.",
    ),
    (
        "4.3",
        "SHD is men and women saying 0 to 9.",
        "It has 20 classes: these digits in German and in English, by 12 speakers, in 700 "
        "channels.",
    ),
    (
        "Eq. 1, 2",
        "A neuron is reset where V <= V_th.",
        "Where V >= V_th. The derivative in eq. 2 is misprinted, and the text confuses eq. 2 to 4.",
    ),
    (
        "3.1",
        "A larger membrane resistance makes a neuron less sensitive.",
        "More sensitive: a current I moves the membrane by R I.",
    ),
    (
        "Eq. 6, 8",
        "Spike times are t_j^k, and the threshold is 1.",
        "They are t_i^k with k counting spikes, as in the tutorials' misprint; the threshold is a "
        "parameter.",
    ),
    (
        "Eq. 9, 10",
        "W is the recurrent weight, and alpha is the decay of the membrane.",
        "W feeds forward and V recurs. The current decays by alpha = exp(-dt / tau_syn), the "
        "membrane by beta = exp(-dt / tau_mem), which is never defined.",
    ),
    (
        "Eq. 4, 10",
        "The reset subtracts the threshold.",
        "The code that the thesis follows multiplies by 1 - S, and its gain is 1, not dt / tau. "
        "Here both resets and both gains are settings.",
    ),
    (
        "3.2, 3.3",
        "The gradient of a spike is 1 at the threshold and 0 elsewhere.",
        "It is a Dirac delta: without bound at the threshold.",
    ),
    (
        "Eq. 11, 12",
        "The argument of step and surrogate is the input of the network.",
        "It is U - threshold, and eq. 12 is the derivative of a fast sigmoid, not that of the "
        "step.",
    ),
    (
        "Eq. 14",
        "A pixel x_i fires at tau log(x_i / x_(i-thr)).",
        "At tau log(x_i / (x_i - thr)), which has no value at x_i = thr. What does not fire gets "
        "the time 1 by the listing's default, in the midst of the others.",
    ),
    (
        "4.2",
        "Pixels are standardised to 0 to 1.",
        "They are scaled by their range; standardising would give mean 0 and variance 1.",
    ),
    (
        "3.6",
        "Weights start in a way much like He's.",
        "He divides by the inputs of a neuron, the listing by its outputs: 0.2 / sqrt(200) in "
        "place of 0.2 / sqrt(784).",
    ),
    (
        "Eq. 15",
        "The weighted loss has no sum.",
        "It is the sum of -w log p over samples, divided by the sum of their weights.",
    ),
    (
        "Eq. 16",
        "The activity penalty is 5e-5 times the sum of spikes.",
        "5e-5 is in none of the grids; SpyTorch's second term is missing, and the sum grows with "
        "the batch.",
    ),
    (
        "1, 5",
        "Spiking networks learn with few operations and little energy.",
        "Backpropagation through time is dense and keeps every step. What may be saved is "
        "inference on hardware that works by the event: see the section on energy.",
    ),
    (
        "4.2-4.4",
        "More neurons, and some slopes, train faster.",
        "The dense code takes as long at every slope and longer with more neurons: single runs on "
        "a shared machine measured the machine.",
    ),
    (
        "4.3, Fig. 18",
        "More time steps over-fit.",
        "With more steps a bin is shorter while decays stay 10 and 5 steps, so the memory of a "
        "neuron shrinks in real time, from 177 to 118 ms; spikes in a bin are added up.",
    ),
    (
        "4.4",
        "A larger penalty is more accurate on TBL.",
        "The penalty of the tutorial carries no gradient there, so it could do nothing; here it "
        "does.",
    ),
    (
        "4.2, Fig. 14",
        "100 time steps are best on Fashion-MNIST.",
        "The last pixel fires in step 79, counted from 0: the input is the same at 80, 100 and "
        "120.",
    ),
    (
        "1, references",
        "Six chapters; Ghosh-Dastidar and Adeli, 2021.",
        "There are five, and the review appeared in 2009.",
    ),
)
"""Rows of a table, in the order of the thesis's tables first, then of its equations and text."""
