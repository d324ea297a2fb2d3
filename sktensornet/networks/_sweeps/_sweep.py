"""What a sweep is: blocks, one after the other, each to be optimised in turn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays._indicators import Indicators
from ..._arrays._parallel import ChunkPool, short_chunks
from ..._arrays._typing import Features, FloatArray
from .._network import TensorNetwork
from ._blocks import Block

LARGEST_EXPONENT = 900
"""Powers of two are clipped here, so that products with numbers near one stay below 2**1024."""


@dataclass(frozen=True)
class SweepOptions:
    """How to sweep.

    Parameters
    ----------
    rank : int
        Cap of every bond.
    rank_tol : float
        Relative truncation threshold.
    two_site : bool
        Merge two neighbouring cores at each step.
    leg_moves : bool
        Whether the class leg travels with the core that is optimised.
    function_space : bool
        Truncate by the effect on the scores instead of on the weight tensor.
    budget : float
        Bytes of messages above which checkpoints are kept instead of all.

    Examples
    --------
    >>> from sktensornet.networks._sweeps._sweep import SweepOptions
    >>> SweepOptions(rank=8, two_site=True).leg_moves
    True
    """

    rank: int
    rank_tol: float = 0.0
    two_site: bool = False
    leg_moves: bool = True
    function_space: bool = True
    budget: float = 2e9


class Sweep(ABC):
    """A network whose blocks are visited in turn.

    The generators yield a block; whoever iterates assigns ``block.value`` before
    asking for the next one.

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

    See Also
    --------
    TreeSweep : Over the cores of a tree.
    ProductSweep : Over the factors of a sum.

    Examples
    --------
    >>> from sktensornet.networks._sweeps._product_sweep import ProductSweep
    >>> from sktensornet.networks._sweeps._sweep import Sweep
    >>> from sktensornet.networks._sweeps._tree_sweep import TreeSweep
    >>> issubclass(TreeSweep, Sweep), issubclass(ProductSweep, Sweep)
    (True, True)
    """

    def __init__(
        self,
        network: TensorNetwork,
        features: Features,
        weight: FloatArray,
        pool: ChunkPool,
        options: SweepOptions,
    ) -> None:
        self._origin = network
        self._features = [
            each if isinstance(each, Indicators) else np.ascontiguousarray(np.asarray(each).T)[None]
            for each in features
        ]
        self._weight = weight
        self._n_samples = pool.total(len(weight), "samples")
        self._share = weight / pool.total(weight.sum(), "weight")
        self._pool = pool
        self._options = options
        self._dtype = self._features[0].dtype
        n_messages = max(len(network.cores) - 1, 1)
        batch = network.n_outputs if network.batched or not options.leg_moves else 1
        needed = n_messages * options.rank * batch * self._n_samples * self._dtype.itemsize
        self._keeps_all = needed <= options.budget

    @abstractmethod
    def begin(self) -> Iterator[Block]:
        """Compute all messages; blocks to visit before the first sweep.

        Yields
        ------
        Block
            A block whose value is to be assigned.
        """

    @abstractmethod
    def sweep(self) -> Iterator[Block]:
        """Visit the blocks of one sweep, which ends where it began.

        Yields
        ------
        Block
            A block whose value is to be assigned.
        """

    @abstractmethod
    def network(self) -> TensorNetwork:
        """The network now; between sweeps only.

        Returns
        -------
        TensorNetwork
            In the topology that it began with.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What another sweep over the same samples goes on from; between sweeps only.

        Returns
        -------
        dict
            Arrays and numbers.
        """

    @abstractmethod
    def go_on(self, state: dict[str, Any]) -> None:
        """Be where another sweep was, instead of `begin`, and do what it would do.

        Parameters
        ----------
        state : dict
            The other's `state()`.
        """

    @property
    def keeps_scores(self) -> bool:
        """Whether the scores are those that the block before left, up to rounding."""
        return False

    @property
    @abstractmethod
    def truncation_loss(self) -> float:
        """Root of the sum of squares of the relative truncations of the last sweep."""

    @property
    @abstractmethod
    def spectra(self) -> tuple[FloatArray, ...]:
        """Singular values at each bond that the last sweep split."""

    def _chunks(self, entries: int) -> list[slice]:
        """Rows whose intermediates, `entries` numbers a row, stay in the cache."""
        return short_chunks(len(self._weight), self._dtype.itemsize * entries)

    def _root_mean_square(self, message: FloatArray, axis: int | None = None):
        """Root of the mean square over all samples, summed in float64."""
        squares = np.sum(np.square(message, dtype=np.float64), axis=axis)
        count = self._n_samples * (message.size // len(self._weight)) / squares.size
        return np.sqrt(self._pool.total(squares, "squares") / count)
