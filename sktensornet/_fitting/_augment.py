"""Augmentations of samples, as the engine takes them: of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .._arrays._typing import FloatArray
from ..augmentation._base import Augmenting
from ..patches import Patches


class Augment:
    """Augmentations one after the other, of samples as rows.

    Parameters
    ----------
    augmentations : sequence of callable
    patches : Patches
        What gives rows the shape of a sample.
    """

    def __init__(self, augmentations: Sequence[Augmenting], patches: Patches) -> None:
        self._augmentations = augmentations
        self._patches = patches

    @classmethod
    def of(cls, parameters: Any, X: Any) -> Self | None:
        """That of an estimator's parameters, or None; it has been tried on two rows of X."""
        if not parameters.augment:
            return None
        found = cls(parameters.augment, parameters.patches)
        found(X[:2], np.random.default_rng(0))
        return found

    @property
    def key(self) -> list[Any]:
        """What tells it from others, as far as names and attributes do."""
        return [
            (getattr(one, "__qualname__", type(one).__name__), getattr(one, "__dict__", None))
            for one in self._augmentations
        ]

    def __call__(self, rows: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Changed samples, as rows of the same type."""
        X = self._patches.unflatten(rows)
        for one in self._augmentations:
            X = _checked(one, X, one(X, rng))
        return X.reshape(rows.shape).astype(rows.dtype, copy=False)


def _checked(one: Augmenting, before: np.ndarray, after: Any) -> np.ndarray:
    """What an augmentation gave, or raise if that cannot be samples."""
    if isinstance(after, np.ndarray) and after.shape == before.shape and after.dtype.kind in "fiu":
        return after
    found = f"shape {after.shape} and type {after.dtype}" if hasattr(after, "dtype") else "no array"
    raise ValueError(
        f"augment has {one!r}, which made of an array of shape {before.shape} {found!s}; it must "
        "return an array of numbers of the same shape."
    )
