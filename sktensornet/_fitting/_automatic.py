"""What "auto" means: the rank, the solver, the feature map, and the loss of classes."""

from __future__ import annotations

from typing import Any

from .._data._columns import Columns
from .._data._samples import Samples
from .._data._targets import Targets
from .._problems._model import Model
from ..feature_maps import AffineMap, FeatureMap, PCAMap, SplineMap
from ..losses import CalibratedSquaredError
from ..networks import Tree
from ..solvers import ALS, LBFGS, Adam, Solver
from ._needs import CALIBRATED, FREE_START, KERNEL, SAME_SAMPLES, SWEPT, Lacks, has, what_lacks
from ._setting import MANY_COLUMNS

LBFGS_LIMIT = 5_000_000
"""The largest n_samples * n_parameters for which "auto" takes L-BFGS: digits of 8 x 8 pixels are
below, MNIST is above, where a step over all samples takes as long as hundreds of mini-batches."""
LBFGS_LIMIT_TEXT = f"{LBFGS_LIMIT:,}"
WIDEST_SWEPT = 320
"""The largest number of dense features of a site for which "auto" takes ALS: a site of 500 needs
over a gigabyte. Categories have none above 64 levels."""
MOST_SWEPT = 100_000_000
"""The largest number of features of all samples and sites for which "auto" takes ALS, which keeps
them while it sweeps: 0.8 GB in double precision."""

FEWER_STEPS, MANY_SITES, MANY_OUTPUTS = 2, 11, 8
"""Steps of a local solve, from how many sites on and below how many scores, where "auto"
takes ALS and the loss is not quadratic: with few sites a core is visited too seldom to make
up for steps, and many classes need more of them."""

CHANNELS_PER_SCORE, FEWEST_CHANNELS, MOST_CHANNELS = 2, 8, 16
"""The rank that "auto" takes for each joint score, the least and the largest one. Beside 8 for
all, log losses of held-out parts are lower by 8 % for the six classes of satimage, 25 % for the
seven of segment, 8 % for twenty made ones, 16 % (TT) and 31 % (HT) for digits in patches; the
four of hpc_data gain nothing from 12 or 16."""

TERMS_PER_SCORE, FEWEST_TERMS = 5, 32
"""The same for sums of products. Of digits in patches the held-out log loss is .093 with 16 terms,
.059 with 32, .052 with 48, .053 with 64."""

COARSE, MEDIUM = SplineMap(), SplineMap(n_knots=8)
FINE = SplineMap(n_knots=14, degree=3, smoothing=8.0)
"""The maps of columns: for classes, for classes where there are many samples for each column, and
for real targets, which say more about a column. Beside ten knots without smoothing FINE lowers
the RMSE of validation parts of sixteen sets by 4 %, six splits each; for classes it gains a percent
on some and loses as much on others, in up to three times the time."""
FINER = SplineMap(n_knots=22, degree=3, smoothing=50.0)
"""What real targets have where the kernel method predicts clearly better with it than with FINE,
and classes have FINE: for effects that turn often, and columns with long tails. For all tables it
is level with FINE (RMSE of sixteen sets .5 % lower, airfoil 2 % and energy 4 % higher)."""
MANY_FOR_A_COLUMN = 150
"""Samples for each column from which on MEDIUM is taken. From 170 on it lowers the log loss of
validation parts of seven sets by 2.5 % (phoneme 7 %; credit_data is .8 % higher), as ten knots do
in more time; below 100 that of eight sets is 2 % higher."""

LOCAL_SHARE_OF_TOL = 10
"""Where "auto" takes ALS, the loss is quadratic and alpha is chosen, a local solve ends before a
step that gains less than this times tol of the objective: a tenth of what a sweep must gain."""


def automatic_rank(parameters: Any, tree: Tree, targets: Targets) -> int:
    """The largest rank, which grows with the number of scores that one tensor has."""
    if parameters.rank != "auto":
        return parameters.rank
    joint = 1 if targets.are_separate else targets.n_scores
    if tree.multiplied:
        return max(FEWEST_TERMS, TERMS_PER_SCORE * joint)
    return min(max(FEWEST_CHANNELS, CHANNELS_PER_SCORE * joint), MOST_CHANNELS)


def automatic_map(
    parameters: Any, targets: Targets, samples: Samples, given: Solver | None
) -> FeatureMap:
    """The map of columns of numbers, or of patches.

    Patches have a fixed one where it is needed, or where sweeps then suit.
    """
    if parameters.patches is None:
        if not targets.are_classes:
            return FINE
        has_many = samples.copies.sum() >= MANY_FOR_A_COLUMN * samples.X.shape[1]
        return MEDIUM if has_many else COARSE
    fixed = PCAMap("auto", scale="auto", moduli="auto")
    if given is not None:
        return fixed if given.sweeps or given.reads_sequences else AffineMap()
    lacks = what_lacks(parameters, fixed, samples)
    return fixed if has((*SWEPT, *FREE_START), lacks) else AffineMap()


def finer_map(
    parameters: Any, targets: Targets, columns: Columns, n_columns: int
) -> FeatureMap | None:
    """What columns of numbers may have instead of `automatic_map`, if there are any."""
    is_auto = parameters.feature_map == "auto" and parameters.patches is None
    # Equal cores need as many features of numbers as there are categories.
    is_auto = is_auto and not (parameters.shared_cores and columns.categorical)
    if is_auto and len(columns.categorical) < n_columns < MANY_COLUMNS:
        return FINE if targets.are_classes else FINER
    return None


def is_swept(model: Model, samples: Samples, lacks: Lacks) -> bool:
    """Whether "auto" takes sweeps."""
    feature_map = model.feature_map
    # What is looked up takes two numbers a sample.
    entries = [
        2 if k in feature_map.indexed_sites else m for k, m in enumerate(feature_map.mode_sizes)
    ]
    return (
        has(SWEPT, lacks)
        and max(entries) <= WIDEST_SWEPT
        and len(samples) * sum(entries) <= MOST_SWEPT
    )


def automatic_targets(parameters: Any, targets: Targets, swept: bool, lacks: Lacks) -> Targets:
    """Targets with the loss that ``loss="auto"`` means.

    Patches that are swept have the squared error with calibrated probabilities:
    of digits in 4 x 4 patches it makes half as many errors as the log loss, at
    half of its log loss, since data that are separated leave that nothing to do.
    """
    if parameters.loss != "auto" or getattr(parameters, "posterior", False):
        return targets
    if swept and "columns" in lacks and has(CALIBRATED, lacks):
        return targets.with_loss(CalibratedSquaredError())
    return targets


def automatic_solver(
    parameters: Any, model: Model, samples: Samples, targets: Targets, lacks: Lacks
) -> Solver:
    """What "auto" means as the solver."""
    if is_swept(model, samples, lacks):
        if not targets.loss.is_quadratic:
            many = model.sites.n_sites >= MANY_SITES
            few = many and targets.n_scores < MANY_OUTPUTS
            return ALS(local_iter=FEWER_STEPS) if few else ALS()
        if parameters.alpha == "auto" and has(KERNEL, lacks):
            return ALS(local_tol=min(LOCAL_SHARE_OF_TOL * parameters.tol, 0.1))
        return ALS()
    few = len(samples) * model.size <= LBFGS_LIMIT
    if "single rows" in lacks or (few and has((SAME_SAMPLES,), lacks)):
        return LBFGS()
    return Adam()
