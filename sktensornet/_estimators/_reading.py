"""X, y and weights as users have them, as arrays that a fitted model takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.utils.validation import (
    _check_feature_names,
    _check_sample_weight,
    check_array,
    check_is_fitted,
    check_X_y,
    validate_data,
)

from .._arrays._namespace import Place, detached, host
from .._arrays._typing import FloatArray
from .._data._columns import FLOATS, Columns, learn_columns, refuse_masked
from .._data._multilabels import is_multilabel
from .._distributed._blocks import Blocks, is_dask_array
from .._distributed._blocks import read as read_blocks
from .._distributed._frames import blocks_of_frame, is_dask, is_dask_frame, without_rows
from ..feature_maps import FeatureMap
from ._natural_shape import in_rows

Read = tuple[Any, Any, FloatArray]
"""X, y not yet encoded, and the weights."""

_quiet = np.errstate(over="ignore", invalid="ignore")
"""scikit-learn looks for infinities in the sum of all numbers, which may overflow."""


def read(estimator: Any, X: Any, y: Any, sample_weight: Any, reset: bool) -> Read:
    """X, y and weights as arrays, or X as `Blocks`; `reset` learns of X what later ones must be."""
    check = _read_blocks if is_dask_array(X) or is_dask_frame(X) else read_arrays
    return check(estimator, X, y, sample_weight, reset)


def read_again(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Read:
    """What a warm start goes on with: columns like those before, with their categories."""
    try:
        return read(estimator, X, y, sample_weight, reset=False)
    except ValueError as error:
        if "feature" not in str(error):
            raise
        raise ValueError(
            f"warm_start=True goes on with the columns of the fit before, but {error} Set "
            "warm_start=False to start anew."
        ) from error


def read_input(estimator: Any, X: Any, any_length: bool = False) -> FloatArray:
    """X as a fitted model takes it, in NumPy; see `read_there`."""
    return read_there(estimator, X, None, any_length)


@_quiet
def read_there(estimator: Any, X: Any, place: Place | None, any_length: bool = False) -> Any:
    """X as a fitted model takes it, at a place of another library, or in NumPy.

    `any_length` takes arrays of other lengths of equal cores.
    """
    check_is_fitted(estimator)
    X = in_rows(estimator, host("X", _gathered(X)) if place is None else detached(X))
    dtype = estimator.network_.dtype
    checks = _floats(estimator, dtype if place is None else place.dtype(dtype))
    if estimator.columns_.encoder is not None:
        _check_table(X)
    with estimator.columns_.explained(X, learns=False):
        if estimator.columns_.encoder is None:
            if any_length and estimator.network_.shares_cores and not _has_names(X):
                _check_feature_names(estimator, X, reset=False)
                return check_array(X, estimator=estimator, input_name="X", **checks)
            return validate_data(estimator, X, reset=False, **checks)
        validate_data(estimator, X, reset=False, skip_check_array=True)
        return check_array(estimator.columns_.encode(X, estimator), estimator=estimator, **checks)


def _has_names(X: Any) -> bool:
    """Whether X is a table with names of its columns, which other lengths would not have."""
    return hasattr(X, "columns") or hasattr(X, "__dataframe__")


def allows_nan(feature_map: Any) -> bool:
    """Whether a parameter ``feature_map`` takes NaN as missing."""
    maps = feature_map.values() if isinstance(feature_map, dict) else [feature_map]
    return all(one.allow_nan for one in maps if isinstance(one, FeatureMap))


def _begin(estimator: Any, columns: Columns) -> None:
    """Forget what was learnt of X before."""
    estimator.columns_ = columns
    estimator._allow_nan = allows_nan(estimator.feature_map)


def _floats(estimator: Any, dtypes: Any) -> dict[str, Any]:
    """What `check_array` demands of X."""
    checks = FLOATS | {"dtype": dtypes}
    return checks if estimator._allow_nan else checks | {"ensure_all_finite": True}


@_quiet
def read_arrays(
    estimator: Any, X: Any, y: Any, sample_weight: Any, reset: bool, declared: bool = False
) -> Read:
    """X, y and weights as arrays; later batches may have levels that are only `declared`."""
    X, y, sample_weight = map(_gathered, (X, y, sample_weight))
    refuse_masked(X=X, y=y, sample_weight=sample_weight)
    X, y = in_rows(estimator, host("X", X), reset), host("y", y)
    sample_weight = host("sample_weight", sample_weight)
    if reset:
        _begin(estimator, learn_columns(X, estimator.categorical_features, declared))
    elif estimator.columns_.encoder is not None:
        _check_table(X)
    columns = estimator.columns_
    y = _targets(estimator, y)
    checks = _floats(estimator, FLOATS["dtype"]) | _target_checks(estimator, y)
    with columns.explained(X, learns=reset):
        if columns.encoder is None:
            X, y = validate_data(estimator, X, y, reset=reset, **checks)
        else:
            validate_data(estimator, X, y, reset=reset, skip_check_array=True)
            if not reset:
                columns.warn_of_unknown(X)
            X, y = check_X_y(columns.encode(X, estimator), y, estimator=estimator, **checks)
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    return X, y, weight


@_quiet
def _read_blocks(estimator: Any, X: Any, y: Any, sample_weight: Any, reset: bool) -> Read:
    y, sample_weight = host("y", y), host("sample_weight", sample_weight)
    categorical = estimator.categorical_features
    if not (categorical is None or (isinstance(categorical, str) and categorical == "from_dtype")):
        raise ValueError(
            f"categorical_features={categorical!r} does not go with a dask array X, or a "
            "DataFrame of dask; use feature_map={column: 'one_hot'} for columns whose "
            "numbers are categories."
        )
    y, sample_weight = _gathered(y), _gathered(sample_weight)
    X = in_rows(estimator, X, reset)
    like, names = X, None
    if is_dask_frame(X):
        like = without_rows(X)
        names = [str(name) for name in like.columns]
        X = blocks_of_frame(X)
    if reset:
        _begin(estimator, Columns(names, []))
    elif estimator.columns_.encoder is not None:
        own = estimator.columns_.labels(estimator.columns_.categorical)
        raise ValueError(
            f"the fit before had columns of categories, {own!r}, which blocks of dask have not; "
            "pass a table like that before, or set warm_start=False."
        )
    dtypes = FLOATS["dtype"]
    dtype = np.dtype(X.dtype if X.dtype in dtypes else dtypes[0])
    options = _floats(estimator, dtype) | {"ensure_min_samples": 0, "input_name": "X"}
    name = type(estimator).__name__

    def check(block: np.ndarray) -> FloatArray:
        return check_array(block, estimator=name, **options)

    blocks = Blocks(X, check, dtype)
    validate_data(estimator, like, reset=reset, skip_check_array=True)
    # As long as X, so that lengths and y are checked as for any other X.
    stand_in = np.broadcast_to(np.zeros(1), (len(blocks), 1))
    y = _targets(estimator, y)
    _, y = check_X_y(stand_in, y, estimator=estimator, **_target_checks(estimator, y))
    weight = _check_sample_weight(
        sample_weight, stand_in, dtype=np.float64, ensure_non_negative=True
    )
    return blocks, y, weight


def _gathered(data: Any) -> Any:
    """Blocks of dask in memory; all else as it is."""
    return read_blocks(data) if is_dask(data) else data


def _check_table(X: Any) -> None:
    """Raise if X cannot be like the table with categories that the model was fitted to."""
    wanted = "pass a table with the columns of the fit"
    if isinstance(X, Mapping):
        raise ValueError(f"X is a {type(X).__name__}; {wanted}, such as pandas.DataFrame(X).")
    if isinstance(nw.from_native(X, pass_through=True), nw.LazyFrame):
        raise ValueError(f"X is a LazyFrame, which has no rows yet; {wanted}: X.collect().")
    if issparse(X):
        raise TypeError(f"Sparse data was passed for X, but X has categories; {wanted}.")
    shape = np.shape(X) if hasattr(X, "shape") else np.shape(np.asarray(X, dtype=object))
    if len(shape) == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array instead: X has shape {shape}; {wanted}. Reshape your "
            "data: one sample is [x], or x.to_frame().T of a Series x of pandas."
        )


def _target_checks(estimator: Any, y: Any) -> dict[str, bool]:
    """What scikit-learn is to demand of y: of labels one dimension, unless they are columns."""
    checks = estimator._target_checks
    return checks if checks or not is_multilabel(y) else {"multi_output": True}


def _targets(estimator: Any, y: Any) -> Any:
    """Y without objects that no loss understands; what remains is checked together with X."""
    if issparse(y) and is_classifier(estimator):
        y = y.toarray()
    values = np.asarray(y) if isinstance(y, (list, tuple, np.ndarray)) else y
    if getattr(values, "ndim", 0) > 2:
        raise ValueError(
            f"y has shape {np.shape(values)}; it must be (n_samples,), or (n_samples, n_outputs) "
            "for a regressor or several labels."
        )
    if issparse(y):
        raise TypeError("Sparse data was passed for y, but it must be dense; use y.toarray().")
    kind = getattr(getattr(values, "dtype", None), "kind", None)
    if kind in ("m", "M") and estimator._target_checks.get("y_numeric"):
        raise ValueError(
            f"y has dates or durations, of type {values.dtype}, whose numbers depend on their "
            "unit; make them numbers, such as days since some date: (y - start) / "
            "numpy.timedelta64(1, 'D')."
        )
    if kind not in ("O", "U", "S"):
        return y
    values = np.asarray(values)
    if estimator._target_checks.get("y_numeric"):
        try:
            return values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"y has text or other objects, but {type(estimator).__name__} needs numbers: "
                f"{error}; make them numbers, or take a classifier for labels."
            ) from error
    labels = values.ravel().tolist()
    # NA of pandas cannot be compared.
    missing = [one for one in labels if one is None or type(one).__name__ == "NAType" or one != one]
    if missing:
        shown = "None" if missing[0] is None else "NaN"
        raise ValueError(f"y contains {shown}; leave out the samples whose labels are missing.")
    kinds = sorted({type(label).__name__ for label in labels})
    if len(kinds) > 1:
        try:
            sorted(labels)
        except TypeError as error:
            raise ValueError(
                f"y has labels of several types, {kinds!r}, which have no order; make them all "
                "strings, or all integers."
            ) from error
    return y
