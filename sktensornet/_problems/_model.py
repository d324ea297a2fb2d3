"""Sites, features and network as one function of a flat parameter vector."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from typing import Any

import numpy as np

from .._arrays._parallel import ChunkPool, chunks
from .._arrays._typing import FloatArray
from .._arrays._workspace import Workspace
from ..feature_maps import FittedMap
from ..networks import Contraction, TensorNetwork, Tree
from ..networks._cores import message_cores, network_of
from ..networks._passes._merging import merged
from ..networks._passes._variable_length import Lengths
from ..patches import Sites

_CHUNK_BYTES = 62_000_000
_MAX_CHUNK = 512


class Model:
    r"""The score function of an estimator.

    .. math:: s_c(X) = \langle W_c, f_1(x_1) \otimes \dots \otimes f_d(x_d) \rangle

    The parameter vector is all cores (batch, children..., out), shared ones once, then the
    trainable parameters of the feature map, each in C order.

    Parameters
    ----------
    sites : Sites
    feature_map : FittedMap
    tree : Tree
    message_sizes : tuple of int
    n_batch : int
        Number of classes with one tensor each, or 1.
    batched : bool
        Whether networks handed out have a leading class axis on every core.
    dtype : dtype
        Type of all per-sample work.
    """

    def __init__(
        self,
        sites: Sites,
        feature_map: FittedMap,
        tree: Tree,
        message_sizes: tuple[int, ...],
        n_batch: int,
        batched: bool,
        dtype: np.dtype,
    ) -> None:
        self.sites = sites
        self.feature_map = feature_map
        self.tree = tree
        self.message_sizes = message_sizes
        self.batched = batched
        self.dtype = np.dtype(dtype)
        self.contraction = Contraction(tree, message_sizes, n_batch)
        self._merged = merged(self.contraction)
        self._passes: Any = self._merged or self.contraction
        self.groups = tree.groups
        self._lengths = Lengths(self.contraction) if tree.labels else None
        self.core_shapes = shapes = self.contraction.core_shapes
        self._shapes = [
            *(shapes[first] for first, *_ in self.groups),
            *(array.shape for array in feature_map.parameters),
        ]
        self._slices, self.size = _consecutive(self._shapes)
        self._gradient_shapes = self._shapes
        if self._merged is not None:
            own = self._shapes[len(shapes) :]
            self._gradient_shapes = [*self._merged.gradient_shapes, *own]
        self._gradient_slices, self.gradient_size = _consecutive(self._gradient_shapes)
        per_sample = self._passes.entries_per_sample + 2 * sites.columns.size
        rows = _CHUNK_BYTES // (self.dtype.itemsize * per_sample)
        self.chunk_size = int(min(_MAX_CHUNK, max(16, rows)))

    @classmethod
    def from_fitted(cls, sites: Sites, feature_map: FittedMap, network: TensorNetwork) -> Model:
        """The model of a network that is already there."""
        return cls(
            sites,
            feature_map,
            network.tree,
            network.message_sizes,
            network.n_outputs if network.batched else 1,
            network.batched,
            network.dtype,
        )

    def with_map(self, feature_map: FittedMap) -> Model:
        """The model with another fitted map of the same mode sizes."""
        model = copy(self)
        model.feature_map = feature_map
        return model

    def same_kind(self, other: Model, any_rank: bool = False) -> bool:
        """Whether parameter vectors, or networks of any rank, mean the same in both."""
        return (
            self.tree == other.tree
            and self.feature_map.mode_sizes == other.feature_map.mode_sizes
            and self.message_sizes[-1] == other.message_sizes[-1]
            and self.contraction.n_batch == other.contraction.n_batch
            and (any_rank or self._shapes == other._shapes)
            and self.batched == other.batched
            and self.feature_map.same_kind(other.feature_map)
            and np.array_equal(self.sites.columns, other.sites.columns)
        )

    def pack(self, cores: Sequence[FloatArray], parameters: Sequence[FloatArray]) -> FloatArray:
        """Flat float64 vector of cores and feature map parameters."""
        arrays = [*(cores[first] for first, *_ in self.groups), *parameters]
        return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])

    def unpack(self, theta: FloatArray) -> tuple[list[FloatArray], list[FloatArray]]:
        """Views of a flat vector as cores and feature map parameters."""
        arrays = [
            theta[part].reshape(shape)
            for part, shape in zip(self._slices, self._shapes, strict=True)
        ]
        n_distinct = len(self.groups)
        cores = [arrays[0]] * len(self.tree.order)
        for array, group in zip(arrays, self.groups):
            for position in group:
                cores[position] = array
        return cores, arrays[n_distinct:]

    def tied(self, arrays: Sequence[FloatArray]) -> list[FloatArray]:
        """Derivatives by the distinct cores, given those by the core of each node."""
        if not self.tree.labels:
            return list(arrays)
        return [sum((arrays[k] for k in others), arrays[k0]) for k0, *others in self.groups]

    def network(self, theta: FloatArray) -> TensorNetwork:
        """An immutable network with the cores of the vector."""
        return network_of(self.tree, self.unpack(theta)[0], self.batched, self.dtype)

    def fitted_map(self, theta: FloatArray) -> FittedMap:
        """An immutable feature map with the parameters of the vector."""
        parameters = self.unpack(theta)[1]
        return self.feature_map.with_parameters([array.astype(self.dtype) for array in parameters])

    def theta_of(self, network: TensorNetwork, feature_map: FittedMap) -> FloatArray:
        """The parameter vector of a network and a map of this model's shapes."""
        return self.pack(message_cores(network), feature_map.parameters)

    def prepared(self, theta: FloatArray, into: Any = None) -> tuple[Any, list[FloatArray]]:
        """Cores for `forward` and `backward`, ready for many chunks, and parameters.

        With `into`, cores from an earlier call, the same memory is used again.
        """
        cores, parameters = self.unpack(theta.astype(self.dtype, copy=False))
        if self._lengths is None:
            return self._passes.prepare(cores, into), parameters
        return cores, parameters

    def forward(
        self,
        cores: Sequence[Any],
        parameters: Sequence[FloatArray],
        X: FloatArray,
        dropout: tuple[float, np.random.Generator] | None = None,
        work: Workspace | None = None,
        wants_tape: bool = True,
    ) -> tuple[FloatArray, Any]:
        """Scores (n_samples, n_outputs) of a chunk in float64, and a tape kept in `work`."""
        sites = self.sites.extract(X)
        features, saved = self.feature_map.forward(parameters, sites)
        masks = None
        if dropout is not None:
            masks = self._masks(features, *dropout)
            features = self._drop(features, masks)
        raw, tape = self._contract(cores, features, sites, work, wants_tape)
        scores = raw[0] if raw.shape[0] == 1 else raw[..., 0].T
        return scores.astype(np.float64), (saved, masks, tape)

    def _contract(
        self, cores, features, sites: FloatArray, work: Workspace | None, wants_tape: bool
    ) -> tuple[FloatArray, Any]:
        """Scores and a tape; with shared cores, a missing end of the sites is left out."""
        if self._lengths is not None:
            missing = self.feature_map.missing(sites)
            if missing[-1].any():
                known = len(sites) - np.argmin(missing[::-1], axis=0)
                known[missing.all(axis=0)] = 0
                return self._lengths.forward(cores, features, known, work, wants_tape)
        return self._passes.forward(cores, features, work, wants_tape)

    def backward(
        self,
        cores: Sequence[Any],
        parameters: Sequence[FloatArray],
        tape: Any,
        score_gradient: FloatArray,
        out: FloatArray,
        work: Workspace | None = None,
    ) -> None:
        """Write the derivative of a chunk into `out`, of length `gradient_size`.

        The sum of it over chunks goes into `gradient`.
        """
        saved, masks, messages = tape
        gradient = score_gradient.astype(self.dtype)
        gradient = gradient[None] if self.contraction.n_batch == 1 else gradient.T[..., None]
        trainable = bool(self.feature_map.parameters)
        by_length = isinstance(messages, list)
        contraction: Any = self._lengths if by_length else self._passes
        by_core, by_feature = contraction.backward(cores, messages, gradient, trainable, work)
        arrays = self.tied(by_core)
        if by_feature is not None:
            if masks is not None:
                by_feature = self._drop(by_feature, masks)
            arrays += self.feature_map.backward(parameters, saved, by_feature)
        for part, array in zip(self._gradient_slices, arrays, strict=True):
            out[part].reshape(array.shape)[...] = array

    def gradient(self, cores: Any, total: FloatArray) -> FloatArray:
        """The derivative by the parameter vector, from a sum over chunks."""
        if self._merged is None:
            return total
        arrays = [
            total[part].reshape(shape)
            for part, shape in zip(self._gradient_slices, self._gradient_shapes, strict=True)
        ]
        n_merged = len(self._merged.gradient_shapes)
        by_core = self._merged.gradients(cores, arrays[:n_merged])
        return np.concatenate([array.ravel() for array in (*by_core, *arrays[n_merged:])])

    def _masks(self, features, rate: float, rng: np.random.Generator):
        """Dropout masks of the local features; the constant is never dropped."""
        if isinstance(features, np.ndarray):
            return self._mask(features.shape, rate, rng)
        return [self._mask(array.shape, rate, rng) for array in features]

    def _mask(self, shape: tuple[int, ...], rate: float, rng: np.random.Generator) -> FloatArray:
        """Zeros and 1 / (1 - rate) for features (..., n, m), with the samples innermost."""
        *others, n, m = shape
        keep = 1.0 - rate
        m = m if self.feature_map.has_constant else 1
        drawn = rng.random((*others, m, n), dtype=np.float32)
        mask = np.multiply(drawn < keep, self.dtype.type(1.0 / keep), dtype=self.dtype).mT
        if self.feature_map.has_constant:
            mask[..., 0] = 1
        return mask

    def _drop(self, arrays, masks):
        """Apply masks to features, or to their derivatives: the map is symmetric.

        Without a constant feature, all of a site but its part along the covector
        of the constant is dropped at once.
        """
        if self.feature_map.has_constant:
            if isinstance(arrays, np.ndarray) and isinstance(masks, np.ndarray):
                return arrays * masks
            return [array * mask for array, mask in zip(arrays, masks, strict=True)]
        dropped = []
        for array, mask, u in zip(arrays, masks, self.feature_map.constants, strict=True):
            along = np.outer(array @ u, u / (u @ u))
            dropped.append(along + mask * (array - along))
        return dropped

    def features(self, X: FloatArray) -> list[FloatArray]:
        """Local features of all rows, one array (n_samples, m_k) per site."""
        out = [np.empty((len(X), size), self.dtype) for size in self.feature_map.mode_sizes]
        for rows in chunks(len(X), self.chunk_size):
            block = X[rows].astype(self.dtype, copy=False)
            parts = self.feature_map.transform(self.sites.extract(block))
            for array, part in zip(out, parts, strict=True):
                array[rows] = part
        return out

    def scores(self, theta: FloatArray, X: FloatArray, n_threads: int) -> FloatArray:
        """Scores (n_samples, n_outputs) of all rows, in the model's dtype."""
        cores, parameters = self.prepared(theta)

        def chunk_scores(rows: slice) -> FloatArray:
            block = X[rows].astype(self.dtype, copy=False)
            work = pool.workspace
            work.clear()
            scores, _ = self.forward(cores, parameters, block, work=work, wants_tape=False)
            return scores.astype(self.dtype)

        parts = chunks(len(X), self.chunk_size)
        with ChunkPool(n_threads) as pool:
            return np.concatenate(list(pool.map(chunk_scores, parts)))


def _consecutive(shapes: Sequence[tuple[int, ...]]) -> tuple[list[slice], int]:
    """Where arrays of these shapes lie in one vector, and its length."""
    bounds = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    return [slice(a, b) for a, b in pairwise(bounds)], int(bounds[-1])
