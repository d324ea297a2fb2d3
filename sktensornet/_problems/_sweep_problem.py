"""The objective of a sweeping solver: one local problem after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays._parallel import ChunkPool
from .._arrays._typing import FloatArray
from ..losses import Loss
from ..networks import TensorNetwork, round_network
from ..networks._sweeps._blocks import Block
from ..networks._sweeps._product_sweep import ProductSweep
from ..networks._sweeps._sweep import Sweep, SweepOptions
from ..networks._sweeps._tree_sweep import TreeSweep
from ..networks._tensors._fewer_terms import keep_terms
from ..networks._tensors._per_class import each_tensor
from ._local_problem import LocalProblem
from ._model import Model
from ._network_problem import NetworkProblem


@dataclass(frozen=True)
class SweepRecord:
    """What one sweep did.

    Parameters
    ----------
    objective : float
        At the end of the sweep.
    ranks : tuple of int
        The ranks at the end of the sweep.
    truncation_loss : float
        Root of the sum over all bonds of the squared relative truncations.
    spectra : tuple of ndarray
        Singular values at each bond in the order of the sweep, in the norm in
        which it truncates; for CP the norms of the rank-one terms.
    """

    objective: float
    ranks: tuple[int, ...]
    truncation_loss: float
    spectra: tuple[FloatArray, ...]

    def __repr__(self) -> str:
        rank = max(self.ranks, default=1)
        return f"SweepRecord(objective={self.objective:.4g}, rank={rank})"


class SweepProblem(NetworkProblem):
    r"""Weighted mean loss plus penalty, for a solver that visits block by block.

    .. math:: F = \frac{\sum_i w_i \, \ell(s(X_i), y_i)}{\sum_i w_i}
              + \frac{\alpha}{2} \frac{\|W\|_F^2}{\prod_k \|u_k\|^2}

    The objective is that of `Objective`. Features are scaled by the norms of
    the covectors u_k of the constant, so that the norm is a plain one.

    Parameters
    ----------
    model : Model
        With a fixed feature map.
    loss : Loss
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, ...)
        Classes as integers, or real targets: what the loss takes.
    sample_weight : ndarray of shape (n_samples,)
    alpha : float
    rank : int
        Cap of every rank.
    pool : ChunkPool

    Attributes
    ----------
    first_objectives : list of float
        The objective before the first sweep, where something is solved before it.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        X: FloatArray,
        y: np.ndarray,
        sample_weight: FloatArray,
        *,
        alpha: float,
        rank: int,
        pool: ChunkPool,
    ) -> None:
        self.model = model
        self._loss = loss
        self._X = X
        self._y = y
        self._weight = sample_weight.astype(np.float64)
        self._n_samples = pool.total(len(self._weight), "samples")
        whole = pool.total(self._weight.sum(), "weight")
        self._weight *= 1.0 / (whole / self._n_samples)
        self._alpha = alpha
        self._rank = rank
        self._pool = pool
        self.first_objectives: list[float] = []
        self._norms = [float(np.linalg.norm(u)) for u in model.feature_map.constants]
        # The equations of a site of many categories are not a sum over parts.
        self._features = model.features(X, dense=pool.holds_part)
        for feature, norm in zip(self._features, self._norms, strict=True):
            if norm != 1.0:
                feature *= norm

    def open(self, start: TensorNetwork, **options) -> None:
        """Begin at a network; the options are those of `SweepOptions`."""
        has_products = bool(self.model.tree.multiplied)
        asked = SweepOptions(rank=self._rank, **options)
        if has_products and (asked.two_site or asked.rank_tol > 0):
            raise ValueError(
                f"a {start.format} network has no bonds to split or truncate; use ALS with "
                "sweep='one_site' and rank_tol=0, or a tensor train or hierarchical Tucker tree."
            )
        kind = ProductSweep if has_products else TreeSweep
        self._n_outputs = start.n_outputs
        scaled = self._rescaled(start, [1.0 / norm for norm in self._norms])
        self._sweep: Sweep = kind(scaled, self._features, self._weight, self._pool, asked)

    def objective(self, network: TensorNetwork) -> float:
        """The objective of a network."""
        self.open(network)
        return next(self.begin()).start().objective

    def reduce(self, network: TensorNetwork, rank_tol: float) -> TensorNetwork:
        """Truncate a network by the weight tensor or by the scores, whichever is better."""
        by_weight = round_network(network, self._rank, rank_tol)
        by_scores = self._truncate(network, rank_tol)
        return min(by_weight, by_scores, key=self.objective)

    def _truncate(self, network: TensorNetwork, rank_tol: float) -> TensorNetwork:
        """Truncate all bonds, or the terms of a sum, by the change of the scores."""
        if not network.tree.multiplied:
            self.open(network, rank_tol=rank_tol)
            for _ in (*self._sweep.begin(), *self._sweep.sweep()):
                pass
            return self.point()
        grams = []
        for tensor in each_tensor(network):
            *factors, readout = tensor.cores
            identity = np.eye(len(readout), dtype=network.dtype)
            terms = self.scores(TensorNetwork(network.tree, (*factors, identity)), self._X)
            terms = terms.astype(np.float64)
            grams.append((terms * self._weight[:, None]).T @ terms)
        return keep_terms(network, self._rank, rank_tol, np.stack(grams))

    def begin(self) -> Iterator[LocalProblem]:
        """The local problems before the first sweep."""
        for local in self._locals(self._sweep.begin()):
            yield local
            self.first_objectives = [] if local.final is None else [local.final.objective]

    def state(self) -> dict[str, Any]:
        """What another problem of the same samples goes on from, after a sweep."""
        return {"first": list(self.first_objectives), "sweep": self._sweep.state()}

    def go_on(self, state: dict[str, Any]) -> None:
        """Be where another problem was, instead of `begin`."""
        self.first_objectives = list(state["first"])
        self._sweep.go_on(state["sweep"])

    def sweep(self) -> Iterator[LocalProblem]:
        """The local problems of the next sweep; each must be finished in turn."""
        return self._locals(self._sweep.sweep())

    def point(self) -> TensorNetwork:
        """The network at the end of a sweep."""
        return self._rescaled(self._sweep.network(), self._norms)

    def record(self, objective: float, point: TensorNetwork) -> SweepRecord:
        """What the last sweep did, which ended at a point."""
        sweep = self._sweep
        return SweepRecord(objective, point.ranks, sweep.truncation_loss, sweep.spectra)

    def _locals(self, blocks: Iterator[Block]) -> Iterator[LocalProblem]:
        known = None
        for block in blocks:
            local = LocalProblem(
                block,
                self._n_outputs,
                self._loss,
                self._y,
                self._weight,
                self._alpha,
                self._pool,
                self._n_samples,
                known if self._sweep.keeps_scores else None,
            )
            yield local
            known = local.final

    @staticmethod
    def _rescaled(network: TensorNetwork, factors: list[float]) -> TensorNetwork:
        """Multiply the core of each site by a factor."""
        if all(factor == 1.0 for factor in factors):
            return network
        tree = network.tree
        cores = []
        for core, index in zip(network.cores, tree.order, strict=True):
            sites = [tree.nodes[child].site for child in tree.nodes[index].children]
            factor = math.prod(factors[site] for site in sites if site is not None)
            cores.append(core * core.dtype.type(factor))
        return TensorNetwork(tree, tuple(cores), network.batched)
