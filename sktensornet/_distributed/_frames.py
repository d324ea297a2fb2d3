"""DataFrames of dask: their rows stay in blocks, and their columns keep their names."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def is_dask_frame(X: Any) -> bool:
    """Whether X is a DataFrame of dask, which nobody has who has not imported it."""
    module = sys.modules.get("dask.dataframe")
    return module is not None and isinstance(X, module.DataFrame)


def is_dask(data: Any) -> bool:
    """Whether data are a collection of dask: an array, a DataFrame, a Series."""
    base = sys.modules.get("dask.base")
    return base is not None and base.is_dask_collection(data)


def without_rows(frame: Any) -> Any:
    """A DataFrame of pandas with the columns of one of dask, and no rows."""
    return frame._meta


def blocks_of_frame(frame: Any) -> Any:
    """The dask array of numbers of a DataFrame, whose rows are counted block by block.

    Raises
    ------
    ValueError
        If a column holds something else than numbers.
    """
    columns = without_rows(frame)
    kinds = [getattr(dtype, "kind", "O") for dtype in columns.dtypes]
    others = [name for name, kind in zip(columns.columns, kinds, strict=True) if kind not in "biuf"]
    if others:
        raise ValueError(
            f"X is a DataFrame of dask with text, categories or dates in the columns {others!r}; "
            "its blocks are fitted where they are, and must be numbers. Make them codes, as "
            "X.categorize() and X[column].cat.codes do, and pass feature_map={column: 'one_hot'} "
            "for each; or, if they fit into memory, X.compute()."
        )
    types = set(columns.dtypes)
    if types not in ({np.dtype(np.float32)}, {np.dtype(np.float64)}):
        frame = frame.astype(np.float64)
    return frame.to_dask_array(lengths=True)
