"""Columns of a table: which hold categories, and all of them as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils import _safe_indexing, check_array

_CATEGORIES = (nw.Categorical, nw.Enum, nw.String, nw.Boolean)
FLOATS: dict[str, Any] = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}
"""What X may be once categories are codes."""


@dataclass(frozen=True, eq=False)
class Columns:
    """How the columns of X become numbers.

    Parameters
    ----------
    names : list of str or None
        Names of the columns, where they have any.
    categorical : list of int
        The columns that hold categories.
    encoder : OrdinalEncoder or None
        Gives each level of these a number; fitted.
    """

    names: list[str] | None
    categorical: list[int]
    encoder: OrdinalEncoder | None = None

    def __repr__(self) -> str:
        return f"Columns(n_categorical={len(self.categorical)})"

    def labels(self, columns: list[int]) -> list:
        """Names of columns, or their indices if they have none."""
        return [self.names[k] if self.names else k for k in columns]

    def index(self, column: Any, n_columns: int, parameter: str) -> int:
        """The index of a column that a parameter names, of so many columns."""
        if isinstance(column, str) and self.names and column in self.names:
            return self.names.index(column)
        if isinstance(column, Integral) and 0 <= int(column) < n_columns:
            return int(column)
        known = self.names or f"indices in [0, {n_columns - 1}]"
        raise ValueError(f"{parameter} has the column {column!r}; it must be one of {known!r}.")

    def encode(self, X: Any, estimator: Any) -> Any:
        """X with the numbers of its categories, NaN for unseen and missing ones."""
        if self.encoder is None:
            return X
        X = _as_table(X)
        n_columns = X.shape[1]
        numeric = [k for k in range(n_columns) if k not in self.categorical]
        words = _words(X, self.categorical)
        dtype = np.dtype(np.float64)
        if numeric:
            part = _safe_indexing(X, numeric, axis=1)
            numbers = check_array(part, input_name="X", estimator=estimator, **FLOATS)
            dtype = numbers.dtype
        encoded = np.empty((len(words), n_columns), dtype)
        if numeric:
            encoded[:, numeric] = numbers
        encoded[:, self.categorical] = self.encoder.transform(words)
        return encoded


def learn_columns(X: Any, categorical_features: Any) -> Columns:
    """Find the columns with categories, and their levels.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_features)
    categorical_features : "from_dtype", None, or a mask, indices or names
    """
    frame = _frame(X)
    names = None if frame is None else [str(name) for name in frame.columns]
    if isinstance(categorical_features, str) and categorical_features == "from_dtype":
        types = [] if frame is None else frame.schema.dtypes()
        chosen = [k for k, dtype in enumerate(types) if dtype in _CATEGORIES]
    elif categorical_features is None:
        chosen = []
    else:
        chosen = _named(categorical_features, _as_table(X).shape[1], names)
    if not chosen:
        return Columns(names, [])
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    try:
        encoder.fit(_words(X, chosen))
    except TypeError as error:
        labels = Columns(names, chosen).labels(chosen)
        raise ValueError(
            f"the columns {labels!r} hold categories, but "
            f"one of them has levels of several types; make them all strings. ({error})"
        ) from error
    return Columns(names, chosen, encoder)


def _named(categorical_features: Any, n_columns: int, names: list[str] | None) -> list[int]:
    """Indices of the columns that a mask, indices or names mean."""
    asked = np.asarray(categorical_features)
    wanted = (
        f"categorical_features={categorical_features!r} must be 'from_dtype', None, a mask of "
        f"{n_columns} booleans, a list of indices in [0, {n_columns - 1}], or a list of names of "
        "columns of a DataFrame"
    )
    if asked.size == 0:
        return []
    if asked.ndim != 1:
        raise ValueError(f"{wanted}.")
    if asked.dtype.kind == "b":
        if len(asked) != n_columns:
            raise ValueError(f"{wanted}; the mask has {len(asked)}.")
        return np.flatnonzero(asked).tolist()
    if asked.dtype.kind in "iu":
        if asked.min() < 0 or asked.max() >= n_columns:
            raise ValueError(f"{wanted}.")
        return np.unique(asked).tolist()
    if not all(isinstance(name, str) for name in asked.tolist()):
        raise ValueError(f"{wanted}.")
    if names is None:
        raise ValueError(f"{wanted}; X is not a DataFrame.")
    unknown = [name for name in asked.tolist() if name not in names]
    if unknown:
        raise ValueError(f"{wanted}; {unknown!r} are not columns of X, which are {names!r}.")
    return [names.index(name) for name in sorted(set(asked.tolist()), key=names.index)]


def _frame(X: Any) -> nw.DataFrame | None:
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    return frame if isinstance(frame, nw.DataFrame) else None


def _as_table(X: Any) -> Any:
    """Something of which columns can be taken."""
    if _frame(X) is not None:
        return X
    table = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
    if table.ndim != 2:
        raise ValueError(f"X has {table.ndim} dimension(s); it must have rows and columns.")
    return table


def _words(X: Any, columns: list[int]) -> np.ndarray:
    """Columns of categories as an array in which NaN is missing."""
    frame = _frame(X)
    if frame is None:
        table = _as_table(X)
        if table.dtype.kind in "biuf":
            return table[:, columns]
        words = table[:, columns].astype(object)
        words[np.vectorize(lambda word: word is None, otypes=[bool])(words)] = np.nan
        return words
    words = np.empty((len(frame), len(columns)), dtype=object)
    for place, k in enumerate(columns):
        series = frame[:, k]
        values = series.to_numpy().astype(object)
        values[series.is_null().to_numpy()] = np.nan
        words[:, place] = values
    return words
