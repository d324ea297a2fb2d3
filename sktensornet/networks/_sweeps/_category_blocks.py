"""Blocks at a site of many categories: lookups in the place of products."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

from ..._arrays._indicators import Indicators
from ..._arrays._typing import FloatArray, SiteFeatures
from .._messages import add_up, indicators_among, khatri_rao, look_up, read
from ._blocks import Block, CoreBlock, FactorBlock, as_message, as_scores
from ._by_category import CategorySystem

_FLOOR = 1e-12
"""Share of its mean that is added to the diagonal of a penalty before it is factored: rounding."""


def core_block(value: FloatArray, messages: list, ridge: float) -> Block:
    """The block of a core, whatever arrives at its legs."""
    found = indicators_among(messages)
    if found is None:
        return CoreBlock(value, messages, ridge)
    place, features, others = found
    return CategoryBlock(value, features, place, others, ridge)


class CategoryBlock(Block):
    """A core of a tree with one leg at a site of many categories.

    Parameters
    ----------
    value : ndarray of shape (b, i_1, ..., i_k, c)
    features : Indicators
        Of the site.
    place : int
        Which leg that is.
    messages : list of ndarray of shape (1 or n_batch, i_j, n_samples)
        What arrives at the others, as for `CoreBlock`.
    ridge : float
        H, a multiple of the identity.
    """

    def __init__(
        self,
        value: FloatArray,
        features: Indicators,
        place: int,
        messages: list[FloatArray],
        ridge: float,
    ) -> None:
        super().__init__(value)
        self.features = features
        self.messages = messages
        self.ridge = ridge
        self._axis = 1 + place
        self._n_batch = max(len(value), *map(len, messages)) if messages else len(value)
        self._dtype = features.dtype

    @property
    def n_intermediates(self) -> int:
        lengths = [message.shape[1] for message in self.messages]
        return self._n_batch * math.prod(lengths) * (1 + self.value.shape[-1])

    def _at(self, rows: slice) -> list[FloatArray]:
        return [message[..., rows] for message in self.messages]

    def scores(self, value, rows):
        core = np.moveaxis(value, self._axis, 1).astype(self._dtype, copy=False)
        return as_scores(look_up(core, self.features[rows], self._at(rows)))

    def adjoint(self, gradient, rows):
        g = as_message(gradient.astype(self._dtype, copy=False), self._n_batch)
        g = reduce(lambda g, message: khatri_rao(message, g), reversed(self._at(rows)), g)
        if len(g) > len(self.value):
            g = g.sum(axis=0, keepdims=True)
        found = add_up(g, self.features[rows]).astype(np.float64, copy=False)
        return self._outwards(found)

    def _outwards(self, value: FloatArray) -> FloatArray:
        """An array (b, m, all others) in the shape of the value."""
        moved = np.moveaxis(self.value, self._axis, 1).shape
        return np.ascontiguousarray(np.moveaxis(value.reshape(moved), 1, self._axis))

    def normal(self, weight, rows, shift_free):
        return self._dense().normal(weight, rows, shift_free)

    def grams(self, weight, rows, shift_free):
        return self._dense().grams(weight, rows, shift_free)

    def _dense(self) -> CoreBlock:
        messages = list(self.messages)
        messages.insert(self._axis - 1, np.asarray(self.features).T[None])
        return CoreBlock(self.value, messages, self.ridge)

    def inverse(self, weight, alpha, shift_free):
        design: FloatArray = np.ones((1, 1, len(self.features)))
        for message in self.messages:
            design = khatri_rao(design, message)
        summed = len(design) > len(self.value)
        if summed and shift_free:
            design = design - design.mean(axis=0)
        design = design * np.sqrt(weight)
        own = [design] if summed else design[:, None]
        rho = alpha * self.ridge
        systems = [CategorySystem(self.features, rows.transpose(2, 0, 1), rho) for rows in own]
        systems *= len(self.value) // len(systems)
        c = self.value.shape[-1]

        def solve(gradient: FloatArray) -> FloatArray:
            right = np.moveaxis(gradient, self._axis, 1)
            right = right.reshape(*right.shape[:2], -1, c)
            solved = [system.solve(own) for system, own in zip(systems, right, strict=True)]
            return self._outwards(np.stack(solved))

        return solve

    @property
    def has_plain_penalty(self) -> bool:
        return True

    def penalty(self, value):
        return self.ridge * value

    def penalty_matrix(self):
        return self.ridge * np.eye(self.value.shape[-2])[None]


def factor_block(
    value: FloatArray,
    features: SiteFeatures,
    others: FloatArray,
    readout: FloatArray,
    ridge: FloatArray,
) -> FactorBlock:
    """The block of a factor, whatever the features of its site."""
    if isinstance(features, Indicators):
        return CategoryFactorBlock(value, features, others, readout, ridge)
    return FactorBlock(value, features, others, readout, ridge)


class CategoryFactorBlock(FactorBlock):
    """A factor of a canonical polyadic sum at a site of many categories.

    Parameters
    ----------
    value, features, others, readout, ridge
        Those of `FactorBlock`, with `Indicators` as the features.
    """

    features: Indicators

    @property
    def n_intermediates(self) -> int:
        return 2 * self.value.shape[0] * self.value.shape[2]

    def scores(self, value, rows):
        dtype = self.others.dtype
        hidden = read(value[..., 0].astype(dtype), self.features[rows])
        return as_scores(self.readout.astype(dtype).mT @ (hidden * self.others[..., rows]))

    def adjoint(self, gradient, rows):
        dtype = self.others.dtype
        g = as_message(gradient.astype(dtype), len(self.value))
        hidden = (self.readout.astype(dtype) @ g) * self.others[..., rows]
        return add_up(hidden, self.features[rows])[..., None].astype(np.float64)

    def _dense(self) -> FactorBlock:
        dense = np.asarray(self.features).T[None]
        return FactorBlock(self.value, dense, self.others, self.readout, self.ridge)

    def normal(self, weight, rows, shift_free):
        return self._dense().normal(weight, rows, shift_free)

    def grams(self, weight, rows, shift_free):
        return self._dense().grams(weight, rows, shift_free)

    def inverse(self, weight, alpha, shift_free):
        readout = self.readout
        if shift_free and readout.shape[-1] > 1:
            readout = readout - readout.mean(axis=-1, keepdims=True)
        r = readout.shape[1]
        level = np.einsum("bii->b", self.ridge)[:, None, None] / r
        floor = _FLOOR * level + np.finfo(np.float64).tiny
        # With H = L L^T, in the variables V L the penalty is a multiple of the identity.
        halves = np.linalg.inv(np.linalg.cholesky(self.ridge + floor * np.eye(r)))
        root = np.sqrt(weight)[:, None]
        systems = []
        for half, own, z in zip(halves, readout, self.others):
            rows = (z.T * root)[:, None, :] * own.T @ half.T
            systems.append(CategorySystem(self.features, rows, alpha))

        def solve(gradient: FloatArray) -> FloatArray:
            solved = [
                system.solve((own[..., 0] @ half.T)[..., None])[..., 0] @ half
                for system, half, own in zip(systems, halves, gradient, strict=True)
            ]
            return np.stack(solved)[..., None]

        return solve
