"""
=================================================
Learn from ten steps, be right after five hundred
=================================================

A tensor train of equal cores is a linear automaton: it multiplies one matrix for each
symbol. ``solver="spectral"`` reads these matrices off the Hankel matrix of what short
sequences say, and a finite automaton off them. Here the task is to add digits modulo
five, from sequences of two to ten digits. Run it with::

    python examples/plot_automata.py
"""

# %%
# Settings
# --------
# ``--output`` says where the picture goes; ``--quick`` takes fewer sequences, and adds modulo
# three.

import argparse
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from sktensornet import TTClassifier
from sktensornet.automata import hankel_rank, minimise, to_automaton
from sktensornet.patches import pad_sequences
from sktensornet.solvers import Spectral

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer sequences")
parser.add_argument("--output", default="automata.png", help="file of the picture")
arguments, _ = parser.parse_known_args()

# %%
# Data
# ----
# Sequences of several lengths become rows that end with missing values.

MODULUS = 3 if arguments.quick else 5
rng = np.random.default_rng(0)


def drawn(n, least, longest):
    """Sequences of digits, and their sums."""
    words = [rng.integers(0, MODULUS, rng.integers(least, longest + 1)) for _ in range(n)]
    return pad_sequences(words), np.array([word.sum() % MODULUS for word in words])


X, y = drawn(1000 if arguments.quick else 6000, 2, 10)

# %%
# Three networks of the same shape
# --------------------------------
# The closed form with and without a finite automaton, and gradients from the usual start,
# which fit the training lengths at best. One label in twenty is wrong.

wrong = rng.random(len(y)) < 0.05
y[wrong] = rng.integers(0, MODULUS, wrong.sum())
options = {"rank": 7, "shared_cores": True, "feature_map": "embedding", "random_state": 0}
models = {
    "spectral": TTClassifier(solver="spectral", **options),
    "without a finite automaton": TTClassifier(
        solver=Spectral(finite=False, n_starts=1 if arguments.quick else 2), **options
    ),
    "L-BFGS": TTClassifier(solver="lbfgs", max_iter=15 if arguments.quick else 200, **options),
}
lengths = [10, 500] if arguments.quick else [10, 30, 100, 200, 500]
n_tests = 100 if arguments.quick else 300
tests = {length: drawn(n_tests, length, length) for length in lengths}
accuracy = {}
for name, model in models.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    accuracy[name] = [model.score(*tests[length]) for length in lengths]
    print(f"{name:27}", *(f"{value:.3f}" for value in accuracy[name]))

# %%
# What it found
# -------------
# The smallest linear automaton of the network has as many states as the Hankel matrix of
# addition modulo five has rank. `hidden_states` gives what a network remembers after each
# step, here of the one that is no finite automaton: five places, whatever the length.

found = models["spectral"]
tokens = found.feature_map_.repeated(1).transform(np.arange(MODULUS)[None, :, None] * 1.0)[0]
automaton = to_automaton(found.network_, tokens)
print("states:", automaton.n_states, " exact Hankel rank:", hankel_rank(minimise(automaton)))
words, sums = drawn(200, 10, 10)
states = models["without a finite automaton"].hidden_states(words)
plane = PCA(2).fit(states[:, -1]).transform(states[:, -1])

# %%
# Picture
# -------
# Accuracy by length, the states after ten steps in the colour of the sum, and where a
# digit leads: each matrix of the finite automaton has one 1 in a row.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
styles = {"spectral": "o-", "without a finite automaton": "s--", "L-BFGS": "^:"}
for name, values in accuracy.items():
    axes[0].plot(lengths, values, styles[name], label=name)
axes[0].axhline(1 / MODULUS, color="0.7", lw=1)
axes[0].axvspan(2, 10, color="0.93", lw=0)
axes[0].set(xscale="log", xlabel="length (training: shaded)", ylabel="accuracy", ylim=(0, 1.05))
axes[0].legend()
axes[1].scatter(*plane.T, c=sums, cmap="viridis", s=25)
axes[1].set(xlabel="first component", ylabel="second component", title="states after ten steps")
axes[2].imshow(np.hstack(list(automaton.transitions)), cmap="Blues")
axes[2].set(title="transitions of the digits 0 to 4", xticks=[], yticks=[])
for digit in range(1, MODULUS):
    axes[2].axvline(digit * automaton.n_states - 0.5, color="0.6", lw=1)
figure.savefig(arguments.output, dpi=120)
