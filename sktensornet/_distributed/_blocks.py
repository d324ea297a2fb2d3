"""Arrays of dask: their rows stay in blocks, on the workers of a cluster or on a disk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, reduce
from itertools import pairwise
from typing import Any
from uuid import uuid4

import numpy as np

from .._arrays._samples import sum_rows
from .._arrays._typing import FloatArray

_PANEL = 4
"""Columns that are read at a time are this part of a block: a worker joins them in a copy."""


def is_dask_array(X: Any) -> bool:
    """Whether X is an array of dask, which nobody has who has not imported it."""
    module = sys.modules.get("dask.array")
    return module is not None and isinstance(X, module.Array)


def flat_blocks(X: Any, flatten: Callable[[Any], Any]) -> Any:
    """A dask array of more axes as one of rows, which a function makes of each block."""
    n_features = flatten(np.empty((1, *X.shape[1:]), X.dtype)).shape[1]
    whole = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    return whole.map_blocks(
        flatten,
        chunks=(X.chunks[0], (n_features,)),
        drop_axis=list(range(2, X.ndim)),
        meta=np.empty((0, 0), X.dtype),
    )


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

    def stacked(self, columns: np.ndarray) -> Blocks:
        """The blocks with a row for each of the sites of each row, one after the other."""
        n_sites, size = columns.shape
        chunks = (tuple(n_sites * n for n in self.array.chunks[0]), (size,))
        rows = self.array.map_blocks(
            lambda block: block[:, columns].reshape(-1, size),
            chunks=chunks,
            meta=np.empty((0, 0), self.dtype),
        )
        return Blocks(rows, lambda block: block, self.dtype)

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

        def sums() -> np.ndarray:
            placed = [self.place(other[:, None]) for other in others]
            found = self.array.map_blocks(
                _sum_of_block,
                *placed,
                summed=partial(sum_rows, function, add=add, size=size),
                chunks=((1,) * self.array.numblocks[0], (1,)),
                meta=np.empty((0, 0), object),
            )
            return read(found).ravel()

        return reduce(add, (one for one in recovered(sums) if one is not None))


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


def read(array: Any) -> Any:
    """A dask array as one of NumPy; without a cluster or a setting, one block at a time."""
    from dask import config

    asked = client_of_dask() is not None or config.get("scheduler", None) is not None
    with telling_losses():
        return array.compute() if asked else array.compute(scheduler="synchronous")


class LostWorkerError(RuntimeError):
    """A worker of dask ended with what only it had."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"a worker of dask was lost during the fit ({type(error).__name__}: {error}), and what "
            "it had cannot be computed again on those that are left; the estimator is as it was "
            "before. Call fit again with blocks that dask knows how to compute (X from files, or "
            "not only scattered). With set_callbacks(sktensornet.callbacks.Checkpoint(...)), the "
            "file that it wrote goes on from the last iterations."
        )


_LOST = ("FutureCancelledError", "CancelledError", "KilledWorker", "FutureLostError")
"""The names of what dask raises where a worker ended with what only it had."""
_MOST_LOSSES, _PATIENCE = 3, 30
"""So often work begins again, if there is a worker within so many seconds; not tuned."""


@contextmanager
def telling_losses(*others: type[BaseException]) -> Iterator[None]:
    """Raise `LostWorkerError` for errors of dask, and for others, that mean it."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ not in _LOST and not isinstance(error, others):
            raise
        raise LostWorkerError(error) from error


def recovered(work: Callable[[], Any]) -> Any:
    """What work gives that sends all it needs; again where a worker was lost meanwhile.

    dask computes the blocks of X on the workers that are left, if it knows how.
    """
    for losses in range(1 + _MOST_LOSSES):
        try:
            return work()
        except LostWorkerError:
            client = client_of_dask()
            if client is None or losses == _MOST_LOSSES:
                raise
            with suppress(TimeoutError):
                client.wait_for_workers(1, timeout=_PATIENCE)
                continue
            raise


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
