"""The immutable tensor network that is handed out to users."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .._arrays._immutable import ReadOnlyArrays
from .._arrays._typing import FloatArray
from ._reading import Reader, State, read
from ._summary import as_html, as_text, summary_rows
from ._tree import OUT, Tree

DENSE_LIMIT = 10_000_000
"""Most entries of a dense tensor that is formed; `TensorNetwork.to_dense` raises above."""


@dataclass(frozen=True, eq=False, repr=False)
class TensorNetwork(ReadOnlyArrays):
    r"""A weight tensor stored as a tree of cores.

    .. math:: W^{i_1 \dots i_d}_c = \text{contraction of the cores over all bonds}

    Parameters
    ----------
    tree : Tree
        The topology.
    cores : tuple of ndarray
        One core per core node, in the order of ``tree.order``. TT: d cores
        ``(r_left, m, r_right)``; HT: d leaf frames ``(m, out)``, then the inner
        nodes ``(left, right, out)`` up to the root; CP: d factors ``(m, r)``,
        then the readout ``(r, C)``. The class axis C comes last on the core
        that holds it. With ``batched=True`` every core has a leading class axis
        instead. With another product than "multiply", a TT has d frames ``(m, r)``
        before its cores. They are stored as read-only copies; shared cores appear
        at each of their places.
    batched : bool, default=False
        Whether there is one tensor per class (a leading class axis on every
        core) instead of one tensor with a class leg.

    Attributes
    ----------
    format : str
        "TT", "HT" or "CP".
    n_sites, n_outputs, n_parameters, nbytes : int
        The number d of sites, of outputs, of entries of all cores, of bytes.
    mode_sizes : tuple of int
        Number of local features of each site.
    ranks : tuple of int
        TT: the bonds from left to right. HT: the outgoing bond of each core but
        the root, in the order of the cores. CP: one number.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, table 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, canonical_polyadic
    >>> factor, readout = np.ones((2, 3)), np.ones((3, 1))
    >>> network = TensorNetwork(canonical_polyadic(2), (factor, factor, readout))
    >>> network.ranks, network.to_dense().shape
    ((3,), (2, 2, 1))
    """

    tree: Tree
    cores: tuple[FloatArray, ...]
    batched: bool = False

    def __post_init__(self) -> None:
        if len(self.cores) != len(self.tree.order):
            raise ValueError(
                f"cores has {len(self.cores)} entries; a {self.tree.format} over "
                f"{self.tree.n_sites} sites needs {len(self.tree.order)}."
            )
        super().__post_init__()
        self.message_sizes  # noqa: B018  raises on bonds that do not match
        for first, *others in self.tree.groups:
            for other in others:
                if not np.array_equal(self.cores[first], self.cores[other]):
                    raise ValueError(
                        f"cores[{other}] must be equal to cores[{first}]: the tree shares them."
                    )

    @cached_property
    def message_sizes(self) -> tuple[int, ...]:
        sizes = [-1] * len(self.tree.nodes)

        def learn(index: int, length: int, where: str) -> None:
            if sizes[index] not in (-1, length):
                raise ValueError(
                    f"{where} does not match the core at the other end of its bond: "
                    f"{length} against {sizes[index]}."
                )
            sizes[index] = length

        for position, (index, core) in enumerate(zip(self.tree.order, self.cores, strict=True)):
            node = self.tree.nodes[index]
            shape = core.shape[int(self.batched) :]
            axes = node.axes or ()
            if self.batched and index == self.tree.root:
                shape = (*shape, 1)
            if self.batched and core.shape[0] != self.cores[0].shape[0]:
                raise ValueError(
                    f"cores[{position}] has shape {core.shape}; its leading axis must have "
                    f"length {self.cores[0].shape[0]} as that of cores[0], one tensor per class."
                )
            if len(shape) != len(axes):
                raise ValueError(
                    f"cores[{position}] has shape {core.shape}; it must have "
                    f"{core.ndim + len(axes) - len(shape)} axes."
                )
            for axis, length in zip(axes, shape, strict=True):
                if axis >= 0:
                    learn(node.children[axis], length, f"axis of cores[{position}]")
                elif axis == OUT:
                    learn(index, length, f"outgoing axis of cores[{position}]")
                elif length != 1:
                    raise ValueError(
                        f"cores[{position}] has shape {core.shape}; its axis at the end of the "
                        "chain must have length 1."
                    )
        for index, node in enumerate(self.tree.nodes):
            if node.is_product:
                for child in node.children:
                    learn(child, sizes[index], "a factor of an element-wise product")
        return tuple(sizes)

    @property
    def format(self) -> str:
        """The name of the format: "TT", "HT" or "CP"."""
        return self.tree.format

    @property
    def n_sites(self) -> int:
        """Number of sites d."""
        return self.tree.n_sites

    @property
    def n_outputs(self) -> int:
        """Number of scores."""
        return self.cores[0].shape[0] if self.batched else self.message_sizes[-1]

    @property
    def mode_sizes(self) -> tuple[int, ...]:
        """Number of local features of each site."""
        sizes = {
            node.site: self.message_sizes[index]
            for index, node in enumerate(self.tree.nodes)
            if node.site is not None
        }
        return tuple(sizes[site] for site in range(self.n_sites))

    @property
    def n_parameters(self) -> int:
        """Number of entries of all cores, shared ones counted once."""
        return sum(self.cores[first].size for first, *_ in self.tree.groups)

    @property
    def product(self) -> str:
        """What takes the place of the product of numbers that meet."""
        return self.tree.product

    @property
    def shares_cores(self) -> bool:
        """Whether cores are shared between sites."""
        return bool(self.tree.labels)

    def with_n_sites(self, n_sites: int) -> TensorNetwork:
        """The network of the same shared cores over more or fewer sites.

        Parameters
        ----------
        n_sites : int
            The number d of sites; at least 2 for a tensor train, one that fills
            a perfect tree of no more levels for a hierarchical Tucker tree.

        Returns
        -------
        TensorNetwork
            Of the same cores.

        Raises
        ------
        ValueError
            If cores are not shared, or there is no such network.

        Examples
        --------
        >>> import numpy as np
        >>> from sktensornet.networks import TensorNetwork, canonical_polyadic
        >>> factor, readout = np.ones((2, 3)), np.ones((3, 1))
        >>> symmetric = canonical_polyadic(2, shared=True)
        >>> TensorNetwork(symmetric, (factor, factor, readout)).with_n_sites(7).n_sites
        7
        """
        tree = self.tree.with_n_sites(n_sites)
        places = tree.places_in(self.tree)
        return TensorNetwork(tree, tuple(self.cores[place] for place in places), self.batched)

    def read(self, state: State | None, step: ArrayLike) -> State:
        r"""Read one more step of sequences, as a recurrent network does.

        .. math:: h^{(t)}_k = \sum_{ij} G_{ijk} \, f(x^{(t)})_i \, h^{(t-1)}_j

        Parameters
        ----------
        state : State or None
            What it returned for the step before; None begins.
        step : array-like of shape (n_samples, m)
            The local features of the step.

        Returns
        -------
        State
            The new one, with the scores; as large as the one before.

        Raises
        ------
        ValueError
            If the network is no train of equal cores over at least three sites,
            or shapes do not match.

        Examples
        --------
        >>> from sktensornet.automata import from_automaton
        >>> swaps = from_automaton([1, 0], [[[0, 1], [1, 0]], [[1, 0], [0, 1]]], [0, 1])
        >>> state = None
        >>> for token in (0, 1, 1, 0, 0):
        ...     state = swaps.read(state, [[token == 0, token == 1]])
        >>> state.scores
        array([[1.]])
        """
        return read(self._reader, state, np.asarray(step))

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self)

    @property
    def nbytes(self) -> int:
        """Bytes of all cores."""
        return sum(core.nbytes for core in self.cores)

    @property
    def dtype(self) -> np.dtype:
        """Type of the cores."""
        return self.cores[0].dtype

    @property
    def ranks(self) -> tuple[int, ...]:
        """Size of every bond."""
        return self.tree.bond_ranks(self.message_sizes)

    def to_dense(self) -> FloatArray:
        """Contract all bonds to the dense weight tensor.

        Returns
        -------
        ndarray of shape (m_1, ..., m_d, n_outputs)
            The weight tensor W, the class axis last.

        Raises
        ------
        ValueError
            If it would have more than 10,000,000 entries or more than 63 axes, or
            the network is not multilinear.
        """
        self.tree.require_multilinear("to_dense()")
        log_size = sum(math.log(m) for m in self.mode_sizes) + math.log(self.n_outputs)
        if log_size > math.log(DENSE_LIMIT) or self.n_sites > 63:
            raise ValueError(
                f"to_dense() would form a tensor with 10^{log_size / math.log(10):.1f} "
                f"entries over {self.n_sites} sites; the limit is 10^7 entries and 63 "
                "sites. Contract the cores instead."
            )
        if not self.batched:
            return self._dense(self.cores)
        each = [self._dense([core[c] for core in self.cores]) for c in range(self.n_outputs)]
        return np.stack([tensor[..., 0] for tensor in each], axis=-1)

    def _dense(self, cores) -> FloatArray:
        tree = self.tree
        tensors: list[FloatArray] = []
        sites: list[list[int]] = []
        for index, node in enumerate(tree.nodes):
            if node.site is not None:
                tensors.append(np.eye(self.message_sizes[index], dtype=self.dtype))
                sites.append([node.site])
                continue
            below = [site for child in node.children for site in sites[child]]
            parts = [tensors[child] for child in node.children]
            if node.is_product:
                dense = parts[0]
                for part in parts[1:]:
                    dense = dense[(..., *[None] * (part.ndim - 1), slice(None))] * part
            else:
                core = cores[tree.core_of[index]]
                if self.batched and index == tree.root:
                    core = core[..., None]
                dense = node.inward(core[None])[0]
                for part in parts:
                    dense = np.tensordot(dense, part, axes=(0, part.ndim - 1))
                dense = np.moveaxis(dense, 0, -1)
            tensors.append(dense)
            sites.append(below)
        order = [sites[-1].index(site) for site in range(self.n_sites)]
        return tensors[-1].transpose(*order, self.n_sites)

    def __repr__(self) -> str:
        ranks = self.ranks
        shown = f"{min(ranks)}..{max(ranks)}" if len(set(ranks)) > 1 else f"{max(ranks, default=1)}"
        modes = self.mode_sizes
        mode = f"{min(modes)}..{max(modes)}" if len(set(modes)) > 1 else f"{modes[0]}"
        return (
            f"TensorNetwork({self.format}, sites={self.n_sites}, mode_size={mode}, "
            f"rank={shown}, outputs={self.n_outputs}, parameters={self.n_parameters:,}, "
            f"bytes={self.nbytes:,})"
        )

    def summary(self) -> str:
        """Say what the network is, in lines for people.

        Returns
        -------
        str
            Format, sites, mode sizes, outputs, ranks, parameters and memory.

        Examples
        --------
        >>> import numpy as np
        >>> from sktensornet.networks import TensorNetwork, canonical_polyadic
        >>> factor, readout = np.ones((2, 3)), np.ones((3, 1))
        >>> network = TensorNetwork(canonical_polyadic(9), (*[factor] * 9, readout))
        >>> print(network.summary())
        format      CP
        sites       9
        mode sizes  2 (x 9)
        outputs     1, one tensor
        ranks       3
        parameters  57, dense 512
        memory      456 bytes as float64
        """
        return as_text(summary_rows(self))

    def _repr_html_(self) -> str:
        return as_html("TensorNetwork", summary_rows(self))
