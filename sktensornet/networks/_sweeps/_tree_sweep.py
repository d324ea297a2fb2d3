"""Sweeps over a tree of cores in canonical gauge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..._arrays._indicators import Indicators
from ..._arrays._linalg import thin_qr
from ..._arrays._multilinear import move_axis
from ..._arrays._typing import FloatArray
from .._cores import message_cores, network_of
from .._messages import contract_core, indicators_among, khatri_rao, leading, look_up
from .._network import TensorNetwork
from .._tensors._gauge import orthogonalise
from .._tree import Tree
from ._blocks import Block
from ._category_blocks import core_block
from ._environments import Environments, tour
from ._split import SecondMoment, truncated_split
from ._sweep import LARGEST_EXPONENT, Sweep

_SITE, _BOND = 0, 1
_SAFE_EXPONENT = 16
"""Messages of root mean squares within 2**16 and 2**-16 are left as they are.

A product of all legs of a core then stays far from the limits of float32, 2**128
and 2**-126, and few messages are written twice.
"""


class TreeSweep(Sweep):
    """Visits the cores of a tree, one or two at a time.

    All cores but the centre are orthonormal towards it, up to a power of two
    that keeps messages near one. The class leg travels with the centre, or
    stays at the root. A core has the shape (b, leg_1, ..., leg_k, c), where the
    class axis c has length one except where the class leg is.

    Parameters
    ----------
    network : TensorNetwork
        Where the sweep begins.
    features : sequence of ndarray of shape (n_samples, m_k)
        Local features of each site.
    weight : ndarray of shape (n_samples,)
        Weights of the samples, of mean one.
    pool : ChunkPool
        Threads for chunks of samples.
    options : SweepOptions
        How to sweep.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet._arrays._parallel import ChunkPool
    >>> from sktensornet.networks import TensorNetwork, tensor_train
    >>> from sktensornet.networks._sweeps._sweep import SweepOptions
    >>> from sktensornet.networks._sweeps._tree_sweep import TreeSweep
    >>> cores = (np.ones((1, 2, 1)), np.ones((1, 2, 1, 1)), np.ones((1, 2, 1)))
    >>> network = TensorNetwork(tensor_train(3), cores)
    >>> features = [np.ones((4, 2))] * 3
    >>> with ChunkPool(1) as pool:
    ...     sweep = TreeSweep(network, features, np.ones(4), pool, SweepOptions(rank=1))
    ...     first = [block.value.shape for block in sweep.begin()]
    ...     visited = [block.value.shape for block in sweep.sweep()]
    >>> first, len(visited)
    ([(1, 1, 1, 2, 1)], 4)
    >>> bool(np.allclose(sweep.network().to_dense(), network.to_dense()))
    True
    """

    def __init__(self, network, features, weight, pool, options) -> None:
        super().__init__(network, features, weight, pool, options)
        centred = orthogonalise(network)
        legs = _legs(network.tree)

        def length(leg: tuple[int, int]) -> int:
            kind, to = leg
            return features[to].shape[-1] if kind == _SITE else options.rank

        # Short legs first, whose products are formed; of two as short, the site.
        self._orders = [
            [j for *_, j in sorted((length(leg), leg, j) for j, leg in enumerate(own))]
            for own in legs
        ]
        self._legs = [[own[j] for j in order] for own, order in zip(legs, self._orders)]
        self._root = self._centre = network.tree.core_of[network.tree.root]
        self._cores = [
            _leg_core(core, place == self._root, order)
            for place, (core, order) in enumerate(zip(message_cores(centred), self._orders))
        ]
        self._exponent, self._total_exponent = [0] * len(self._cores), 0
        self._neighbours = [[to for kind, to in legs if kind == _BOND] for legs in self._legs]
        self._environments = Environments(
            self._neighbours, self._root, self._message, self._keeps_all
        )
        self._splits: dict[tuple[int, int], tuple[FloatArray, float]] = {}
        self._keeps_scores = False

    def begin(self) -> Iterator[Block]:
        self._environments.start()
        yield from self._visit()

    def sweep(self) -> Iterator[Block]:
        self._splits = {}
        for a, b in tour(self._neighbours, self._root):
            if self._options.two_site:
                yield from self._visit_pair(a, b)
            else:
                self._step(a, b)
                yield from self._visit()
        if self._options.two_site or len(self._cores) == 1:
            # The last split may have truncated; the sweep ends with an optimal root.
            yield from self._visit()

    def network(self) -> TensorNetwork:
        closed = []
        for place, core in enumerate(self._cores):
            order = np.argsort(self._orders[place])
            core = core.transpose(0, *(1 + order), core.ndim - 1)
            closed.append(core if place == self._root else core[..., 0])
        origin = self._origin
        return network_of(origin.tree.free(), closed, origin.batched, origin.dtype)

    def state(self):
        return {"cores": list(self._cores), "exponent": list(self._exponent)}

    def go_on(self, state):
        self._cores, self._exponent = list(state["cores"]), list(state["exponent"])
        self._total_exponent = sum(self._exponent)
        self._environments.start()

    @property
    def keeps_scores(self) -> bool:
        return self._keeps_scores

    @property
    def truncation_loss(self) -> float:
        return math.sqrt(sum(loss**2 for _, loss in self._splits.values()))

    @property
    def spectra(self) -> tuple[FloatArray, ...]:
        return tuple(values for values, _ in self._splits.values())

    def _axis(self, place: int, neighbour: int) -> int:
        return 1 + self._legs[place].index((_BOND, neighbour))

    def _incoming(self, place: int, without: int | None = None) -> list[Any]:
        """The messages at the legs of a core, but the one from a neighbour.

        What arrives from a site is its features, which may be `Indicators`.
        """
        return [
            self._features[to] if kind == _SITE else self._environments(to, place)
            for kind, to in self._legs[place]
            if kind == _SITE or to != without
        ]

    def _ridge(self, *centres: int) -> float:
        """Squared norm of the weight tensor by that of the centre."""
        others = self._total_exponent - sum(self._exponent[place] for place in centres)
        return math.ldexp(1.0, max(-LARGEST_EXPONENT, min(LARGEST_EXPONENT, 2 * others)))

    def _visit(self) -> Iterator[Block]:
        centre = self._centre
        block = core_block(self._cores[centre], self._incoming(centre), self._ridge(centre))
        yield block
        self._cores[centre] = block.value

    def _visit_pair(self, a: int, b: int) -> Iterator[Block]:
        """Visit the centre and a neighbour as one core, then make that the centre."""
        self._environments.enter(a, b)
        left = move_axis(self._cores[a], self._axis(a, b), -1)
        right = move_axis(self._cores[b], self._axis(b, a), 1)
        outer = (*left.shape[1:-2], *right.shape[2:-1])
        product = _join(left.reshape(len(left), -1, *left.shape[-2:]), right)
        rows, columns, c = product.shape[1:]
        block = core_block(
            product.reshape(len(left), *outer, c),
            self._incoming(a, b) + self._incoming(b, a),
            self._ridge(a, b),
        )
        yield block
        factor = self._split(a, b, block.value.reshape(-1, rows, columns, c))
        core = factor.reshape(*factor.shape[:2], *right.shape[2:-1], -1)
        self._arrive(a, b, move_axis(core, 1, self._axis(b, a)))

    def _step(self, a: int, b: int) -> None:
        """Make a neighbour the centre; the class leg goes along if it may."""
        left = move_axis(self._cores[a], self._axis(a, b), -2)
        factor = self._split(a, b, left.reshape(len(left), -1, *left.shape[-2:]))
        right = move_axis(self._cores[b], self._axis(b, a), 1)
        product = _join(factor.swapaxes(2, 3), right)
        core = product.reshape(*product.shape[:2], *right.shape[2:-1], -1)
        self._arrive(a, b, move_axis(core, 1, self._axis(b, a)))

    def _arrive(self, a: int, b: int, core: FloatArray) -> None:
        self._cores[b] = np.ascontiguousarray(core)
        self._total_exponent -= self._exponent[a] + self._exponent[b]
        self._exponent[a] = self._exponent[b] = 0
        self._centre = b
        self._environments.move(a, b)

    def _split(self, a: int, b: int, tensor: FloatArray) -> FloatArray:
        """Leave an orthonormal core at a; what is left of (b, rows, columns, c)."""
        axis = self._axis(a, b)
        shape = [n for j, n in enumerate(self._cores[a].shape[:-1]) if j != axis]
        batch, rows, columns, c = tensor.shape
        stays = a == self._root and not self._options.leg_moves
        if stays:
            tensor = tensor.swapaxes(2, 3).reshape(batch, rows * c, columns, 1)
        cap, tolerance = self._options.rank, self._options.rank_tol
        grows = self._options.two_site or tensor.shape[-1] > 1
        truncates = grows or tolerance > 0 or min(tensor.shape[1], columns) > cap
        self._keeps_scores = not truncates
        if truncates:
            grams: list = []
            if self._options.function_space and not stays:
                two_site = self._options.two_site
                beyond = self._incoming(b, a) if two_site else [self._environments(b, a)]
                grams = [self._row_gram(self._incoming(a, b)), self._gram(beyond)]
            q, factor, spectrum, loss = truncated_split(tensor, cap, tolerance, *grams)
            self._splits[a, b] = spectrum, loss
        else:
            q, r = thin_qr(tensor[..., 0])
            factor = r[..., None]
        core = q.reshape(*shape, c if stays else 1, q.shape[-1])
        self._cores[a] = np.ascontiguousarray(move_axis(core, -1, axis))
        return factor

    def _row_gram(self, messages: Sequence[Any]) -> FloatArray | SecondMoment | None:
        """As `_gram`; with a site of many categories what applies that."""
        found = indicators_among(messages)
        if found is None:
            return self._gram(messages)
        place, features, others = found
        lengths = [each.shape[1] for each in messages]

        def moment(tensor: FloatArray) -> FloatArray:
            core = np.moveaxis(tensor.reshape(len(tensor), *lengths, -1), 1 + place, 1)

            def chunk(rows: slice) -> FloatArray:
                hidden = look_up(core, features[rows], [each[..., rows] for each in others])
                return np.matmul(hidden * self._share[rows], hidden.mT)

            width = tensor.shape[-1] * math.prod(each.shape[1] for each in others)
            return self._mean(self._pool.sum(chunk, self._chunks(width * len(tensor))))

        return moment

    def _gram(self, messages: Sequence[Any]) -> FloatArray | None:
        """Weighted Gram matrix of what some messages carry together, if it is not too large."""
        if any(isinstance(message, Indicators) for message in messages):
            return None
        root = np.sqrt(self._share)
        size = math.prod(message.shape[1] for message in messages)
        batch = max(len(message) for message in messages)

        def chunk(rows: slice) -> FloatArray:
            design = messages[0][..., rows] * root[rows]
            for message in messages[1:]:
                design = khatri_rao(design, message[..., rows])
            return np.matmul(design, design.mT)

        return self._mean(self._pool.sum(chunk, self._chunks(size * batch)))

    def _mean(self, total: FloatArray) -> FloatArray:
        """Of Gram matrices for each class the mean, where their core is one for all."""
        total = self._pool.total(total, "Gram matrix of messages")
        n_tensors = len(self._cores[0])
        return total.mean(axis=0, keepdims=True) if len(total) > n_tensors else total

    def _message(self, a: int, b: int) -> FloatArray:
        """Contract a core with all that arrives, but from the neighbour.

        If the result leaves a safe range it is scaled by a power of two, which
        the two cores take over.
        """
        messages = self._incoming(a, b)
        core = move_axis(self._cores[a], self._axis(a, b), -2).astype(self._dtype)
        rank, c = core.shape[-2:]
        core = np.ascontiguousarray(core).reshape(*core.shape[:-2], rank * c)
        found = indicators_among(messages)
        if found is not None:
            place, features, messages = found[0], found[1], list(found[2])
            core = np.moveaxis(core, 1 + place, 1)
        batch = c if c > 1 else max(len(core), *(len(message) for message in messages), 1)
        result = np.empty((batch, rank, len(self._weight)), self._dtype)

        def chunk(rows: slice) -> None:
            arriving = [message[..., rows] for message in messages]
            if found is None:
                raw = contract_core(core, leading(arriving), arriving[2:])
            else:
                raw = look_up(core, features[rows], arriving)
            result[..., rows] = raw.reshape(rank, c, -1).swapaxes(0, 1) if c > 1 else raw

        lengths = [message.shape[1] for message in messages]
        width = math.prod(lengths[:2]) + rank * c * (1 if found is None else math.prod(lengths))
        self._pool.runs(chunk, self._chunks(width * batch))
        size = float(self._root_mean_square(result))
        shift = math.frexp(size)[1] if size > 0 else 0
        if abs(shift) > _SAFE_EXPONENT:
            result *= 2.0**-shift
            self._cores[a] = np.ldexp(self._cores[a], -shift)
            self._cores[b] = np.ldexp(self._cores[b], shift)
            self._exponent[a] -= shift
            self._exponent[b] += shift
        return result


def _join(left: FloatArray, right: FloatArray) -> FloatArray:
    """Contract (b, k, c, r) with (b, r, ..., e) to (b, k, p, c * e)."""
    batch, k, c, rank = left.shape
    e = right.shape[-1]
    product = left.reshape(batch, k * c, rank) @ right.reshape(batch, rank, -1)
    product = product.reshape(batch, k, c, -1, e).swapaxes(2, 3)
    return product.reshape(batch, k, -1, c * e)


def _leg_core(core: FloatArray, is_root: bool, order: list[int]) -> FloatArray:
    """A core (b, children..., out) with its legs in an order and a class axis."""
    if not is_root:
        core = core[..., None]
    return np.ascontiguousarray(core.transpose(0, *(1 + j for j in order), core.ndim - 1))


def _legs(tree: Tree) -> list[list[tuple[int, int]]]:
    """What the legs of each core lead to, a site or a core: its children, then its parent."""
    parent = {child: index for index, node in enumerate(tree.nodes) for child in node.children}
    legs = []
    for index in tree.order:
        nodes = [(child, tree.nodes[child].site) for child in tree.nodes[index].children]
        own = [
            (_BOND, tree.core_of[child]) if site is None else (_SITE, site) for child, site in nodes
        ]
        if index != tree.root:
            own.append((_BOND, tree.core_of[parent[index]]))
        legs.append(own)
    return legs
