"""The public regressors, one per format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._fitting._automatic import LBFGS_LIMIT_TEXT
from ..feature_maps import FeatureMap
from ..networks import TensorNetwork
from ..patches import Patches
from ..solvers import Solver
from ._base_regressor import BaseTensorNetworkRegressor
from ._constraints import REGRESSOR_CONSTRAINTS, TREE_CONSTRAINTS
from ._docstrings import documented
from ._formats import CANONICAL_POLYADIC, HIERARCHICAL_TUCKER, TENSOR_TRAIN

if TYPE_CHECKING:
    from ..augmentation._base import Augmenting


@documented("regressor", LBFGS_LIMIT_TEXT)
class TTRegressor(BaseTensorNetworkRegressor):
    r"""Regressor whose weights are a tensor train: a recurrent network.

    .. math::

        s_c(X) = G_1(f(x_1)) \cdots G_k^{(c)}(f(x_k)) \cdots G_d(f(x_d)), \qquad
        G_k(f) = \sum_i G_k[:, i, :] f_i

    X is cut into d sites, each is mapped to m local features f(x_k), and the
    weight tensor over the product of all features, which would have m^d
    entries, is a chain of d cores of shape (r_left, m, r_right): parameters and
    time grow as d m r^2. The output leg is on the core in the middle. The model
    contains interactions of all orders between the sites; neighbours in the
    chain interact at the least rank.

    Parameters
    ----------
    rank : int or "auto", default="auto"
        Largest bond dimension r, the number of hidden units of the recurrent
        network. Bonds near the ends are smaller where no more is possible. "auto" is
        twice the number of scores of a joint tensor, at least 8 and at most 16.
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    HTRegressor : Weights in a hierarchical Tucker tree.
    CPRegressor : Weights in a canonical polyadic sum.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, table 1; Oseledets, "Tensor-train
    decomposition", SIAM J. Sci. Comput. 33 (2011) 2295-2317.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sktensornet import TTRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = TTRegressor(rank=4, random_state=0).fit(X, y)
    >>> reg.predict(X).shape, reg.score(X, y) > 0.5
    ((442,), True)
    """

    _format = TENSOR_TRAIN

    def __init__(
        self,
        rank: int | str = "auto",
        *,
        patches: Patches | None = None,
        augment: Sequence[Augmenting] | None = None,
        n_views: int = 1,
        feature_map: str | FeatureMap | dict = "auto",
        categorical_features: Any = "from_dtype",
        product: str = "multiply",
        shared_cores: bool = False,
        output_tensors: str = "joint",
        loss: str = "squared_error",
        huber_epsilon: float = 1.35,
        quantile: float = 0.5,
        alpha: float | str = "auto",
        penalty: str = "frobenius",
        solver: str | Solver = "auto",
        max_iter: int | None = None,
        tol: float = 1e-4,
        init: str | TensorNetwork = "identity",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        verbose: int = 0,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.rank = rank
        self.patches = patches
        self.augment = augment
        self.n_views = n_views
        self.feature_map = feature_map
        self.categorical_features = categorical_features
        self.product = product
        self.shared_cores = shared_cores
        self.output_tensors = output_tensors
        self.loss = loss
        self.huber_epsilon = huber_epsilon
        self.quantile = quantile
        self.alpha = alpha
        self.penalty = penalty
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.init = init
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state


@documented("regressor", LBFGS_LIMIT_TEXT)
class HTRegressor(BaseTensorNetworkRegressor):
    r"""Regressor whose weights are a hierarchical Tucker tree: a deep network.

    .. math::

        h_t = \sum_{ab} B_t[a, b, :] \, h_{left(t)}^a \, h_{right(t)}^b, \qquad
        h_k = U_k^\top f(x_k), \qquad s_c(X) = h_{root}^c

    X is cut into d sites, each is mapped to m local features f(x_k); leaves of
    a binary tree read them linearly, inner nodes combine their children
    bilinearly and the root gives the predictions: a convolutional arithmetic circuit
    without weight sharing, of depth log2(d). The parameters are
    d m r + (d - 2) r^3 + r^2 C.

    Parameters
    ----------
    rank : int or "auto", default="auto"
        Largest bond dimension r, the number of channels at each node. "auto" is
        twice the number of scores of a joint tensor, at least 8 and at most 16.
    tree : "balanced" or nested tuples of int, default="balanced"
        Which sites are merged first: ``((0, 1), (2, 3))`` for four sites; a
        node may also join more than two. Sites are numbered in the order of
        ``patches``. "balanced" halves the chain of sites again and again; on the patches of
        an image it merges spatial neighbours, alternating the axes.
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    TTRegressor : Weights in a tensor train.
    CPRegressor : Weights in a canonical polyadic sum.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, table 1; Cohen, Sharir, Shashua, "On the expressive
    power of deep learning", COLT 2016; Grasedyck, "Hierarchical singular value
    decomposition of tensors", SIAM J. Matrix Anal. Appl. 31 (2010) 2029-2054.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sktensornet import HTRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = HTRegressor(rank=4, random_state=0).fit(X, y)
    >>> reg.predict(X).shape, reg.score(X, y) > 0.5
    ((442,), True)
    """

    _format = HIERARCHICAL_TUCKER
    _parameter_constraints: dict = REGRESSOR_CONSTRAINTS | TREE_CONSTRAINTS

    def __init__(
        self,
        rank: int | str = "auto",
        *,
        tree: str | tuple = "balanced",
        patches: Patches | None = None,
        augment: Sequence[Augmenting] | None = None,
        n_views: int = 1,
        feature_map: str | FeatureMap | dict = "auto",
        categorical_features: Any = "from_dtype",
        product: str = "multiply",
        shared_cores: bool = False,
        output_tensors: str = "joint",
        loss: str = "squared_error",
        huber_epsilon: float = 1.35,
        quantile: float = 0.5,
        alpha: float | str = "auto",
        penalty: str = "frobenius",
        solver: str | Solver = "auto",
        max_iter: int | None = None,
        tol: float = 1e-4,
        init: str | TensorNetwork = "identity",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        verbose: int = 0,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.rank = rank
        self.tree = tree
        self.patches = patches
        self.augment = augment
        self.n_views = n_views
        self.feature_map = feature_map
        self.categorical_features = categorical_features
        self.product = product
        self.shared_cores = shared_cores
        self.output_tensors = output_tensors
        self.loss = loss
        self.huber_epsilon = huber_epsilon
        self.quantile = quantile
        self.alpha = alpha
        self.penalty = penalty
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.init = init
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state


@documented("regressor", LBFGS_LIMIT_TEXT)
class CPRegressor(BaseTensorNetworkRegressor):
    r"""Regressor whose weights are a canonical polyadic sum: a shallow network.

    .. math:: s_c(X) = \sum_{a=1}^r \lambda_{ac} \prod_{k=1}^d \langle f(x_k), v_k^a \rangle

    X is cut into d sites, each is mapped to m local features f(x_k); r hidden
    units are products over all sites of linear readings, and a linear readout
    gives the scores. The parameters are d m r + r C. The order of the sites
    plays no role.

    Parameters
    ----------
    rank : int or "auto", default="auto"
        Number r of hidden units. "auto" is five times the number of scores of a joint
        tensor, and at least 32. It caps the number of independent scores, so
        it should exceed the number of outputs well.
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    TTRegressor : Weights in a tensor train.
    HTRegressor : Weights in a hierarchical Tucker tree.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, table 1.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sktensornet import CPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = CPRegressor(rank=4, random_state=0).fit(X, y)
    >>> reg.predict(X).shape, reg.score(X, y) > 0.5
    ((442,), True)
    """

    _format = CANONICAL_POLYADIC

    def __init__(
        self,
        rank: int | str = "auto",
        *,
        patches: Patches | None = None,
        augment: Sequence[Augmenting] | None = None,
        n_views: int = 1,
        feature_map: str | FeatureMap | dict = "auto",
        categorical_features: Any = "from_dtype",
        product: str = "multiply",
        shared_cores: bool = False,
        output_tensors: str = "joint",
        loss: str = "squared_error",
        huber_epsilon: float = 1.35,
        quantile: float = 0.5,
        alpha: float | str = "auto",
        penalty: str = "frobenius",
        solver: str | Solver = "auto",
        max_iter: int | None = None,
        tol: float = 1e-4,
        init: str | TensorNetwork = "identity",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        verbose: int = 0,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.rank = rank
        self.patches = patches
        self.augment = augment
        self.n_views = n_views
        self.feature_map = feature_map
        self.categorical_features = categorical_features
        self.product = product
        self.shared_cores = shared_cores
        self.output_tensors = output_tensors
        self.loss = loss
        self.huber_epsilon = huber_epsilon
        self.quantile = quantile
        self.alpha = alpha
        self.penalty = penalty
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.init = init
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.random_state = random_state
