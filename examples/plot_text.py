"""
=======================================
Text as a sequence: read Roman numerals
=======================================

A text cut into letters is a table with one categorical column per place, and a
tensor train reads it from one end to the other like a recurrent network. Here
it learns what Roman numerals are worth. That is no sum over letters: the I of
IV counts minus one, and where a letter stands says little by itself. Run it
with::

    python examples/plot_text.py
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sktensornet import TTRegressor

quick = "--quick" in sys.argv
ranks = [2, 8] if quick else [1, 2, 4, 8, 16]

# %%
# Letters as categories
# ---------------------
# All numerals up to MMMCMXCIX, padded to the length of the longest. Each place
# is a column whose categories are the letters; columns of a DataFrame that hold
# categories or strings are found by their type. (For texts of words, and of any
# length, `TokenEncoder` is made; :ref:`sphx_glr_auto_examples_plot_sentences.py`.)

SYMBOLS = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L")]
SYMBOLS += [(40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


def roman(number):
    """A number in Roman numerals."""
    text = ""
    for value, symbol in SYMBOLS:
        while number >= value:
            text, number = text + symbol, number - value
    return text


y = np.arange(1, 4000)
words = [roman(number) for number in y]
length = max(map(len, words))
X = pd.DataFrame([list(word.ljust(length)) for word in words]).astype("category")
X_train, X_test, y_train, y_test, _, words_test = train_test_split(
    X, y, words, train_size=1500, random_state=0
)
print(f"{len(X_train)} numerals to learn from, {len(X_test)} to read, {length} places")

# %%
# Ranks, and what others make of it
# ---------------------------------
# Rank 1 can only multiply what the letters say. The bond between two
# places carries what has been read so far: the more channels, the more of it.

errors = {}
for rank in ranks:
    model = TTRegressor(rank=rank, random_state=0).fit(X_train, y_train)
    errors[rank] = mean_absolute_error(y_test, model.predict(X_test))
    print(f"tensor train of rank {rank:2}: mean absolute error {errors[rank]:6.1f}")
peers = {
    "ridge on one-hot letters": make_pipeline(
        OneHotEncoder(handle_unknown="ignore"), RidgeCV(np.logspace(-4, 3, 8))
    ),
    "gradient boosting": HistGradientBoostingRegressor(
        categorical_features="from_dtype", random_state=0
    ),
}
others = {}
for name, peer in peers.items():
    others[name] = mean_absolute_error(y_test, peer.fit(X_train, y_train).predict(X_test))
    print(f"{name}: mean absolute error {others[name]:.1f}")

# %%
# What it reads
# -------------
# On the right the widest train's reading of numerals it has not seen.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9.5, 3.9), width_ratios=[1.15, 1], layout="constrained"
)
left.loglog(list(errors), list(errors.values()), "o-", color="#3b6ea8", lw=2, label="TTRegressor")
for (name, error), style in zip(others.items(), (":", "--"), strict=True):
    left.axhline(error, ls=style, color="0.45", label=name)
left.set_xticks(ranks, ranks)
left.minorticks_off()
left.set(xlabel="rank", ylabel="mean absolute error", title="Numerals that were not seen")
left.legend(frameon=False)
left.spines[["top", "right"]].set_visible(False)
rng = np.random.default_rng(3)
chosen = np.sort(rng.choice(len(y_test), 12, replace=False))
chosen = chosen[np.argsort(y_test[chosen])]
read = model.predict(X_test.iloc[chosen])
for row, (index, value) in enumerate(zip(chosen, read, strict=True)):
    height = 1 - row / len(chosen)
    right.text(0.0, height, words_test[index], family="serif", size=11)
    right.text(0.75, height, f"{y_test[index]}", ha="right", size=10, color="0.45")
    right.text(1.0, height, f"{value:.1f}", ha="right", size=10, color="#3b6ea8")
right.text(0.0, 1.1, "numeral", color="0.3", weight="bold")
right.text(0.75, 1.1, "is", ha="right", color="0.3", weight="bold")
right.text(1.0, 1.1, "read as", ha="right", color="0.3", weight="bold")
right.set(ylim=(0.05, 1.15))
right.set_axis_off()

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer ranks")
parser.add_argument("--output", default="text.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
