"""Random networks of each format, with distinct or equal cores."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from sklearn.utils import check_random_state

from .._support._checks import check_boolean, check_integer
from ..networks import TensorNetwork, Tree
from ._modular import check_prime


def random_network(
    tree: Tree,
    mode_sizes: int | Sequence[int],
    rank: int,
    n_outputs: int = 1,
    *,
    batched: bool = False,
    equal_cores: bool = False,
    prime: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> TensorNetwork:
    r"""Draw a network whose cores have independent entries.

    .. math:: G_k[a, i, b] \sim N(0, 1) \quad \text{or} \quad
              G_k[a, i, b] \sim U\{0, \dots, p - 1\}

    Parameters
    ----------
    tree : Tree
        The topology, such as ``tensor_train(6)``.
    mode_sizes : int or sequence of int
        Number of local features m of every site, or of each.
    rank : int
        Size of every bond, also where less would hold as much.
    n_outputs : int, default=1
        Number of classes.
    batched : bool, default=False
        Whether to draw a tensor for each output, instead of one with a class
        leg. A batch of many tensors is the fast way to many draws.
    equal_cores : bool, default=False
        Whether cores are shared, as in recurrent and convolutional networks.
        Cores that read a site are the same wherever they have the same shape:
        all but the first and the last of a tensor train, all leaf frames of a
        hierarchical Tucker tree, all factors of a canonical polyadic sum. Those
        that only join others are the same at the same depth. A core with a
        class leg of several classes is by itself.
    prime : int or None, default=None
        Draw whole numbers in [0, prime), for exact ranks.
    random_state : int, RandomState or None, default=None
        Draws the entries of the cores.

    Returns
    -------
    TensorNetwork
        In float64, or int64 with `prime`.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Khrulkov, Hrinchuk, Oseledets, "Generalized tensor models for recurrent
    neural networks", ICLR 2019, for shared cores.

    Examples
    --------
    >>> from sktensornet.expressivity import random_network
    >>> from sktensornet.networks import tensor_train
    >>> network = random_network(tensor_train(5), 3, rank=4, equal_cores=True, random_state=0)
    >>> [core.shape for core in network.cores]
    [(1, 3, 4), (4, 3, 4), (4, 3, 4, 1), (4, 3, 4), (4, 3, 1)]
    >>> bool((network.cores[1] == network.cores[3]).all())
    True
    """
    if not isinstance(tree, Tree):
        raise ValueError(f"tree={tree!r} must be a Tree, such as tensor_train(6).")
    modes = _modes(mode_sizes, tree.n_sites)
    size = check_integer("rank", rank, 1)
    n_classes = check_integer("n_outputs", n_outputs, 1)
    separate = check_boolean("batched", batched)
    shared = check_boolean("equal_cores", equal_cores)
    p = None if prime is None else check_prime(prime)
    generator = check_random_state(random_state)
    leg = 1 if separate else n_classes
    sizes = tuple(
        modes[node.site] if node.site is not None else leg if index == tree.root else size
        for index, node in enumerate(tree.nodes)
    )
    roles = _roles(tree, leg) if shared else list(range(len(tree.order)))
    drawn: dict[Hashable, np.ndarray] = {}
    cores = []
    for index, role, shape in zip(tree.order, roles, tree.core_shapes(sizes), strict=True):
        # The class leg of one output is left out, so that its core may equal others.
        inner = shape[:-1] if index == tree.root and leg == 1 else shape
        key = (role, inner)
        if key not in drawn:
            full = (n_classes, *inner) if separate else inner
            drawn[key] = (
                generator.standard_normal(full) if p is None else generator.randint(0, p, full)
            )
        core = drawn[key]
        cores.append(core if separate or inner == shape else core[..., None])
    return TensorNetwork(tree, tuple(cores), batched=separate)


def _roles(tree: Tree, leg: int) -> list[Hashable]:
    """What must agree, besides the shape, for two cores to be equal."""
    depth = [0] * len(tree.nodes)
    for index in range(tree.root, -1, -1):
        for child in tree.nodes[index].children:
            depth[child] = depth[index] + 1
    roles: list[Hashable] = []
    for index in tree.order:
        node = tree.nodes[index]
        reads = any(tree.nodes[child].site is not None for child in node.children)
        ends = tuple(place for place, axis in enumerate(node.axes or ()) if axis == -2)
        alone = index == tree.root and leg > 1
        roles.append((reads, ends, alone, None if reads else depth[index]))
    return roles


def _modes(mode_sizes: int | Sequence[int], n_sites: int) -> tuple[int, ...]:
    if np.ndim(mode_sizes) == 0:
        return (check_integer("mode_sizes", mode_sizes, 1),) * n_sites
    modes = tuple(check_integer("an entry of mode_sizes", m, 1) for m in mode_sizes)  # type: ignore[union-attr]
    if len(modes) != n_sites:
        raise ValueError(
            f"mode_sizes={mode_sizes!r} has {len(modes)} entries; it must be an integer or have "
            f"one for each of the {n_sites} site(s)."
        )
    return modes
