"""
=====================================
More rows than memory: learn a stream
=====================================

``partial_fit`` trains on one batch of rows after the other, so that a table of
any length needs no more memory than one batch and the network. Here rows with
numbers and categories, whose target depends on what they are *together*, come
from a generator as they would come from a file or a database. Run it with::

    python examples/plot_streaming.py          # 200,000 rows
    python examples/plot_streaming.py --full   # 10,000,000 rows
"""

import argparse
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import SGDClassifier

from sktensornet import TTClassifier
from sktensornet.feature_maps import PolynomialMap
from sktensornet.solvers import Adam

try:
    import resource
except ImportError:  # On Windows, where memory is shown as 0.
    resource = None

quick = "--quick" in sys.argv
full = "--full" in sys.argv
n_rows = 10_000_000 if full else 40_000 if quick else 200_000
batch_rows = 10_000

# %%
# A stream
# --------
# Six numbers and two categories. A row is of class 1 where a sum of products of
# up to three columns is positive: each column alone says almost nothing.

shades = ["red", "green", "blue", "grey"]
shapes = ["round", "square", "oval"]


def batch(seed):
    """Rows of a table and their classes."""
    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal((batch_rows, 6), dtype=np.float32)
    shade = rng.integers(len(shades), size=batch_rows)
    shape = rng.integers(len(shapes), size=batch_rows)
    a, b, c, d, e, _ = numbers.T
    sign = np.where(shade < 2, 1.0, -1.0)
    score = a * b + sign * c * d + np.where(shape == 0, 1.5, -0.5) * e
    table = pd.DataFrame(numbers, columns=list("abcdef"))
    table["shade"] = pd.Categorical.from_codes(shade, shades)
    table["shape"] = pd.Categorical.from_codes(shape, shapes)
    return table, (score > 0).astype(int)


X_test, y_test = batch(seed=0)

# %%
# Learning it
# -----------
# The first batch fixes the scaling of the columns and their categories, so it
# should look like the rest; ``classes`` names all classes in advance.

clf = TTClassifier(
    rank=8,
    feature_map=PolynomialMap(),
    alpha=1e-6,
    solver=Adam(learning_rate=5e-3, batch_size=500),
    random_state=0,
)
linear = SGDClassifier(loss="log_loss", random_state=0)


def memory():
    """Peak memory of this process in megabytes."""
    if resource is None:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def numbers_of(table):
    return pd.get_dummies(table).to_numpy(np.float32)


n_batches = n_rows // batch_rows
shown = np.unique(np.geomspace(1, n_batches, 25).astype(int))
rows, accuracy, of_linear, peak = [], [], [], []
start = time.perf_counter()
for k in range(1, n_batches + 1):
    X, y = batch(seed=k)
    clf.partial_fit(X, y, classes=[0, 1])
    linear.partial_fit(numbers_of(X), y, classes=[0, 1])
    if k in shown:
        rows.append(k * batch_rows)
        accuracy.append(clf.score(X_test, y_test))
        of_linear.append(linear.score(numbers_of(X_test), y_test))
        peak.append(memory())
seconds = time.perf_counter() - start
print(f"{n_rows:,} rows in {seconds:.0f} s, {n_rows / seconds:,.0f} rows a second")
print(f"accuracy of the tensor train {accuracy[-1]:.4f}, of a linear model {of_linear[-1]:.4f}")
print(f"peak memory {peak[0]:.0f} MB after the first batch, {peak[-1]:.0f} MB at the end")

# %%
# What it learnt, and at what memory
# ----------------------------------
# The linear model cannot see products of columns, however many rows it is
# given. Memory does not grow with the rows.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
left.plot(rows, accuracy, "o-", ms=4, label=f"TTClassifier, {clf.network_.n_parameters:,} weights")
left.plot(rows, of_linear, "s--", ms=4, color="0.5", label="SGDClassifier, linear")
left.set(xscale="log", xlabel="rows seen", ylabel="test accuracy", ylim=(0.45, 1.0))
left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
right.plot(rows, peak, "o-", ms=4, color="tab:green")
highest = 1.25 * max(peak) or 1.0
right.set(xscale="log", xlabel="rows seen", ylabel="peak memory in MB", ylim=(0, highest))
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer rows")
parser.add_argument("--full", action="store_true", help="ten million rows")
parser.add_argument("--output", default="streaming.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
plt.show()
