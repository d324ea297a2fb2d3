"""A sweeping problem against the objective of the gradient solvers, weights, and truncation."""

import itertools

import numpy as np
import pytest

from sktensornet._arrays._parallel import ChunkPool
from sktensornet._problems._local_problem import LocalProblem
from sktensornet._problems._model import Model
from sktensornet._problems._objective import Objective
from sktensornet._problems._sweep_problem import SweepProblem
from sktensornet.feature_maps import PolynomialMap, TrigonometricMap
from sktensornet.losses import ClassificationLoss, LogLoss, SquaredError, SquaredHinge
from sktensornet.networks import (
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    round_network,
    tensor_train,
)
from sktensornet.patches import ImagePatches, SingleColumns
from sktensornet.solvers import ALS

D = 5
TREES = {
    "TT": tensor_train,
    "HT": lambda d: hierarchical_tucker(balanced(d)),
    "CP": canonical_polyadic,
}
LOSSES = {"log_loss": LogLoss(), "squared_error": SquaredError(), "squared_hinge": SquaredHinge()}
each_tree = pytest.mark.parametrize("tree", TREES)
each_bonded_tree = pytest.mark.parametrize("tree", ["TT", "HT"])
each_loss = pytest.mark.parametrize("loss", LOSSES)
each_separate = pytest.mark.parametrize("separate", [False, True], ids=["joint", "separate"])


class RealTargets(ClassificationLoss):
    """Half the squared distance to real targets of shape (n_samples, n_outputs)."""

    is_quadratic = True

    def value_and_gradient(self, scores, y):
        residual = scores - y
        return 0.5 * np.sum(residual**2, axis=1), residual

    def curvature(self, scores, y, direction):
        return np.sum(direction**2, axis=1)

    def curvature_bound(self, n_outputs):
        return 1.0

    def baseline(self, frequency):
        raise NotImplementedError


class Setting:
    """Data, a random network, and both objectives of it."""

    def __init__(
        self,
        tree="TT",
        loss=None,
        *,
        separate=False,
        n_outputs=3,
        rank=4,
        n=60,
        alpha=1e-2,
        seed=0,
        feature_map=None,
        patches=None,
        X=None,
        y=None,
        weight=None,
        dtype=np.float64,
    ):
        rng = np.random.default_rng(seed)
        self.X = (rng.uniform(-1.5, 1.5, (n, D)) if X is None else X).astype(dtype)
        n = len(self.X)
        self.y = rng.integers(0, max(n_outputs, 2), n) if y is None else y
        self.weight = rng.uniform(0.2, 2.0, n) if weight is None else weight
        self.loss = loss or SquaredError()
        self.alpha = alpha
        self.sites = (patches or SingleColumns()).fit(self.X.shape[1])
        feature_map = feature_map or TrigonometricMap(scale=0.5)
        self.map = feature_map.fit(self.X, self.sites.columns, self.weight, None)
        self.tree = TREES[tree](self.sites.n_sites)
        self.n_batch, self.leg = (n_outputs, 1) if separate else (1, n_outputs)
        self.start = self.network(rank, rng)
        self.problem = self.make_problem(rank)

    def network(self, rank, rng):
        """A network of random cores whose scores are of order one."""
        sizes = self.tree.message_sizes(self.map.mode_sizes, rank, self.leg)
        model = Model(
            self.sites, self.map, self.tree, sizes, self.n_batch, self.n_batch > 1, self.X.dtype
        )
        cores = [rng.standard_normal(shape) / np.sqrt(shape[-1]) for shape in model.core_shapes]
        theta = model.pack(cores, ())
        size = np.sqrt(np.mean(model.scores(theta, self.X, 1) ** 2))
        cores = [core * size ** (-1 / len(cores)) for core in cores]
        return model.network(model.pack(cores, ()))

    def make_problem(self, rank, *, rows=slice(None), weight=None):
        weight = self.weight if weight is None else weight
        return SweepProblem(
            Model.from_fitted(self.sites, self.map, self.start),
            self.loss,
            self.X[rows],
            self.y[rows],
            weight,
            alpha=self.alpha,
            rank=rank,
            pool=ChunkPool(1),
        )

    def objective(self, network):
        model = Model.from_fitted(self.sites, self.map, network)
        theta = model.theta_of(network, self.map)
        return Objective(
            model,
            self.loss,
            self.X,
            self.y,
            self.weight,
            alpha=self.alpha,
            penalty="frobenius",
            origin=theta,
            pool=ChunkPool(1),
        ).value_and_gradient(theta)[0]


