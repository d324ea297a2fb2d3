"""Texts that the docstrings of the estimators share."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import TypeVar

from .._fitting._needs import MOST_SWEPT_PATCHES

Class = TypeVar("Class", bound=type)

_PARAMETERS = """\
patches : ImagePatches, SequencePatches or None, default=None
    Which columns of X form a site. None makes every column a site.
augment : list of Augmentation or None, default=None
    Random changes of the samples of each mini-batch, one after the other, that leave their
    targets as they are, such as ``[RandomShift(2), RandomRotation(10)]`` of
    `sktensornet.augmentation`, or functions ``f(X, rng)`` of your own. They need ``patches``,
    which states the shape of a sample: X is of shape (n_samples, H, W, C) or (n_samples,
    n_channels, length). The solver must be "adam", which "auto" then is. Samples that are
    held out, and what is learnt of the samples before training, are not changed.
n_views : int, default=1
    Predictions are averages over this many views of a sample: itself, and others by
    ``augment``, the same at each call. Probabilities are averages of probabilities, a label
    the most probable one by them, and other scores averages of scores.
feature_map : {"auto", "affine", "embedding", "fourier", "pca", "polynomial", "quantile", \
"spline", "trigonometric", "one_hot"}, FeatureMap or dict, default="auto"
    Map from a site to its local features; a name takes its default settings.
    For single columns "auto" is {columns}:
    a constant, the standardised column and splines. Those with categories are
    one-hot, by a ``OneHotMap`` of your own if you pass one. ``alpha="auto"`` chooses the
    scale of maps that leave it free. A dict ``{{column: map}}``, by name or
    index, gives single columns another map than "auto". For patches "auto" is
    ``PCAMap()`` where they are swept, of which ``alpha="auto"`` chooses the scale, the
    number of components and whether their moduli come with them, and else
    ``AffineMap()``, which is trained.
    A single column with missing values in training gets one more
    feature that says so, but not with ``shared_cores``.
categorical_features : "from_dtype", array-like or None, default="from_dtype"
    The columns that hold categories. "from_dtype" takes those of a DataFrame
    whose type is categorical, string or boolean. A boolean mask, indices or
    names choose them for any X; None treats all columns as numbers. A category
    that was not seen in training counts as missing. Not with ``patches``.
product : {"multiply", "max", "logaddexp", "add", "hypot"}, default="multiply"
    What two numbers that meet in the network do: x y, max(x, y, 0),
    ln(e^x + e^y), x + y or sqrt(x^2 + y^2). Any but the first makes a
    generalized network (Khrulkov, Hrinchuk, Oseledets, ICLR 2019; Cohen, Shashua,
    ICML 2016), which has no weight tensor: it needs a gradient solver, and
    cannot be compressed or converted. "max" has rectifiers. A tensor train then
    reads from left to right and has a matrix C of shape (m, rank) in front of
    each site, and no rank is cut at the ends. A core of a train or tree then
    sums rank^2 numbers, most of one sign, so that Adam needs a learning rate of
    about ``0.5 / rank**2`` at most in a train of 16 sites.
shared_cores : bool, default=False
    Whether cores are shared between sites: all but the first and the last core of
    a tensor train, which makes it recurrent; all of the same level of a
    tree, which must be perfect (of 2, 4, 8, 16 and so on sites); all factors of a
    canonical polyadic sum. It needs a gradient solver and as many features at
    every site. Missing sites at the end are then skipped: the sample is that
    of the shorter network (``network_.with_n_sites``) that just covers its
    known sites, at least two but for a canonical polyadic sum.
{kind}alpha : float or "auto", default="auto"
    Weight of the penalty. The objective of every solver is the weighted mean
    loss plus ``alpha / 2`` times the penalty, so it does not depend on the
    number of samples. "auto" chooses it, for single columns together with the
    scale s of the features, which makes an interaction of k columns cost
    s^(-2k): by the leave-one-out residuals of the kernel ridge regression that
    the model is without a limit on the ranks (for patches with the scale and the map of
    ``PCAMap("auto", "auto", "auto")``), then, for sweeping
    solvers, by the held-out loss of a few one-sweep fits on at most 4000 samples, or 40 for
    each feature of the widest site, from the best of which the fit goes on.
    Where the kernel explains less than half, ``init="identity"``, and there are at
    most 25 columns and joint scores for half of the rank, others of twenty sweeps
    start from products of features, at a smaller rank that then stays if they do
    better. With a positive number only
    the scale is chosen, by the kernel and one-sweep fits at that alpha, unless
    the maps have one. To fix what was chosen, give ``alpha_`` here, and
    ``scale_`` to the maps of all columns, those of categories included; where
    all are numbers, by ``feature_map={scaled}``, with the knots
    of what "auto" was. That fit starts as ``init``
    says, not from the best of the short fits. It is 1e-4 where
    nothing is chosen: for trained feature maps,
    ``penalty="start"``, an ``init`` that is a network, and ``partial_fit``, and
    0 for other products with the Frobenius penalty, which they do not have.
