"""Fitted estimators of one format from those of another."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import copy
from typing import Any, Self

from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ..networks import TensorNetwork, convert
from ..patches import Sites
from ._constraints import check_parameters

_MOST_GROWTH = 20


class ConversionMixin:
    """Adds ``from_fitted`` to an estimator."""

    network_: TensorNetwork
    patches_: Sites
    rank: int
    init: Any
    get_params: Callable
    _tree: Callable
    _solver_state: Any
    _origin: Any

    @staticmethod
    def _in_order(n_sites: int) -> dict[str, Any]:
        """The parameters of the topology, for sites in their order."""
        return {}

    @classmethod
    def from_fitted(
        cls,
        estimator: Any,
        *,
        rank: int | None = None,
        rank_tol: float = 0.0,
        random_state: Any = None,
        **params: Any,
    ) -> Self:
        r"""Return a fitted estimator of this format from one of another.

        .. math:: \tilde W = W, \qquad \tilde s_c(X) = s_c(X)

        Sites, features and targets stay, and the weight tensor is rewritten by
        `sktensornet.networks.convert`, so predictions are the same up to
        rounding. Trains and trees get the least ranks that hold the tensor; a
        canonical polyadic sum gets a term for each combination of bonds, which
        suits small networks only, or is fitted with `rank` terms.

        Parameters
        ----------
        estimator : fitted estimator of this package
            A classifier for a classifier, a regressor for a regressor.
        rank : int or None, default=None
            Cap of all ranks, and the ``rank`` of the new estimator. None is no
            cap, and exact.
        rank_tol : float, default=0.0
            Relative error allowed at each bond of a train or tree.
        random_state : int, RandomState or None, default=None
            For the fit of a sum by parafac.
        **params : dict
            What says the topology: ``tree`` for a hierarchical Tucker tree, by
            default that of `estimator` or one that halves the chain of sites.
            A tree with the sites in another order, such as "balanced" for the
            patches of an image, can need far larger ranks.

        Returns
        -------
        object
            A fitted estimator of this class. All parameters that both have are
            those of `estimator`, which does not change, ``rank`` included unless
            it is given here; but an ``init`` that is a network becomes
            "identity". ``network_.ranks`` can be far larger than ``rank``, to
            which a new fit returns, and a warm start of "als" too; to go on from
            the whole network, set ``rank`` to ``max(network_.ranks)`` first. What
            training left, such as ``loss_curve_``, is that of `estimator`.

        Raises
        ------
        ValueError
            If `estimator` is of another kind or a parameter is unknown, or if
            the ranks would be too large.

        Warns
        -----
        UserWarning
            If `rank` or `rank_tol` changed the tensor by more than 1e-8 of its
            norm; the message says by how much. Or if the new network has more
            than twenty times the parameters of the old one; it says the ranks.

        References
        ----------
        Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
        networks", ICLR 2018, table 2.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sktensornet import HTClassifier, TTClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> chain = TTClassifier(rank=3, random_state=0).fit(X, y)
        >>> tree = HTClassifier.from_fitted(chain)
        >>> bool(np.allclose(tree.predict_proba(X), chain.predict_proba(X)))
        True
        >>> chain.network_.ranks, tree.network_.ranks
        ((3, 3, 3), (3, 8, 8, 3, 3, 6))
        >>> tree.rank
        3
        """
        kind = get_tags(cls()).estimator_type
        if not isinstance(estimator, ConversionMixin) or get_tags(estimator).estimator_type != kind:
            raise ValueError(
                f"estimator={estimator!r} must be a fitted {kind} of sktensornet, as "
                f"{cls.__name__} is a {kind}."
            )
        check_is_fitted(estimator)
        topology = cls._in_order(estimator.patches_.n_sites)
        unknown = sorted(set(params) - set(topology))
        if unknown:
            raise ValueError(
                f"from_fitted of {cls.__name__} does not take {unknown}; beside rank, rank_tol and "
                f"random_state it takes {list(topology)}, and set_params changes others afterwards."
            )
        given = estimator.get_params(deep=False)
        names = set(given) & set(cls().get_params(deep=False))
        shared = {name: clone(given[name], safe=False) for name in names}
        estimator.network_.tree.require_multilinear("from_fitted")
        converted = cls(**(topology | shared | {"shared_cores": False} | params))
        check_parameters(converted)
        if isinstance(converted.init, TensorNetwork):
            converted.init = "identity"
        for name, value in vars(estimator).items():
            if name not in given:
                setattr(converted, name, copy(value))
        tree = converted._tree(estimator.patches_)
        converted.network_ = convert(
            estimator.network_, tree, rank, rank_tol, random_state=random_state
        )
        if rank is not None:
            converted.rank = rank
        _warn_of_growth(estimator.network_, converted)
        # The states of solvers are of the shapes of the other network.
        converted._solver_state = converted._origin = None
        return converted


def _warn_of_growth(old: TensorNetwork, converted: Any) -> None:
    """Warn if the network of a converted estimator is far larger than the old one."""
    new = converted.network_
    if new.n_parameters > _MOST_GROWTH * old.n_parameters:
        warnings.warn(
            f"the {old.format} of rank {max(old.ranks, default=1)} became a {new.format} of rank "
            f"{max(new.ranks, default=1)}, with {new.n_parameters:,} parameters instead of "
            f"{old.n_parameters:,}: to hold the tensor of another format exactly, ranks may have "
            "to grow exponentially with the number of sites. Pass rank=... to cap them, which "
            "changes predictions.",
            UserWarning,
            stacklevel=3,
        )
