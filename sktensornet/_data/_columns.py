"""Columns of a table: which hold categories, and all of them as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from numbers import Integral, Real
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils import _safe_indexing, check_array

from .._support._warn import warn_user
from ._levels import declared_levels, warn_of_identifiers, warn_of_numbers

_CATEGORIES = (nw.Categorical, nw.Enum, nw.String, nw.Boolean)
_DATES = (nw.Datetime, nw.Date, nw.Duration, nw.Time)
_DATE = re.compile(
    r"\s*(\d{4}([-/])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3\d{4}|\d{1,2}/\d{1,2}/\d\d)([T ,].*)?"
)
"""A date as text, and maybe a time."""
_NO_DATES = (
    "make them numbers or categories that can repeat in new data, such as the year, the month, the "
    "day of the week or the days since some date, or leave them out"
)
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
    are_declared : bool
        Whether levels that a dtype declares are among them although no row has them.
    """

    names: list[str] | None
    categorical: list[int]
    encoder: OrdinalEncoder | None = None
    are_declared: bool = False

    def __repr__(self) -> str:
        return f"Columns(n_categorical={len(self.categorical)})"

    def labels(self, columns: list[int]) -> list:
        """Names of columns, or their indices if they have none."""
        return [self.names[k] if self.names else k for k in columns]

    def counts(self) -> dict[int, int]:
        """How many levels each column of categories has."""
        levels = [] if self.encoder is None else self.encoder.categories_
        return {k: len(own) for k, own in zip(self.categorical, levels, strict=True)}

    def index(self, column: Any, n_columns: int, parameter: str) -> int:
        """The index of a column that a parameter names, of so many columns."""
        if isinstance(column, str) and self.names and column in self.names:
            return self.names.index(column)
        if isinstance(column, Integral) and 0 <= int(column) < n_columns:
            return int(column)
        indices = f"an index in [0, {n_columns - 1}]"
        if self.names:
            wanted = f"it must be one of {self.names!r}, or {indices}"
        elif isinstance(column, str):
            wanted = f"X has no names of columns; pass a DataFrame, or {indices} in its place"
        else:
            wanted = f"it must be {indices}"
        raise ValueError(f"{parameter} has the column {column!r}; {wanted}.")

    @contextmanager
    def explained(self, X: Any, learns: bool = True) -> Iterator[None]:
        """Add what to do to what is said of an X that is no table of numbers.

        What can be told to a fit, which `learns`, is not said to a prediction.
        """
        refuse_masked(X=X)
        try:
            yield
        except (TypeError, ValueError) as error:
            said = str(error)
            if said.startswith("Found array with dim"):
                raise ValueError(f"{said} {_flatten(np.shape(X))}") from error
            if said.startswith(("could not convert string to float", "float() argument must be")):
                found = _no_numbers(X, self.categorical)
                labels = self.labels(list(found))
                if not learns:
                    raise type(error)(
                        f"X has text or other objects in the columns {labels!r}: {said}. These "
                        "columns held numbers in fit."
                    ) from error
                dates = self.labels([k for k, are_dates in found.items() if are_dates])
                more = f" The columns {dates!r} look like dates; {_NO_DATES}." if dates else ""
                raise type(error)(
                    f"X has text or other objects in the columns {labels!r}: {said}. Pass "
                    f"categorical_features={labels!r} if they hold categories, or a DataFrame in "
                    f"which they are strings or categories; or leave them out.{more}"
                ) from error
            raise

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

    def warn_of_unknown(self, X: Any) -> None:
        """Warn of levels that the fit, or the first batch, had not."""
        if self.encoder is None:
            return
        found = {}
        labels, words = self.labels(self.categorical), _words(X, self.categorical)
        for label, own, levels in zip(labels, words.T, self.encoder.categories_, strict=True):
            known = set(levels.tolist())
            new = [word for word in dict.fromkeys(own.tolist()) if word == word]
            found[label] = [word for word in new if word not in known]
        found = {label: new for label, new in found.items() if new}
        if found:
            warn_user(
                f"the columns {list(found)!r} have levels that the fit, or the first batch, had "
                f"not, such as {next(iter(found.values()))[0]!r}; they count as missing. Levels "
                "are learnt by a fit with warm_start=False, and by the first batch of "
                "partial_fit: pass data that has all of them there, "
                "or, to the latter, whose dtype declares them, as pandas.CategoricalDtype does.",
                UserWarning,
            )


def refuse_masked(**arrays: Any) -> None:
    """Raise if entries of an array are masked, since NumPy's functions read what lies below."""
    for name, array in arrays.items():
        if np.ma.is_masked(array):
            how = "NaN stands for missing values, as X.filled(np.nan) has them"
            raise ValueError(
                f"{name} is a masked array of which {np.ma.count_masked(array)} value(s) are "
                f"masked; {how if name == 'X' else 'leave out those rows'}."
            )