penalty : {"frobenius", "start", "orthogonal"}, default="frobenius"
    "frobenius" is the squared Frobenius norm ||W||_F^2 of the weight tensor,
    relative to that of the constant function 1, by contraction. It does not
    depend on how the network stores W, and leaves the parameters of a trained
    feature map free. "start" is the squared distance of all parameters, those
    of the map included, to the start without noise; it is cheaper in
    mini-batches. "orthogonal" is the mean of ||A(x)^T A(x) - I||_F^2 over the
    steps x of training samples, for the transitions A(x) of a tensor train of equal
    cores, so that long sequences keep the norms of their states; ``alpha`` "auto"
    is 0.1 then. A ``product`` other than "multiply" has no norm: "frobenius"
    then goes with ``alpha`` "auto" or 0 only.
solver : {"auto", "lbfgs", "adam", "als", "spectral"} or Solver, default="auto"
    "lbfgs" is deterministic and uses all samples in every step, "adam" uses
    mini-batches, "als" optimises one core after the other in closed form and
    needs a fixed feature map and the Frobenius penalty, "spectral" finds the equal
    cores of a tensor train (``shared_cores=True``) from the Hankel matrix of the
    samples. "auto" takes "als" for single columns, and for patches of at most {patch_limit}
    samples, where no parameter and no very wide feature map rule it out, with two steps of
    a local solve for more than ten columns and up to seven classes unless the loss is
    quadratic, and for the rest "lbfgs" as long as n_samples * n_parameters is at most
    {auto_limit} and "adam" above. A dask array takes "lbfgs", or "als" if asked for,
    which need nothing but sums over all samples.
max_iter : int or None, default=None
    Steps of "lbfgs" (None is 500), passes over the data of "adam" (30), sweeps
    of "als" (20){few_sweeps}.
tol : float, default=1e-4
    "lbfgs" stops when no component of the gradient exceeds it, or when the
    last ``n_iter_no_change`` steps have lowered the objective F by no more than
    ``tol * max(1, F)``; "als" when its last sweep has, or, where ``alpha="auto"``
    chose, when the next one is expected to lower it by no more than
    ``100 * tol * F``, as decreases so far go on as a geometric series. With ``early_stopping``,
    the least improvement of the validation score that counts. "adam" without
    ``early_stopping`` runs its whole schedule.
init : {"identity", "linear", "moments", "interactions", "orthogonal"} or TensorNetwork, \
default="identity"
    Where training starts. "identity": every core passes its messages through on the
    constant feature, so that the network begins near a linear model. "linear":
    a logistic or ridge regression on the local features, penalised by
    ``alpha``, exactly; for a joint tensor train or tree
    ``rank = {outputs} + 1`` is enough, for a separate one 2, and a canonical
    polyadic sum needs a term for each feature. "moments": near {moments} the feature
    tensors. "interactions": the sum of ``rank - 1`` products of features that
    says most about the targets, of all products of up to six columns (fewer
    where there are more than 2,000,000 of them) compared on at most 20,000
    samples; it finds what no lower order hints at, such as parities.
    "orthogonal": random orthogonal transitions of a tensor train of equal cores
    (``shared_cores=True``), one for each value where steps are symbols; it needs a
    fixed feature map, and "embedding" means indicators then. A network is taken as
    it is, over a map of as many features, which ``feature_map`` must say where "auto"
    took finer splines; ``rank`` then counts for "als" only.
