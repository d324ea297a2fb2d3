"""Maps that take sites of one column."""

from __future__ import annotations

from .._arrays._typing import IntArray


def check_single(feature_map, columns: IntArray) -> None:
    """Raise unless every site is one column."""
    if columns.shape[1] != 1:
        raise ValueError(
            f"feature_map={feature_map!r} needs sites of one column, but patches make sites of "
            f"{columns.shape[1]}; use patches=None or another feature map."
        )
