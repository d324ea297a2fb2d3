"""Sweeps against the objective, the dense tensor, and planted functions."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet._arrays._parallel import ChunkPool
from sktensornet._problems._local_problem import LocalProblem
from sktensornet._problems._model import Model
from sktensornet._problems._objective import Objective
from sktensornet._problems._sweep_problem import SweepProblem
from sktensornet.feature_maps import PolynomialMap, TrigonometricMap
from sktensornet.losses import CLASSIFICATION_LOSSES, LogLoss, SquaredError, SquaredHinge
from sktensornet.networks import (
    TensorNetwork,
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    norm,
    tensor_train,
)
from sktensornet.networks._starts._identity import identity_start
from sktensornet.patches import SingleColumns
from sktensornet.solvers import ALS

TREES = {
    "TT": tensor_train,
    "TT, leg first": lambda d: tensor_train(d, 0),
    "HT": lambda d: hierarchical_tucker(balanced(d)),
    "HT, ternary": lambda d: hierarchical_tucker((0, (1, 2), tuple(range(3, d)))),
    "CP": canonical_polyadic,
}
LOSSES = [LogLoss(), SquaredError(), SquaredHinge()]


def make_problem(
    tree="TT",
    loss=None,
    *,
    n=80,
    d=6,
    rank=4,
    n_outputs=3,
    separate=False,
    alpha=1e-2,
    feature_map=None,
    seed=0,
    pool=None,
    dtype=np.float64,
    y=None,
    X=None,
):
    """A problem, the objective of the gradient solvers, and a start."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.5, 1.5, (n, d)).astype(dtype) if X is None else X
    if y is None:
        y = rng.integers(0, max(n_outputs, 2), len(X))
    weight = rng.uniform(0.2, 2.0, len(X))
    topology = TREES[tree](d)
    sites = SingleColumns().fit(d)
    fitted = (feature_map or PolynomialMap(degree=2, scale=0.6)).fit(X, sites.columns, weight, None)
    n_batch, leg = (n_outputs, 1) if separate else (1, n_outputs)
    sizes = topology.message_sizes(fitted.mode_sizes, rank, leg)
    model = Model(sites, fitted, topology, sizes, n_batch, separate, np.dtype(dtype))
    bias = np.zeros((n_batch, leg))
    cores = identity_start(
        model.contraction, fitted.constants, bias, np.random.RandomState(seed), mixing=0.5
    )
    theta = model.pack(cores, ())
    loss = loss or SquaredError()
    pool = pool or ChunkPool(1)
    problem = SweepProblem(model, loss, X, y, weight, alpha=alpha, rank=rank, pool=pool)

    def objective(network):
        fresh = Model.from_fitted(sites, fitted, network)
        theta = fresh.theta_of(network, fitted)
        return Objective(
            fresh,
            loss,
            X,
            y,
            weight,
            alpha=alpha,
            penalty="frobenius",
            origin=theta,
            pool=pool,
        ).value_and_gradient(theta)[0]

    return problem, objective, model.network(theta)


def run(problem, start, solver=None, n_sweeps=2):
    """The last network, and the objective before and after every local solve."""
    solver = solver or ALS()
    options = {
        "two_site": solver.sweep == "two_site",
        "rank_tol": solver.rank_tol,
        "leg_moves": solver.class_leg == "moving",
        "function_space": solver.truncation == "function",
        "budget": 1e9 * solver.memory,
    }
    problem.open(start, **options)
    steps = []
    passes = [problem.begin(), *(problem.sweep() for _ in range(n_sweeps))]
    for local in itertools.chain(*passes):
        before = local.start().objective
        steps.append((before, solver.solve(local)))
    return problem.point(), np.array(steps)


