"""Fitted estimators of one format from those of another."""

from __future__ import annotations

from copy import copy
from typing import Any

from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._support._warn import warn_user
from ..networks import TensorNetwork, convert
from ._constraints import check_parameters

_MOST_GROWTH = 20
"""A user who did not expect it must hear of it; exact conversions of small networks stay below."""


def converted(
    cls: Any,
    base: Any,
    estimator: Any,
    rank: int | None,
    rank_tol: float,
    random_state: Any,
    params: dict[str, Any],
) -> Any:
    """A fitted estimator of a class from one of another; `base` is that of all."""
    kind = get_tags(cls()).estimator_type
    if not isinstance(estimator, base) or get_tags(estimator).estimator_type != kind:
        raise ValueError(
            f"estimator={estimator!r} must be a fitted {kind} of sktensornet, as "
            f"{cls.__name__} is a {kind}."
        )
    check_is_fitted(estimator)
    topology = cls._format.in_order(estimator.patches_.n_sites)
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
    new = cls(**(topology | shared | {"shared_cores": False} | params))
    check_parameters(new)
    if isinstance(new.init, TensorNetwork):
        new.init = "identity"
    for name, value in vars(estimator).items():
        if name not in given:
            setattr(new, name, copy(value))
    tree = new._tree(estimator.patches_)
    new.network_ = convert(estimator.network_, tree, rank, rank_tol, random_state=random_state)
    if rank is not None:
        new.rank = rank
    _warn_of_growth(estimator.network_, new)
    # The states of solvers are of the shapes of the other network.
    new._solver_state = new._origin = new._unfinished = None
    if rank is not None or rank_tol > 0:
        # Else the tensor is the same, and so are they.
        new._set_importances()
        new._settle(new._place)
    return new


def _warn_of_growth(old: TensorNetwork, converted: Any) -> None:
    """Warn if the network of a converted estimator is far larger than the old one."""
    new = converted.network_
    if new.n_parameters > _MOST_GROWTH * old.n_parameters:
        warn_user(
            f"the {old.format} of rank {max(old.ranks, default=1)} became a {new.format} of rank "
            f"{max(new.ranks, default=1)}, with {new.n_parameters:,} parameters instead of "
            f"{old.n_parameters:,}: to hold the tensor of another format exactly, ranks may have "
            "to grow exponentially with the number of sites. Pass rank=... to cap them, which "
            "changes predictions.",
            UserWarning,
        )
