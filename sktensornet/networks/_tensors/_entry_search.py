"""Entries of the weight tensor by the order of interaction, without forming it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ..._arrays._typing import FloatArray, IntArray
from .._cores import message_core
from .._network import TensorNetwork
from ._grams_by_order import Graded, GradedGrams

_CHUNK = 2_000_000
"""Numbers of messages that are formed before most are ruled out; a bound of memory, not tuned."""
_SAFE_EXPONENT = 16
"""Messages within 2**16 and 2**-16 are left as they are: products of a few stay in range."""
_ROUNDING = 1e-12
"""Of a bound whose parts cancel; pruning is exact up to it."""


def count_entries(mode_sizes: tuple[int, ...], order: int) -> int:
    """Number of entries of orders 0..order of one output.

    Parameters
    ----------
    mode_sizes : tuple of int
        Number of local features of each site.
    order : int
        The largest order.

    Returns
    -------
    int
        The number.

    Examples
    --------
    >>> from sktensornet.networks._tensors._entry_search import count_entries
    >>> count_entries((2, 2, 2), order=2)
    7
    """
    counts = [1] + [0] * order
    for size in mode_sizes:
        for j in range(order, 0, -1):
            counts[j] += counts[j - 1] * (size - 1)
    return sum(counts)


@dataclass
class Entries:
    """Entries of a weight tensor, by order.

    Parameters
    ----------
    indices : dict of int to ndarray of int, shape (n, order, 2)
        For each order the (site, index) of what is not constant.
    values : dict of int to ndarray of shape (n, n_outputs)
        The entries.
    dropped : float
        No entry that was left out because there were too many is larger.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks._tensors._entry_search import Entries
    >>> Entries({1: np.array([[[0, 1]]])}, {1: np.array([[5.0]])}).values[1]
    array([[5.]])
    """

    indices: dict[int, IntArray]
    values: dict[int, FloatArray]
    dropped: float = 0.0


@dataclass(eq=False, repr=False)
class _Table:
    """What the subtree of a node sends up, for each choice of its indices.

    ``rows`` has (indices, messages of shape (batch, n, ...)) for each order.
    """

    rows: dict[int, tuple[IntArray, FloatArray]] = field(default_factory=dict)
    exponent: int = 0

    @property
    def n_rows(self) -> int:
        return sum(len(indices) for indices, _ in self.rows.values())


class _Bound:
    """Squared bounds of all entries that messages lead to, times 2**-exponent.

    Parameters
    ----------
    above : Graded
        Gram matrices of what the messages will meet.
    order : int
        The largest order of an entry.
    """

    def __init__(self, above: Graded, order: int) -> None:
        self.exponent = above.exponent
        self._order = order
        self._sums = np.cumsum(above.terms, axis=0)

    def __call__(self, j: int, messages: FloatArray) -> FloatArray:
        gram = self._sums[min(self._order - j, len(self._sums) - 1)]
        value = ((messages @ gram) * messages).sum(axis=(0, -1))
        largest = np.trace(gram, axis1=-2, axis2=-1).sum()
        size = (messages * messages).sum(axis=(0, -1))
        return np.maximum(value, 0) + _ROUNDING * largest * size


class EntrySearch:
    r"""All entries up to an order, or those whose norm reaches a threshold.

    .. math:: \Big\{ (i_1, \dots, i_d) : \#\{k : i_k \ne 0\} \le K, \;
              \Big( \sum_c (W_c^{i_1 \dots i_d})^2 \Big)^{1/2} \ge \tau \Big\}

    Nodes send up a table with one message v per choice of the indices below,
    and a choice is dropped once v^T E v < tau^2 with the Gram matrix E of all
    that lies above and has few enough indices left: it is the sum of squares of
    all entries that the choice leads to, so nothing is missed.

    Parameters
    ----------
    network : TensorNetwork
        Index 0 of every site is the constant.
    order : int
        The largest order K.
    threshold : float, default=0
        The threshold tau.
    beam : int or None, default=None
        Largest number of choices kept at a node, those with the largest bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, canonical_polyadic
    >>> from sktensornet.networks._tensors._entry_search import EntrySearch
    >>> cores = (np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]]), np.ones((1, 1)))
    >>> found = EntrySearch(TensorNetwork(canonical_polyadic(2), cores), order=2).run()
    >>> found.values[2]
    array([[6.]])
    """

    def __init__(
        self,
        network: TensorNetwork,
        order: int,
        threshold: float = 0.0,
        beam: int | None = None,
    ) -> None:
        self._network = network
        self._tree = network.tree
        self._order = order
        self._threshold = threshold
        self._beam = beam
        self._dropped = 0.0
        self._grams = None
        if threshold > 0 or beam is not None:
            self._grams = GradedGrams(network, order, per_output=False)

    def run(self) -> Entries:
        """Walk up the tree once.

        Returns
        -------
        Entries
            What was found.
        """
        tables: list[_Table] = []
        for index, node in enumerate(self._tree.nodes):
            children = [tables[child] for child in node.children]
            if node.site is not None:
                tables.append(self._site(index, node.site))
            elif node.is_product:
                tables.append(_Table() if self._read_out(index) else self._product(index, tables))
            elif self._read_out(node.children[0]):
                tables.append(self._product(node.children[0], tables, index))
            else:
                tables.append(self._core(index, children))
        root = tables[-1]
        indices, values = {}, {}
        for j, (chosen, messages) in sorted(root.rows.items()):
            indices[j] = chosen
            found = messages[..., 0].T if self._network.batched else messages[0]
            values[j] = np.ldexp(found, root.exponent)
        return Entries(indices, values, self._dropped)

    def _site(self, index: int, site: int) -> _Table:
        """The unit messages of a site: the constant, and all others."""
        size = self._network.message_sizes[index]
        eye = np.eye(size)[None]
        table = _Table({0: (np.empty((1, 0, 2), np.int32), eye[:, :1])})
        if size > 1 and self._order > 0:
            own = np.stack([np.full(size - 1, site), np.arange(1, size)], axis=-1)
            table.rows[1] = own[:, None].astype(np.int32), eye[:, 1:]
        return table

    def _core(self, index: int, children: list[_Table]) -> _Table:
        """Contract a core with tables, the small ones first."""
        core = message_core(self._network, index)
        places = sorted(range(len(children)), key=lambda place: children[place].n_rows)
        core = core.transpose(0, *(1 + place for place in places), core.ndim - 1)
        first, *rest = (children[place] for place in places)
        batch, size = core.shape[:2]
        table = _Table(exponent=first.exponent)
        for j, (chosen, messages) in first.rows.items():
            table.rows[j] = chosen, messages @ core.reshape(batch, size, -1)
        bound = self._bound(None if self._grams is None else self._grams.above[index])
        if not rest:
            return self._kept(table, bound)

        def contract(a: FloatArray, b: FloatArray) -> FloatArray:
            length = b.shape[-1]
            return b[:, None] @ a.reshape(*a.shape[:2], length, -1)

        for place, other in enumerate(rest):
            table = self._join(table, other, contract, bound if place == len(rest) - 1 else None)
        return table

    def _read_out(self, index: int) -> bool:
        """Whether a node is a product of several messages that one core reads alone."""
        node = self._tree.nodes[index]
        if not node.is_product or len(node.children) == 1:
            return False
        parent = next((other for other in self._tree.nodes if index in other.children), node)
        return parent.axes is not None and len(parent.children) == 1

    def _product(self, index: int, tables: list[_Table], reader: int | None = None) -> _Table:
        """Multiply tables element by element, half by half; a core may read the last product."""
        grams = self._grams

        def fold(children: tuple[int, ...], above: Graded | None, last: bool = False) -> _Table:
            if len(children) == 1:
                return tables[children[0]]
            middle = len(children) // 2
            left, right = children[:middle], children[middle:]
            beyond_left = beyond_right = above
            if grams is not None and above is not None:
                beyond_left = grams.multiply(above, grams.product(right))
                beyond_right = grams.multiply(above, grams.product(left))
            a, b = fold(left, beyond_left), fold(right, beyond_right)
            if not last or reader is None:
                return self._join(a, b, _multiply, self._bound(above))
            matrix = message_core(self._network, reader)[:, None]
            final = None if grams is None else grams.above[reader]
            return self._join(a, b, lambda x, y: _multiply(x, y) @ matrix, self._bound(final))

        above = None if grams is None else grams.above[index]
        return fold(self._tree.nodes[index].children, above, last=True)

    def _bound(self, above: Graded | None) -> _Bound | None:
        return None if above is None else _Bound(above, self._order)

    def _join(
        self,
        a: _Table,
        b: _Table,
        combine: Callable[[FloatArray, FloatArray], FloatArray],
        bound: _Bound | None,
    ) -> _Table:
        """All pairs of rows within the order, less those that a bound rules out."""
        table = _Table(exponent=a.exponent + b.exponent)
        parts: dict[int, list[tuple[IntArray, FloatArray]]] = {}
        waiting = 0
        for j, chosen, messages in self._pairs(a, b, combine):
            keep = self._passes(j, messages, bound, table.exponent)
            part = (chosen(keep), messages if keep is None else messages[:, keep])
            parts.setdefault(j, []).append(part)
            waiting += len(part[0])
            if self._beam is not None and bound is not None and waiting > 3 * self._beam:
                table, parts, waiting = self._trimmed(_merged(table, parts), bound), {}, 0
        return _rescaled(self._trimmed(_merged(table, parts), bound))

    def _pairs(self, a: _Table, b: _Table, combine) -> Iterator[tuple[int, Callable, FloatArray]]:
        """Chunks of pairs: their order, what gives the indices of some, their messages."""
        for i, (left, first) in a.rows.items():
            for j, (right, second) in b.rows.items():
                if i + j > self._order or not len(left) or not len(right):
                    continue
                width = max(first[:, :1].size, second[:, :1].size)
                step = max(1, _CHUNK // (width * len(right)))
                for start in range(0, len(left), step):
                    block = left[start : start + step]
                    messages = combine(first[:, start : start + step], second)
                    messages = messages.reshape(len(messages), -1, messages.shape[-1])

                    def chosen(keep, block=block, right=right) -> IntArray:
                        every = np.arange(len(block) * len(right)) if keep is None else keep
                        pair = np.divmod(every, len(right))
                        return np.concatenate([block[pair[0]], right[pair[1]]], axis=1)

                    yield i + j, chosen, messages

    def _passes(self, j: int, messages, bound: _Bound | None, exponent: int) -> IntArray | None:
        """Which rows may lead to entries that reach the threshold; None is all."""
        if bound is None or j == 0 or not self._threshold > 0:
            return None
        with np.errstate(over="ignore", under="ignore"):
            least = np.ldexp(self._threshold**2, -2 * exponent - bound.exponent)
        return np.flatnonzero(bound(j, messages) >= least)

    def _kept(self, table: _Table, bound: _Bound | None) -> _Table:
        for j, (chosen, messages) in table.rows.items():
            keep = self._passes(j, messages, bound, table.exponent)
            if keep is not None:
                table.rows[j] = chosen[keep], messages[:, keep]
        return _rescaled(self._trimmed(table, bound))

    def _trimmed(self, table: _Table, bound: _Bound | None) -> _Table:
        """The rows with the largest bounds, and that of order 0."""
        if bound is None or self._beam is None or table.n_rows <= self._beam + 1:
            return table
        bounds = {j: bound(j, messages) for j, (_, messages) in table.rows.items() if j}
        every = np.concatenate(list(bounds.values()))
        ranked = np.argpartition(every, len(every) - self._beam)
        largest = float(every[ranked[: -self._beam]].max(initial=0.0))
        keep = np.ones(len(every), bool)
        keep[ranked[: -self._beam]] = False
        start = 0
        for j, values in bounds.items():
            chosen, messages = table.rows[j]
            own = keep[start : start + len(values)]
            table.rows[j] = chosen[own], messages[:, own]
            start += len(values)
        exponent = 2 * table.exponent + bound.exponent
        root = math.sqrt(2 * largest if exponent % 2 else largest)
        with np.errstate(over="ignore", under="ignore"):
            self._dropped = max(self._dropped, float(np.ldexp(root, exponent // 2)))
        return table


def _merged(table: _Table, parts: dict[int, list[tuple[IntArray, FloatArray]]]) -> _Table:
    """A table with more rows."""
    for j, found in parts.items():
        known = [table.rows[j], *found] if j in table.rows else found
        table.rows[j] = (
            np.concatenate([indices for indices, _ in known]),
            np.concatenate([messages for _, messages in known], axis=1),
        )
    return table


def _multiply(a: FloatArray, b: FloatArray) -> FloatArray:
    return a[:, :, None] * b[:, None]


def _rescaled(table: _Table) -> _Table:
    size = max((np.abs(m).max(initial=0.0) for _, m in table.rows.values()), default=0.0)
    shift = int(np.frexp(size)[1])
    if abs(shift) <= _SAFE_EXPONENT:
        return table
    rows = {j: (i, np.ldexp(m, -shift)) for j, (i, m) in table.rows.items()}
    return _Table(rows, table.exponent + shift)