def sweep(problem, start, n_sweeps=1, **options):
    """The objective before and after every local solve."""
    problem.open(start, **options)
    steps = []
    for local in itertools.chain(problem.begin(), *(problem.sweep() for _ in range(n_sweeps))):
        before = local.start().objective
        steps.append((before, ALS().solve(local)))
    return np.array(steps)


def idle(problem, start, **options):
    """The network after a sweep that optimises nothing."""
    problem.open(start, **options)
    for local in itertools.chain(problem.begin(), problem.sweep()):
        assert local is not None
    return problem.point()


def test_the_constants_of_these_tests_have_not_norm_one():
    norms = [np.linalg.norm(u) for u in Setting().map.constants]
    assert np.all(np.abs(np.array(norms) - 1) > 0.02)


@each_separate
@each_loss
@each_tree
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_the_last_value_is_the_objective_of_the_network(tree, loss, separate, alpha):
    case = Setting(tree, LOSSES[loss], separate=separate, alpha=alpha)
    steps = sweep(case.problem, case.start)
    network = case.problem.point()
    assert steps[-1, 1] == pytest.approx(case.objective(network), rel=1e-9)
    assert steps[-1, 1] < 0.9 * case.objective(case.start)
    assert case.problem.record(steps[-1, 1], case.problem.point()).ranks == network.ranks


@each_separate
@each_tree
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_the_objective_of_a_network_is_that_of_the_gradient_solvers(tree, loss, separate):
    case = Setting(tree, LOSSES[loss], separate=separate, alpha=0.5)
    assert case.problem.objective(case.start) == pytest.approx(
        case.objective(case.start), rel=1e-10
    )


@pytest.mark.parametrize(
    "setting",
    [
        {"separate": True},
        {"n_outputs": 1},
        {"leg_moves": False},
    ],
    ids=str,
)
@each_loss
@each_tree
@pytest.mark.parametrize("factored", [True, False], ids=["cholesky", "kronecker"])
def test_sweeps_descend_where_nothing_is_truncated(tree, loss, setting, factored, monkeypatch):
    inverse = LocalProblem.cholesky if factored else LocalProblem.kronecker
    monkeypatch.setattr(LocalProblem, "preconditioner", lambda local: (inverse(local), False))
    setting = dict(setting)
    options = {"leg_moves": setting.pop("leg_moves", True)}
    case = Setting(tree, LOSSES[loss], alpha=1e-3, **setting)
    steps = sweep(case.problem, case.start, n_sweeps=2, **options).ravel()
    values = np.concatenate([[case.objective(case.start)], steps])
    assert np.all(np.diff(values) <= 1e-9 * values[:-1])
    assert values[-1] < 0.9 * values[0]


@each_tree
@each_loss
@pytest.mark.parametrize("options", [{}, {"leg_moves": False}, {"rank_tol": 0.1}])
def test_what_a_local_problem_takes_over_is_what_it_would_compute(tree, loss, options):
    if tree == "CP" and "rank_tol" in options:
        return
    setting = Setting(tree, LOSSES[loss], n_outputs=1)
    problem = setting.make_problem(3)
    problem.open(setting.network(3, np.random.default_rng(1)), **options)
    taken_over = 0
    for local in itertools.chain(problem.begin(), problem.sweep(), problem.sweep()):
        state = local.start()
        taken_over += local._known is not None
        local._known = None
        computed = local.start()
        np.testing.assert_allclose(state.scores, computed.scores, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            state.score_gradient, computed.score_gradient, rtol=1e-7, atol=1e-12
        )
        assert state.objective == pytest.approx(computed.objective, rel=1e-9)
        assert state.penalty == pytest.approx(computed.penalty, rel=1e-9)
        assert state.value is local._block.value
        found = local.search(state, -local.gradient(state))
        local.finish(found)
    assert (taken_over > 0) == (tree != "CP" and "rank_tol" not in options)


