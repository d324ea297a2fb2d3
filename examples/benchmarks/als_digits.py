"""ALS on the bundled digits, side by side with what people use.

75/25 stratified splits, five seeds; accuracy on the test part, seconds of the
fit (feature maps included)::

    python examples/benchmarks/als_digits.py --output als_digits.json --plot als_digits.png
    python examples/benchmarks/als_digits.py --choose

``--choose`` compares settings on a validation part of the first training split.
With `tensorkrowch` and `torch` installed (see requirements.txt beside this
file), TensorKrowch's matrix product state layer is trained as its tutorial
trains it.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import PolynomialCountSketch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import PCAMap, TrigonometricMap
from sktensornet.patches import ImagePatches

ALS = {"solver": "als", "loss": "squared_error", "max_iter": 2}
PATCHES = ALS | {
    "patches": ImagePatches((8, 8), (4, 4), stride=2),
    "feature_map": PCAMap(10),
    "alpha": 1e-3,
}
PIXELS = ALS | {"feature_map": TrigonometricMap(0.25), "alpha": 1e-4, "max_iter": 1}
MODELS = {
    "TT pixels, rank 12": TTClassifier(rank=12, **PIXELS),
    "TT patches, rank 12": TTClassifier(rank=12, **PATCHES),
    "HT patches, rank 14": HTClassifier(rank=14, **PATCHES),
    "CP patches, rank 128": CPClassifier(rank=128, **PATCHES),
    "TT patches, log loss": TTClassifier(rank=12, **PATCHES | {"loss": "log_loss"}),
    "HT patches, log loss": HTClassifier(rank=14, **PATCHES | {"loss": "log_loss"}),
    "CP patches, log loss": CPClassifier(rank=128, **PATCHES | {"loss": "log_loss"}),
}
PEERS = {
    "SVC(C=10)": SVC(C=10),
    "polynomial sketch + logistic": make_pipeline(
        # Degree, offset, scaling and C did best on validation splits of the training data.
        FunctionTransformer(lambda X: X / 16),
        PolynomialCountSketch(degree=3, n_components=2000, coef0=1, random_state=0),
        StandardScaler(with_std=False),
        LogisticRegression(C=100, max_iter=500),
    ),
}


class TensorKrowch:
    """The `MPSLayer` of TensorKrowch as its tutorials train it.

    Embedding, step size and number of epochs did best on a validation split of
    the training data among poly of degree 1 and 2 and unit, 1e-3, 3e-3 and 1e-2.
    """

    def __init__(self, rank: int = 10, epochs: int = 100) -> None:
        self.rank = rank
        self.epochs = epochs

    def fit(self, X, y):
        """Adam on the cross-entropy, batches of 100, embedding [1 - x, x]."""
        import tensorkrowch as tk
        import torch

        torch.manual_seed(self.random_state)
        self._torch, self._embed = torch, tk.embeddings.poly
        self._layer = tk.models.MPSLayer(
            n_features=X.shape[1] + 1,
            in_dim=2,
            out_dim=10,
            bond_dim=self.rank,
            init_method="randn_eye",
            std=1e-3,
        )
        self._layer.trace(self._features(X[:1]))
        optimiser = torch.optim.Adam(self._layer.parameters(), lr=1e-3, weight_decay=1e-5)
        loss = torch.nn.CrossEntropyLoss()
        features, targets = self._features(X), torch.tensor(y)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(X)).split(100):
                optimiser.zero_grad()
                loss(self._layer(features[rows]), targets[rows]).backward()
                optimiser.step()
        return self

    def set_params(self, random_state):
        """Set the seed."""
        self.random_state = random_state
        return self

    def _features(self, X):
        return self._embed(self._torch.tensor(X / 16, dtype=self._torch.float32), degree=1)

    def score(self, X, y):
        """Accuracy."""
        with self._torch.no_grad():
            winners = self._layer(self._features(X)).argmax(dim=1).numpy()
        return float(np.mean(winners == y))


def fit_and_score(model, parts, seed) -> tuple[float, float]:
    """Test accuracy and seconds of one fit."""
    X_train, X_test, y_train, y_test = parts
    if "random_state" in getattr(model, "get_params", lambda: {"random_state": 0})():
        model.set_params(random_state=seed)
    started = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - started
    return model.score(X_test, y_test), seconds


def choose(X, y) -> None:
    """Settings on a validation part of the first training split."""
    X, _, y, _ = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    splits = [
        train_test_split(X, y, test_size=0.25, stratify=y, random_state=10 + k) for k in range(3)
    ]
    for Format, ranks in ((TTClassifier, (8, 12)), (HTClassifier, (8, 14)), (CPClassifier, (128,))):
        for rank in ranks:
            for m in (6, 8, 10, 12):
                for alpha in (1e-4, 1e-3, 1e-2):
                    settings = PATCHES | {"feature_map": PCAMap(m), "alpha": alpha}
                    model = Format(rank=rank, **settings)
                    scores = [fit_and_score(model, parts, k)[0] for k, parts in enumerate(splits)]
                    print(f"{Format.__name__} {rank} m={m} {alpha:g}: {np.mean(scores):.4f}")
    for scale in (0.19, 0.25, 0.3, 0.5):
        for alpha in (1e-6, 1e-5, 1e-4):
            settings = PIXELS | {"feature_map": TrigonometricMap(scale), "alpha": alpha}
            model = TTClassifier(rank=12, **settings)
            scores = [fit_and_score(model, parts, k)[0] for k, parts in enumerate(splits)]
            print(f"TT pixels s={scale} {alpha:g}: {np.mean(scores):.4f}", flush=True)


def plot(found: dict[str, dict], path: str) -> None:
    """Accuracy of each model beside its seconds, one dot a seed, the mean a bar."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    height = 0.9 + 0.35 * len(found)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9, height), layout="constrained", sharey=True
    )
    for axes, key in ((left, "accuracy"), (right, "seconds")):
        for place, (name, row) in enumerate(found.items()):
            color = "tab:gray" if name not in MODELS else "tab:blue"
            middle = np.mean(row[key]) if key == "accuracy" else np.median(row[key])
            axes.plot(row[key], np.full(len(row[key]), place), "o", color=color, alpha=0.5)
            axes.plot(middle, place, "|", color=color, markersize=18, markeredgewidth=2.5)
        axes.grid(axis="x", alpha=0.4)
    left.set(yticks=range(len(found)), yticklabels=found, xlabel="test accuracy, bar: mean")
    left.invert_yaxis()
    left.locator_params(axis="x", nbins=5)
    right.set(xscale="log", xlabel="seconds to fit, bar: median")
    right.xaxis.set_major_formatter("{x:g}")
    figure.suptitle("The bundled digits: sweeps in blue, what people use in grey")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Fit all models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--output", help="write the figures to this JSON file")
    parser.add_argument("--plot", help="write a chart to this file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load_digits(return_X_y=True)
    if arguments.choose:
        choose(X, y)
        return
    models = MODELS | PEERS
    if find_spec("tensorkrowch"):
        models |= {"TensorKrowch MPSLayer": TensorKrowch()}
    else:
        print("TensorKrowch is not installed; see requirements.txt.")
    found = {}
    for name, model in models.items():
        results = []
        for seed in range(arguments.seeds):
            parts = train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed)
            results.append(fit_and_score(model, parts, seed))
        accuracy, seconds = np.transpose(results)
        found[name] = {"accuracy": accuracy.tolist(), "seconds": seconds.tolist()}
        spread = f" +- {accuracy.std(ddof=1):.4f}" if len(accuracy) > 1 else ""
        print(
            f"{name:30} {accuracy.mean():.4f}{spread}"
            f"   {np.median(seconds):6.2f} s ({seconds.max():.2f} at most)",
            flush=True,
        )
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(found, indent=1))
    if arguments.plot:
        plot(found, arguments.plot)


if __name__ == "__main__":
    main()
