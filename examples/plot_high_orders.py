"""
===========================================
Interactions beyond pairs for linear models
===========================================

Additive models, linear ones and boosted ones such as EBM, take single columns and
pairs. A tensor network fits all orders at once, and its largest terms, of any
order, are read off exactly: as columns of their own they go into a model that is
read line by line. Run it with::

    python examples/plot_high_orders.py
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import PolynomialFeatures

from sktensornet import TTClassifier
from sktensornet.feature_maps import PolynomialMap
from sktensornet.inspection import interactions

quick = "--quick" in sys.argv

# %%
# Data
# ----
# Twelve columns of settings, -1 or 1. What fails depends on one alone, on three
# together and on four together.

rng = np.random.default_rng(0)
n = 1500 if quick else 6000
X = pd.DataFrame(rng.choice([-1.0, 1.0], (n, 12)), columns=[f"s{k}" for k in range(12)])
strength = X["s0"] + 2 * X["s1"] * X["s2"] * X["s3"] + 2 * X["s4"] * X["s5"] * X["s6"] * X["s7"]
fails = rng.random(n) < 1 / (1 + np.exp(-1.5 * strength))
X_train, X_test, y_train, y_test = train_test_split(X, fails, random_state=0)

# %%
# Find the terms
# --------------
# At scale 1 of the features high orders cost no more than low ones, and the search for a
# start goes up to order six.

model = TTClassifier(
    rank=6,
    alpha=1e-2,
    tol=1e-2,
    feature_map=PolynomialMap(scale=1.0),
    init="interactions",
    random_state=0,
)
model.fit(X_train, y_train)
found = interactions(model, order=6, by="functions", units="original", top=6)
print(found.to_frame()[["order", "term", "coefficient"]].to_string(index=False))

# %%
# Hand them over
# --------------
# Each term becomes a column: of EBM, or here of a logistic regression.


def with_terms(X):
    """The table with the products of the columns of each term of order three or more."""
    products = {
        found.name(term): X[list(found.columns(term))].prod(axis=1)
        for term in range(len(found))
        if found.orders[term] > 2
    }
    return X.assign(**products)


pairs = PolynomialFeatures(2, interaction_only=True, include_bias=False)
tables = {
    "columns": (X_train, X_test),
    "and pairs": (pairs.fit_transform(X_train), pairs.transform(X_test)),
    "and our terms": (with_terms(X_train), with_terms(X_test)),
}
accuracy = {
    name: LogisticRegression(max_iter=1000).fit(train, y_train).score(test, y_test)
    for name, (train, test) in tables.items()
}
accuracy["tensor train"] = model.score(X_test, y_test)
print()
for name, value in accuracy.items():
    print(f"{name:14s} {value:.3f}")

# %%
# Picture
# -------

figure, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
bars = ax.barh(list(accuracy), list(accuracy.values()), color="#3b6ea8")
ax.bar_label(bars, fmt="%.3f", padding=3)
ax.invert_yaxis()
ax.set(xlim=(0.4, 1), xlabel="accuracy on test data")
ax.spines[["top", "right", "left"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer samples")
parser.add_argument("--output", default="high_orders.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
