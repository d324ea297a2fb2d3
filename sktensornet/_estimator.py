"""What classifiers and regressors share: from data to a trained network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ._checks import check_integer, check_real
from ._init import check_network
from ._model import Model
from ._objective import Objective
from ._parallel import ChunkPool, effective_threads
from ._sweeps import SweepProblem, SweepRecord
from ._training import CallbackSupportMixin, EarlyStopping, Training
from ._typing import FloatArray
from ._validation import NETWORK_CONSTRAINTS
from .feature_maps import FEATURE_MAPS, AffineMap, FeatureMap, FittedMap, PCAMap, PolynomialMap
from .networks import TensorNetwork, Tree, round_network
from .patches import SingleColumns, Sites
from .solvers import ALS, LBFGS, SOLVERS, Adam, Solver

LBFGS_LIMIT = 5_000_000
"""The largest n_samples * n_parameters for which "auto" takes L-BFGS."""
LBFGS_LIMIT_TEXT = f"{LBFGS_LIMIT:,}"


class BaseTensorNetwork(CallbackSupportMixin, BaseEstimator):
    """Base class of all estimators.

    A subclass says which tree it uses (`_tree`) and what its targets mean.
    """

    _parameter_constraints: dict = NETWORK_CONSTRAINTS
    _random_state: np.random.RandomState | None
    _origin: FloatArray | None

    def _tree(self, sites: Sites) -> Tree:
        raise NotImplementedError

    def _resolve_feature_map(self) -> FeatureMap:
        if isinstance(self.feature_map, FeatureMap):
            return self.feature_map
        if self.feature_map == "auto":
            if self.patches is None:
                return PolynomialMap()
            return PCAMap() if self._sweeps else AffineMap()
        return FEATURE_MAPS[self.feature_map]()

    @property
    def _sweeps(self) -> bool:
        """Whether the solver needs a fixed feature map."""
        solver = SOLVERS.get(self.solver) if isinstance(self.solver, str) else self.solver
        return solver is not None and solver.sweeps

    def _resolve_solver(self, automatic: type[Solver]) -> Solver:
        if isinstance(self.solver, Solver):
            solver = self.solver
        else:
            solver = automatic() if self.solver == "auto" else SOLVERS[self.solver]()
        solver.check()
        return solver

    def _build(
        self,
        X: FloatArray,
        weight: FloatArray,
        random_state: np.random.RandomState,
        *,
        n_outputs: int,
        batched: bool,
    ) -> Model:
        """A model for the data; `batched` is one tensor for each output."""
        sites = (self.patches or SingleColumns()).fit(X.shape[1])
        feature_map = self._resolve_feature_map().fit(X, sites.columns, weight, random_state)
        if self._sweeps and feature_map.parameters:
            raise ValueError(
                f"feature_map={self.feature_map!r} is trained together with the network, which "
                f"solver={self.solver!r} cannot do; use a fixed map such as PCAMap() for patches "
                "and PolynomialMap() or TrigonometricMap() for columns, or solver='adam'."
            )
        if self._sweeps and self.penalty != "frobenius":
            raise ValueError(
                f"solver={self.solver!r} penalises the Frobenius norm of the weight tensor, so "
                f"penalty={self.penalty!r} must be 'frobenius'; or use solver='lbfgs' or 'adam'."
            )
        tree = self._tree(sites)
        n_tensors, leg = (n_outputs, 1) if batched else (1, n_outputs)
        sizes = tree.message_sizes(feature_map.mode_sizes, self.rank, leg)
        if isinstance(self.init, TensorNetwork):
            model = Model(sites, feature_map, tree, sizes, n_tensors, batched, X.dtype)
            check_network(self.init, model)
            sizes = self.init.message_sizes
        return Model(sites, feature_map, tree, sizes, n_tensors, batched, X.dtype)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def _resume(self, model: Model) -> Model:
        """The fitted model, if it has the shapes of the one asked for."""
        fitted = self._fitted_model()
        if not fitted.same_kind(model, any_rank=self._sweeps or self.sweeps_ is not None):
            raise ValueError(
                "warm_start=True needs a model of the same shape as before, but rank, patches, "
                "feature_map, class_tensors or the data changed it; set warm_start=False to "
                "start anew."
            )
        return fitted

    def _fitted_theta(self) -> FloatArray:
        return self._fitted_model().theta_of(self.network_, self.feature_map_)

    def _objective(self, model: Model, loss, X, y, weight, origin, pool: ChunkPool) -> Objective:
        return Objective(
            model,
            loss,
            X,
            y,
            weight,
            alpha=self.alpha,
            penalty=self.penalty,
            origin=origin,
            pool=pool,
        )

    def _advance(self, model: Model, loss, X, y, weight, theta: FloatArray, origin) -> None:
        """One pass over a batch of samples."""
        solver = self._resolve_solver(Adam)
        if self._random_state is None:
            self._random_state = check_random_state(self.random_state)
        with ChunkPool(effective_threads(self.n_jobs)) as pool:
            objective = self._objective(model, loss, X, y, weight, origin, pool)
            state = getattr(self, "_solver_state", None)
            outcome, value = solver.advance(objective, theta, state, self._random_state)
        self._solver_state = outcome.state
        self._set_fitted(model, *objective.fitted(outcome.point))
        self.loss_curve_ = [*getattr(self, "loss_curve_", []), value]
        self.sweeps_: list[SweepRecord] | None = None
        self.validation_scores_: list[float] | None = None
        self.n_iter_ = len(self.loss_curve_)

    def _compressed(self, rank, rank_tol, data) -> TensorNetwork:
        """A smaller network; `data` is None, or a loss, X, y and weights to polish with."""
        if rank is None and rank_tol is None:
            raise ValueError("compress needs rank, rank_tol or both; pass a cap or a tolerance.")
        cap = None if rank is None else check_integer("rank", rank, 1)
        tolerance = 0.0
        if rank_tol is not None:
            tolerance = check_real("rank_tol", rank_tol, 0, 1, low_allowed=True)
        if data is None:
            return round_network(self.network_, cap, tolerance)
        loss, X, y, weight = data
        with ChunkPool(effective_threads(self.n_jobs)) as pool:
            problem = SweepProblem(
                self._fitted_model(),
                loss,
                X,
                y,
                weight,
                alpha=self.alpha,
                rank=max(self.network_.ranks, default=1) if cap is None else cap,
                pool=pool,
            )
            outcome = ALS(class_leg="fixed", local_iter=1).minimize(
                problem,
                problem.reduce(self.network_, tolerance),
                max_iter=1,
                tol=0.0,
                patience=1,
                random_state=None,
                monitor=lambda point, value: True,
            )
        return outcome.point

    def _set_fitted(self, model: Model, network: TensorNetwork, feature_map: FittedMap) -> None:
        for name, value in self._fitted_attributes(model, network, feature_map).items():
            setattr(self, name, value)

    @staticmethod
    def _fitted_attributes(
        model: Model, network: TensorNetwork, feature_map: FittedMap
    ) -> dict[str, Any]:
        return {"network_": network, "feature_map_": feature_map, "patches_": model.sites}

    def _fitted_model(self) -> Model:
        return Model.from_fitted(self.patches_, self.feature_map_, self.network_)

    def _raw_scores(self, X) -> FloatArray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self.network_.dtype, reset=False)
        model = self._fitted_model()
        theta = model.theta_of(self.network_, self.feature_map_)
        return model.scores(theta, X, effective_threads(self.n_jobs))

    def _train(
        self,
        model: Model,
        loss,
        X: FloatArray,
        y: Any,
        weight: FloatArray,
        *,
        start: FloatArray,
        origin: Callable[[], FloatArray],
        held: tuple[FloatArray, Callable[[FloatArray], float]] | None,
        random_state,
        shown: dict[str, Any],
    ) -> None:
        """Minimise the objective and set the fitted attributes.

        `origin` gives the start without noise, to which some penalties pull.
        `held` is the X that early stopping judges by, and a function from its
        scores to the accuracy. `shown` is what callbacks are given: X, y and
        metadata.
        """
        solver = self._resolve_solver(LBFGS if len(X) * model.size <= LBFGS_LIMIT else Adam)
        max_iter = solver.default_max_iter if self.max_iter is None else self.max_iter
        with ChunkPool(effective_threads(self.n_jobs)) as pool:
            problem: Any
            if solver.sweeps:
                problem = SweepProblem(
                    model, loss, X, y, weight, alpha=self.alpha, rank=self.rank, pool=pool
                )
            else:
                problem = self._objective(model, loss, X, y, weight, origin(), pool)
            point = problem.start(start)
            stopping = None
            if held is not None:
                X_held, accuracy = held
                stopping = EarlyStopping(
                    lambda point: accuracy(problem.scores(point, X_held)),
                    self.tol,
                    self.n_iter_no_change,
                )
            training = Training(
                self,
                shown,
                max_iter=max_iter,
                iteration_name=solver.iteration_name,
                snapshot=lambda point: self._fitted_attributes(model, *problem.fitted(point)),
                start=point,
                early_stopping=stopping,
            )
            training.begin()
            outcome = solver.minimize(
                problem,
                point,
                max_iter=max_iter,
                tol=self.tol,
                patience=self.n_iter_no_change,
                random_state=random_state,
                monitor=training,
            )
        point = outcome.point if stopping is None or stopping.best is None else stopping.best
        self._set_fitted(model, *problem.fitted(point))
        self._solver_state = self._random_state = self._origin = None
        self.loss_curve_ = training.loss_curve
        self.sweeps_ = outcome.records if solver.sweeps else None
        self.validation_scores_ = None if stopping is None else stopping.scores
        self.n_iter_ = len(training.loss_curve)
        training.warn_if_unfinished(outcome.converged, type(solver).__name__)
        training.finish()
