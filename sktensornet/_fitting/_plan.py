"""One plan for a fit: whatever is "auto" is decided here, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from .._arrays._typing import IntArray
from .._data._columns import Columns
from .._data._samples import Samples
from .._data._targets import Targets
from .._problems._model import Model
from ..feature_maps import EmbeddingMap, FeatureMap, FittedMap
from ..networks import TensorNetwork, Tree
from ..patches import Sites
from ..solvers import SOLVERS, Adam, Solver
from ._augment import Augment
from ._automatic import (
    automatic_map,
    automatic_rank,
    automatic_solver,
    automatic_targets,
    finer_map,
    is_swept,
)
from ._make_model import at_rank, make_feature_map, make_model
from ._needs import (
    AUGMENTED,
    CALIBRATED,
    COLUMNS,
    EARLY_STOPPING,
    ELSEWHERE,
    EQUAL_TRANSITIONS,
    GATHERED_START,
    KERNEL,
    NAMED_START,
    ORTHOGONAL_START,
    POSTERIOR,
    SHORT_FIT,
    TRIALS,
    Lacks,
    check_recurrent,
    has,
    needs_of,
    require,
    what_lacks,
)
from ._search import SEARCH_SWEEPS, Search, ranks_of_products
from ._start import GATHERED_INITS

DEFAULT_ALPHA = 1e-4
"""The penalty where nothing is chosen; not tuned."""

ORTHOGONAL_ALPHA = 0.1
"""The same for that of transitions. With 0.01 and with 0.1 addition modulo five, learnt from 2,000
sequences by "lbfgs" and the squared error, is exact at five hundred steps."""

SHARE_OF_TOL = 100
"""A fit with a chosen alpha ends where another sweep would lower the objective by no more than
this times tol of it, if the decreases go on as a geometric series."""


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """All that the driver of a fit has to know.

    Parameters
    ----------
    train : Samples
        What is fitted to, equal rows merged where that is right.
    targets : Targets
        What y means, with the loss.
    model : Model
        Sites, fitted feature map, tree and sizes; the map is of scale 1 where
        its scale is free.
    solver : Solver
    max_iter : int
    tol : float
    patience : int
        Iterations without progress after which a solver, or early stopping, ends.
    rank : int
    init : str or TensorNetwork
    alpha : float
        The penalty, until a search chooses another.
    penalty : str
    n_jobs : int or None
    random_state : RandomState
    held : Samples or None
        What early stopping judges by.
    rows : ndarray of int or None
        Those of all samples that are in `train`; None is all.
    split : RandomState or None
        Draws these rows again.
    least_share : float
        The fit ends where another iteration would lower the objective by no more
        than this share of it; 0 goes on.
    is_short : bool
        Whether `max_iter` is fewer than the solver's, since a search goes before.
    search : Search or None
        How alpha and the scale are chosen; None takes them as they are.
    augment : Augment or None
        What is done to the rows of mini-batches.
    """

    train: Samples
    targets: Targets
    model: Model
    solver: Solver
    max_iter: int
    tol: float
    patience: int
    rank: int
    init: str | TensorNetwork
    alpha: float
    penalty: str
    n_jobs: int | None
    random_state: np.random.RandomState
    held: Samples | None = None
    rows: IntArray | None = None
    split: np.random.RandomState | None = None
    least_share: float = 0.0
    is_short: bool = False
    search: Search | None = None
    augment: Augment | None = None

    def trained_on(self, values: np.ndarray) -> np.ndarray:
        """Of one value for each sample those of the samples that are fitted to."""
        return values if self.rows is None else values[self.rows]

    def going_on_from(self, fitted: Model, alpha: float, any_rank: bool) -> Plan:
        """The plan of a warm start: with the fitted model, and without another search.

        `alpha` is what was chosen before; `any_rank` says whether the fit before may
        have changed the ranks, as sweeps do.
        """
        if not fitted.same_kind(self.model, any_rank=any_rank or self.solver.free_rank):
            raise ValueError(
                "warm_start=True needs a model of the same shape as before, but rank, patches, "
                "feature_map, product, shared_cores, class_tensors, output_tensors or the data "
                "changed it; set warm_start=False to start anew."
            )
        return replace(self, model=fitted, search=None, alpha=alpha)


def plan_fit(
    parameters: Any,
    topology: Callable[[Sites], Tree],
    columns: Columns,
    targets: Targets,
    samples: Samples,
    random_state: np.random.RandomState,
    split: np.random.RandomState | None = None,
    before: FittedMap | None = None,
) -> Plan:
    """The plan of a fit.

    Parameters
    ----------
    parameters : object
        With the parameters of an estimator as attributes; nothing else of it is used.
    topology : callable
        From the sites to the tree.
    columns : Columns
    targets : Targets
    samples : Samples
    random_state : RandomState
        Splits, fits the feature map, and goes on in the fit.
    split : RandomState or None
        What split the samples of the fit before, for a warm start.
    before : FittedMap or None
        That of the fit before.

    Raises
    ------
    ValueError
        If parameters or data do not go together; the message says which.
    """
    given = None if parameters.solver == "auto" else make_solver(parameters.solver)
    chosen, lacks = _look(parameters, columns, targets, samples, given)
    again = deepcopy(split)
    if split is None and parameters.early_stopping:
        split = deepcopy(random_state)
    train, held, rows = _divide(parameters, targets, samples, again or random_state)
    model = make_model(parameters, topology, columns, chosen, targets, train, random_state, before)
    swept = is_swept(model, train, lacks) if given is None else given.sweeps
    if before is None:
        targets = automatic_targets(parameters, targets, swept, lacks)
    if targets.loss.is_calibrated:
        require(f"loss={targets.loss.name!r}", CALIBRATED, lacks)
    solver = automatic_solver(parameters, model, train, targets, lacks) if given is None else given
    plan = _plan(parameters, targets, train, model, solver, lacks, random_state)
    plan = replace(plan, held=held, rows=rows, split=split)

    def others() -> Iterator[Model]:
        """The model with other maps that the parameters leave to a search."""
        X, weight = train.X, train.weight
        if parameters.patches is not None:
            for fitted in chosen.alternatives(X, model.sites.columns, weight):
                yield at_rank(model, plan.rank, fitted)
        finer = finer_map(parameters, targets, columns, X.shape[1])
        if finer is not None:
            made = make_feature_map(parameters, columns, X.shape[1], finer)
            at = columns, made, targets, train, random_state, before
            yield make_model(parameters, topology, *at)

    if before is not None:
        known = chain([plan.model], others())
        alike = (one for one in known if one.feature_map.same_kind(before))
        plan = replace(plan, model=next(alike, plan.model))
    alpha = None if parameters.alpha == "auto" else plan.alpha
    chooses = has(KERNEL, lacks) and not solver.reads_sequences
    if chooses and (alpha is None or (alpha > 0 and model.feature_map.has_free_scale)):
        has_trials = solver.sweeps and has(TRIALS, lacks)
        of_patches = not has((COLUMNS,), lacks)
        if of_patches:
            has_trials = has_trials and model.feature_map.has_free_scale
        is_tried = before is None and (has_trials or not of_patches)
        more = tuple(others()) if is_tried else ()
        search = Search(has_trials, alpha, of_patches=of_patches, others=more)
        if parameters.init == "identity" and model.feature_map.has_constant:
            joint = 1 if targets.are_separate else targets.n_scores
            ranks = ranks_of_products(model.sites.n_sites, joint, plan.rank)
            search = replace(search, ranks=ranks)
        plan = replace(plan, search=search)
    if plan.search is None or alpha is not None:
        return plan
    if not (solver.sweeps and has(SHORT_FIT, lacks)):
        return plan
    plan = replace(plan, least_share=SHARE_OF_TOL * parameters.tol)
    is_short = targets.are_classes and has((COLUMNS,), lacks)
    if not is_short or parameters.max_iter is not None:
        return plan
    return replace(plan, max_iter=SEARCH_SWEEPS, is_short=True)


def plan_batch(
    parameters: Any,
    topology: Callable[[Sites], Tree],
    columns: Columns,
    targets: Targets,
    samples: Samples,
    random_state: np.random.RandomState,
    fitted: tuple[Model, float] | None,
) -> Plan:
    """The plan of one call to ``partial_fit``, whose samples choose nothing.

    Parameters
    ----------
    parameters, topology, columns, targets, samples, random_state
        Those of `plan_fit`.
    fitted : (Model, float) or None
        The model of the calls before, and their alpha, which "auto" keeps.
    """
    solver = Adam() if parameters.solver == "auto" else make_solver(parameters.solver)
    chosen, lacks = _look(parameters, columns, targets, samples, solver)
    if fitted is None:
        model = make_model(parameters, topology, columns, chosen, targets, samples, random_state)
        return _plan(parameters, targets, samples, model, solver, lacks, random_state)
    model, alpha = fitted
    plan = _plan(parameters, targets, samples, model, solver, lacks, random_state)
    return replace(plan, alpha=alpha) if parameters.alpha == "auto" else plan


def _look(
    parameters: Any,
    columns: Columns,
    targets: Targets,
    samples: Samples,
    given: Solver | None,
) -> tuple[FeatureMap, dict[str, str]]:
    """The feature map, not yet fitted, and what lacks; raise if that was asked for."""
    reads_sequences = given is not None and given.reads_sequences
    n_columns = samples.X.shape[1]
    default = automatic_map(parameters, targets, samples, given)
    chosen = make_feature_map(parameters, columns, n_columns, default)
    are_symbols = reads_sequences or parameters.init == "orthogonal"
    if are_symbols and parameters.feature_map == "embedding":
        chosen = EmbeddingMap(n_components="one_hot")
    lacks = what_lacks(parameters, chosen, samples)
    _check(parameters, given, lacks)
    return chosen, lacks


def _plan(
    parameters: Any,
    targets: Targets,
    train: Samples,
    model: Model,
    solver: Solver,
    lacks: Lacks,
    random_state: np.random.RandomState,
) -> Plan:
    """A plan without a search."""
    check_recurrent(parameters, solver, model.tree)
    no_norm = "product" in lacks and "frobenius" not in lacks
    default = 0.0 if no_norm or solver.reads_sequences else DEFAULT_ALPHA
    if parameters.penalty == "orthogonal" and not solver.reads_sequences:
        default = ORTHOGONAL_ALPHA
    return Plan(
        train=train,
        targets=targets,
        model=model,
        solver=solver,
        max_iter=parameters.max_iter or solver.default_max_iter,
        tol=parameters.tol,
        patience=parameters.n_iter_no_change,
        rank=automatic_rank(parameters, model.tree, targets),
        init=parameters.init,
        alpha=default if parameters.alpha == "auto" else float(parameters.alpha),
        penalty=parameters.penalty,
        n_jobs=parameters.n_jobs,
        random_state=random_state,
        augment=Augment.of(parameters, parameters.patches, train.X),
    )


def _check(parameters: Any, solver: Solver | None, lacks: Lacks) -> None:
    """Raise if what was asked for needs what lacks; `solver` is None where it is "auto"."""
    init = f"init={parameters.init!r}"
    if solver is not None:
        require(f"solver={parameters.solver!r}", needs_of(solver), lacks)
    if "NumPy" in lacks:
        require(lacks["NumPy"].removeprefix("an "), ELSEWHERE, lacks)
    if parameters.augment:
        require(f"augment={parameters.augment!r}", AUGMENTED, lacks)
    if parameters.penalty == "orthogonal":
        require("penalty='orthogonal'", EQUAL_TRANSITIONS, lacks)
    if "free start" not in lacks and parameters.init == "orthogonal":
        require(init, ORTHOGONAL_START, lacks)
    elif "free start" not in lacks and parameters.init != "identity":
        require(init, NAMED_START, lacks)
    if "free start" not in lacks and parameters.init in GATHERED_INITS:
        require(init, GATHERED_START, lacks)
    if parameters.early_stopping:
        require("early_stopping=True", EARLY_STOPPING, lacks)
    if getattr(parameters, "posterior", False):
        require("posterior=True", POSTERIOR, lacks)
    has_norm = "product" not in lacks or "frobenius" in lacks
    if not has_norm and parameters.alpha not in ("auto", 0):
        raise ValueError(
            f"penalty='frobenius' is the norm of the weight tensor, which a network with "
            f"{lacks['product']} has not, so alpha={parameters.alpha!r} must be 0 or "
            "'auto', which then means 0; or use penalty='start'."
        )


def _divide(
    parameters: Any, targets: Targets, samples: Samples, random_state: np.random.RandomState
) -> tuple[Samples, Samples | None, IntArray | None]:
    """Samples to train on, those that early stopping holds out, and the rows of the former."""
    if not parameters.early_stopping:
        merges = parameters.patches is None and samples.are_at_hand
        return samples.merged() if merges else samples, None, None
    rows, others = targets.hold_out(samples.y, parameters.validation_fraction, random_state)
    train, held = samples.take(rows), samples.take(others)
    if not (train.weight.any() and held.weight.any()):
        raise ValueError(
            "early_stopping=True left only samples of weight zero to train on or to "
            "validate with; pass sample_weight with more positive weights, or set "
            "early_stopping=False."
        )
    return train, held, rows


def make_solver(solver: str | Solver) -> Solver:
    """The solver that a parameter other than "auto" means."""
    solver = SOLVERS[solver]() if isinstance(solver, str) else solver
    solver.check()
    return solver
