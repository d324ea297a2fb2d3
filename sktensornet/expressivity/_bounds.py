"""Lower bounds on the width of shallow networks, and widths of equivalent networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from .._arrays._typing import IntArray
from .._support._checks import check_integer, check_option
from ..networks import TensorNetwork
from ._matricization import matricization_rank

FORMATS = ("TT", "HT", "CP")


def cp_rank_lower_bound(
    network: TensorNetwork,
    rows: Iterable[int] | None = None,
    *,
    tol: float = 1e-10,
    prime: int | None = None,
) -> int | IntArray:
    r"""Number of terms that a canonical polyadic sum needs at least.

    .. math:: \operatorname{rank}_{CP} W \ge \operatorname{rank} W^{(S, \bar S)}

    For almost every tensor train of d = 2k sites, mode size m and rank r, the
    odd against the even sites have rank at least ``min(m, r) ** k``.

    Parameters
    ----------
    network : TensorNetwork
        The network.
    rows : iterable of int or None, default=None
        The sites S; None is every other site. With several classes in a joint
        network, both sides for the class leg are tried.
    tol : float or None, default=None
        As in `matricization_rank`.
    prime : int or None, default=None
        As in `matricization_rank`.

    Returns
    -------
    int or ndarray of int, shape (n_outputs,)
        For a batched network, that of each of its tensors.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, lemma 1 and theorem 1.

    Examples
    --------
    >>> from sktensornet.expressivity import cp_rank_lower_bound, random_network
    >>> from sktensornet.networks import tensor_train
    >>> cp_rank_lower_bound(random_network(tensor_train(6), 4, rank=4, random_state=0))
    64
    """
    chosen = tuple(range(0, network.n_sites, 2) if rows is None else rows)
    sides = (False,) if network.batched or network.n_outputs == 1 else (False, True)
    ranks = [
        matricization_rank(network, chosen, class_in_rows=side, tol=tol, prime=prime)
        for side in sides
    ]
    return ranks[0] if len(ranks) == 1 else max(int(np.max(rank)) for rank in ranks)


def equivalent_width(
    from_format: str, to_format: str, rank: int, n_sites: int, mode_size: int
) -> int:
    r"""Width of a network of one format that is equivalent to one of another.

    ======  ============  ==============================  ==========
    to      from TT       from HT                         from CP
    ======  ============  ==============================  ==========
    TT      r             r^ceil(log2(d) / 2)             r
    HT      r^2           r                               r
    CP      >= q^(d / 2)  >= q^(d / 2)                    r
    ======  ============  ==============================  ==========

    with q = min(m, r) and d / 2 rounded down. Widths to a train or tree are cut
    at ``m ** (d // 2)``, which holds any tensor.

    Parameters
    ----------
    from_format, to_format : {"TT", "HT", "CP"}
    rank : int
        Width r of the network there is; all its ranks are at most r.
    n_sites : int
        Number of sites d.
    mode_size : int
        Number of local features m of each site.

    Returns
    -------
    int
        To "TT" and "HT" a width that is always enough, for one output, balanced
        trees and leaves in the order of the chain. To "CP" from another format,
        a width that almost no network can do with less than. `min_cut` has the
        sharp width of every bond of a given network, class leg included.

    Raises
    ------
    ValueError
        If a format is unknown or a number is less than 1.

    Notes
    -----
    The paper has r^(log2(d) / 2) from HT to TT for d a power of two; where the
    exponent is no whole number, as for d = 8, the width that is attained is that
    of the next larger one.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, table 2; Buczynska, Buczynski, Michalek, "The Hackbusch
    conjecture on tensor formats", J. Math. Pures Appl. 104 (2015).

    Examples
    --------
    >>> from sktensornet.expressivity import equivalent_width
    >>> equivalent_width("TT", "CP", rank=4, n_sites=6, mode_size=8)
    64
    >>> equivalent_width("HT", "TT", rank=4, n_sites=8, mode_size=8)
    16
    """
    check_option("from_format", from_format, FORMATS)
    check_option("to_format", to_format, FORMATS)
    r, m = check_integer("rank", rank, 1), check_integer("mode_size", mode_size, 1)
    d = check_integer("n_sites", n_sites, 1)
    power = _POWERS.get((from_format, to_format), lambda d: 1)(d)
    if (from_format, to_format) in _LOWER_BOUNDS:
        return min(m, r) ** (d // 2)
    return r if power == 1 and to_format in _UNCUT else min(r**power, m ** (d // 2))


# The exponents that are not 1; ceil(log2(d)) is the depth of the balanced tree.
_POWERS: dict[tuple[str, str], Callable[[int], int]] = {
    ("TT", "HT"): lambda d: 2,
    ("HT", "TT"): lambda d: max(1, ((d - 1).bit_length() + 1) // 2),
}
_LOWER_BOUNDS = {("TT", "CP"), ("HT", "CP")}
_UNCUT = {"CP"}
