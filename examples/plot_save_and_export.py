"""
====================
Saving and exporting
====================

A fitted classifier goes through three kinds of files: joblib, which is fast and
must be trusted; skops, which runs no code on loading; and ONNX, which runs
without Python. Each predicts the same. Needs
``python -m pip install ".[onnx]" skops onnxruntime``. Run it with::

    python examples/plot_save_and_export.py
"""

import argparse
import io
import sys
import time
import warnings

import joblib
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import skops.io
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sktensornet import HTClassifier
from sktensornet.onnx import to_onnx
from sktensornet.patches import ImagePatches
from sktensornet.persistence import TRUSTED_TYPES

quick = "--quick" in sys.argv
# The number of iterations is chosen here, not by convergence.
warnings.simplefilter("ignore", ConvergenceWarning)

# %%
# A classifier
# ------------

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X.astype(np.float32), y, random_state=0)
model = HTClassifier(
    rank=12,
    patches=ImagePatches(image_shape=(8, 8), patch_shape=(4, 4), stride=2),
    max_iter=5 if quick else 60,
    random_state=0,
).fit(X_train, y_train)
print(model.network_.summary(), "\n")

# %%
# Three kinds of files
# --------------------
# Each entry is what one would write to a file, and how it predicts afterwards.
# A version of the package other than the one that saved would warn on loading.

files, predict = {}, {"the classifier": model.predict_proba}

buffer = io.BytesIO()
joblib.dump(model, buffer)
files["joblib"] = buffer.getvalue()
predict["joblib"] = joblib.load(io.BytesIO(files["joblib"])).predict_proba

files["skops"] = skops.io.dumps(model)
predict["skops"] = skops.io.loads(files["skops"], trusted=TRUSTED_TYPES).predict_proba

files["ONNX"] = to_onnx(model).SerializeToString()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(files["ONNX"], options)
predict["ONNX"] = lambda X: session.run(["probabilities"], {"X": X})[0]

# %%
# The same predictions
# --------------------
# The largest difference of a probability on the test images.

expected = model.predict_proba(X_test)
for name, function in predict.items():
    difference = np.abs(function(X_test) - expected).max()
    size = f"{len(files[name]) / 1000:6.0f} kB" if name in files else " " * 9
    print(f"{name:14} {size}   largest difference {difference:.1e}")

# %%
# What they cost
# --------------
# On the left the sizes of the files; on the right the time of a prediction for
# batches of images, in Python and without it, on one thread.


def milliseconds(function, X, repeats=5 if quick else 30):
    """Shortest time of a call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function(X)
        times.append(time.perf_counter() - started)
    return 1000 * min(times)


model.set_params(n_jobs=1)
colours = {"joblib": "#3b6ea8", "skops": "#5b8c5a", "ONNX": "#c8553d"}
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
sizes = {name: len(saved) / 1000 for name, saved in files.items()}
sizes = {"weights alone": model.network_.nbytes / 1000} | sizes
bars = left.barh(
    list(sizes)[::-1],
    list(sizes.values())[::-1],
    color=[colours.get(n, "0.7") for n in sizes][::-1],
)
left.bar_label(bars, fmt="%.0f", padding=4)
left.set(title="Size of the file, kB", xlim=(0, 1.15 * max(sizes.values())))
batches = [1, 4, 16, 64, 256, len(X_test)]
for name, label, colour in (
    ("the classifier", "predict_proba", "0.4"),
    ("ONNX", "ONNX Runtime", colours["ONNX"]),
):
    taken = [milliseconds(predict[name], X_test[:n]) for n in batches]
    print(f"{label}: {taken[0]:.3f} ms for one image, {taken[-1]:.2f} ms for {batches[-1]}")
    right.loglog(batches, taken, "o-", color=colour, lw=2, label=label)
right.set(title="Time of a prediction, ms", xlabel="images at once")
right.legend(frameon=False)
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer iterations")
parser.add_argument("--output", default="save_and_export.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
