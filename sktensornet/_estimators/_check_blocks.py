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
from .._fitting._plan import make_solver
from ..networks import TensorNetwork
from ..solvers import LBFGS

_LOCAL_STARTS = ("linear", "moments")


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
