"""
==================================
What a model of a table has learnt
==================================

A tensor network over named functions of the columns is a polynomial. Its
coefficients, up to any order, and the share of the variance of its scores that
each order and each column have, are read off the network exactly: no sampling,
no surrogate, no background data set.

The table is made, so that the truth is known. The price of a ticket has a base,
a part that depends on the distance, a surcharge on Fridays for first class, and
a discount that takes three columns at once. Run it with::

    python examples/plot_explanations.py
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from sktensornet import TTRegressor
from sktensornet.inspection import (
    InteractionsDisplay,
    VarianceSharesDisplay,
    interactions,
    variance_shares,
)

quick = "--quick" in sys.argv

# %%
# Data
# ----
# Four of the seven columns matter, two of them hold categories.

rng = np.random.default_rng(0)
n = 1000 if quick else 4000
X = pd.DataFrame(
    {
        "distance": rng.uniform(50, 800, n),
        "class": rng.choice(["first", "second"], n),
        "day": rng.choice(["Fri", "Sat", "Sun", "Mon"], n),
        "advance": rng.uniform(0, 30, n),
        "age": rng.uniform(18, 80, n),
        "seats": rng.uniform(0, 1, n),
        "noise": rng.standard_normal(n),
    }
)
far = (X["distance"] - 425) / 217
early = (X["advance"] - 15) / 8.7
first, friday = X["class"] == "first", X["day"] == "Fri"
price = 60 + 20 * far + 12 * first + 15 * (first & friday) - 6 * early
price += 5 * far * early * np.where(first, 1, -1) + rng.normal(0, 3, n)
X_train, X_test, y_train, y_test = train_test_split(X, price, random_state=0)

# %%
# Model
# -----

model = TTRegressor(rank=8, feature_map="polynomial", random_state=0).fit(X_train, y_train)
print(
    f"R^2 on test data: {model.score(X_test, y_test):.3f} (noise leaves at most "
    f"{1 - 9 / np.var(y_test):.3f})\n"
)

# %%
# Interactions
# ------------
# The largest coefficients up to order 3; numeric columns are standardised, categories are
# indicators.

found = interactions(model, order=3, by="functions", top=12)
print(found.to_frame()[["order", "term", "coefficient"]].to_string(index=False))

# %%
# Variance
# --------
# Shares are those under independent columns. No single column explains the
# interactions, and the total share of a column counts what it has part in.

shares = variance_shares(model, X_train, max_order=3, pairs=True)
print()
print(shares.to_frame().drop(columns="output").round(3).to_string(index=False))
print()
print(shares.to_frame("order").drop(columns="output").round(3).to_string(index=False))

# %%
# Pictures
# --------

figure, axes = plt.subplots(2, 2, figsize=(12, 8), layout="constrained")
InteractionsDisplay(found).plot(axes[0, 0], max_terms=12)
display = VarianceSharesDisplay(shares)
display.plot(axes[0, 1], kind="columns")
display.plot(axes[1, 0], kind="orders")
display.plot(axes[1, 1], kind="pairs")
titles = ["Largest coefficients", "By column", "By order", "By pair; columns alone on the diagonal"]
for ax, title in zip(axes.flat, titles, strict=True):
    ax.set_title(title, loc="left", weight="bold")

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer samples")
parser.add_argument("--output", default="explanations.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
