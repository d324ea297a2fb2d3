"""Augmentations of samples, as the engine takes them: of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .._arrays._parallel import chunks
from .._arrays._typing import FloatArray
from .._support._checks import check_integer
from ..patches import Patches, SingleColumns

if TYPE_CHECKING:
    from ..augmentation._base import Augmenting

_VIEW_ROWS = 64
"""Samples changed at once for a view, whose work arrays then stay in the cache."""


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
    def of(cls, parameters: Any, patches: Patches | None, X: Any) -> Self | None:
        """That of an estimator's parameters, or None; it has been tried on two rows of X."""
        n_views = check_integer("n_views", parameters.n_views, 1)
        if parameters.augment:
            found = cls(parameters.augment, patches or SingleColumns())
            found(X[:2], np.random.default_rng(0))
            return found
        if n_views == 1:
            return None
        raise ValueError(
            f"n_views={n_views!r} averages over samples as augment changes them, but augment="
            f"{parameters.augment!r}; pass augment=[...] too, or n_views=1."
        )

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

    def view(self, rows: FloatArray, number: int) -> FloatArray:
        """All samples changed alike, so that none depends on the others; the same at each call."""
        found = np.empty_like(rows)
        for part in chunks(len(rows), _VIEW_ROWS):
            X = self._patches.unflatten(rows[part])
            for k, one in enumerate(self._augmentations):
                X = _checked(one, X, _changed_alike(one, X, (number, k)))
            found[part] = X.reshape(len(X), -1)
        return found


def _changed_alike(one: Augmenting, X: np.ndarray, seed: tuple[int, int]) -> Any:
    # Loaded here, where there are any.
    from ..augmentation import Augmentation

    if isinstance(one, Augmentation):
        return one.change(X, one.draw((1, *X.shape[1:]), np.random.default_rng(seed)))
    return np.concatenate([one(own[None], np.random.default_rng(seed)) for own in X])


def _checked(one: Augmenting, before: np.ndarray, after: Any) -> np.ndarray:
    """What an augmentation gave, or raise if that cannot be samples."""
    if isinstance(after, np.ndarray) and after.shape == before.shape and after.dtype.kind in "fiu":
        return after
    found = f"of shape {after.shape} and type {after.dtype}" if hasattr(after, "dtype") else after
    raise ValueError(
        f"augment has {one!r}, which made {found} of an array of shape {before.shape}; it must "
        "return an array of numbers of that shape."
    )
