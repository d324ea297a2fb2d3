"""Sites, features and network as one function of a flat parameter vector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from .._arrays._indicators import Indicators
from .._arrays._namespace import Place, each, namespace, rows_of, widest
from .._arrays._parallel import ChunkPool, chunks
from .._arrays._typing import FloatArray, IntArray
from .._arrays._workspace import Workspace
from .._support._optional import WORTH_LOADING
from ..feature_maps import FittedMap
from ..networks import TensorNetwork, Tree
from ..networks._cores import message_cores, network_of
from ..networks._passes._score_function import PreparedCores, ScoreFunction
from ..patches import Sites

_CHUNK_BYTES = 62_000_000
"""Messages of a chunk on one thread, which bounds memory where ranks are large."""
_MAX_CHUNK = 512
"""Short chunks stay in the second-level cache, long ones save calls; not tuned finer."""
_DEVICE_BYTES = 4_000_000_000
"""What a device with memory of its own holds between the two passes: calls on it should be long,
and 8,192 samples of 64 sites of rank 64 with 8 features need 2 GB. Not tuned."""


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
    place : Place or None
        Where arrays are that it takes, and gives, if they are of another library than NumPy.
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
        place: Place | None = None,
    ) -> None:
        self.sites = sites
        self.feature_map = feature_map if place is None else feature_map.moved(place)
        self.place = place
        if place is not None:
            self._columns = place.put(sites.columns.reshape(-1))
        self.tree = tree
        self.message_sizes = message_sizes
        self.batched = batched
        self.dtype = np.dtype(dtype)
        has_lookups = tree.is_multilinear and not tree.labels and place is None
        self._indexed = feature_map.indexed_sites if has_lookups else frozenset()
        self._function = ScoreFunction(tree, message_sizes, n_batch, self._indexed, place)
        self.contraction = self._function.contraction
        self.groups = tree.groups
        self.core_shapes = shapes = self.contraction.core_shapes
        of_map = [array.shape for array in feature_map.parameters]
        self._theta = _Vector([*(shapes[first] for first, *_ in self.groups), *of_map])
        self._sums = _Vector([*self._function.gradient_shapes, *of_map])
        self.size, self.gradient_size = self._theta.size, self._sums.size
        per_sample = self.contraction.entries_per_sample + 2 * sites.columns.size
        self.chunk_size = _chunk_size(self.dtype.itemsize * per_sample, place)

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

    def moved(self, place: Place) -> Model:
        """The model where arrays of another library are."""
        n_batch = self.contraction.n_batch
        shape = self.tree, self.message_sizes, n_batch, self.batched
        return Model(self.sites, self.feature_map, *shape, self.dtype, place)

    def _cast(self, array: Any, copy: bool = True) -> Any:
        """An array in the type of the model."""
        dtype = self.dtype if self.place is None else self.place.dtype(self.dtype)
        return namespace(array).astype(array, dtype, copy=copy)

    def with_map(self, feature_map: FittedMap) -> Model:
        """The model with another fitted map of the same mode sizes."""
        model = copy(self)
        model.feature_map = feature_map
        return model

    def as_type(self, dtype: np.dtype | type) -> Model:
        """The model with per-sample work of another type; the feature map is the same."""
        if self.dtype == dtype:
            return self
        sizes, n_batch = self.message_sizes, self.contraction.n_batch
        return Model(
            self.sites, self.feature_map, self.tree, sizes, n_batch, self.batched, np.dtype(dtype)
        )

    def same_kind(self, other: Model, any_rank: bool = False) -> bool:
        """Whether parameter vectors, or networks of any rank, mean the same in both."""
        return (
            self.tree == other.tree
            and self.feature_map.mode_sizes == other.feature_map.mode_sizes
            and self.message_sizes[-1] == other.message_sizes[-1]
            and self.contraction.n_batch == other.contraction.n_batch
            and (any_rank or self._theta.shapes == other._theta.shapes)
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
        arrays = self._theta.arrays(theta)
        n_distinct = len(self.groups)
        cores = [arrays[0]] * len(self.tree.order)
        for array, group in zip(arrays, self.groups):
            for position in group:
                cores[position] = array
        return cores, arrays[n_distinct:]

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
        own = self._cast(theta, copy=False) if self.place is None else self.place.put(theta)
        cores, parameters = self.unpack(self._cast(own, copy=False))
        return self._function.prepare(cores, into), parameters

    def forward(
        self,
        cores: PreparedCores,
        parameters: Sequence[FloatArray],
        X: FloatArray,
        dropout: tuple[float, Any] | None = None,
        work: Workspace | None = None,
        wants_tape: bool = True,
        compiles: bool = True,
    ) -> tuple[FloatArray, Any]:
        """Scores (n_samples, n_outputs) of a chunk in float64, and a tape kept in `work`."""
        sites = self._extract(X)
        features, saved = self.feature_map.forward(parameters, sites)
        if self.place is None and not self._indexed and not isinstance(features, np.ndarray):
            features = [np.asarray(own) for own in features]
        masks = None
        if dropout is not None:
            masks = self._masks(features, *dropout)
            features = self._drop(features, masks)
        work = Workspace() if work is None else work
        known = self._known(sites)
        raw, tape = self._function.forward(cores, features, work, wants_tape, known, compiles)
        scores = raw[0, ...] if raw.shape[0] == 1 else raw[..., 0].mT
        return namespace(scores).astype(scores, widest(scores)), (saved, masks, tape)

    def _extract(self, X: Any) -> Any:
        """As `Sites.extract`, wherever X is."""
        if self.place is None:
            return self.sites.extract(X)
        taken = rows_of(X.mT, self._columns)
        return self.place.xp.reshape(taken, (*self.sites.columns.shape, X.shape[0])).mT

    def _known(self, sites: FloatArray) -> IntArray | None:
        """With shared cores, the number of sites of each sample before an end that is missing."""
        missing = self.feature_map.missing(sites) if self.tree.labels else None
        if missing is None or not missing[-1].any():
            return None
        known = len(sites) - np.argmin(missing[::-1], axis=0)
        known[missing.all(axis=0)] = 0
        return known

    def backward(
        self,
        parameters: Sequence[FloatArray],
        tape: Any,
        score_gradient: FloatArray,
        out: FloatArray,
    ) -> None:
        """Write the derivative of a chunk into `out`, of length `gradient_size`.

        The sum of it over chunks goes into `gradient`.
        """
        saved, masks, messages = tape
        gradient = self._cast(score_gradient)
        is_joint = self.contraction.n_batch == 1
        gradient = gradient[None, ...] if is_joint else gradient.mT[..., None]
        trainable = bool(self.feature_map.parameters)
        arrays, by_feature = self._function.backward(messages, gradient, trainable)
        if by_feature is not None:
            if masks is not None:
                by_feature = self._drop(by_feature, masks)
            arrays += self.feature_map.backward(parameters, saved, by_feature)
        if self.place is not None:
            xp = self.place.xp
            out[...] = xp.concat([xp.reshape(array, (-1,)) for array in arrays])
            return
        for place, array in zip(self._sums.arrays(out), arrays, strict=True):
            place[...] = array

    def gradient(self, cores: PreparedCores, total: FloatArray) -> FloatArray:
        """The derivative by the parameter vector, from a sum over chunks."""
        if self._sums.shapes == self._theta.shapes:
            return total
        arrays = self._sums.arrays(total)
        n_cores = len(self._function.gradient_shapes)
        by_core = self._function.gradients(cores, arrays[:n_cores])
        xp = namespace(total)
        return xp.concat([xp.reshape(array, (-1,)) for array in (*by_core, *arrays[n_cores:])])

    def _masks(self, features, rate: float, rng: Any):
        """Dropout masks of the local features; the constant is never dropped.

        Elsewhere than in NumPy the samples may be those of several chunks, each with a
        number of them and a generator: masks are drawn in NumPy, the same everywhere.
        """
        if self.place is not None:
            sizes = list(enumerate(self.feature_map.mode_sizes))
            parts = [[self._host_mask(k, n, m, rate, own) for k, m in sizes] for n, own in rng]
            return [self.place.put(np.concatenate(own)) for own in zip(*parts, strict=True)]
        if isinstance(features, np.ndarray):
            return self._mask(features.shape, rate, rng)
        return [
            self._mask((len(own), 2), rate, rng)[:, 1]
            if isinstance(own, Indicators)
            else self._mask(own.shape, rate, rng)
            for own in features
        ]

    def _host_mask(self, site: int, n: int, m: int, rate: float, rng: Any) -> FloatArray:
        """That of a site as NumPy draws it, where `Indicators` are dropped as a whole."""
        if site not in self.feature_map.indexed_sites:
            return self._mask((n, m), rate, rng)
        drawn = self._mask((n, 2), rate, rng)
        return np.concatenate([drawn[:, :1], np.repeat(drawn[:, 1:], m - 1, axis=1)], axis=1)

    def _mask(self, shape: tuple[int, ...], rate: float, rng: np.random.Generator) -> FloatArray:
        """Zeros and 1 / (1 - rate) for features (..., n, m), with the samples innermost.

        The rate is taken to 16 bits, and is never 0 or 1.
        """
        *others, n, m = shape
        m = m if self.feature_map.has_constant else 1
        # Sixteen bits a feature take a quarter of the time of a float.
        dropped = min(max(round(rate * 2**16), 1), 2**16 - 1)
        size = math.prod((*others, m, n))
        drawn = rng.bit_generator.random_raw(-(-size // 4)).view(np.uint16)[:size]
        is_kept = drawn.reshape(*others, m, n) >= np.uint16(dropped)
        scale = self.dtype.type(1.0 / (1.0 - dropped / 2**16))
        mask = np.multiply(is_kept, scale, dtype=self.dtype).mT
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
            return [_times(array, mask) for array, mask in zip(each(arrays), masks, strict=True)]
        dropped = []
        for array, mask, u in zip(each(arrays), masks, self.feature_map.constants, strict=True):
            along = (array @ u)[:, None] * (u / (u @ u))
            dropped.append(along + mask * (array - along))
        return dropped

    def features(self, X: FloatArray, dense: bool = False) -> list[Any]:
        """Local features of all rows, one array (n_samples, m_k) or `Indicators` per site."""
        indexed = frozenset() if dense else self._indexed
        sizes = enumerate(self.feature_map.mode_sizes)
        out: list[Any] = [
            [] if k in indexed else np.empty((len(X), size), self.dtype) for k, size in sizes
        ]
        parameters = self.feature_map.parameters
        for rows in chunks(len(X), self.chunk_size):
            block = X[rows].astype(self.dtype, copy=False)
            parts, _ = self.feature_map.forward(parameters, self.sites.extract(block))
            for array, part in zip(out, parts, strict=True):
                if isinstance(array, list):
                    array.append(part)
                else:
                    array[rows] = part
        return [Indicators.joined(own) if isinstance(own, list) else own for own in out]

    def scores(self, theta: FloatArray, X: FloatArray, n_threads: int) -> FloatArray:
        """Scores (n_samples, n_outputs) of all rows, in the model's dtype."""
        return self.scores_by(self.prepared(theta), X, n_threads)

    def scores_by(
        self,
        prepared: tuple[PreparedCores, list[FloatArray]],
        X: FloatArray,
        n_threads: int,
        work: Workspace | None = None,
    ) -> FloatArray:
        """As `scores`, by what `prepared` gave; `work` is used where one chunk holds all rows."""

        def chunk_scores(rows: slice) -> FloatArray:
            block = self._cast(X[rows, ...], copy=False)
            memory = pool.workspace if work is None or len(parts) > 1 else work
            memory.clear()
            scores, _ = self.forward(
                *prepared, block, work=memory, wants_tape=False, compiles=compiles
            )
            return self._cast(scores)

        parts = chunks(X.shape[0], self.chunk_size)
        compiles = X.shape[0] * sum(self.feature_map.mode_sizes) >= WORTH_LOADING
        # A library with devices has threads of its own.
        with ChunkPool(n_threads if self.place is None else 1) as pool:
            return namespace(X).concat(list(pool.map(chunk_scores, parts)))


def _chunk_size(row_bytes: int, place: Place | None) -> int:
    """How many samples are taken at a time."""
    if place is None or place.is_host:
        return int(min(_MAX_CHUNK, max(16, _CHUNK_BYTES // row_bytes)))
    return max(16, _DEVICE_BYTES // row_bytes)


def _times(features: Any, mask: FloatArray) -> Any:
    """Features times a mask, or their derivative, which is None for `Indicators`."""
    if features is None:
        return None
    if isinstance(features, Indicators):
        return Indicators(features.codes, features.values * mask, features.size)
    return features * mask


class _Vector:
    """Arrays of some shapes one after the other in a flat vector."""

    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        self.shapes = shapes
        self._bounds = [0, *accumulate(math.prod(shape) for shape in shapes)]
        self.size = self._bounds[-1]

    def arrays(self, flat: FloatArray) -> list[FloatArray]:
        """Views of the vector."""
        places = zip(pairwise(self._bounds), self.shapes, strict=True)
        reshape = namespace(flat).reshape
        return [reshape(flat[start:stop], shape) for (start, stop), shape in places]