def learn_columns(X: Any, categorical_features: Any, declared: bool = False) -> Columns:
    """Find the columns with categories, and their levels.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_features)
    categorical_features : "from_dtype", None, or a mask, indices or names
    declared : bool
        Whether levels that a dtype declares count although no row has them.
    """
    frame = _frame(X)
    names = None if frame is None else [str(name) for name in frame.columns]
    if isinstance(categorical_features, str) and categorical_features == "from_dtype":
        chosen, texts = ([], []) if frame is None else _by_type(frame)
    elif categorical_features is None:
        chosen = []
    else:
        chosen = _named(categorical_features, _as_table(X).shape[1], names)
    _refuse_dates(X, frame, names, chosen)
    if not chosen:
        return Columns(names, [])
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    words = _words(X, chosen)
    known = words
    if declared and frame is not None and len(frame):
        known = np.vstack([words, declared_levels(frame, chosen, words[:1])])
    try:
        encoder.fit(known)
    except TypeError as error:
        labels = Columns(names, chosen).labels(chosen)
        raise ValueError(
            f"the columns {labels!r} hold categories, but "
            f"one of them has levels of several types; make them all strings. ({error})"
        ) from error
    labels = Columns(names, []).labels(chosen)
    levels = dict(zip(labels, encoder.categories_, strict=True))
    if isinstance(categorical_features, str):
        _refuse_dates_as_text(levels)
        for label in warn_of_numbers(
            {labels[chosen.index(k)]: words[:, chosen.index(k)] for k in texts}
        ):
            del levels[label]
    warn_of_identifiers(levels, np.shape(X)[0])
    return Columns(names, chosen, encoder, declared)


def _by_type(frame: nw.DataFrame) -> tuple[list[int], list[int]]:
    """The columns whose types are those of categories, and which of them are text."""
    types = dict(enumerate(frame.schema.dtypes()))
    texts = [k for k, dtype in types.items() if dtype == nw.String]
    # An object column without values in its first rows passes for text.
    numbers = [k for k in texts if _are_numbers(frame[:, k].drop_nulls().to_numpy())]
    chosen = [k for k, dtype in types.items() if dtype in _CATEGORIES and k not in numbers]
    return chosen, [k for k in texts if k not in numbers]


def _refuse_dates(X: Any, frame: Any, names: list[str] | None, chosen: list[int]) -> None:
    """Raise if columns are dates, which would be numbers of nanoseconds."""
    if frame is None:
        if getattr(X, "dtype", np.dtype(float)).kind not in "mM":
            return
        dates = list(range(np.shape(X)[-1]))
    else:
        dates = [k for k, dtype in enumerate(frame.schema.dtypes()) if dtype in _DATES]
    labels = Columns(names, []).labels([k for k in dates if k not in chosen])
    if labels:
        raise ValueError(f"X has dates or durations in the columns {labels!r}; {_NO_DATES}.")


def _refuse_dates_as_text(levels: dict[Any, np.ndarray]) -> None:
    """Raise if levels of columns are dates; those of new data would be unknown."""
    dates = {label: own[0] for label, own in levels.items() if _are_dates(own)}
    if dates:
        raise ValueError(
            f"X has dates as text in the columns {list(dates)!r}, such as "
            f"{next(iter(dates.values()))!r}; {_NO_DATES}. If they are categories all the same, "
            "list all columns of categories in categorical_features."
        )


def _are_dates(values: np.ndarray) -> bool:
    """Whether all texts and objects of a column are dates."""
    known = [value for value in values.tolist() if isinstance(value, (str, date))]
    return bool(known) and all(isinstance(one, date) or _DATE.fullmatch(one) for one in known)


def _are_numbers(values: np.ndarray) -> bool:
    """Whether there are values, all of them numbers or booleans."""
    return len(values) > 0 and all(isinstance(value, Real | np.bool_) for value in values)


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
    if table.dtype == object:
        # None, and NA of pandas, which cannot be compared.
        missing = [word is None or type(word).__name__ == "NAType" for word in table.ravel()]
        table = np.where(np.reshape(missing, table.shape), np.nan, table)
    if table.ndim != 2:
        more = f" {_flatten(table.shape)}" if table.ndim > 2 else ""
        raise ValueError(f"X has {table.ndim} dimension(s); it must have rows and columns.{more}")
    return table


def _flatten(shape: tuple[int, ...]) -> str:
    """What to do with images and series of this shape."""
    said = f"X has shape {shape}"
    if len(shape) == 3:
        size = ", ".join(map(str, shape[1:]))
        ways = (
            f"patches=ImagePatches(image_shape=({size})) takes it as images, and "
            f"patches=SequencePatches(n_channels={shape[1]}) as series of {shape[1]} channels, or "
            f"SequencePatches(n_channels={shape[2]}, channels='last') of {shape[2]}"
        )
    elif len(shape) == 4:
        last, first = shape[1:], (*shape[2:], shape[1])
        ways = (
            f"patches=ImagePatches(image_shape={last}) takes it as images whose channels come "
            f"last, and ImagePatches(image_shape={first}, channels='first') if they come first"
        )
    else:
        return f"{said}; flatten the samples by X.reshape(len(X), -1)."
    return f"{said}; {ways}. Without patches, flatten the samples by X.reshape(len(X), -1)."


def _no_numbers(X: Any, categorical: list[int]) -> dict[int, bool]:
    """The columns that hold neither categories nor numbers, and whether they hold dates."""
    frame = _frame(X)
    table = _as_table(X) if frame is None else frame
    found = {}
    for k in sorted(set(range(table.shape[1])).difference(categorical)):
        column = table[:, k]
        values = np.asarray(column if frame is None else column.to_numpy())
        try:
            values.astype(np.float64)
        except (TypeError, ValueError):
            found[k] = _are_dates(values)
    return found


def _words(X: Any, columns: list[int]) -> np.ndarray:
    """Columns of categories as an array in which NaN is missing."""
    frame = _frame(X)
    if frame is None:
        table = _as_table(X)
        if table.dtype.kind in "biuf":
            return table[:, columns]
        return table[:, columns].astype(object)
    words = np.empty((len(frame), len(columns)), dtype=object)
    for place, k in enumerate(columns):
        series = frame[:, k]
        values = series.to_numpy().astype(object)
        values[series.is_null().to_numpy()] = np.nan
        words[:, place] = values
    return words
