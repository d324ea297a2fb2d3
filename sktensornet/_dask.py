"""Arrays of dask: their rows stay in blocks, on the workers of a cluster or on a disk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial, reduce, wraps
from itertools import pairwise
from typing import Any
from uuid import uuid4

import numpy as np
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_X_y,
    validate_data,
)

from ._assembly import make_solver
from ._columns import FLOATS, Columns
from ._objective import Objective
from ._parallel import ChunkPool, effective_threads, sum_rows
from ._typing import FloatArray
from .networks import TensorNetwork
from .solvers import LBFGS

_SUMMED_AT_ONCE = 8
_PANEL = 4
"""Columns that are read at a time are this part of a block: a worker joins them in a copy."""
_LOCAL_STARTS = ("linear", "moments")


def is_dask_array(X: Any) -> bool:
    """Whether X is an array of dask, which nobody has who has not imported it."""
    module = sys.modules.get("dask.array")
    return module is not None and isinstance(X, module.Array)


class Blocks:
    """The rows of a dask array: functions go to the blocks, and rows or a column come.

    ``X[rows]`` and ``X[:, column]`` are arrays of NumPy; so many columns are read at
    a time as are no more than a quarter of a block. ``X[:]`` is the object itself.

    Parameters
    ----------
    array : dask.array.Array of shape (n_samples, n_features)
        With known sizes, and all columns in each block.
    check : callable
        Applied to each block where it lives.
    dtype : dtype
        What `check` makes of the blocks.
    """

    def __init__(
        self, array: Any, check: Callable[[np.ndarray], FloatArray], dtype: np.dtype
    ) -> None:
        check_chunks(array)
        if np.isnan(array.shape[0]):
            raise ValueError(
                f"X has blocks of unknown sizes, chunks={array.chunks!r}, but fit needs to know "
                "which row is where; call X.compute_chunk_sizes()."
            )
        self.array = array.map_blocks(check, meta=np.empty((0, 0), dtype))
        self.shape: tuple[int, int] = array.shape
        self.dtype = dtype
        widest = max(array.chunks[0])
        self._n_columns = max(1, widest * self.shape[1] // (_PANEL * max(1, self.shape[0])))
        self._held: tuple[int, Any] = (-1, None)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice) and key == slice(None):
            return self
        if not isinstance(key, tuple):
            return read(self.array[key])
        rows, column = key
        if rows != slice(None) or np.ndim(column):
            self.__array__()
        first = column - column % self._n_columns
        if self._held[0] != first:
            self.release()
            last = min(first + self._n_columns, self.shape[1])
            chunks = (self.array.chunks[0], (last - first,))
            # A view would keep its block alive.
            panel = self.array.map_blocks(
                lambda block: block[:, first:last].copy(), chunks=chunks, meta=np.empty((0, 0))
            )
            self._held = (first, read(panel))
        return self._held[1][:, column - first]

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "this would bring all rows of a dask array to one place; use X.sum_rows(function), or "
            "take parts of them, X[rows] or X[:, column]."
        )

    def release(self) -> None:
        """Hold nothing of what was read."""
        self._held = (-1, None)

    def place(self, rows: np.ndarray) -> Any:
        """A dask array of these rows, in blocks like the own ones, sent to workers once."""
        import dask.array as da

        name = f"rows-{uuid4().hex}"
        bounds = np.cumsum([0, *self.array.chunks[0]])
        parts = {(name, k, 0): rows[a:b] for k, (a, b) in enumerate(pairwise(bounds))}
        client = client_of_dask()
        data = parts if client is None else client.scatter(parts, hash=False)
        return da.Array(data, name, (self.array.chunks[0], rows.shape[1:]), meta=rows[:0])

    def sum_rows(
        self,
        function: Callable[..., Any],
        *others: np.ndarray,
        add: Callable[[Any, Any], Any],
        size: int | None,
    ) -> Any:
        """`sum_rows` of each block where it is, and their sum in order."""
        placed = [self.place(other[:, None]) for other in others]
        found = self.array.map_blocks(
            _sum_of_block,
            *placed,
            summed=partial(sum_rows, function, add=add, size=size),
            chunks=((1,) * self.array.numblocks[0], (1,)),
            meta=np.empty((0, 0), object),
        )
        return reduce(add, (one for one in read(found).ravel() if one is not None))


def _sum_of_block(X: FloatArray, *others: np.ndarray, summed: Callable[..., Any]) -> np.ndarray:
    """The sum over the rows of a block as the only entry of an array, or None without rows."""
    found = np.full((1, 1), None)
    if len(X):
        found[0, 0] = summed(X, *(other[:, 0] for other in others))
    return found


def check_chunks(array: Any) -> None:
    """Raise if a dask array is not a table with whole rows in each block."""
    if array.ndim != 2:
        raise ValueError(f"X has {array.ndim} dimension(s); it must have rows and columns.")
    if array.numblocks[1] > 1:
        raise ValueError(
            f"X has {array.numblocks[1]} blocks of columns, but a sample must lie in one block; "
            "use X.rechunk({1: -1})."
        )


def check_blocks(estimator: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Blocks, Any, Any]:
    """X as `Blocks`, and y and the weights as `fit` takes them from any other X."""
    solver = make_solver(estimator.solver, LBFGS)
    if not (solver.full_batch or solver.sweeps):
        raise ValueError(
            f"solver={estimator.solver!r} asks for single samples, but X is a dask array, whose "
            "blocks give sums over all samples; use solver='lbfgs', 'als' or 'auto', or "
            "partial_fit with solver='adam' on one block after the other."
        )
    if estimator.early_stopping:
        raise ValueError(
            "early_stopping=True holds out single samples, which a dask array X does not give; "
            "use early_stopping=False, and validate on an array of your own."
        )
    if not isinstance(estimator.init, TensorNetwork) and estimator.init in _LOCAL_STARTS:
        raise ValueError(
            f"init={estimator.init!r} needs the features of all samples at one place, but X is a "
            "dask array; use init='identity', 'interactions' or a network."
        )
    categorical = estimator.categorical_features
    if not (categorical is None or (isinstance(categorical, str) and categorical == "from_dtype")):
        raise ValueError(
            f"categorical_features={categorical!r} does not go with a dask array X; use "
            "feature_map={column: 'one_hot'} for columns whose numbers are categories."
        )
    floats = FLOATS["dtype"]
    dtype = np.dtype(X.dtype if X.dtype in floats else floats[0])
    options = estimator._floats(dtype) | {"ensure_min_samples": 0, "input_name": "X"}
    name = type(estimator).__name__

    def check(block: np.ndarray) -> FloatArray:
        return check_array(block, estimator=name, **options)

    blocks = Blocks(X, check, dtype)
    estimator.columns_ = Columns(None, [])
    validate_data(estimator, X, skip_check_array=True)
    # As long as X, so that lengths and y are checked as for any other X.
    stand_in = np.broadcast_to(np.zeros(1), (len(blocks), 1))
    _, y = check_X_y(stand_in, y, estimator=estimator, **estimator._target_checks)
    weight = _check_sample_weight(
        sample_weight, stand_in, dtype=np.float64, ensure_non_negative=True
    )
    return blocks, y, weight


class BlockObjective(Objective):
    r"""The objective of samples in blocks, which are not moved.

    .. math:: F(\theta) = \sum_b \frac{W_b}{W} F_b(\theta) + \frac{\alpha}{2} R(\theta),
              \qquad W_b = \sum_{i \in b} w_i

    F_b is the mean loss of a block, by `Objective` on the worker where the block
    is. Blocks are summed in a fixed order.

    Parameters
    ----------
    n_jobs : int or None
        Threads for a block.
    **others
        Those of `Objective`; X is `Blocks`.
    """

    def __init__(self, *args: Any, n_jobs: int | None, **others: Any) -> None:
        super().__init__(*args, **others)
        self.X.release()
        self._targets = self.X.place(np.column_stack([self.weight, self.y]))
        self._problem = _shared(
            (self.model, self.loss, self.y.dtype, self.y.shape, self.penalty, n_jobs)
        )

    def mean_loss(self, theta, rows=None, dropout=0.0, seed=0):
        if rows is not None:
            raise ValueError(
                "samples of a dask array cannot be taken one by one: rows must be None."
            )
        import dask.array as da

        parts = da.map_blocks(
            _block_share,
            self.X.array,
            self._targets,
            theta=_shared(theta, everywhere=False),
            problem=self._problem,
            chunks=((1,) * self.X.array.numblocks[0], (1 + self.model.size,)),
            meta=np.empty((0, 0)),
        )
        total = read(parts.sum(axis=0, split_every=_SUMMED_AT_ONCE))
        return float(total[0]), total[1:]


def _block_share(
    X: FloatArray, targets: FloatArray, *, theta: FloatArray, problem: tuple
) -> FloatArray:
    """Share of a block in the mean loss, and in its derivative, as one row."""
    model, loss, dtype, shape, penalty, n_jobs = problem
    weight = targets[:, 0]
    share = weight.sum() / shape[0]
    if share == 0:
        return np.zeros((1, 1 + model.size))
    y = targets[:, 1:].astype(dtype).reshape(-1, *shape[1:])
    with ChunkPool(effective_threads(n_jobs)) as pool:
        objective = Objective(
            model, loss, X, y, weight, alpha=0.0, penalty=penalty, origin=theta, pool=pool
        )
        value, gradient = objective.mean_loss(theta)
    return share * np.concatenate([[value], gradient])[None]


def by_block(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Decorate a method of rows: for a dask array it gives another, block by block."""

    @wraps(method)
    def method_of_any(self: Any, X: Any) -> Any:
        if not is_dask_array(X):
            return method(self, X)
        from dask import delayed

        check_chunks(X)
        one = method(self, np.zeros((1, X.shape[1]), X.dtype))
        shape: dict[str, Any] = {"drop_axis": 1}
        if one.ndim == 2:
            shape = {"chunks": (X.chunks[0], one.shape[1:])}
        return X.map_blocks(
            _call,
            estimator=delayed(self),
            name_of_method=method.__name__,
            none=one[:0],
            meta=one[:0],
            **shape,
        )

    return method_of_any


def _call(X: np.ndarray, *, estimator: Any, name_of_method: str, none: np.ndarray) -> np.ndarray:
    return getattr(estimator, name_of_method)(X) if len(X) else none


def read(array: Any) -> Any:
    """A dask array as one of NumPy; without a cluster or a setting, one block at a time."""
    from dask import config

    asked = client_of_dask() is not None or config.get("scheduler", None) is not None
    return array.compute() if asked else array.compute(scheduler="synchronous")


def client_of_dask() -> Any:
    """The client of the present cluster, or None, also where a setting rules it out."""
    from dask import config

    asked = config.get("scheduler", None)
    if "distributed" not in sys.modules or asked not in (None, "dask.distributed", "distributed"):
        return None
    try:
        return sys.modules["distributed"].get_client()
    except ValueError:
        return None


def _shared(value: Any, everywhere: bool = True) -> Any:
    """A value that the tasks of all blocks get; `everywhere` sends it once for many calls."""
    from dask import delayed

    client = client_of_dask()
    if everywhere and client is not None:
        value = client.scatter(value, hash=False, broadcast=True)
    return delayed(value)
