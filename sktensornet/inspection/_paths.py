"""Integrals of the derivatives of scores along straight paths between features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import roots_legendre

from .._arrays._parallel import ChunkPool, chunks
from .._arrays._typing import FloatArray
from ..networks import TensorNetwork, scale_outputs
from ..networks._cores import message_cores
from ..networks._passes._contraction import Contraction

_CHUNK = 1024
"""Points of the paths that are contracted together. With 256 a thousand rows of 30 columns beside
a background of 100 take 6.1, 5.6 and 5.5 s (TT, HT, CP), with 1,024 4.9, 4.2 and 4.7."""
_CHUNK_BYTES = 62_000_000
"""Messages and features of a chunk on one thread: what a fit takes."""
_BLOCK_BYTES = 64_000_000
"""Features of the samples that are read at once."""
SATURATED = 2.0**300
"""Where `Contraction` cuts scores off in float64."""


class Paths:
    r"""Paths from the features of background rows to those of samples.

    .. math:: \phi_k = \frac1J \sum_j \int_0^1 \Big\langle
              \frac{\partial s}{\partial f_k} (g(t)), \, f_k - b_{jk} \Big\rangle \, dt,
              \qquad g(t) = t f + (1 - t) b_j

    The integrand is a polynomial of degree d - 1 in t, for which ceil(d / 2)
    Gauss-Legendre nodes are exact. Each takes one forward and one backward pass
    for all sites at once.

    Parameters
    ----------
    network : TensorNetwork
        In float64.
    background : ndarray of shape (sum of m_k, n_background)
        The features b_j, those of all sites below each other.
    n_threads : int
    """

    def __init__(self, network: TensorNetwork, background: FloatArray, n_threads: int) -> None:
        self.n_sites, self.n_outputs = network.n_sites, network.n_outputs
        self._background = background
        self._n_threads = n_threads
        sizes = np.array(network.mode_sizes, int)
        ends = np.cumsum(sizes)
        self._starts = ends - sizes
        self._parts = [slice(a, b) for a, b in zip(self._starts, ends, strict=True)]
        ones = np.ones(network.n_outputs)
        self._passes = []
        for output in range(network.n_outputs):
            one = scale_outputs(network, ones, np.array([output]))
            contraction = Contraction(one.tree, one.message_sizes, merges_sites=True)
            self._passes.append((contraction, contraction.prepare(message_cores(one))))
        per_point = 8 * (self._passes[0][0].entries_per_sample + 2 * len(background))
        self._chunk = int(min(_CHUNK, max(16, _CHUNK_BYTES // per_point)))
        self.block = max(1, _BLOCK_BYTES // (8 * len(background)))
        """How many samples to pass at once."""

    def scores(self, features: FloatArray) -> FloatArray:
        """Scores (n, n_outputs) at some features, checked to be those of the network."""
        found = []
        for contraction, cores in self._passes:
            parts = [
                contraction.forward(cores, self._by_site(features[:, rows]), wants_tape=False)[0]
                for rows in chunks(features.shape[1], self._chunk)
            ]
            found.append(_checked(np.concatenate(parts, axis=1))[0, :, 0])
        return np.stack(found, axis=1)

    def integrals(self, features: FloatArray, site: int | None = None) -> FloatArray:
        """The integrals phi, or those of second derivatives.

        Parameters
        ----------
        features : ndarray of shape (sum of m_k, n_samples)
            The features f.
        site : int or None
            With a site l, the scores are replaced by <ds/df_l, f_l - b_l>, a polynomial
            of one degree less, and the integrals of l itself have no meaning.

        Returns
        -------
        ndarray of shape (n_samples, n_sites, n_outputs)
        """
        n = features.shape[1]
        n_nodes = max(1, -(-(self.n_sites - (site is not None)) // 2))
        points, weights = roots_legendre(n_nodes)
        points, weights = (1 + points) / 2, weights / (2 * self._background.shape[1])
        result = np.zeros((n, self.n_sites, self.n_outputs))
        with ChunkPool(self._n_threads) as pool:

            def integrate(tile: tuple[int, slice, slice, slice]) -> FloatArray:
                output, rows, others, nodes = tile
                ends, starts = features[:, rows, None], self._background[:, None, others]
                steps = ends - starts
                path = np.multiply(steps[..., None], points[nodes])
                path += starts[..., None]
                if site is not None:
                    path[self._parts[site]] = steps[self._parts[site], ..., None]
                contraction, cores = self._passes[output]
                by_site = self._by_site(path.reshape(len(path), -1))
                work = pool.workspace
                work.clear()
                scores, tape = contraction.forward(cores, by_site, work)
                _checked(scores)
                gradient = np.ones_like(scores)
                _, slopes = contraction.backward(tape, gradient, True, wants_cores=False)
                flat = _stacked(slopes).reshape(-1, path.shape[-1]) @ weights[nodes]
                steps *= flat.reshape(steps.shape)
                return np.add.reduceat(steps.sum(axis=2), self._starts, axis=0)

            tiles = list(self._tiles(n, n_nodes))
            for tile, part in zip(tiles, pool.map(integrate, tiles), strict=True):
                result[tile[1], :, tile[0]] += part.T
        return result

    def _tiles(self, n: int, n_nodes: int) -> Iterator[tuple[int, slice, slice, slice]]:
        """An output, samples, background rows and nodes to work on together."""
        n_background = self._background.shape[1]
        n_points = _even(n_nodes, self._chunk)
        n_others = _even(n_background, self._chunk // n_points)
        n_rows = _even(n, self._chunk // (n_points * n_others))
        for output in range(self.n_outputs):
            for rows in chunks(n, n_rows):
                for others in chunks(n_background, n_others):
                    for nodes in chunks(n_nodes, n_points):
                        yield output, rows, others, nodes

    def _by_site(self, stacked: FloatArray) -> list[FloatArray]:
        return [stacked[part].T for part in self._parts]


def _even(n: int, most: int) -> int:
    """Length of the fewest chunks of n that are no longer than `most`, all but equal."""
    return -(-n // -(-n // most))


def _stacked(features) -> FloatArray:
    """The features of all sites below each other, (sum of m_k, n)."""
    if isinstance(features, np.ndarray):
        return features.mT.reshape(-1, features.shape[1])
    return np.concatenate([own.T for own in features])


def _checked(scores: FloatArray) -> FloatArray:
    if not (np.abs(scores) < SATURATED).all():
        raise ValueError(
            "the scores saturate at 2**300 between the samples and their background, where they "
            "are not multilinear; fit with a larger alpha, or scale the columns."
        )
    return scores
