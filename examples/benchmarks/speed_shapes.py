"""What the benchmarks of speed share: shapes, one training step of each library, the GEMM peak.

Every model is the same function: patches of an image, a trainable affine map
with a rectifier and a constant, and a tensor train with the class leg in its last
core. A training step is the loss and its derivative by every parameter, without
the update.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from sktensornet import TTClassifier
from sktensornet._arrays._namespace import Place
from sktensornet._arrays._parallel import ChunkPool
from sktensornet._problems._array_objective import ArrayObjective
from sktensornet._problems._model import Model
from sktensornet.feature_maps import AffineMap
from sktensornet.inspection import TrainingObjective
from sktensornet.losses import LogLoss
from sktensornet.networks import TensorNetwork, tensor_train
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

N_CLASSES = 10
PREDICTED = 40
WARM_SECONDS = 0.1


@dataclass(frozen=True)
class Shape:
    """Patches of an image, m features of each, and the rank r."""

    image: int
    patch: int
    stride: int
    m: int
    r: int

    @property
    def d(self) -> int:
        """Number of sites."""
        return ((self.image - self.patch) // self.stride + 1) ** 2

    @property
    def name(self) -> str:
        """The name (d, m, r)."""
        return f"({self.d}, {self.m}, {self.r})"

    def flops(self, n: int, step: bool) -> float:
        """Nominal flops of a step or a prediction: 2 n d r^2 m and the map, thrice in a step."""
        forward = 2 * n * self.d * self.r**2 * self.m
        affine = 2 * n * self.d * self.patch**2 * (self.m - 1)
        return 3 * forward + 2 * affine if step else forward + affine


SHAPES = [
    Shape(28, 7, 7, 32, 32),
    Shape(28, 8, 4, 48, 24),
    Shape(32, 4, 4, 8, 64),
    Shape(28, 4, 4, 16, 16),
    Shape(28, 2, 2, 2, 20),
    Shape(28, 1, 1, 2, 10),
]


def data(shape: Shape, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Made images and labels."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, shape.image**2)).astype(np.float32)
    return X, rng.integers(0, N_CLASSES, n)


def near_identity(shape: Shape) -> TensorNetwork:
    """A train that passes the constant on, with the class leg in its last core."""
    rng = np.random.default_rng(1)
    tree = tensor_train(shape.d, shape.d - 1)
    sizes = tree.message_sizes((shape.m,) * shape.d, shape.r, N_CLASSES)
    # So little that products of all cores stay near one.
    noise = np.float32(0.1 / (shape.d * shape.r) ** 0.5)
    cores = []
    for size in tree.core_shapes(sizes):
        core = rng.standard_normal(size, np.float32) * noise
        core[:, 0] += np.eye(core.shape[0], core.shape[2], dtype=np.float32).reshape(
            core.shape[0], core.shape[2], *[1] * (core.ndim - 3)
        )
        cores.append(core)
    return TensorNetwork(tree, tuple(cores))


def array_runs(shape: Shape, n: int, place: Place) -> dict[str, Callable[[], object]]:
    """The same step and prediction of arrays of another library."""
    X, y = data(shape, n)
    sites = ImagePatches((shape.image,) * 2, (shape.patch,) * 2, stride=shape.stride).fit(
        X.shape[1]
    )
    random_state = np.random.RandomState(0)
    fitted_map = AffineMap(shape.m).fit(X, sites.columns, None, random_state)
    network = near_identity(shape)
    model = Model.from_fitted(sites, fitted_map, network)
    theta = model.theta_of(network, fitted_map)
    there = ArrayObjective(
        model,
        LogLoss(),
        X,
        y,
        np.ones(n),
        alpha=0.0,
        penalty="start",
        origin=theta,
        pool=ChunkPool(1),
        place=place,
    )
    point, rows = there.put(theta), np.arange(n)
    many, moved = place.put(X), model.moved(place)
    return {
        "step": lambda: there.value_and_gradient(point, rows),
        "predict": lambda: moved.scores(point, many, 1),
    }


@contextmanager
def own_runs(shape: Shape, n: int, n_threads: int) -> Iterator[dict[str, Callable[[], object]]]:
    """A training step, and a prediction for `PREDICTED` batches, by the package."""
    X, y = data(shape, n)
    options = {"penalty": "start", "alpha": 0.0, "max_iter": 1, "random_state": 0}
    clf = trained(shape, n, n_jobs=n_threads, **options).fit(X, y)
    with TrainingObjective(clf, X, y, network=near_identity(shape)) as objective:
        theta, rows = objective.point.astype(np.float32), np.arange(n)
        many = np.tile(X, (PREDICTED, 1))
        yield {
            "step": lambda: objective.value_and_gradient(theta, rows),
            "predict": lambda: objective.scores(objective.point, many),
        }


class Epochs:
    """A callback that times each epoch of a fit, and the GEMM peak just before it.

    Parameters
    ----------
    peak : callable
        From `gemm`.
    clock : callable
    """

    def __init__(self, peak: Callable[[], object], clock: Callable[[], float]) -> None:
        self._peak, self._clock = peak, clock
        self.times: list[tuple[float, float]] = []

    def setup(self, estimator, context) -> None:
        """Nothing is to be prepared."""

    def teardown(self, estimator, context) -> None:
        """Nothing is to be undone."""

    def on_fit_task_begin(self, estimator, context) -> None:
        """Time the peak, and begin to time the epoch."""
        if context.parent is not None:
            self._of_peak, self._started = seconds(self._peak, self._clock), self._clock()

    def on_fit_task_end(self, estimator, context) -> bool:
        """Keep both times."""
        if context.parent is not None:
            self.times.append((self._of_peak, self._clock() - self._started))
        return False


def epochs(
    model,
    X,
    y,
    n_threads: int,
    repeats: int,
    clock=time.perf_counter,
    size: int = 1536,
    with_peak: bool = True,
):
    """Seconds of the GEMM peak and of an epoch through `fit`, (repeats, 2).

    The first epoch of each fit is left out: memory is asked for, and code compiled, in it.
    Without the peak its seconds are about zero.
    """
    timed = Epochs(gemm(n_threads, size)[0] if with_peak else int, clock)
    model.set_params(max_iter=repeats + 1, n_jobs=n_threads, random_state=0)
    model.set_callbacks(timed).fit(X, y)
    model.set_callbacks()
    return np.array(timed.times[1:])


def fit_flops(model, n: int) -> float:
    """Nominal flops of an epoch over n samples: six for each entry of the cores, and the map."""
    affine = 4 * model.patches_.columns.size * (model.feature_map_.mode_sizes[0] - 1)
    return n * (6 * model.network_.n_parameters + affine)


def trained(shape: Shape, batch_size: int, **parameters) -> TTClassifier:
    """The model of a shape that `fit` trains by mini-batches."""
    return TTClassifier(
        rank=shape.r,
        patches=ImagePatches((shape.image,) * 2, (shape.patch,) * 2, stride=shape.stride),
        feature_map=AffineMap(shape.m),
        solver=Adam(batch_size=batch_size),
        **parameters,
    )


def gemm(n_threads: int, size: int = 1536) -> tuple[Callable[[], object], float]:
    """A square float32 matrix product, and its flops."""
    a, b = np.random.default_rng(0).standard_normal((2, size, size)).astype(np.float32)
    out = np.empty_like(a)

    def run():
        with threadpool_limits(n_threads, user_api="blas"):
            for _ in range(3):
                np.matmul(a, b, out=out)

    return run, 6.0 * size**3


def torch_patches(shape: Shape, n: int, torch, device: str = "cpu"):
    """Patches (n, d, p) of the same data, and the labels."""
    X, y = data(shape, n)
    images = torch.from_numpy(X).reshape(n, 1, shape.image, shape.image)
    patches = torch.nn.functional.unfold(images, shape.patch, stride=shape.stride)
    return patches.transpose(1, 2).contiguous().to(device), torch.from_numpy(y).to(device)


def torch_features(shape: Shape, torch, device: str = "cpu"):
    """The affine map with a constant first."""
    linear = torch.nn.Linear(shape.patch**2, shape.m - 1, device=device)

    def features(patches):
        hidden = torch.relu(linear(patches))
        return torch.cat([torch.ones_like(hidden[..., :1]), hidden], dim=-1)

    return linear, features


def torch_step(shape: Shape, n: int, n_threads: int, device: str = "cpu") -> Callable[[], object]:
    """A hand-written loop over sites under autograd."""
    import torch

    torch.set_num_threads(n_threads)
    torch.manual_seed(0)
    patches, y = torch_patches(shape, n, torch, device)
    linear, features = torch_features(shape, torch, device)
    d, m, r = shape.d, shape.m, shape.r
    sizes = [1, *[r] * (d - 1), N_CLASSES]
    cores = []
    for left, right in pairwise(sizes):
        core = 1e-2 * torch.randn(left, m, right, device=device)
        core[:, 0] += torch.eye(left, right, device=device)
        cores.append(core.requires_grad_())
    parameters = [*cores, *linear.parameters()]

    def step():
        x = features(patches)
        h = x[:, 0] @ cores[0][0]
        for k in range(1, d):
            design = (h[:, :, None] * x[:, k, None, :]).flatten(1)
            h = design @ cores[k].flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(h, y)
        return torch.autograd.grad(loss, parameters)

    return step


def tensorkrowch_steps(
    shape: Shape, n: int, n_threads: int, device: str = "cpu"
) -> dict[str, Callable[[], object]]:
    """TensorKrowch's MPSLayer in its modes, with the same features."""
    import tensorkrowch as tk
    import torch

    torch.set_num_threads(n_threads)
    patches, y = torch_patches(shape, n, torch, device)
    linear, features = torch_features(shape, torch, device)

    def step_of(unbind: bool, **mode):
        torch.manual_seed(0)
        layer = tk.models.MPSLayer(
            n_features=shape.d + 1,
            in_dim=shape.m,
            out_dim=N_CLASSES,
            bond_dim=shape.r,
            out_position=shape.d,
            init_method="randn_eye",
            std=1e-3,
        ).to(device)
        layer.auto_unbind = unbind
        with torch.no_grad():
            layer.trace(features(patches[:1]), **mode)
        parameters = [*layer.parameters(), *linear.parameters()]

        def step():
            loss = torch.nn.functional.cross_entropy(layer(features(patches), **mode), y)
            return torch.autograd.grad(loss, parameters)

        return step

    inline = {"inline_input": True, "inline_mats": True}
    return {
        "TensorKrowch, default": step_of(False),
        "TensorKrowch, inline": step_of(True, **inline),
    }


def seconds(run: Callable[[], object], clock=time.perf_counter) -> float:
    """Time of one call."""
    started = clock()
    run()
    return clock() - started


def paired(runs: dict[str, Callable[[], object]], repeats: int, clock=time.perf_counter):
    """Times of each run, (repeats, runs), all runs in turn in every repeat.

    Each runs for a while before it is timed, as a step follows another in training:
    the threads of the library before spin for some 30 ms when their work is done.
    """

    def warm(run: Callable[[], object]) -> float:
        started = time.perf_counter()
        while time.perf_counter() - started < WARM_SECONDS:
            run()
        return seconds(run, clock)

    return np.array([[warm(run) for run in runs.values()] for _ in range(repeats)])
