"""Orders in which the places of a grid are visited."""

from __future__ import annotations

import numpy as np

from .._arrays._typing import IntArray


def raster(rows: int, columns: int) -> IntArray:
    """Row by row, each from left to right; places as an array of shape (d, 2)."""
    return np.argwhere(np.ones((rows, columns), dtype=bool))


def snake(rows: int, columns: int) -> IntArray:
    """Row by row, every other one from right to left, so that steps have length 1."""
    places = raster(rows, columns).reshape(rows, columns, 2).copy()
    places[1::2] = places[1::2, ::-1]
    return places.reshape(-1, 2)


def hilbert(rows: int, columns: int) -> IntArray:
    """Along the Hilbert curve of the smallest power-of-two square around the grid.

    Places outside the grid are left out. Nearby sites stay nearby; on a square
    whose side is a power of two every step has length 1.

    References
    ----------
    Hilbert, "Ueber die stetige Abbildung einer Linie auf ein Flaechenstueck",
    Mathematische Annalen 38 (1891) 459-460.
    """
    places = raster(rows, columns)
    row, column = places[:, 0].copy(), places[:, 1].copy()
    position = np.zeros(len(places), dtype=np.int64)
    side = 1 << max(rows - 1, columns - 1).bit_length() >> 1
    while side:
        right = (column & side) > 0
        lower = (row & side) > 0
        position += side * side * (3 * right ^ lower)
        mirrored = ~lower & right
        row[mirrored], column[mirrored] = side - 1 - row[mirrored], side - 1 - column[mirrored]
        swapped = ~lower
        row[swapped], column[swapped] = column[swapped], row[swapped]
        side >>= 1
    return places[np.argsort(position)]


ORDERS = {"raster": raster, "snake": snake, "hilbert": hilbert}
