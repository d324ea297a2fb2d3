"""Methods that take an array or a DataFrame of dask block by block."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ._blocks import check_chunks, flat_blocks, is_dask_array
from ._frames import blocks_of_frame, is_dask_frame, without_rows


def by_block(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Decorate a method of rows: for an X of dask it gives a dask array, block by block."""

    @wraps(method)
    def method_of_any(self: Any, X: Any) -> Any:
        like = None
        if is_dask_frame(X):
            like, X = without_rows(X), blocks_of_frame(X)
        elif not is_dask_array(X):
            return method(self, X)
        from dask import delayed

        if X.ndim > 2 and self.patches_.patches is not None:
            X = flat_blocks(X, self.patches_.patches.flatten)
        check_chunks(X)
        one = method(self, _table(np.zeros((1, X.shape[1]), X.dtype), like))
        shape: dict[str, Any] = {"drop_axis": 1}
        if one.ndim == 2:
            shape = {"chunks": (X.chunks[0], one.shape[1:])}
        return X.map_blocks(
            _call,
            estimator=delayed(self),
            name_of_method=method.__name__,
            like=like,
            none=one[:0],
            meta=one[:0],
            **shape,
        )

    return method_of_any


def _call(
    X: np.ndarray, *, estimator: Any, name_of_method: str, like: Any, none: np.ndarray
) -> np.ndarray:
    return getattr(estimator, name_of_method)(_table(X, like)) if len(X) else none


def _table(X: np.ndarray, like: Any) -> Any:
    """X, with the columns of a DataFrame if one is given."""
    return X if like is None else type(like)(X, columns=like.columns)
