"""What classifiers and regressors share: reading data, fitted state, scores."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import replace
from typing import Any, ClassVar, Self

from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._arrays._namespace import Place, kept_place
from .._arrays._parallel import effective_threads
from .._arrays._samples import in_observations
from .._arrays._typing import FloatArray
from .._data._samples import Samples
from .._data._targets import Targets
from .._fitting._callbacks import Callbacks, CallbackSupportMixin
from .._fitting._fit import Fitted, advance, fit
from .._fitting._plan import Plan, plan_batch, plan_fit
from .._support._documentation_links import DocumentationLinkMixin
from .._support._version import VersionedEstimator
from ..feature_maps import FittedMap
from ..networks import TensorNetwork, Tree
from ..patches import Sites
from ._array_place import ArrayPlace, placed, takes_arrays
from ._constraints import NETWORK_CONSTRAINTS, check_parts
from ._formats import Format
from ._hidden_states import HiddenStatesMixin
from ._importances import ColumnImportances
from ._reading import allows_nan, read, read_again, read_arrays
from ._views import Views


class BaseTensorNetwork(
    ArrayPlace,
    Views,
    HiddenStatesMixin,
    ColumnImportances,
    CallbackSupportMixin,
    DocumentationLinkMixin,
    VersionedEstimator,
):
    """Base class of all estimators.

    A subclass has a format, which gives the tree; classifiers and regressors say what
    targets mean (`_learn`).
    """

    _parameter_constraints: dict = NETWORK_CONSTRAINTS
    _target_checks: ClassVar[dict[str, bool]] = {}
    _format: ClassVar[Format]
    _targets: Any

    def _tree(self, sites: Sites) -> Tree:
        return self._format.tree(self, sites)

    def _learn(self, y: Any, weight: FloatArray, known: Any, **options: Any) -> Targets:
        """What y means; `known` is what was learnt of the targets of a warm start."""
        raise NotImplementedError

    def _check_rank(self, targets: Targets) -> None:
        """Warn if the format needs a larger rank for this number of scores."""

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # By what was fitted; before the fit, by what will be.
        tags.array_api_support = takes_arrays(self)
        tags.input_tags.allow_nan = getattr(self, "_allow_nan", allows_nan(self.feature_map))
        # Tags speak of arrays, in which "from_dtype" sees no categories.
        listed = not isinstance(self.categorical_features, str | None)
        tags.input_tags.categorical = tags.input_tags.string = listed
        return tags

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of parts by names such as ``feature_map__scale``.

        Parameters
        ----------
        **params : dict
            The parameters.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If a name is unknown, or is that of a parameter of a part that is not
            an object.
        """
        check_parts(self, params)
        return super().set_params(**params)

    def _understood(
        self, data: Any, labels: Any, weight: FloatArray, known: Targets | None, **options: Any
    ) -> tuple[Targets, Samples]:
        """What y means, and the samples with encoded targets and the weights of classes."""
        weight = in_observations(weight)
        targets = self._learn(labels, weight, known, **options)
        self._check_rank(targets)
        return targets, self._samples(targets, data, labels, weight)

    def _samples(self, targets: Targets, data: Any, labels: Any, weight: FloatArray) -> Samples:
        y = targets.encode(labels)
        weighed = targets.weigh(y, weight, getattr(self, "class_weight", None))
        return Samples.weighted(data, y, weight, weighed)

    def _fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> Self:
        """Read the data, plan the fit, carry the plan out, and keep what it gives."""
        self._drop_importances()
        before = self._fitted() if self.warm_start and hasattr(self, "network_") else None
        if before is None:
            data, labels, weight = read(self, X, y, sample_weight, reset=True)
        else:
            data, labels, weight = read_again(self, X, y, sample_weight)
        random_state = check_random_state(self.random_state)
        known, split, earlier_map = None, None, None
        if before is not None:
            known, split, earlier_map = self._targets, before.split, before.feature_map
        place = kept_place("X", X)
        targets, samples = self._understood(data, labels, weight, known)
        samples = replace(samples, place=place)
        context = self._tree, self.columns_, targets
        plan = plan_fit(self, *context, samples, random_state, split, earlier_map)
        if before is not None:
            alpha = before.alpha if self.alpha == "auto" else float(self.alpha)
            plan = plan.going_on_from(before.model, alpha, before.sweeps is not None)
        shown = X if not samples.are_at_hand else data if plan.held is None else plan.train.X
        weights = None if sample_weight is None else {"sample_weight": plan.trained_on(weight)}
        callbacks = Callbacks(
            self,
            {"X": shown, "y": plan.trained_on(labels), "metadata": weights},
            lambda fitted: placed(self._attributes(fitted.targets, fitted), place),
            self.verbose,
        )
        self._set(fit(plan, before, callbacks), place)
        self._remember(plan)
        callbacks.end()
        return self

    def _remember(self, plan: Plan) -> None:
        """Keep of the samples what a subclass needs after the fit."""

    def _partial_fit(self, X, y, sample_weight, **options: Any) -> Self:
        """One pass over a batch; `options` are for what the first one learns of y."""
        before = self._fitted() if hasattr(self, "network_") else None
        data, labels, weight = read_arrays(
            self, X, y, sample_weight, reset=before is None, declared=True
        )
        if before is None:
            targets, samples = self._understood(data, labels, weight, None, **options)
            random_state, fitted = None, None
        else:
            targets = self._targets
            samples = self._samples(targets, data, labels, weight)
            # A call that fails half-way must leave it where it was.
            random_state, fitted = deepcopy(before.random_state), (before.model, before.alpha)
        if random_state is None:
            random_state = check_random_state(self.random_state)
        context = self._tree, self.columns_, targets
        place = kept_place("X", X)
        samples = replace(samples, place=place)
        plan = plan_batch(self, *context, samples, random_state, fitted)
        self._set(advance(plan, before), place)
        return self

    def _set(self, fitted: Fitted, place: Place | None) -> None:
        for name, value in self._attributes(fitted.targets, fitted).items():
            setattr(self, name, value)
        self._set_importances()
        self._settle(place)

    def _attributes(self, targets: Targets, fitted: Fitted) -> dict[str, Any]:
        """The fitted attributes; a subclass adds what it shows of the targets."""
        return {
            "network_": fitted.network,
            "feature_map_": fitted.feature_map,
            "patches_": fitted.sites,
            "alpha_": fitted.alpha,
            "scale_": fitted.scale,
            "trials_": fitted.trials,
            "loss_curve_": fitted.loss_curve,
            "n_iter_": len(fitted.loss_curve),
            "sweeps_": fitted.sweeps,
            "validation_scores_": fitted.validation_scores,
            "_targets": targets,
            "_solver_state": fitted.solver_state,
            "_random_state": fitted.random_state,
            "_origin": fitted.origin,
            "_split": fitted.split,
            "_unfinished": fitted.unfinished,
            "_feature_moments": fitted.moments,
        }

    def _fitted(self) -> Fitted:
        """What was fitted, as the next fit goes on from it."""
        return Fitted(
            self.network_,
            self.feature_map_,
            self.patches_,
            self.alpha_,
            self.scale_,
            self.trials_,
            self.loss_curve_,
            self._targets,
            self.sweeps_,
            self.validation_scores_,
            self._solver_state,
            self._random_state,
            self._origin,
            self._split,
            self._unfinished,
            self._feature_moments,
        )

    def _parts(self) -> tuple[Sites, FittedMap, TensorNetwork]:
        return self.patches_, self.feature_map_, self.network_

    def compress(
        self,
        rank: int | None = None,
        rank_tol: float | None = None,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        r"""Return an estimator with a smaller network.

        .. math:: \tilde W \approx W, \qquad \operatorname{rank} \tilde W \le r

        Without data the weight tensor is rounded: trees by the hierarchical
        SVD, with an error within the root of the number of truncated bonds of
        the best, and a canonical polyadic sum by keeping the terms that matter
        most. With data, the truncation that changes the scores least competes
        with it, and a sweep of `solvers.ALS` polishes the better one, core by
        core, for the estimator's loss and penalty; the feature map stays as it
        is.

        Parameters
        ----------
        rank : int or None, default=None
            Cap of all ranks.
        rank_tol : float or None, default=None
            Relative error allowed at each bond.
        X : array-like of shape (n_samples, n_features) or None, default=None
            Samples to truncate and polish with, such as the training data.
        y : array-like of shape (n_samples,) or None, default=None
            Their targets, for a classifier all of them in ``classes_``.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Their weights.

        Returns
        -------
        object
            A fitted estimator of the same class; this one does not change.

        Raises
        ------
        ValueError
            If cores are shared or the product is another than "multiply", if
            neither `rank` nor `rank_tol` is given, one is out of range, or
            only one of `X` and `y` is given.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sktensornet import TTClassifier
        >>> X, y = load_wine(return_X_y=True)
        >>> clf = TTClassifier(rank=8, solver="als", max_iter=2, tol=1.0).fit(X, y)
        >>> small = clf.compress(rank=3, X=X, y=y)
        >>> max(clf.network_.ranks), max(small.network_.ranks), small.score(X, y) > 0.95
        (8, 3, True)
        """
        from ._compress import compressed

        check_is_fitted(self)
        data = None
        if X is not None and y is not None:
            samples, targets, weight = read_arrays(self, X, y, sample_weight, reset=False)
            samples = samples.astype(self.network_.dtype, copy=False)
            data = self._samples(self._targets, samples, targets, weight)
        elif not (X is None and y is None and sample_weight is None):
            raise ValueError("X and y must both be given, or neither of X, y and sample_weight.")
        smaller = copy(self)
        smaller.network_ = compressed(
            self._fitted(), rank, rank_tol, data, self._targets.loss, effective_threads(self.n_jobs)
        )
        smaller._solver_state = smaller._origin = smaller._unfinished = None
        smaller._set_importances()
        smaller._settle(smaller._place)
        if rank is not None:
            smaller.rank = rank
        return smaller

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
        from ._from_fitted import converted

        return converted(cls, BaseTensorNetwork, estimator, rank, rank_tol, random_state, params)