each_tree = pytest.mark.parametrize("tree", TREES)
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
SETTINGS = {
    "moving leg": ({}, {}),
    "frobenius": ({}, {"truncation": "frobenius"}),
    "fixed leg": ({}, {"class_leg": "fixed"}),
    "separate": ({"separate": True}, {}),
    "one output": ({"n_outputs": 1}, {}),
    "two-site": ({}, {"sweep": "two_site", "rank_tol": 1e-3}),
    "two-site, separate": ({"separate": True}, {"sweep": "two_site"}),
    "two-site, fixed leg": ({}, {"sweep": "two_site", "class_leg": "fixed"}),
}
CASES = [
    (tree, setting)
    for tree in TREES
    for setting in SETTINGS
    # A CP has no pairs of cores.
    if tree != "CP" or not setting.startswith("two-site")
]
each_case = pytest.mark.parametrize(("tree", "setting"), CASES)


@pytest.mark.parametrize(
    ("tree", "setting", "loss"),
    # Every loss with every tree and with every setting.
    [(*case, LOSSES[k % 3]) for k, case in enumerate(CASES)],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_no_local_solve_raises_the_objective(tree, loss, setting):
    problem_options, solver_options = SETTINGS[setting]
    problem, objective, start = make_problem(tree, loss, **problem_options)
    network, steps = run(problem, start, ALS(**solver_options), n_sweeps=1)
    assert np.all(steps[:, 1] <= steps[:, 0] * (1 + 1e-12))
    assert steps[-1, 1] == pytest.approx(objective(network), rel=1e-9)


@each_loss
@pytest.mark.parametrize("tree", ["TT, leg first", "HT, ternary", "CP"])
def test_nor_does_one_with_a_kronecker_preconditioner(tree, loss, monkeypatch):
    """As where a block is too large to be factored."""
    monkeypatch.setattr(LocalProblem, "preconditioner", lambda local: (local.kronecker(), False))
    test_no_local_solve_raises_the_objective(tree, loss, "moving leg")


@each_loss
@given(
    tree=st.sampled_from(list(TREES)),
    setting=st.sampled_from(["fixed leg", "separate", "one output"]),
    seed=st.integers(0, 1000),
    alpha=st.sampled_from([0.0, 1e-6, 1e-2, 1.0]),
    rank=st.integers(1, 5),
)
@settings(max_examples=10, deadline=None, derandomize=True, database=None)
def test_whole_sweeps_only_descend_where_nothing_is_truncated(
    loss, tree, setting, seed, alpha, rank
):
    problem_options, solver_options = SETTINGS[setting]
    problem, objective, start = make_problem(
        tree, loss, n=40, rank=rank, alpha=alpha, seed=seed, **problem_options
    )
    network, steps = run(problem, start, ALS(**solver_options), n_sweeps=2)
    values = np.concatenate([[objective(start)], steps.ravel()])
    assert np.all(np.diff(values) <= 1e-7 * np.maximum(values[:-1], 1e-3))
    assert objective(network) <= objective(start) * (1 + 1e-9)


@each_case
@pytest.mark.parametrize("feature_map", [PolynomialMap(scale=0.5), TrigonometricMap()], ids=repr)
def test_visits_see_the_network(tree, setting, feature_map):
    """With a rank that truncates nothing, an idle sweep changes nothing at any visit."""
    problem_options, solver_options = SETTINGS[setting]
    solver = ALS(**solver_options | {"rank_tol": 0.0})
    options = {"rank": 60, "d": 4 if tree != "HT, ternary" else 5, "n": 20}
    problem, objective, start = make_problem(
        tree, feature_map=feature_map, **options, **problem_options
    )
    expected = objective(start)
    problem.open(start, two_site=solver.sweep == "two_site", leg_moves=solver.class_leg == "moving")
    visits = 0
    for local in itertools.chain(problem.begin(), problem.sweep()):
        # Squared errors see the mean over the classes, so the start is the block itself.
        assert local.start().objective == pytest.approx(expected, rel=1e-8)
        visits += 1
    assert visits > len(start.cores) - 1
    np.testing.assert_allclose(problem.point().to_dense(), start.to_dense(), atol=1e-8)


@each_case
def test_checkpoints_and_threads_change_no_bit(tree, setting):
    problem_options, solver_options = SETTINGS[setting]
    networks = []
    for memory, threads in [(2.0, 1), (1e-12, 1), (2.0, 2)]:
        with ChunkPool(threads) as pool:
            problem, _, start = make_problem(
                tree, LogLoss(), n=40, d=7, rank=3, pool=pool, **problem_options
            )
            solver = ALS(memory=memory, **solver_options)
            networks.append(run(problem, start, solver, n_sweeps=1)[0])
    for other in networks[1:]:
        for one, two in zip(networks[0].cores, other.cores, strict=True):
            np.testing.assert_array_equal(one, two)


@each_tree
def test_squared_errors_are_fitted_exactly_with_enough_parameters(tree):
    problem, objective, start = make_problem(
        tree, SquaredError(), n=25, rank=8, alpha=1e-10, separate=True
    )
    network, _ = run(problem, start, n_sweeps=3)
    assert objective(network) < 1e-4


@each_tree
@each_loss
@pytest.mark.parametrize("alpha", [0.0, 1e-3])
def test_degenerate_data(tree, loss, alpha):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 6))
    X[:, 1] = 3.0
    X[:, 2] = X[:, 3]
    X[:, 4] = X[:, 5] * 1e9
    problem, objective, start = make_problem(tree, loss, X=X, alpha=alpha, rank=4)
    # Without a penalty separable classes have no optimum, and truncation may cost much.
    values = []
    outcome = ALS().minimize(
        problem,
        start,
        max_iter=3,
        tol=0.0,
        patience=1,
        random_state=None,
        monitor=lambda point, value: values.append(value),
    )
    assert np.all(np.isfinite(values))
    assert np.all(np.isfinite(problem.scores(outcome.point, X)))
    # The point before the first sweep is one of those that may be the best.
    assert objective(outcome.point) <= min(values) * (1 + 1e-5) + 1e-12
    if alpha:
        assert min(values) < objective(start)


