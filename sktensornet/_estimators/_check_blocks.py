"""Dask arrays as `fit` takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_X_y,
    validate_data,
)

from .._arrays._typing import FloatArray
from .._data._columns import FLOATS, Columns
from .._distributed._blocks import Blocks


def check_blocks(estimator: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Blocks, Any, Any]:
    """X as `Blocks`, and y and the weights as `fit` takes them from any other X."""
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
