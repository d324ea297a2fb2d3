"""What classifiers and regressors share: from data to a trained network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    check_X_y,
    validate_data,
)

from .._arrays._parallel import ChunkPool, effective_threads
from .._arrays._samples import merged_samples
from .._arrays._typing import FloatArray
from .._data._columns import FLOATS, Columns, learn_columns, refuse_masked
from .._distributed._block_objective import BlockObjective
from .._distributed._block_sweeps import BlockSweeps
from .._distributed._blocks import Blocks, is_dask_array
from .._fitting._choose_alpha import TuningMixin
from .._fitting._plan import automatic_solver, make_model, make_solver, sweeps
from .._fitting._selection import SHARE_OF_TOL, TRIAL_SWEEPS
from .._fitting._start import make_start
from .._fitting._training import CallbackSupportMixin, EarlyStopping, Training
from .._problems._model import Model
from .._problems._objective import Objective
from .._problems._sweep_problem import SweepProblem, SweepRecord
from .._support._documentation_links import DocumentationLinkMixin
from .._support._version import VersionedEstimator
from ..feature_maps import FeatureMap, FittedMap, SplineMap
from ..losses import Loss
from ..networks import TensorNetwork, Tree
from ..patches import Sites
from ..solvers import LBFGS, Adam, Solver
from ._check_blocks import check_blocks
from ._compress import CompressionMixin
from ._constraints import NETWORK_CONSTRAINTS, PartsMixin
from ._from_fitted import ConversionMixin


class BaseTensorNetwork(
    TuningMixin,
    CompressionMixin,
    ConversionMixin,
    CallbackSupportMixin,
    DocumentationLinkMixin,
    PartsMixin,
    VersionedEstimator,
):
    """Base class; a format gives `_tree`, the kinds what targets mean."""

    _parameter_constraints: dict = NETWORK_CONSTRAINTS
    _target_checks: ClassVar[dict[str, bool]] = {}
    _searched_sweeps: ClassVar[int | None] = None
    _random_state: np.random.RandomState | None
    _origin: FloatArray | None
    columns_: Columns

    def _column_map(self) -> FeatureMap:
        """What "auto" means for columns of numbers."""
        return SplineMap()

    def _tree(self, sites: Sites) -> Tree:
        raise NotImplementedError

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _outputs(self) -> tuple[int, bool]:
        """Number of scores, and whether each has a tensor of its own."""
        raise NotImplementedError

    def _learn_targets(self, targets, weight, keep: bool) -> np.ndarray:
        """Targets as the loss takes them; `keep` what was learnt of them before."""
        raise NotImplementedError

    def _encode_targets(self, targets) -> np.ndarray:
        """Targets as the loss takes them, after what was learnt."""
        raise NotImplementedError

    def _weigh(self, y, weight: FloatArray) -> FloatArray:
        """Weights of the samples."""
        return weight

    def _split(self, y, random_state) -> tuple[Any, Any]:
        """Rows to train on, and rows that early stopping holds out."""
        raise NotImplementedError

    def _mean_target(self, y, weight: FloatArray) -> FloatArray:
        """What the loss asks for to find its baseline."""
        raise NotImplementedError

    def _held_score(self, scores, y, weight) -> float:
        """What early stopping judges by."""
        raise NotImplementedError

    def _check_rank(self) -> None:
        """Warn if the format needs a larger rank for this number of outputs."""

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        maps = self.feature_map
        maps = maps.values() if isinstance(maps, dict) else [maps]
        tags.input_tags.allow_nan = all(
            one.allow_nan for one in maps if isinstance(one, FeatureMap)
        )
        # Tags speak of arrays, in which "from_dtype" sees no categories.
        listed = not isinstance(self.categorical_features, str | None)
        tags.input_tags.categorical = tags.input_tags.string = listed
        return tags

    def _floats(self, dtypes: Any) -> dict[str, Any]:
        """What `check_array` demands of X."""
        allow_nan = self.__sklearn_tags__().input_tags.allow_nan
        return FLOATS | {"dtype": dtypes} | ({} if allow_nan else {"ensure_all_finite": True})

    def _check_data(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Any, Any, Any]:
        checks = self._floats(FLOATS["dtype"]) | self._target_checks
        refuse_masked(X=X, y=y, sample_weight=sample_weight)
        if reset:
            self.columns_ = learn_columns(X, self.categorical_features)
        with self.columns_.explained(X):
            if self.columns_.encoder is None:
                X, y = validate_data(self, X, y, reset=reset, **checks)
            else:
                validate_data(self, X, y, reset=reset, skip_check_array=True)
                if not reset:
                    self.columns_.warn_of_unknown(X)
                X, y = check_X_y(self.columns_.encode(X, self), y, estimator=self, **checks)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return X, y, weight

    def _fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> Self:
        data: Any
        if is_dask_array(X):
            data, targets, own_weight = check_blocks(self, X, y, sample_weight)
        else:
            data, targets, own_weight = self._check_data(X, y, sample_weight, reset=True)
        random_state = check_random_state(self.random_state)
        warm = self.warm_start and hasattr(self, "network_")
        y = self._learn_targets(targets, own_weight, keep=warm)
        self._check_rank()
        weight = self._weigh(y, own_weight)
        rows, held = slice(None), slice(0)
        if self.early_stopping:
            rows, held = self._split(y, random_state)
            if not (weight[rows].any() and weight[held].any()):
                raise ValueError(
                    "early_stopping=True left only samples of weight zero to train on or to "
                    "validate with; pass sample_weight with more positive weights, or set "
                    "early_stopping=False."
                )
        data_held, y_held, weight_held = data[held], y[held], weight[held]
        data, y, weight = data[rows], y[rows], weight[rows]
        metadata = None if sample_weight is None else {"sample_weight": own_weight[rows]}
        shown = {"X": data, "y": targets[rows], "metadata": metadata}
        if isinstance(data, Blocks):
            shown["X"] = X
        elif self.patches is None and not self.early_stopping:
            data, y, weight = merged_samples(data, y, weight)
        model = self._new_model(data, weight, random_state)
        if warm:
            model = self._resume(model)
            self.alpha_ = self.alpha_ if self.alpha == "auto" else float(self.alpha)
            tried = None
        else:
            model, tried = self._tune(model, data, y, weight, random_state)
        make = self._make_start(model, data, y, weight, random_state, self.alpha_)
        start: FloatArray | TensorNetwork | None = self._fitted_theta() if warm else tried
        if start is None:
            start = make(random_state)
        follows = warm and isinstance(self.init, TensorNetwork)

        def held_score(scores: FloatArray) -> float:
            return self._held_score(scores, y_held, weight_held)

        self._train(
            model,
            data,
            y,
            weight,
            start=start,
            origin=lambda: self._fitted_theta() if follows else make(None),
            held=(data_held, held_score) if self.early_stopping else None,
            random_state=random_state,
            shown=shown,
        )
        return self

    def _partial_fit(self, X, y, sample_weight, learn: Callable) -> Self:
        first = not hasattr(self, "network_")
        X, targets, own_weight = self._check_data(X, y, sample_weight, reset=first)
        y = learn(targets, own_weight, first)
        weight = self._weigh(y, own_weight)
        if first:
            self._check_rank()
            self._random_state = check_random_state(self.random_state)
            model = self._new_model(X, weight, self._random_state)
            self._fix_alpha()
        else:
            model = self._fitted_model()
        make = self._make_start(model, X, y, weight, self._random_state, self.alpha_)
        theta = make(self._random_state) if first else self._fitted_theta()
        if getattr(self, "_origin", None) is None:
            follows = not first and isinstance(self.init, TensorNetwork)
            self._origin = theta if follows else make(None)
        self._advance(model, X, y, weight, theta, self._origin)
        return self

    def _new_model(self, X, weight, random_state) -> Model:
        n_outputs, batched = self._outputs()
        return make_model(
            self,
            X,
            weight,
            random_state,
            columns=self.columns_,
            n_outputs=n_outputs,
            batched=batched,
        )

    def _make_start(self, model, X, y, weight, random_state, alpha: float):
        bias = self._loss().baseline(self._mean_target(y, weight))
        return make_start(
            self.init,
            model,
            self._loss(),
            X,
            y,
            weight,
            alpha=alpha,
            bias=bias[:, None] if self._outputs()[1] else bias[None],
            random_state=random_state,
        )

    def _resume(self, model: Model) -> Model:
        """The fitted model, if it has the shapes of the one asked for."""
        fitted = self._fitted_model()
        if not fitted.same_kind(model, any_rank=sweeps(self.solver) or self.sweeps_ is not None):
            raise ValueError(
                "warm_start=True needs a model of the same shape as before, but rank, patches, "
                "feature_map, product, shared_cores, class_tensors, output_tensors or the data "
                "changed it; set warm_start=False to start anew."
            )
        return fitted

    def _fitted_theta(self) -> FloatArray:
        return self._fitted_model().theta_of(self.network_, self.feature_map_)

    def _objective(self, model: Model, X, y, weight, origin, pool: ChunkPool) -> Objective:
        in_blocks = isinstance(X, Blocks)
        kind: Any = partial(BlockObjective, n_jobs=self.n_jobs) if in_blocks else Objective
        return kind(
            model,
            self._loss(),
            X,
            y,
            weight,
            alpha=self.alpha_,
            penalty=self.penalty,
            origin=origin,
            pool=pool,
        )

    def _sweep_problem(self, model: Model, X, y, weight, alpha: float, pool: ChunkPool):
        kind = partial(BlockSweeps, n_jobs=self.n_jobs) if isinstance(X, Blocks) else SweepProblem
        return kind(model, self._loss(), X, y, weight, alpha=alpha, rank=self.rank, pool=pool)

    def _advance(self, model: Model, X, y, weight, theta: FloatArray, origin) -> None:
        """One pass over a batch of samples."""
        solver = make_solver(self.solver, Adam)
        if self._random_state is None:
            self._random_state = check_random_state(self.random_state)
        with ChunkPool(effective_threads(self.n_jobs)) as pool:
            objective = self._objective(model, X, y, weight, origin, pool)
            state = getattr(self, "_solver_state", None)
            outcome, value = solver.advance(objective, theta, state, self._random_state)
        self._solver_state = outcome.state
        self._set_fitted(model, *objective.fitted(outcome.point))
        self.loss_curve_ = [*getattr(self, "loss_curve_", []), value]
        self.sweeps_: list[SweepRecord] | None = None
        self.validation_scores_: list[float] | None = None
        self.n_iter_ = len(self.loss_curve_)

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

    def _check_input(self, X) -> FloatArray:
        """X as the fitted model takes it."""
        check_is_fitted(self)
        checks = self._floats(self.network_.dtype)
        with self.columns_.explained(X):
            if self.columns_.encoder is None:
                return validate_data(self, X, reset=False, **checks)
            validate_data(self, X, reset=False, skip_check_array=True)
            return check_array(self.columns_.encode(X, self), estimator=self, **checks)

    def _raw_scores(self, X) -> FloatArray:
        X = self._check_input(X)
        model = self._fitted_model()
        theta = model.theta_of(self.network_, self.feature_map_)
        return model.scores(theta, X, effective_threads(self.n_jobs))

    def _solver_for(self, model: Model, X: Any) -> Solver:
        in_blocks = isinstance(X, Blocks)
        return make_solver(
            self.solver, LBFGS if in_blocks else automatic_solver(self, model, len(X))
        )

    def _max_iter(self, solver: Solver, X: Any, goes_on: bool) -> int:
        """As asked for; a fit that follows trials may take fewer sweeps, or go on from one."""
        if self.max_iter is not None:
            return self.max_iter
        few = self._searched_sweeps if self._searches(solver, X) else None
        return solver.default_max_iter if few is None else few - TRIAL_SWEEPS * goes_on

    def _train(
        self,
        model: Model,
        X: FloatArray,
        y: Any,
        weight: FloatArray,
        *,
        start: FloatArray | TensorNetwork,
        origin: Callable[[], FloatArray],
        held: tuple[FloatArray, Callable[[FloatArray], float]] | None,
        random_state,
        shown: dict[str, Any],
    ) -> None:
        """Minimise the objective and set the fitted attributes.

        `start` is a parameter vector, or the network of a trial to go on from.
        `origin` gives the start without noise, to which some penalties pull.
        `held` is the X that early stopping judges by, and a function from its
        scores to what it judges. `shown` is what callbacks are given: X, y and
        metadata.
        """
        solver = self._solver_for(model, X)
        max_iter = self._max_iter(solver, X, isinstance(start, TensorNetwork))
        with ChunkPool(effective_threads(self.n_jobs)) as pool:
            if solver.sweeps:
                problem: Any = self._sweep_problem(model, X, y, weight, self.alpha_, pool)
            else:
                problem = self._objective(model, X, y, weight, origin(), pool)
            point = start if isinstance(start, TensorNetwork) else problem.start(start)
            stopping = None
            if held is not None:
                X_held, score = held
                stopping = EarlyStopping(
                    lambda point: score(problem.scores(point, X_held)),
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
                least_share=SHARE_OF_TOL * self.tol if self._searches(solver, X) else 0.0,
                opening=lambda: problem.opening,
            )
            training.begin()
            outcome = problem.minimize(
                solver,
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
        followed = self.max_iter is None and max_iter != solver.default_max_iter
        training.warn_if_unfinished(outcome.converged or followed, type(solver).__name__)
        training.finish()