@pytest.mark.parametrize("tree", ["TT", "HT", "CP"])
@pytest.mark.parametrize(
    ("d", "scale", "separate"), [(40, 0.05, False), (40, 3.0, True), (300, 3.0, True)]
)
def test_messages_of_many_sites_stay_near_one(tree, d, scale, separate):
    """Features far from one in norm, and at random cores, ask for powers of two."""
    feature_map = PolynomialMap(degree=2, scale=scale)
    options = {"d": d, "n": 12, "rank": 2, "n_outputs": 2, "feature_map": feature_map}
    problem, _, start = make_problem(tree, separate=separate, **options)
    if d < 100:
        cores = [np.random.default_rng(0).standard_normal(core.shape) for core in start.cores]
        start = TensorNetwork(start.tree, tuple(cores), start.batched)
    # A leg that moves truncates.
    problem.open(start, leg_moves=False)
    scores, penalty = problem.scores(start, problem._X), 0.5e-2 * norm(start) ** 2
    sizes = []
    for local in itertools.chain(problem.begin(), problem.sweep()):
        state = local.start()
        np.testing.assert_allclose(state.scores, scores, rtol=1e-6)
        assert state.penalty == pytest.approx(penalty, rel=1e-6)
        sizes += [
            float(np.sqrt(np.mean(np.square(message))))
            for message in getattr(local._block, "messages", [])
        ]
        local.finish(state)
    assert np.all(np.isfinite(sizes))
    assert max(sizes) < 2.0**18
    assert all(np.all(np.isfinite(core)) for core in problem.point().cores)


def test_float32_messages_stay_float32():
    problem, _, start = make_problem(dtype=np.float32)
    problem.open(start)
    for local in itertools.chain(problem.begin(), problem.sweep()):
        assert all(message.dtype == np.float32 for message in local._block.messages)
    assert problem.point().dtype == np.float32


def test_every_loss_is_covered():
    # What is calibrated is swept as what it calibrates.
    swept = {loss for loss in CLASSIFICATION_LOSSES.values() if not loss.is_calibrated}
    assert {type(loss) for loss in LOSSES} == swept
