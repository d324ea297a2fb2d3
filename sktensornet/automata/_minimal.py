"""The smallest equivalent linear automaton, exactly or by a threshold; equivalence, distance."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from .._arrays._typing import FloatArray
from .._support._checks import check_integer, check_option, check_real
from ..expressivity._modular import check_prime
from ._automaton import Automaton, check_automaton

ARITHMETICS = ("float", "rational")
_ROUNDING = 1e-12
"""Of states and ends, where outputs cancel: equal automata of 2,000 pairs of up to four states in
other bases differed by 5e-14 of it at most."""


def minimise(
    automaton: Automaton,
    arithmetic: str = "float",
    *,
    prime: int | None = None,
    tol: float = 1e-10,
) -> Automaton:
    r"""The smallest linear automaton that computes the same function.

    .. math:: r = \operatorname{rank} \big( f(uv) \big)_{u, v}

    States that no beginning reaches and those that no end tells apart are left out: of the
    span of alpha A_u over all u, what is orthogonal to all A_v B.

    Parameters
    ----------
    automaton : Automaton
        The automaton.
    arithmetic : {"float", "rational"}, default="float"
        In floating point up to `tol`, or exactly in rational numbers, which floating-point ones
        are; that takes long beyond some thirty states.
    prime : int or None, default=None
        Work modulo this prime, at most 1,048,573, instead: exactly and fast, for whole numbers,
        with entries in [0, prime) of a result that is equivalent modulo it.
    tol : float, default=1e-10
        In floating point, directions of less than this share of the largest are left out.

    Returns
    -------
    Automaton
        In floating point with orthonormal states.

    Raises
    ------
    ValueError
        If a parameter is out of range, or a number is none of the field.

    References
    ----------
    Schuetzenberger, "On the definition of a family of automata", Information and Control 4
    (1961); Balle, Carreras, Luque, Quattoni, "Spectral learning of weighted automata", Machine
    Learning 96 (2014), section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.automata import Automaton, minimise
    >>> twice = Automaton(np.array([1.0, 1.0]), np.array([np.eye(2)]), np.array([[2.0], [3.0]]))
    >>> minimise(twice, "rational")
    Automaton(initial=array([1.]), transitions=array([[[1.]]]), final=array([[5.]]))
    """
    given = check_automaton(*automaton)
    check_option("arithmetic", arithmetic, ARITHMETICS)
    check_real("tol", tol, 0, 1, low_allowed=True)
    if prime is None and arithmetic == "float":
        alpha, A, B = (one.astype(np.float64) for one in given)
        largest = float(np.linalg.norm(B, axis=0).max())
        rows, A, B = _float_half(alpha[None], A, B, tol, float(np.linalg.norm(alpha)))
        ends, A, begins = _float_half(B.T, A.swapaxes(1, 2), rows.T, tol, largest)
        return Automaton(begins[:, 0], A.swapaxes(1, 2), ends.T)
    field = _Rationals() if prime is None else _Residues(check_prime(prime))
    alpha, A, B = (field.of(one) for one in given)
    # The span of the rows alpha A_u, then of the columns A_v B.
    alpha, A, B = _exact_half(field, alpha[None], A, B)
    B, A, alpha = _exact_half(field, B.T, A.swapaxes(1, 2), alpha.T)
    alpha, A, B = alpha.T, A.swapaxes(1, 2), B.T
    return Automaton(*(one.astype(np.float64) for one in (alpha[0], A, B)))


def hankel_rank(
    automaton: Automaton,
    arithmetic: str = "float",
    *,
    prime: int | None = None,
    tol: float = 1e-10,
) -> int:
    """The rank of the Hankel matrix of what a linear automaton computes.

    No tensor train of equal cores of less rank computes it. The rank modulo a prime is at
    most that over the rational numbers.

    Parameters
    ----------
    automaton : Automaton
        The automaton.
    arithmetic : {"float", "rational"}, default="float"
        As for `minimise`.
    prime : int or None, default=None
        As for `minimise`.
    tol : float, default=1e-10
        As for `minimise`.

    Returns
    -------
    int
        The rank; 0 for the function that is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.automata import Automaton, hankel_rank
    >>> turns = [np.roll(np.eye(5), k, axis=1) for k in range(5)]
    >>> hankel_rank(Automaton(np.eye(5)[0], np.array(turns), np.eye(5)), prime=101)
    5
    """
    return minimise(automaton, arithmetic, prime=prime, tol=tol).n_states


def equivalent(
    one: Automaton,
    other: Automaton,
    arithmetic: str = "float",
    *,
    prime: int | None = None,
    tol: float = 1e-8,
) -> bool:
    """Whether two linear automata compute the same of every sequence.

    Parameters
    ----------
    one, other : Automaton
        Of as many symbols and outputs.
    arithmetic : {"float", "rational"}, default="float"
        As for `minimise`.
    prime : int or None, default=None
        As for `minimise`.
    tol : float, default=1e-8
        In floating point, the largest difference of outputs of words as long as both have
        states, which tell any two automata apart, as a share of the largest output.

    Returns
    -------
    bool
        Whether they do.

    Raises
    ------
    ValueError
        If symbols or outputs differ in number.

    Examples
    --------
    >>> from sktensornet.automata import equivalent, from_automaton, minimise, to_automaton
    >>> network = from_automaton([1, 0], [[[1, 0], [0, 1]], [[0, 1], [1, 0]]], [0, 1])
    >>> parity = to_automaton(network)
    >>> equivalent(parity, minimise(parity))
    True
    """
    difference, sizes = _difference(one, other)
    if prime is not None or arithmetic != "float":
        return hankel_rank(difference, arithmetic, prime=prime) == 0
    check_option("arithmetic", arithmetic, ARITHMETICS)
    most, largest, rounding = 0.0, 0.0, 0.0
    for length in range(sum(sizes) + 1):
        found, size = _root_mean_square(difference, length)
        most, rounding = max(most, found), max(rounding, _ROUNDING * size)
        largest = max(largest, _root_mean_square(check_automaton(*one), length)[0])
    return most <= max(tol * largest, rounding)


def distance(one: Automaton, other: Automaton, length: int) -> float:
    r"""Root mean square difference of the outputs of all words of a length.

    .. math:: \Big( K^{-T} \sum_{x_1 \dots x_T} \|f(x) - g(x)\|^2 \Big)^{1/2}

    Parameters
    ----------
    one, other : Automaton
        Of as many symbols K and outputs.
    length : int
        The number T of steps.

    Returns
    -------
    float
        The distance, by one contraction of the Gram matrix of both for each step.

    Raises
    ------
    ValueError
        If symbols or outputs differ in number, or `length` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.automata import Automaton, distance
    >>> one = Automaton(np.ones(1), np.full((2, 1, 1), 0.5), np.ones((1, 1)))
    >>> distance(one, one._replace(final=np.zeros((1, 1))), length=3)
    0.125
    """
    steps = check_integer("length", length, 0)
    return _root_mean_square(_difference(one, other)[0], steps)[0]


def _root_mean_square(automaton: Automaton, length: int) -> tuple[float, float]:
    """Over all words of a length, and that of the states times the norm of the ends.

    States are kept as a triangular factor of their mean outer product: squared, they would
    tell equal automata apart by the root of the rounding.
    """
    alpha, A, B = automaton
    states: FloatArray = np.asarray(alpha, np.float64)[None]
    for _ in range(length):
        after = np.reshape(states @ (A / np.sqrt(len(A))), (-1, states.shape[1]))
        states = np.asarray(np.linalg.qr(after, mode="r"))
    size = float(np.linalg.norm(states) * np.linalg.norm(B))
    return float(np.linalg.norm(states @ B)), size


def _difference(one: Automaton, other: Automaton) -> tuple[Automaton, tuple[int, int]]:
    """The automaton of the difference of the outputs, and the numbers of states."""
    a, b = check_automaton(*one), check_automaton(*other)
    if len(a.transitions) != len(b.transitions) or a.final.shape[1] != b.final.shape[1]:
        raise ValueError(
            f"one has {len(a.transitions)} symbols and {a.final.shape[1]} outputs, other "
            f"{len(b.transitions)} and {b.final.shape[1]}; they must have as many."
        )
    n, m = a.n_states, b.n_states
    A = np.zeros((len(a.transitions), n + m, n + m))
    A[:, :n, :n], A[:, n:, n:] = a.transitions, b.transitions
    initial = np.concatenate([a.initial, b.initial])
    return Automaton(initial, A, np.vstack([a.final, -1.0 * b.final])), (n, m)


def _float_half(rows: FloatArray, A: FloatArray, B: FloatArray, tol: float, size: float) -> Any:
    """The automaton on an orthonormal basis of the span of its states.

    Directions are added in the order of the length of words; a new one must be more than
    `tol` of the `size` of the rows, or of what the largest matrix makes of a direction: what a
    matrix takes to zero is left with rounding.
    """
    basis = np.zeros((0, A.shape[1]))
    new = rows
    while len(new):
        rest = new - new @ basis.T @ basis
        rest -= rest @ basis.T @ basis
        _, values, axes = np.linalg.svd(rest, full_matrices=False)
        added = axes[values > tol * max(size, 1e-300)]
        basis = np.vstack([basis, added])
        new = (added @ A).reshape(-1, A.shape[1]) if len(added) else added
        size = float(np.linalg.norm(A, axis=(1, 2)).max())
    return rows @ basis.T, basis @ A @ basis.T, basis @ B


class _Rationals:
    """Exact rational numbers."""

    def of(self, array: np.ndarray) -> np.ndarray:
        exact = [Fraction(value) for value in array.ravel().tolist()]
        found = np.empty(len(exact), object)
        found[:] = exact
        return found.reshape(array.shape)

    def reduce(self, array: np.ndarray) -> np.ndarray:
        return array

    def inverse(self, value: Any) -> Any:
        return 1 / value


class _Residues:
    """Whole numbers modulo a prime."""

    def __init__(self, prime: int) -> None:
        self.prime = prime

    def of(self, array: np.ndarray) -> np.ndarray:
        if (array != np.floor(array)).any():
            raise ValueError(
                f"prime={self.prime} needs matrices of whole numbers; use arithmetic='rational'."
            )
        found = np.array([int(value) % self.prime for value in array.ravel().tolist()], object)
        return found.reshape(array.shape)

    def reduce(self, array: np.ndarray) -> np.ndarray:
        return array % self.prime

    def inverse(self, value: Any) -> Any:
        return pow(int(value), -1, self.prime)


def _exact_half(field: Any, rows: np.ndarray, A: np.ndarray, B: np.ndarray) -> Any:
    """The automaton on a basis, in echelon form, of the span of its states."""
    basis: list[np.ndarray] = []
    pivots: list[int] = []
    queue = list(rows)
    while queue:
        rest = _eliminated(field, queue.pop(0), basis, pivots)
        found = np.flatnonzero(rest != 0)
        if not len(found):
            continue
        pivot = int(found[0])
        rest = field.reduce(rest * field.inverse(rest[pivot]))
        # Reduced echelon form: coordinates are the entries at the pivots.
        basis = [field.reduce(one - one[pivot] * rest) for one in basis] + [rest]
        pivots.append(pivot)
        queue += [field.reduce(rest @ matrix) for matrix in A]
    n = A.shape[1]
    table = np.array(basis, object).reshape(len(basis), n)
    small = field.reduce(np.matmul(table, A))[:, :, pivots] if len(basis) else A[:, :0, :0]
    return rows[:, pivots], small, field.reduce(table @ B)


def _eliminated(field: Any, row: np.ndarray, basis: list, pivots: list[int]) -> np.ndarray:
    for one, pivot in zip(basis, pivots, strict=True):
        row = field.reduce(row - row[pivot] * one)
    return row
