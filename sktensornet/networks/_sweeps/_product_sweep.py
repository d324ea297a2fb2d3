"""Sweeps over the factors of an element-wise product."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..._arrays._typing import FloatArray
from .._cores import message_cores, network_of
from .._messages import read
from .._network import TensorNetwork
from ._blocks import Block, CoreBlock
from ._category_blocks import factor_block
from ._environments import Environments, tour
from ._sweep import LARGEST_EXPONENT, Sweep

_SAFE_EXPONENT = 8
"""As in a tree, but each term by itself; a bound, not tuned."""


class ProductSweep(Sweep):
    r"""Visits the factors of a canonical polyadic sum, and the readout after each.

    .. math:: s_c = \sum_a \lambda_{ac} \prod_k \langle f_k, v_k^a \rangle, \qquad
              \|W\|^2 = \sum_c \lambda_c^\top \Big( \bigodot_k V_k^\top V_k \Big) \lambda_c

    The products before and after the present factor are messages along a chain.
    The columns of all factors have norm one, up to powers of two that keep the
    messages near one; the readout has the scale.

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
    >>> from sktensornet.networks import TensorNetwork, canonical_polyadic
    >>> from sktensornet.networks._sweeps._product_sweep import ProductSweep
    >>> from sktensornet.networks._sweeps._sweep import SweepOptions
    >>> cores = (np.ones((2, 3)), np.ones((2, 3)), np.ones((3, 1)))
    >>> network = TensorNetwork(canonical_polyadic(2), cores)
    >>> features = [np.ones((4, 2))] * 2
    >>> with ChunkPool(1) as pool:
    ...     sweep = ProductSweep(network, features, np.ones(4), pool, SweepOptions(rank=3))
    ...     visited = [block.value.shape for block in sweep.begin()]
    >>> visited
    [(1, 2, 3, 1), (1, 3, 1)]
    >>> bool(np.allclose(sweep.network().to_dense(), network.to_dense()))
    True
    """

    def __init__(self, network, features, weight, pool, options) -> None:
        super().__init__(network, features, weight, pool, options)
        *factors, readout = message_cores(network)
        self._factors, self._readout = factors, readout
        n_sites = len(factors)
        self._exponent = np.zeros((n_sites, *readout.shape[:2]), dtype=np.int64)
        self._neighbours = [
            [k for k in (site - 1, site + 1) if 0 <= k < n_sites] for site in range(n_sites)
        ]
        self._messages = Environments(self._neighbours, 0, self._message, self._keeps_all)
        self._grams = Environments(self._neighbours, 0, self._gram_message)
        for site in range(n_sites):
            self._normalise(site)

    def begin(self) -> Iterator[Block]:
        self._messages.start()
        self._grams.start()
        yield from self._visit(0)

    def sweep(self) -> Iterator[Block]:
        steps = tour(self._neighbours, 0)
        for a, b in steps:
            self._messages.move(a, b)
            self._grams.move(a, b)
            yield from self._visit(b)
        if not steps:
            yield from self._visit(0)

    def network(self) -> TensorNetwork:
        cores = [*self._factors, self._readout]
        origin = self._origin
        return network_of(origin.tree.free(), cores, origin.batched, origin.dtype)

    def state(self):
        factors, exponent = list(self._factors), self._exponent.copy()
        return {"factors": factors, "readout": self._readout, "exponent": exponent}

    def go_on(self, state):
        self._factors, self._readout = list(state["factors"]), state["readout"]
        self._exponent = state["exponent"].copy()
        self._messages.start()
        self._grams.start()

    @property
    def truncation_loss(self) -> float:
        return 0.0

    @property
    def spectra(self) -> tuple[FloatArray, ...]:
        """Norms of the rank-one terms, the largest first."""
        exponents = np.clip(-self._exponent.sum(axis=0), -LARGEST_EXPONENT, LARGEST_EXPONENT)
        norms = np.ldexp(np.linalg.norm(self._readout, axis=-1), exponents)
        return (np.sort(norms, axis=-1)[:, ::-1],)

    def _visit(self, site: int) -> Iterator[Block]:
        others = self._others(site)
        gram, exponent = self._other_grams(site)
        coupling = np.matmul(self._readout, self._readout.mT)
        block = factor_block(
            self._factors[site][..., None],
            self._features[site],
            others,
            self._readout,
            _scaled(gram * coupling, exponent),
        )
        yield block
        self._factors[site] = block.value[..., 0]
        self._normalise(site)
        hidden = self._read(site) * others
        exponent = exponent - self._exponent[site]
        readout = CoreBlock(self._readout, [hidden], _scaled(gram * self._gram(site), exponent))
        yield readout
        self._readout = readout.value

    def _others(self, site: int) -> FloatArray:
        arriving = [self._messages(other, site) for other in self._neighbours[site]]
        if not arriving:
            shape = (*self._readout.shape[:2], len(self._weight))
            return np.ones(shape, self._dtype)
        return arriving[0] if len(arriving) == 1 else arriving[0] * arriving[1]

    def _other_grams(self, site: int) -> tuple[FloatArray, FloatArray]:
        """Product of the Gram matrices of all other factors, and its exponents."""
        rank = self._readout.shape[1]
        gram = np.ones((len(self._readout), rank, rank))
        for other in self._neighbours[site]:
            gram = gram * self._grams(other, site)
        return gram, self._exponent[site] - self._exponent.sum(axis=0)

    def _gram(self, site: int) -> FloatArray:
        """Gram matrix of a factor with columns of norm one."""
        unit = np.ldexp(self._factors[site], self._exponent[site][:, None])
        return np.matmul(unit.mT, unit)

    def _read(self, site: int) -> FloatArray:
        return read(self._factors[site].astype(self._dtype), self._features[site])

    def _times_arriving(
        self, own: FloatArray, messages: Environments, a: int, b: int
    ) -> FloatArray:
        """What arrives at a, but from b, times what is at a."""
        for other in self._neighbours[a]:
            if other != b:
                own = own * messages(other, a)
        return own

    def _gram_message(self, a: int, b: int) -> FloatArray:
        return self._times_arriving(self._gram(a), self._grams, a, b)

    def _message(self, a: int, b: int) -> FloatArray:
        """Product of the readings up to a site, its columns scaled near one."""
        product = self._times_arriving(self._read(a), self._messages, a, b)
        size = self._root_mean_square(product, axis=-1)
        shift = np.where(size > 0, np.frexp(size)[1], 0)
        if np.abs(shift).max() > _SAFE_EXPONENT:
            product = np.ldexp(product, -shift[..., None])
            self._factors[a] = np.ldexp(self._factors[a], -shift[:, None])
            self._readout = np.ldexp(self._readout, shift[..., None])
            self._exponent[a] += shift
        return product

    def _normalise(self, site: int) -> None:
        """Bring the columns of a factor to norm one; the readout takes their norms."""
        norms = np.linalg.norm(self._factors[site], axis=1)
        norms = np.where(norms > 0, norms, 1.0)
        self._factors[site] = self._factors[site] / norms[:, None]
        self._readout = self._readout * norms[..., None]
        self._exponent[site] = 0


def _scaled(matrix: FloatArray, exponent: FloatArray) -> FloatArray:
    total = exponent[:, :, None] + exponent[:, None, :]
    return np.ldexp(matrix, np.clip(total, -LARGEST_EXPONENT, LARGEST_EXPONENT))