@each_separate
@each_tree
def test_weight_is_repetition(tree, separate):
    counts = np.random.default_rng(5).integers(0, 4, 60)
    case = Setting(tree, LogLoss(), separate=separate, weight=counts.astype(float))
    repeated = case.make_problem(
        4, rows=np.repeat(np.arange(60), counts), weight=np.ones(sum(counts))
    )
    one, two = (sweep(problem, case.start) for problem in (case.problem, repeated))
    np.testing.assert_allclose(one, two, rtol=1e-7)
    np.testing.assert_allclose(
        case.problem.scores(case.problem.point(), case.X),
        repeated.scores(repeated.point(), case.X),
        atol=1e-5,
    )


@each_tree
def test_the_scale_of_the_weights_does_not_matter(tree):
    case = Setting(tree)
    scaled = case.make_problem(4, weight=1e3 * case.weight)
    np.testing.assert_allclose(
        sweep(scaled, case.start), sweep(case.problem, case.start), rtol=1e-7
    )


@each_separate
@each_tree
def test_float32_features_keep_float32_messages(tree, separate):
    case = Setting(tree, LogLoss(), separate=separate, dtype=np.float32)
    two_site = tree != "CP"
    case.problem.open(case.start, two_site=two_site)
    seen = set()
    for local in itertools.chain(case.problem.begin(), case.problem.sweep()):
        block = local._block
        arrays = block.messages if hasattr(block, "messages") else [block.features, block.others]
        seen |= {array.dtype for array in arrays}
        assert local.start().scores.dtype == np.float64
        ALS().solve(local)
    assert seen == {np.dtype(np.float32)}
    assert case.problem.point().dtype == np.float32


@pytest.mark.parametrize("options", [{"two_site": True}, {"rank_tol": 0.1}], ids=str)
def test_a_product_has_no_bonds(options):
    case = Setting("CP")
    with pytest.raises(ValueError, match=r"CP network has no bonds.*sweep='one_site'.*rank_tol=0"):
        case.problem.open(case.start, **options)