early_stopping : bool, default=False
    Set ``validation_fraction`` of the samples aside, stop when their {score}
    has not improved for ``n_iter_no_change`` iterations, and keep the
    parameters that scored best.
validation_fraction : float, default=0.1
    Share of the samples for ``early_stopping``.
n_iter_no_change : int, default=10
    Patience of ``early_stopping`` and of "lbfgs", in iterations.
{weights}warm_start : bool, default=False
    Go on from the last fit: its network, its scaling, its columns with their
    categories, and the rows that early stopping held out.
verbose : int, default=0
    Print the loss after every so many sweeps, epochs or steps, as
    `sktensornet.callbacks.LossLog` does; 0 prints nothing.
n_jobs : int or None, default=None
    Number of threads over chunks of samples. None is as many as the BLAS may
    use. The result does not depend on it.
random_state : int, RandomState or None, default=None
    Seed of the start, the mini-batches and the validation split.
"""

_CLASSIFIER = {
    "kind": """\
class_tensors : {"joint", "separate"}, default="joint"
    One tensor with a class leg, or one tensor per class as in the paper. Two
    classes have one output either way.
loss : {"auto", "log_loss", "squared_error", "calibrated_squared_error", "squared_hinge"}, \
default="auto"
    What a wrong prediction costs. All but "log_loss" work one class against the rest.
    "squared_error" and "squared_hinge" give no probabilities. "calibrated_squared_error"
    has the scores s of the former, and probabilities softmax(s / T) (for two classes and for
    labels the logistic function) with the temperature T of least log loss on held-out
    samples, for which the estimator is first fitted without a quarter of the samples, or
    up to 1,000 of them without each third; T is 1 for fewer than 20. "auto" is that for
    patches that are swept, and "log_loss" otherwise. Of several labels, columns of 0 and 1
    in y, each has a score and this loss of its own.
""",
    "weights": """\
class_weight : dict, "balanced" or None, default=None
    Weights of the classes, multiplied with ``sample_weight``. A dict that names all
    labels of y may name others, and one that names some of them leaves the rest at 1.
    "balanced" takes no account of classes without weight.
posterior : bool, default=False
    Probabilities on average over the posterior of the scores, by the probit
    approximation: scores are divided by (1 + pi v / 8)^(1/2), with their variance v
    to first order in all cores, or its mean over the classes. Labels stay what they
    are. The fit keeps up to 5,000 samples, and the first prediction takes about as long
    as a fit for each score. It needs "log_loss", a penalty, and a fixed feature map.
""",
    "targets": """\
classes_ : ndarray of shape (n_classes,)
    Class labels; of several labels the numbers of their columns.
temperature_ : float or None
    The temperature T of the probabilities, with ``loss="calibrated_squared_error"``.
""",
    "score": "accuracy",
    "outputs": "n_classes",
    "moments": "the class means of",
    "columns": """\
``SplineMap()``, with ``n_knots=8``
    from 150 samples for each column on, or ``SplineMap(14, 3, smoothing=8.0)`` where a
    kernel method shows before the fit that this predicts clearly better""",
    "scaled": "SplineMap(scale=clf.scale_)",
    "few_sweeps": """, but three sweeps where ``alpha="auto"``
    chose, or two that follow the best of its short fits: more would fit less
    well what it chose""",
}

_REGRESSOR = {
    "kind": """\
output_tensors : {"joint", "separate"}, default="joint"
    For several outputs, one tensor with an output leg, or one tensor each.
loss : {"squared_error", "huber", "absolute_error", "quantile", "poisson", "gamma"}, \
default="squared_error"
    What a wrong prediction costs. "squared_error", "huber", which grows linearly from
    ``huber_epsilon`` on, "absolute_error", for the median, and "quantile", for the
    ``quantile`` of the targets, are of targets of mean 0 and variance 1, to which y is
    scaled inside. "poisson" and "gamma" are half the deviance of y by its mean and
    predict that mean times exp(score); they need y >= 0 and y > 0. All solvers
    honour all of them.
