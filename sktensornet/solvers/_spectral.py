"""Equal cores of a recurrent train in closed form, from the Hankel matrix of samples."""

from __future__ import annotations

from .._support._checks import check_boolean, check_integer, check_option, check_real
from ._base import Solver

ROUTES = ("auto", "hankel", "gradient")


class Spectral(Solver):
    r"""Equal cores in closed form, by the Hankel matrix of what the samples say.

    .. math::

        H_{uv} = f(uv) \approx \langle P_u, S_v \rangle, \qquad
        \min_{A_a} \sum_u w_{ua} \|P_u A_a - P_{ua}\|^2 + \sum_v w_{av} \|A_a S_v - S_{av}\|^2

    A train of equal cores is a linear automaton, f(x) = alpha A(x_1) ... A(x_T) B, and the
    least rank with which one can be is the rank of the Hankel matrix of its function, whose
    rows are beginnings of sequences and whose columns are ends. Blocks of it with short ones
    are filled from the samples of all lengths, every sample at each place where it can be cut,
    and completed at rank r by weighted alternating least squares; the singular vectors of a
    block give the equal cores. The best of several blocks are polished by L-BFGS on the squared
    error of longer and longer samples.

    Where targets are labels and the steps are symbols, a finite automaton is read off at the
    end: states that lead to the same are one. It is taken where it explains the training labels
    as well, up to a standard error, with at most ``rank`` states, and then has no error that
    grows with the length. Samples of one length alone do not say what others mean, and begin in
    the gradient route.

    Steps are symbols where the feature map tells so many values apart as it has dimensions, as
    "embedding" and "one_hot" do, which stand for fixed indicators here. Other fixed maps give
    real features, and the Hankel matrix is that of products of features, estimated by least
    squares. It needs ``shared_cores=True`` and a recurrent train; ``init`` plays no role, and
    ``alpha``, 0 by default, weighs half the squared norm of all entries in the polish. Default
    ``max_iter``: 60 steps of each polish, and 7 times as many small ones of Adam in the gradient
    route.

    Parameters
    ----------
    route : {"auto", "hankel", "gradient"}, default="auto"
        "gradient" begins at orthogonal transitions instead of the Hankel matrix, from which
        real targets begin too under "auto"; for labels it descends on their log loss with
        states of norm one and a penalty that keeps the transitions near orthogonal: for labels
        that are the largest of real scores, whose Hankel matrix is of no low rank. "auto" tries
        that where neither a finite automaton nor a network from the Hankel matrix explains the
        labels.
    finite : bool, default=True
        Whether a finite automaton may be read off.
    n_starts : int, default=2
        How many of the candidates from the Hankel matrix are polished, and, by small factors,
        how many orthogonal transitions are tried.
    orthogonality : float, default=0.1
        The factor of the sum over all symbols of the squared Frobenius norm of A_a' A_a - I, in
        the objective of the gradient route.

    References
    ----------
    Hsu, Kakade, Zhang, "A spectral algorithm for learning hidden Markov models", J. Comput.
    Syst. Sci. 78 (2012); Balle, Carreras, Luque, Quattoni, "Spectral learning of weighted
    automata", Machine Learning 96 (2014); Li, Precup, Rabusseau, "Connecting weighted automata,
    tensor networks and recurrent neural networks through spectral learning", Machine Learning
    113 (2024).

    Examples
    --------
    The sum of digits modulo three, from sequences of up to six to one of two hundred:

    >>> import numpy as np
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.patches import pad_sequences
    >>> rng = np.random.default_rng(0)
    >>> sequences = [rng.integers(0, 3, rng.integers(2, 7)) for _ in range(500)]
    >>> clf = TTClassifier(
    ...     rank=6, shared_cores=True, feature_map="embedding", solver="spectral", random_state=0
    ... )
    >>> clf = clf.fit(pad_sequences(sequences), [sum(one) % 3 for one in sequences])
    >>> clf.network_.ranks
    (3, 3, 3, 3, 3)
    >>> long = rng.integers(0, 3, (100, 200))
    >>> clf.score(long, long.sum(axis=1) % 3)
    1.0
    """

    default_max_iter = 60
    iteration_name = "candidate"
    reads_sequences = True

    def __init__(
        self,
        route: str = "auto",
        finite: bool = True,
        n_starts: int = 2,
        orthogonality: float = 0.1,
    ) -> None:
        self.route = route
        self.finite = finite
        self.n_starts = n_starts
        self.orthogonality = orthogonality

    def check(self) -> None:
        check_option("route", self.route, ROUTES)
        check_boolean("finite", self.finite)
        check_integer("n_starts", self.n_starts, 1)
        check_real("orthogonality", self.orthogonality, 0, low_allowed=True)

    def minimize(self, problem, start, *, max_iter, tol, patience, random_state, monitor):
        # Loaded here: with the Hankel matrices it takes 10 ms.
        from ._spectral_routes import Routes

        return Routes(self).minimize(problem, max_iter, tol, patience, random_state, monitor)