def planted(tree, seed, *, rank, rows=700):
    """A network read at random features, the constant and two more a site; a larger start."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 2 * D))
    case = Setting(
        tree,
        RealTargets(),
        n_outputs=1,
        rank=rank,
        X=X,
        y=np.zeros((rows, 1)),
        weight=np.ones(rows),
        alpha=1e-13,
        seed=seed,
        feature_map=PolynomialMap(degree=1),
        patches=ImagePatches((1, 2 * D), (1, 2)),
    )
    truth = case.start
    case.y = case.problem.scores(truth, X)
    case.start = case.network(6, rng)
    case.problem = case.make_problem(6)
    return case, truth


@each_bonded_tree
@pytest.mark.parametrize("rank", [2, 3])
def test_two_site_sweeps_find_planted_ranks(tree, rank):
    case, truth = planted(tree, rank, rank=rank)
    outcome = ALS(sweep="two_site", rank_tol=1e-4).minimize(
        case.problem,
        case.start,
        max_iter=25,
        tol=1e-13,
        patience=1,
        random_state=None,
        monitor=lambda point, value: value < 1e-10,
    )
    assert sum(case.start.ranks) > sum(truth.ranks)
    assert outcome.point.ranks == truth.ranks
    scores = case.problem.scores(outcome.point, case.X)
    assert np.sqrt(np.mean((scores - case.y) ** 2)) < 2e-5
    difference = np.linalg.norm(outcome.point.to_dense() - truth.to_dense())
    assert difference < 1e-3 * np.linalg.norm(truth.to_dense())


@each_bonded_tree
@pytest.mark.parametrize("two_site", [False, True])
def test_truncation_loss_is_the_share_of_the_weights_that_is_lost(tree, two_site):
    case = Setting(tree, rank=6, feature_map=PolynomialMap(degree=2))
    case.problem = case.make_problem(3)
    options = {"function_space": False, "leg_moves": False, "two_site": two_site}
    # The class leg sits at the root: the covectors of this map have norm one.
    smaller = idle(case.problem, case.start, **options)
    loss = case.problem.record(0.0, case.problem.point()).truncation_loss
    whole = case.start.to_dense()
    lost = np.linalg.norm(smaller.to_dense() - whole) / np.linalg.norm(whole)
    assert max(smaller.ranks) == 3 < max(case.start.ranks)
    # Projections on nested spaces: squares add up, each as a share of what was left.
    assert lost <= loss * (1 + 1e-9)
    assert lost >= loss * np.sqrt(1 - loss**2) * (1 - 1e-9)


@each_bonded_tree
def test_on_a_grid_truncation_loss_is_the_share_of_the_scores_that_is_lost(tree):
    """Where the sites are independent, so are the two sides of every bond."""
    axis = np.array([-1.3, -0.4, 0.2, 0.9, 1.7])
    X = np.stack(np.meshgrid(*[axis] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    case = Setting(
        tree,
        n_outputs=1,
        rank=6,
        X=X,
        weight=np.ones(len(X)),
        feature_map=PolynomialMap(degree=2, scale=0.3),
    )
    case.problem = case.make_problem(2)
    before = case.problem.scores(case.start, X)
    lost = {}
    for function_space in (True, False):
        smaller = idle(case.problem, case.start, function_space=function_space)
        after = case.problem.scores(smaller, X)
        lost[function_space] = np.linalg.norm(after - before) / np.linalg.norm(before)
        if function_space:
            loss = case.problem.record(0.0, case.problem.point()).truncation_loss
            assert lost[True] <= loss * (1 + 1e-6)
            assert lost[True] >= loss * np.sqrt(1 - loss**2) * (1 - 1e-6)
    assert lost[True] < lost[False]


@each_bonded_tree
@pytest.mark.parametrize("function_space", [False, True])
@pytest.mark.parametrize("rank_tol", [0.02, 0.2])
def test_spectra_tell_what_was_kept(tree, function_space, rank_tol):
    case = Setting(tree, rank=6)
    case.problem = case.make_problem(60)
    idle(case.problem, case.start, rank_tol=rank_tol, function_space=function_space)
    record = case.problem.record(1.5, case.problem.point())
    assert record.objective == 1.5
    # Every bond is crossed twice.
    assert len(record.spectra) == 2 * len(case.start.ranks)
    assert all(np.all(np.diff(values) <= 0) for values in record.spectra)
    assert 0 < record.truncation_loss <= rank_tol * np.sqrt(len(record.spectra))
    assert sum(record.ranks) < sum(case.start.ranks)


def reductions(tree, loss, separate, rank_tol):
    """Objectives of networks after a sweep, reduced and rounded to the same rank."""
    for seed in range(3):
        case = Setting(tree, loss, separate=separate, rank=6, seed=seed)
        sweep(case.problem, case.start)
        network = case.problem.point()
        reduced = case.make_problem(3).reduce(network, rank_tol)
        assert max(reduced.ranks) <= 3 < max(network.ranks)
        yield case.objective(reduced), case.objective(round_network(network, 3, rank_tol))


@each_tree
@each_loss
@pytest.mark.parametrize(("separate", "rank_tol"), [(False, 0.3), (True, 0.0)])
def test_reduction_is_never_worse_than_rounding(tree, loss, separate, rank_tol):
    for reduced, rounded in reductions(tree, LOSSES[loss], separate, rank_tol):
        assert reduced <= rounded * (1 + 1e-9)


@each_separate
@each_tree
def test_reduction_is_often_better_than_rounding(tree, separate):
    pairs = reductions(tree, SquaredError(), separate, 0.0)
    assert any(reduced < 0.99 * rounded for reduced, rounded in pairs)
