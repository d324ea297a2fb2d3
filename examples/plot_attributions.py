"""
==========================
From a table to a decision
==========================

How a disease went on in a year, from ten measurements of 442 patients: which
columns matter, which pairs, why one patient has the prediction that she has, and
what another weight would change. All of it is exact: read off the network, not
sampled. Run it with::

    python examples/plot_attributions.py
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from sktensornet import TTRegressor
from sktensornet.inspection import (
    InteractionsDisplay,
    ShapleyDisplay,
    interactions,
    partial_dependence,
    shapley_interactions,
    shapley_values,
)

quick = "--quick" in sys.argv

# %%
# Fit
# ---

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
if quick:
    X, y = X[:200], y[:200]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = TTRegressor(feature_map="polynomial", random_state=0).fit(X_train, y_train)
print(f"R^2 on test data: {model.score(X_test, y_test):.2f}\n")

# %%
# Which columns matter
# --------------------
# The share of each column in the variance of the predictions, its interactions
# included; the fit leaves it.

for k in np.argsort(-model.feature_importances_)[:5]:
    print(f"{X.columns[k]:4s} {model.feature_importances_[k]:.2f}")

# %%
# Which pairs
# -----------
# What each column, and each pair beyond its two columns, adds to the prediction: the
# standard deviation, in units of the target.

found = interactions(model, order=2, top=8)
print()
print(found.to_frame()[["order", "term", "coefficient"]].round(1).to_string(index=False))

# %%
# Why this patient
# ----------------
# The patient of the test data with the highest prediction. Values add up from the
# mean prediction to hers, and pairs say which measurements count together.

highest = X_test.iloc[[int(np.argmax(model.predict(X_test)))]]
why = shapley_values(model, highest)
together = shapley_interactions(model, highest)
largest = np.argsort(-np.abs(together.indices[0, :, 0]))[:3]
print()
for pair in largest:
    names = " and ".join(together.columns[k] for k in together.pairs[pair])
    print(f"{names}: {together.indices[0, pair, 0]:+.1f}")

# %%
# What if
# -------
# Her prediction at another body mass index, and that of patients at large.

bmi = np.linspace(*np.quantile(X_train["bmi"], [0.05, 1.0]), 30)
hers = model.predict(highest.loc[highest.index.repeat(len(bmi))].assign(bmi=bmi))
at_large = partial_dependence(model, X_train, "bmi", grid=[bmi]).average[0]

# %%
# Pictures
# --------

figure, axes = plt.subplots(2, 2, figsize=(12, 8.5), layout="constrained")
InteractionsDisplay(found).plot(axes[0, 0])
ShapleyDisplay.from_estimator(model, X_test, ax=axes[0, 1], max_columns=8)
ShapleyDisplay(why).plot(axes[1, 0], max_columns=8)
axes[1, 1].plot(bmi, hers, label="this patient")
axes[1, 1].plot(bmi, at_large, label="on average")
axes[1, 1].axvline(highest["bmi"].item(), color="0.6", ls=":")
axes[1, 1].set(xlabel="body mass index", ylabel="prediction")
axes[1, 1].legend(frameon=False)
titles = ["Which columns and pairs", "All patients", "Why this patient", "What if"]
for ax, title in zip(axes.flat, titles, strict=True):
    ax.set_title(title, loc="left", weight="bold")

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer patients")
parser.add_argument("--output", default="attributions.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
