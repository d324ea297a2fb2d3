"""Images and series in the shape in which people hold them, as rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._distributed._blocks import flat_blocks, is_dask_array
from ..patches import Patches

_SMALL = (np.uint8, np.int8)
"""Pixels whose values float32 holds exactly, at half of the memory of float64."""


def in_rows(estimator: Any, X: Any, reset: bool = False) -> Any:
    """X as rows, if its samples have the shape that the patches state.

    A fit that learns of X anew goes by the parameter, all else by the patches of the fit.
    """
    patches = estimator.patches
    if not reset and hasattr(estimator, "patches_"):
        patches = None if patches is None else estimator.patches_.patches
    if patches is None or hasattr(X, "__dataframe__") or hasattr(X, "iloc"):
        return X
    if isinstance(X, (list, tuple)) or getattr(getattr(X, "dtype", None), "kind", None) == "O":
        X = _stacked(X, patches)
    n_axes = len(getattr(X, "shape", ()))
    if is_dask_array(X):
        X = X.astype(np.float32) if X.dtype in _SMALL else X
        return flat_blocks(X, patches.flatten) if n_axes > 2 else X
    if isinstance(X, np.ndarray) and X.dtype in _SMALL:
        X = X.astype(np.float32)
    return patches.flatten(X) if n_axes > 2 else X


def _stacked(X: Any, patches: Patches) -> Any:
    """A list of samples, or an array of arrays, as one array; raise where shapes differ."""
    if getattr(X, "ndim", 1) != 1:
        return X
    try:
        shapes = {np.shape(one): None for one in X}
    except ValueError:
        shapes = {}
        many = "samples whose own rows differ in length"
    if len(shapes) > 1:
        one, other, *_ = shapes
        many = f"samples of {len(shapes)} shapes, such as {one} and {other}"
    if len(shapes) != 1:
        if not len(X):
            return X
        raise ValueError(
            f"X has {many}; with patches={patches!r} all must have one shape. Cut or resize images "
            "to it; pad series with sktensornet.patches.pad_sequences."
        )
    return np.stack(list(map(np.asarray, X))) if len(next(iter(shapes))) > 0 else X