huber_epsilon : float, default=1.35
    Where Huber's loss turns from a parabola to a line, in units of the scaled
    target.
quantile : float, default=0.5
    The share of the targets below the prediction that ``loss="quantile"`` asks for.
""",
    "weights": "",
    "targets": """\
target_mean_, target_scale_ : ndarray of shape (n_outputs,)
    How targets are scaled; 0 and the mean for "poisson" and "gamma".
""",
    "score": "R^2, or D^2 of a quantile,",
    "outputs": "n_outputs",
    "moments": "the covariances of the targets and",
    "columns": """\
``SplineMap(n_knots=14, degree=3, smoothing=8.0)``,
    or ``SplineMap(22, 3, smoothing=50.0)`` where a kernel method shows before the fit
    that this predicts clearly better""",
    "scaled": "SplineMap(14, 3, smoothing=8.0, scale=reg.scale_)",
    "few_sweeps": "",
}

_ATTRIBUTES = """\
{targets}network_ : TensorNetwork
    The weight tensor: ``.cores``, ``.ranks``, ``.n_parameters``,
    ``.to_dense()``. Immutable.
feature_map_ : FittedMap
    The fitted local feature map. Immutable.
patches_ : Sites
    The columns of each site.
columns_ : Columns
    Which columns hold categories, and their levels.
feature_importances_ : ndarray of shape (n_features,)
    Share of each column in the variance of the scores, the interactions that it
    takes part in included, under the product of the marginals of the training
    data: the mean over the outputs of total Sobol indices, scaled to sum 1, as
    from `sktensornet.inspection.variance_shares`. Outputs that vary by rounding
    only count as zeros. There is none with ``patches``, ``shared_cores`` or
    another ``product``, nor for columns of more than 64 features that are no
    categories, or of more than 1024, nor after ``partial_fit``; the error says so.
alpha_ : float
    The penalty of the fit.
scale_ : float or None
    The scale of the features that was chosen; None where there was no choice. As
    ``scale`` of the feature maps it is fixed.
trials_ : list of Trial or None
    What was tried for ``alpha`` and ``scale``, and for ``mode_size`` where the feature
    map was chosen, with the ``loss`` of each.
loss_curve_ : list of float
    Objective after each iteration; for "adam" its mean over the mini-batches of
    the pass, dropout included.
validation_scores_ : list of float or None
    Validation {score} after each iteration, with ``early_stopping``.
sweeps_ : list of SweepRecord or None
    For "als" the objective, ranks, truncation loss and singular values of every
    sweep. The network is that of the sweep with the least objective, or with
    ``early_stopping`` with the best score.
n_iter_ : int
    Number of iterations.
n_features_in_ : int
    Number of columns of X.
feature_names_in_ : ndarray of shape (n_features,)
    Names of the columns, where X had names.
"""


def documented(kind: str, auto_limit: str) -> Callable[[Class], Class]:
    """Fill the shared texts into the docstring of a "classifier" or "regressor"."""
    words = _CLASSIFIER if kind == "classifier" else _REGRESSOR

    def fill(text: str, doc: str, name: str) -> str:
        for word, meaning in words.items():
            text = text.replace(f"{{{word}}}", meaning)
        text = text.replace("{auto_limit}", auto_limit)
        text = text.replace("{patch_limit}", f"{MOST_SWEPT_PATCHES:,}")
        text = text.replace("{{", "{").replace("}}", "}")
        return doc.replace(f"{{{name}}}\n", text)

    def decorate(cls: Class) -> Class:
        # Python 3.13 and later take the indentation away, earlier ones leave it.
        doc = fill(_PARAMETERS, cleandoc(cls.__doc__ or "") + "\n", "parameters")
        cls.__doc__ = fill(_ATTRIBUTES, doc, "attributes")
        return cls

    return decorate
