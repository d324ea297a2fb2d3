"""
================================
Torch tensors, and perhaps a GPU
================================

Under scikit-learn's ``array_api_dispatch`` everything follows X: a tensor of
torch gives predictions that are tensors on the same device, of the same
estimator, pipeline and search as for NumPy. Run it with::

    python examples/plot_torch.py

Without torch it runs on NumPy, with no other change.
"""

# %%
# Settings
# --------
# SciPy reads the variable when it is imported, so it comes first; it is best set in
# the shell. ``--output`` says where the picture goes.

import argparse
import os
import warnings

os.environ.setdefault("SCIPY_ARRAY_API", "1")

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import TTClassifier
from sktensornet.feature_maps import AffineMap
from sktensornet.patches import ImagePatches

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer iterations and ranks")
parser.add_argument("--output", default="torch.png", help="file of the picture")
arguments, _ = parser.parse_known_args()

try:
    import torch as library

    device = "cuda" if library.cuda.is_available() else "cpu"
    # Products this small are faster on one thread of a processor.
    library.set_num_threads(1)
except ImportError:
    library, device = np, "cpu"
print(f"arrays of {library.__name__} on {device}")

# %%
# Data on the device
# ------------------
# Of X alone: y moves to where X is, and may stay an array of NumPy, or be text.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X.astype(np.float32), y, stratify=y, random_state=0
)
X_train, X_test = (library.asarray(part, device=device) for part in (X_train, X_test))

# %%
# A search over a pipeline
# ------------------------
# The scaler of scikit-learn, patches with a trained map, and a tensor train, all
# where X is.

clf = TTClassifier(
    patches=ImagePatches((8, 8), (4, 4), stride=2),
    feature_map=AffineMap(8),
    solver="lbfgs",
    alpha=1e-4,
    max_iter=10 if arguments.quick else 60,
    tol=1e-3,
    random_state=0,
)
ranks = [1, 4] if arguments.quick else [1, 2, 4, 8]
# Short fits say that they are short.
warnings.simplefilter("ignore", ConvergenceWarning)
with sklearn.config_context(array_api_dispatch=True):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), clf), {"ttclassifier__rank": ranks}, cv=3
    ).fit(X_train, library.asarray(y_train, device=device))
    predicted = search.predict(X_test)
print(f"predictions are a {type(predicted).__module__}.{type(predicted).__name__}")
accuracy = float(np.mean(np.asarray(predicted.tolist()) == y_test))
print(f"rank {search.best_params_['ttclassifier__rank']}: test accuracy {accuracy:.3f}")

# %%
# What was found
# --------------
# The network and the feature map themselves are NumPy's, so that all that inspects,
# compresses or saves estimators takes this one too.

results = search.cv_results_
figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
mean = np.asarray(results["mean_test_score"], float)
spread = np.asarray(results["std_test_score"], float)
axes.errorbar(ranks, mean, spread, marker="o", capsize=3)
axes.set(xscale="log", xlabel="rank", ylabel="accuracy, three folds")
axes.set_xticks(ranks, ranks)
axes.minorticks_off()
axes.spines[["top", "right"]].set_visible(False)
figure.savefig(arguments.output, dpi=120)
plt.show()
