"""
=========================
Save, ship and load again
=========================

A fitted estimator is a Python object like any of scikit-learn's: `joblib`
writes it to a file and reads it back. What makes files of tensor networks small
is the rank, which can be lowered after training. Run it with::

    python examples/plot_save_load.py
"""

import argparse
import sys
import tempfile
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from sktensornet import HTClassifier
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

quick = "--quick" in sys.argv

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X.astype(np.float32), y, test_size=0.25, stratify=y, random_state=0
)

# %%
# To a file and back
# ------------------
# The copy predicts the same numbers to the last bit. Data in float32 make a
# network in float32. As with every pickle, load only files that you trust, and
# with the version that wrote them.

clf = HTClassifier(
    rank=12,
    patches=ImagePatches(image_shape=(8, 8), patch_shape=(4, 4), stride=2),
    alpha=0.0,
    solver=Adam(learning_rate=5e-3, dropout=0.3, weight_decay=0.05),
    max_iter=5 if quick else 50,
    random_state=0,
).fit(X_train, y_train)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "digits.joblib")
joblib.dump(clf, path, compress=3)
loaded = joblib.load(path)
assert np.array_equal(loaded.predict_proba(X_test), clf.predict_proba(X_test))
print(f"{loaded.network_}")
print(f"{path.stat().st_size / 1000:.0f} kB, accuracy {loaded.score(X_test, y_test):.4f}")

# %%
# How large are the files?
# ------------------------
# The same network at lower ranks, compressed with the training data, beside
# models that everybody knows.


def size_and_error(model):
    """Kilobytes of the file, and test error in percent."""
    joblib.dump(model, path, compress=3)
    return path.stat().st_size / 1000, 100 * (1 - model.score(X_test, y_test))


networks = {12: size_and_error(clf)}
for rank in (6, 3) if quick else (8, 6, 4, 3):
    networks[rank] = size_and_error(clf.compress(rank=rank, X=X_train, y=y_train))
peers = {
    "SVC": SVC(C=10),
    "random forest": RandomForestClassifier(random_state=0),
    "nearest neighbours": KNeighborsClassifier(),
    "logistic regression": make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=1000)),
    "perceptron, 100 units": make_pipeline(
        MinMaxScaler(), MLPClassifier(max_iter=500, random_state=0)
    ),
}
others = {name: size_and_error(peer.fit(X_train, y_train)) for name, peer in peers.items()}
for name, (size, error) in {**{f"rank {r}": v for r, v in networks.items()}, **others}.items():
    print(f"{name:22} {size:8.1f} kB   error {error:.2f} %")
folder.cleanup()

# %%
# Size against error
# ------------------

figure, axis = plt.subplots(figsize=(8, 4.3), layout="constrained")
sizes, errors = np.array(list(networks.values())).T
axis.loglog(sizes, errors, "o-", color="#c8553d", lw=2, label="HTClassifier, compressed")
for rank, (size, error) in networks.items():
    axis.annotate(f"{rank}", (size, error), (0, 6), textcoords="offset points", color="#c8553d")
for name, (size, error) in others.items():
    below = {"perceptron, 100 units": -14, "logistic regression": -14, "nearest neighbours": 7}
    axis.plot(size, error, "s", color="0.45")
    place, options = (6, below.get(name, 3)), {"color": "0.35", "size": 9}
    axis.annotate(name, (size, error), place, textcoords="offset points", **options)
axis.set(
    xlabel="size of the file in kB", ylabel="test error in %", title="Digits; numbers are ranks"
)
axis.set_xlim(right=axis.get_xlim()[1] * 3)
axis.legend(frameon=False, loc="upper center")
axis.xaxis.set_major_formatter("{x:g}")
axis.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
axis.yaxis.set_major_formatter("{x:g}")
axis.yaxis.set_minor_formatter("")
axis.spines[["top", "right"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer passes over the data and ranks")
parser.add_argument("--output", default="save_load.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
