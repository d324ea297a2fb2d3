"""Levels of columns of categories: those that a type declares, and those that look wrong."""

from __future__ import annotations

from collections import Counter
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from .._support._warn import warn_user

_FEWEST_ROWS, _MOST_LEVELS = 50, 0.5
"""From so many rows on, more levels than this share of them are those of an identifier."""
_MOST_NUMBERS = 0.9
"""A share of numbers beyond which other text is likelier a mark of missing values."""


def declared_levels(frame: nw.DataFrame, columns: list[int], others: np.ndarray) -> np.ndarray:
    """The levels that the types of columns declare, filled up with `others`, (1, n_columns)."""
    declared: list[list] = []
    for k in columns:
        series = frame[:, k]
        # The categories of polars that are no Enum may be those of all columns.
        has_own = frame.implementation.is_pandas_like() and series.dtype == nw.Categorical
        is_declared = has_own or isinstance(series.dtype, nw.Enum)
        declared.append(series.cat.get_categories().to_list() if is_declared else [])
    levels = np.repeat(others.astype(object), max(map(len, declared)), axis=0)
    for column, own in zip(levels.T, declared, strict=True):
        column[: len(own)] = own
    return levels


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def warn_of_numbers(columns: dict[Any, np.ndarray]) -> list:
    """Warn of numbers as text, which are categories without an order; the names of their columns.

    Two numbers say the same either way.
    """
    found = {}
    for label, words in columns.items():
        counts = Counter(word for word in words.tolist() if isinstance(word, str))
        others = {word: count for word, count in counts.items() if not _is_number(word)}
        share = 1 - sum(others.values()) / max(counts.total(), 1)
        if len(counts) - len(others) > 2 and share >= _MOST_NUMBERS:
            found[label] = max(others, key=lambda word: others[word], default=None)
    if found:
        other = next((word for word in found.values() if word is not None), None)
        reason = "" if other is None else f", apart from text such as {other!r}"
        warn_user(
            f"the columns {list(found)!r} hold numbers as text{reason}, which are taken for "
            "categories without an order; make them numbers, as pandas.to_numeric(column, "
            "errors='coerce') does, with NaN for what is none. If they are categories, list all "
            "columns of categories in categorical_features.",
            UserWarning,
        )
    return list(found)


def warn_of_identifiers(levels: dict[Any, np.ndarray], n_rows: int) -> None:
    """Warn of categories of which nearly every row has another one."""
    if n_rows < _FEWEST_ROWS:
        return
    found = {label: len(own) for label, own in levels.items() if len(own) > _MOST_LEVELS * n_rows}
    if found:
        counts = ", ".join(str(count) for count in found.values())
        warn_user(
            f"the columns {list(found)!r} look like identifiers, of which little can be learnt: "
            f"they have {counts} levels in {n_rows} rows; leave them out.",
            UserWarning,
        )
