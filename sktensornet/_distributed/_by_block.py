"""Methods that take a dask array block by block."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ._blocks import check_chunks, is_dask_array


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
