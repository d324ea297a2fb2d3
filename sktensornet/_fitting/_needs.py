"""What a solver, a start or a search needs, and the one place that says what lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .._data._samples import Samples
from ..feature_maps import FeatureMap
from ..losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from ..networks import TensorNetwork, Tree
from ..networks._reading import is_recurrent
from ..solvers import SOLVERS, Adam, Solver

Lacks = Mapping[str, str]
"""What a fit lacks, and the parameter that rules it out; what it has is not in it."""


class Need(NamedTuple):
    """Something that a fit must have.

    Parameters
    ----------
    what : str
        A key of `Lacks`.
    why : str
        What it is needed for, as a sentence goes on after "solver='als'".
    instead : str
        What to do without.
    """

    what: str
    why: str = ""
    instead: str = ""


_BY_GRADIENT = "use solver='lbfgs' or 'adam'"
_MULTILINEAR = "optimises one core of a multilinear network at a time"
_AT_CORES = "starts at cores of a multilinear network, each on its own"
_IDENTITY = "use init='identity' or a network"

MOST_SWEPT_PATCHES = 5_000
"""The most samples of which "auto" sweeps patches. Of MNIST in 8 x 8 patches, a tree swept and
trained by Adam: validation accuracy .947 and .900 with 1,500 images, .960 and .949 with 4,900 in
about as much time, which for sweeps then grows with the samples. More were not tried."""

SAME_SAMPLES = Need(
    "same samples",
    "takes the same samples in every iteration",
    "use solver='adam' or 'auto', or augment=None",
)
"""What solvers need that take no mini-batches."""

COLUMNS = Need("columns")
"""Single columns as sites."""

SWEEPS = (
    Need("product", _MULTILINEAR, _BY_GRADIENT),
    Need("own cores", _MULTILINEAR, _BY_GRADIENT),
    Need(
        "fixed map",
        "needs a fixed feature map",
        "use a map such as PCAMap() for patches and PolynomialMap() or SplineMap() for columns, "
        "or solver='adam'",
    ),
    Need(
        "frobenius",
        "penalises the Frobenius norm of the weight tensor",
        f"use penalty='frobenius', or {_BY_GRADIENT[4:]}",
    ),
    Need(
        "NumPy",
        "visits the cores one by one in NumPy",
        "use solver='lbfgs', 'adam' or 'auto', or pass X as an array of NumPy",
    ),
)
"""What solvers that sweep need."""

FREE_START = (Need("free start"),)
"""What a map needs that is not that of a given start."""

SWEPT = (*SWEEPS, SAME_SAMPLES, Need("single rows"), Need("few patches"))
"""What "auto" needs beside for sweeps."""

SEQUENCES = (
    Need("shared cores", "makes equal cores", "use shared_cores=True"),
    Need("product", "makes a multilinear network", _BY_GRADIENT),
    Need(
        "fixed map",
        "needs a fixed feature map",
        "use 'embedding' or EmbeddingMap(n_components='one_hot') for tokens, a map such as "
        "PolynomialMap() or PCAMap() for numbers, or solver='adam'",
    ),
    Need("free start", "computes where it starts", "use init='identity'"),
    Need("joint tensors", "makes one state for all scores", "use 'joint'"),
    Need(
        "squared error",
        "fits real targets by the squared error",
        f"use loss='squared_error', or {_BY_GRADIENT[4:]}",
    ),
    Need("single rows", "cuts samples into beginnings and ends", "use solver='lbfgs'"),
)
"""What solvers that read sequences need."""

BATCHES = (
    Need(
        "single rows",
        "asks for single samples",
        "use solver='lbfgs', 'als' or 'auto', whose sums over all samples blocks can give, or "
        "partial_fit with solver='adam' on one block after the other",
    ),
)
"""What solvers that take mini-batches need."""

NAMED_START = (Need("product", _AT_CORES, _IDENTITY), Need("own cores", _AT_CORES, _IDENTITY))
"""What every start but "identity" needs."""

GATHERED_START = (
    Need(
        "single rows",
        "needs the features of all samples at one place",
        "use init='identity', 'interactions' or a network",
    ),
)
"""What "linear" and "moments" need beyond."""

EQUAL_TRANSITIONS = (
    Need("shared cores", "is of the transitions of equal cores", "use shared_cores=True"),
    Need("product", "is of matrices that are multiplied", "use product='multiply'"),
    Need("single rows", "asks for single samples", "pass X as an array of NumPy"),
)
"""What the penalty "orthogonal" needs."""

ORTHOGONAL_START = (
    *EQUAL_TRANSITIONS,
    Need("joint tensors", "makes one state for all scores", "use 'joint'"),
    Need(
        "fixed map",
        "turns the features of symbols or steps",
        "use 'embedding' or EmbeddingMap(n_components='one_hot') for tokens, or a map such as "
        "PolynomialMap() for numbers",
    ),
)
"""What the start does."""

_HERE = "or pass X as an array of NumPy"

AUGMENTED = (
    Need(
        "shape",
        "changes samples in their own shape",
        "use patches=ImagePatches(...) for images or SequencePatches(...) for series, or "
        "augment=None",
    ),
    Need("NumPy", "changes samples in NumPy", f"use augment=None, {_HERE}"),
    Need("single rows", "changes single samples", f"use augment=None, {_HERE}"),
)
"""What augmentations need."""

ELSEWHERE = (
    Need("product", "needs a multilinear network", f"use product='multiply', {_HERE}"),
    Need("own cores", "needs a core of its own at each site", f"use shared_cores=False, {_HERE}"),
    Need(
        "standard map",
        "needs a feature map in functions of the array API standard",
        f"use one of the package other than EmbeddingMap, {_HERE}",
    ),
)
"""What a fit needs of which the arrays are those of another library than NumPy."""

EARLY_STOPPING = (
    Need(
        "single rows",
        "holds out single samples",
        "use early_stopping=False, and validate on an array of your own",
    ),
)

CALIBRATED = (
    Need(
        "single rows",
        "holds out single samples",
        "use loss='log_loss' or 'auto', or fit to an array in memory",
    ),
)
"""What a loss needs whose probabilities have a temperature."""

_PLUG_IN = "use posterior=False"

POSTERIOR = (
    Need("log loss", "averages probabilities", f"use loss='log_loss', or {_PLUG_IN[4:]}"),
    Need("penalty", "needs a penalty", "use alpha='auto' or a positive number"),
    Need("single rows", "keeps single samples", _PLUG_IN),
    Need("frobenius", "needs the norm of the weight tensor", "use penalty='frobenius'"),
    *(
        Need(what, "needs a tangent space of a tensor of fixed features", _PLUG_IN)
        for what in ("product", "own cores", "fixed map")
    ),
)
"""What probabilities on average over the posterior need."""

KERNEL = tuple(map(Need, ("product", "frobenius", "fixed map", "free start")))
"""What the choice of alpha and of the scale by a kernel method needs."""

TRIALS = (*KERNEL, *SWEEPS, Need("single rows"))
"""What their choice by fits of the estimator itself needs."""

SHORT_FIT = (Need("all rows"), Need("single rows"))
"""What makes a fit with a chosen alpha one of few sweeps."""


def what_lacks(parameters: Any, feature_map: FeatureMap, samples: Samples) -> dict[str, str]:
    """What a fit with some parameters lacks, of all that is asked for here."""
    place, patches = samples.place, f"patches={parameters.patches!r}"
    augment = parameters.augment
    many = parameters.patches is not None and len(samples) > MOST_SWEPT_PATCHES
    lacks = {
        "product": (parameters.product != "multiply", f"product={parameters.product!r}"),
        "own cores": (parameters.shared_cores, "shared_cores=True"),
        "NumPy": (place is not None, f"an X of {place}"),
        "standard map": (not feature_map.array_api_support, f"feature_map={feature_map!r}"),
        "fixed map": (feature_map.trainable, f"feature_map={feature_map!r}"),
        "frobenius": (parameters.penalty != "frobenius", f"penalty={parameters.penalty!r}"),
        "shared cores": (not parameters.shared_cores, "shared_cores=False"),
        "joint tensors": _separate(parameters),
        "log loss": (parameters.loss not in ("log_loss", "auto"), f"loss={parameters.loss!r}"),
        "penalty": (parameters.alpha == 0, f"alpha={parameters.alpha!r}"),
        "squared error": (parameters.loss in _NOT_SQUARED, f"loss={parameters.loss!r}"),
        "columns": (parameters.patches is not None, patches),
        "shape": (parameters.patches is None, patches),
        "same samples": (bool(augment), f"augment={augment!r}"),
        "few patches": (many, f"{patches} of {len(samples)} samples"),
        "single rows": (not samples.are_at_hand, "a dask array X"),
        "all rows": (parameters.early_stopping, "early_stopping=True"),
        "free start": (isinstance(parameters.init, TensorNetwork), f"init={parameters.init!r}"),
    }
    return {what: text for what, (is_so, text) in lacks.items() if is_so}


_NOT_SQUARED = {name for name, loss in REGRESSION_LOSSES.items() if not loss.is_quadratic}


def _separate(parameters: Any) -> tuple[bool, str]:
    """Whether each score has a tensor of its own, by the parameter of classifiers or regressors."""
    names = [name for name in ("class_tensors", "output_tensors") if hasattr(parameters, name)]
    return any(getattr(parameters, name) == "separate" for name in names), "".join(
        f"{name}='separate'" for name in names
    )


def needs_of(solver: Solver) -> tuple[Need, ...]:
    """What a solver needs."""
    needs: tuple[Need, ...]
    if solver.sweeps:
        needs = SWEEPS
    elif solver.reads_sequences:
        needs = SEQUENCES
    else:
        needs = () if solver.full_batch else BATCHES
    return needs if solver.takes_batches else (SAME_SAMPLES, *needs)


def has(needs: Iterable[Need], lacks: Lacks) -> bool:
    """Whether nothing that is needed lacks."""
    return not any(need.what in lacks for need in needs)


def require(who: str, needs: Iterable[Need], lacks: Lacks) -> None:
    """Raise if something that is needed lacks, naming what rules it out and what to do."""
    for need in needs:
        if need.what in lacks:
            raise ValueError(
                f"{who} {need.why}, which {lacks[need.what]} rules out; {need.instead}."
            )


def check_recurrent(parameters: Any, solver: Solver, tree: Tree) -> None:
    """Raise if what was asked for is of transitions that a tree has not."""
    asked = [
        text
        for text, is_so in (
            (f"solver={parameters.solver!r}", solver.reads_sequences),
            ("init='orthogonal'", parameters.init == "orthogonal"),
            ("penalty='orthogonal'", parameters.penalty == "orthogonal"),
        )
        if is_so
    ]
    if asked and not is_recurrent(tree):
        raise ValueError(
            f"{asked[0]} is for the equal cores of a recurrent network, a tensor train, which "
            "these trees are not; use TTClassifier or TTRegressor."
        )
    if parameters.penalty == "orthogonal" and tree.n_sites < 3:
        raise ValueError(
            "penalty='orthogonal' is of the core between the first step and the last, but X has "
            f"{tree.n_sites} steps; use penalty='frobenius' or 'start'."
        )


def why_no_batches(parameters: Any) -> str | None:
    """Why ``partial_fit`` is not there; None if it is, or if it will refuse the solver itself."""
    asked = parameters.solver
    solver = SOLVERS.get(asked, Adam) if isinstance(asked, str) else asked
    if not getattr(solver, "takes_batches", True):
        return (
            f"with solver={asked!r}, which needs all samples at once; use solver='adam', which "
            "takes them in batches, or fit."
        )
    loss = CLASSIFICATION_LOSSES.get(parameters.loss)
    if loss is not None and loss.is_calibrated:
        return (
            f"with loss={parameters.loss!r}, for which samples are held out of a whole fit; use "
            "loss='log_loss' or 'squared_error'."
        )
    if getattr(parameters, "posterior", False):
        return "with posterior=True, whose samples a whole fit keeps; use fit, or posterior=False."
    if parameters.early_stopping:
        return (
            f"with early_stopping={parameters.early_stopping!r}, which holds samples out of a "
            "whole fit; use early_stopping=False."
        )
    return None
