"""A race on MNIST: seconds until a test accuracy is reached.

Each contender trains on all 60,000 images without augmentation and is scored on
the test images after every epoch; the clock stands still while it is scored. The
libraries of tensor networks train the same function as TTClassifier here, a
trainable affine map of patches and a tensor train, by Adam with the same rate and
the same dropout of features::

    python examples/benchmarks/race.py --data DIR --output race.json --plot race.png
    python examples/benchmarks/race.py --data DIR --contenders CP HT MLPClassifier

DIR holds ``mnist.npz`` and may be given as SKTENSORNET_DATA; without it the data
come from OpenML. Peers that are not installed (see requirements.txt) are left out
with a note. An SVC has no epochs: its one entry is the whole fit.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from mnist import MODELS, load
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

GOALS = (0.97, 0.98, 0.985, 0.99)
BATCH, RATE, DROPOUT = 256, 3e-3, 0.2

Curve = list[tuple[float, float]]
"""Seconds of training and test accuracy, one entry an epoch."""


class Clock:
    """A callback that scores each epoch and leaves the time of scoring out."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.X, self.y = X, y
        self.curve: Curve = []

    def setup(self, estimator, context) -> None:
        """Start the clock."""
        self._paused = 0.0
        self._started = time.perf_counter()

    def teardown(self, estimator, context) -> None:
        """Nothing to tear down."""

    def on_fit_task_begin(self, estimator, context) -> None:
        """Nothing to do."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None) -> bool:
        """Score an epoch."""
        if context.parent is None or fitted_estimator is None:
            return False
        now = time.perf_counter()
        accuracy = float(fitted_estimator.score(self.X, self.y))
        self.curve.append((now - self._started - self._paused, accuracy))
        self._paused += time.perf_counter() - now
        return False


def own(name: str, epochs: int, images, seed: int) -> Curve:
    """One of the models of ``mnist.py``."""
    X, y, X_test, y_test = images
    clock = Clock(X_test, y_test)
    model = MODELS[name].set_params(max_iter=epochs, random_state=seed)
    model.set_callbacks(clock).fit(X, y)
    return clock.curve


def timed_epochs(epochs: Iterator, score) -> Curve:
    """Run epochs one by one and score after each."""
    curve: Curve = []
    total, started = 0.0, time.perf_counter()
    for _ in epochs:
        total += time.perf_counter() - started
        curve.append((total, score()))
        started = time.perf_counter()
    return curve


def mlp(name: str, epochs: int, images, seed: int) -> Curve:
    """Two hidden layers."""
    X, y, X_test, y_test = images
    model = MLPClassifier((256, 128), batch_size=BATCH, random_state=seed)
    classes = np.unique(y)
    steps = (model.partial_fit(X, y, classes=classes) for _ in range(epochs))
    return timed_epochs(steps, lambda: float(model.score(X_test, y_test)))


def svc(name: str, epochs: int, images, seed: int) -> Curve:
    """Gaussian kernel."""
    X, y, X_test, y_test = images
    model = SVC(C=10, cache_size=1000)
    return timed_epochs(
        (model.fit(X, y) for _ in range(1)), lambda: float(model.score(X_test, y_test))
    )


def torch_train(name: str, epochs: int, images, seed: int, device: str = "cpu") -> Curve:
    """The function of TTClassifier under autograd: by hand, or by TensorKrowch."""
    import torch
    from torch.nn.functional import cross_entropy, dropout, relu, unfold

    if device == "cpu":
        torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(seed)
    d, m, r, p = 36, 32, 24, 64
    X, y, X_test, y_test = (torch.as_tensor(array).to(device) for array in images)
    mean, scale = X.mean(), X.std()
    linear = torch.nn.Linear(p, m - 1, device=device)

    def features(X, training):
        patches = unfold(((X - mean) / scale).reshape(-1, 1, 28, 28), 8, stride=4)
        hidden = dropout(relu(linear(patches.transpose(1, 2))), DROPOUT, training)
        return torch.cat([torch.ones_like(hidden[..., :1]), hidden], dim=-1)

    if name.startswith("TensorKrowch"):
        import tensorkrowch as tk

        mode = {"inline_input": True, "inline_mats": True} if "inline" in name else {}
        layer = tk.models.MPSLayer(
            n_features=d + 1,
            in_dim=m,
            out_dim=10,
            bond_dim=r,
            init_method="randn_eye",
            std=1e-2,
        ).to(device)
        layer.auto_unbind = bool(mode)
        with torch.no_grad():
            layer.trace(features(X[:1], False), **mode)
        parameters = [*layer.parameters(), *linear.parameters()]

        def scores(X, training):
            return layer(features(X, training), **mode)
    else:
        sizes = [1, *[r] * (d - 1), 10]
        cores = []
        for left, right in pairwise(sizes):
            core = 1e-2 * torch.randn(left, m, right, device=device)
            core[:, 0] += torch.eye(left, right, device=device)
            cores.append(core.requires_grad_())
        parameters = [*cores, *linear.parameters()]

        def scores(X, training):
            x = features(X, training)
            h = x[:, 0] @ cores[0][0]
            for k in range(1, d):
                h = (h[:, :, None] * x[:, k, None, :]).flatten(1) @ cores[k].flatten(0, 1)
            return h

    optimiser = torch.optim.Adam(parameters, RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=epochs * -(-len(X) // BATCH), pct_start=0.2
    )

    def steps():
        for _ in range(epochs):
            for rows in torch.randperm(len(X), device=device).split(BATCH):
                optimiser.zero_grad()
                cross_entropy(scores(X[rows], True), y[rows]).backward()
                optimiser.step()
                schedule.step()
            # What was told to a device is done before the clock stops.
            parameters[0].sum().item()
            yield

    def score():
        with torch.no_grad():
            parts = [scores(part, False).argmax(1) for part in X_test.split(1000)]
        return float((torch.cat(parts) == y_test).float().mean())

    return timed_epochs(steps(), score)


CONTENDERS = {
    "HT": own,
    "HT, small": own,
    "CP": own,
    "TT": own,
    "torch autograd": torch_train,
    "TensorKrowch, inline": torch_train,
    "TensorKrowch, default": torch_train,
    "MLPClassifier": mlp,
    "SVC": svc,
}


def seconds_to(curve: Curve, goal: float) -> float | None:
    """When an accuracy was first reached."""
    return next((seconds for seconds, accuracy in curve if accuracy >= goal), None)


def plot(curves: dict[str, Curve], path: str) -> None:
    """Accuracy against time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), "o-", markersize=3, label=name)
    axes.set(xscale="log", ylim=(0.95, 0.995), xlabel="seconds of training", ylabel="test accuracy")
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Let the contenders run one after the other and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=60_000, help="fewer for a trial")
    parser.add_argument("--output", help="write the curves to this JSON file")
    parser.add_argument("--plot", help="write the curves to this picture")
    arguments = parser.parse_args()
    X, y, X_test, y_test = load(arguments.data)
    images = X[: arguments.images], y[: arguments.images], X_test, y_test
    curves: dict[str, Curve] = {}
    print(f"{'':22}" + "".join(f"{goal:>9.1%}" for goal in GOALS) + "     best   seconds")
    for name in arguments.contenders:
        try:
            curve = CONTENDERS[name](name, arguments.epochs, images, arguments.seed)
        except ImportError as missing:
            print(f"{name:22} left out: {missing}")
            continue
        curves[name] = curve
        reached = [seconds_to(curve, goal) for goal in GOALS]
        cells = "".join("        -" if t is None else f"{t:8.1f}s" for t in reached)
        best = max(accuracy for _, accuracy in curve)
        print(f"{name:22}{cells}   {best:.4f}  {curve[-1][0]:7.1f}", flush=True)
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(curves, indent=1))
    if arguments.plot:
        plot(curves, arguments.plot)


if __name__ == "__main__":
    main()
