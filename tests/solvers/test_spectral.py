"""Equal cores in closed form: what they must find, exactly, and what they need."""

import numpy as np
import pytest

from sktensornet import CPClassifier, TTClassifier, TTRegressor
from sktensornet._hankel._completion import automaton, balanced, block, complete
from sktensornet._hankel._extraction import Finite, extract, refined
from sktensornet._hankel._linear import Linear, Sequences
from sktensornet._hankel._products import by_products
from sktensornet.feature_maps import AffineMap, EmbeddingMap, OneHotMap, PolynomialMap
from sktensornet.patches import pad_sequences
from sktensornet.solvers import Spectral
from sktensornet.solvers._spectral_problems import NormalisedStates, SquaredError

SWAPS = np.array([[0, 1, 2], [1, 0, 2], [1, 2, 0]])
"""Where three symbols lead from each of three states."""


def drawn(n, longest, seed, least=2):
    rng = np.random.default_rng(seed)
    words = [rng.integers(0, 3, rng.integers(least, longest + 1)) for _ in range(n)]
    ends = []
    for word in words:
        state = 0
        for symbol in word:
            state = SWAPS[symbol, state]
        ends.append(state)
    return pad_sequences(words), np.array(ends)


def fitted(X, y, **parameters):
    options = {"rank": 5, "shared_cores": True, "feature_map": "embedding", "random_state": 0}
    return TTClassifier(**(options | {"solver": "spectral"} | parameters)).fit(X, y)


def random_sequences(are_symbols, seed=0, n=30, longest=6, m=3, n_outputs=2):
    rng = np.random.default_rng(seed)
    shape = (n, longest) if are_symbols else (n, longest, m)
    steps = rng.integers(0, m, shape) if are_symbols else rng.standard_normal(shape)
    targets = rng.dirichlet(np.ones(n_outputs), n)
    return Sequences(steps, rng.integers(0, longest + 1, n), targets, rng.random(n))


def random_linear(rank, m, n_outputs, seed=0):
    rng = np.random.default_rng(seed)
    A = 0.7 * np.linalg.qr(rng.standard_normal((m, rank, rank)))[0]
    return Linear(rng.standard_normal(rank), A, rng.standard_normal((rank, n_outputs)))


@pytest.mark.parametrize("are_symbols", [True, False])
def test_scores_are_products_of_matrices(are_symbols):
    sequences, linear = random_sequences(are_symbols), random_linear(4, 3, 2)
    for steps, length, score in zip(
        sequences.steps, sequences.lengths, sequences.scores(linear), strict=True
    ):
        state = linear.initial
        for step in steps[:length]:
            matrix = (
                linear.transitions[step]
                if are_symbols
                else np.tensordot(step, linear.transitions, 1)
            )
            state = state @ matrix
        np.testing.assert_allclose(score, state @ linear.final, atol=1e-12)


@pytest.mark.parametrize("are_symbols", [True, False])
@pytest.mark.parametrize("kind", [SquaredError, NormalisedStates])
def test_derivatives_equal_finite_differences(kind, are_symbols):
    linear = random_linear(3, 3, 2)
    problem = kind(random_sequences(are_symbols), linear, 0.1)
    theta = linear.flat()
    for rows in (None, np.arange(0, 30, 2)):
        _, gradient = problem.value_and_gradient(theta, rows)
        for k in range(0, len(theta), 5):
            step = np.eye(len(theta))[k] * 1e-6
            up, down = (problem.value_and_gradient(theta + s, rows)[0] for s in (step, -step))
            assert gradient[k] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-7)


def test_equal_strings_are_merged():
    sequences = random_sequences(True, n=200, longest=3)
    merged = sequences.merged()
    assert len(merged) < 45
    linear = random_linear(2, 3, 2)

    def derivative(of):
        return SquaredError(of, linear).value_and_gradient(linear.flat())[1]

    np.testing.assert_allclose(derivative(merged), derivative(sequences), rtol=1e-9, atol=1e-12)


def test_a_complete_block_gives_the_automaton():
    planted = random_linear(3, 2, 2, seed=1)
    words = [[int(b) for b in f"{k:0{n}b}"] for n in range(1, 7) for k in range(2**n)]
    lengths = np.array([len(word) for word in words])
    steps = np.array([word + [0] * (6 - len(word)) for word in words])
    strings = Sequences(steps, lengths, np.zeros((len(words), 2)), np.ones(len(words)))
    strings.targets = strings.scores(planted)
    known = block(strings, 2, 2)
    assert known.shape == (7, 7)
    found = automaton(known, *balanced(known, *complete(known, 3, 1e-6))[:2], 2, 3)
    error = strings.scores(found) - strings.targets
    assert (error**2).mean() < 1e-2 * strings.targets.var()


def test_products_of_features_give_the_automaton():
    planted = random_linear(2, 2, 1, seed=2)
    rng = np.random.default_rng(0)
    steps = np.stack([np.ones((800, 4)), rng.standard_normal((800, 4))], axis=2)
    sequences = Sequences(steps, rng.integers(1, 5, 800), np.zeros((800, 1)), np.ones(800))
    sequences.targets = sequences.scores(planted)
    found, length = next(by_products(sequences, 2, np.random.RandomState(0)))
    assert length == 6
    error = sequences.scores(found) - sequences.targets
    assert (error**2).mean() < 1e-2 * sequences.targets.var()


def test_a_finite_automaton_is_read_off_and_least():
    double = Finite(0, np.array([[1, 0, 3, 2], [2, 3, 0, 1]]), np.array([0, 1, 0, 1]))
    least = refined(double)
    assert least.n_states == 2
    X, y = drawn(300, 6, seed=1)
    strings = Sequences(
        np.nan_to_num(X).astype(int), (~np.isnan(X)).sum(axis=1), np.eye(3)[y], np.ones(300)
    )
    exact = Finite(0, SWAPS, np.arange(3)).linear(np.eye(3))
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    labels = strings.targets.argmax(axis=1)
    found, accuracy = extract(
        exact.changed(turn, turn.T), strings, labels, np.random.RandomState(0)
    )
    assert accuracy == pytest.approx(1)
    assert found.n_states == 3
    np.testing.assert_array_equal(found.labels[found.ends(strings)], labels)


@pytest.mark.parametrize("feature_map", ["embedding", OneHotMap(0.5)])
def test_labels_of_long_sequences_are_exact(feature_map):
    clf = fitted(*drawn(600, 7, seed=0), feature_map=feature_map)
    assert clf.network_.ranks == (3,) * 6
    X, y = drawn(50, 300, seed=1, least=1)
    assert clf.score(X, y) == 1
    assert (clf.predict_proba(X).max(axis=1) > 0.9).all()
    assert clf.n_iter_ == len(clf.loss_curve_)
    assert clf.alpha_ == 0


def test_labels_with_noise_are_exact_too():
    X, y = drawn(800, 5, seed=0)
    rng = np.random.default_rng(3)
    y[:80] = rng.integers(0, 3, 80)
    clf = fitted(X, y, rank=4, max_iter=6, solver=Spectral(n_starts=1))
    assert clf.network_.ranks[0] == 3
    X, y = drawn(50, 200, seed=1)
    assert clf.score(X, y) == 1
    assert 0.8 < clf.predict_proba(X).max(axis=1).mean() < 0.99


def test_two_classes_and_weights():
    X, y = drawn(600, 5, seed=0)
    wrong = np.arange(600) % 3 == 0
    y = np.where(wrong, 0, y == 2)
    clf = TTClassifier(
        rank=4, shared_cores=True, feature_map="embedding", solver="spectral", max_iter=6
    )
    clf.fit(X, y, sample_weight=1.0 - wrong)
    X, y = drawn(50, 100, seed=1)
    assert clf.decision_function(X).shape == (50,)
    assert clf.score(X, y == 2) == 1


def test_missing_steps_in_the_middle_change_nothing():
    clf = fitted(*drawn(600, 7, seed=0))
    X, _ = drawn(20, 5, seed=1)
    gap = np.insert(X, 1, -1, axis=1)
    np.testing.assert_allclose(clf.decision_function(gap), clf.decision_function(X), atol=1e-9)
    single = np.array([[0.0], [1.0], [2.0]])
    np.testing.assert_array_equal(clf.predict(single), SWAPS[:, 0])


def test_real_steps_and_targets():
    planted = random_linear(2, 2, 1, seed=3)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((900, 6))
    steps = np.stack([np.ones_like(X), X], axis=2)
    lengths = rng.integers(2, 7, 900)
    everything = Sequences(steps, lengths, np.zeros((900, 1)), np.ones(900))
    y = np.empty(900)
    y[everything.order] = everything.scores(planted)[:, 0]
    X[np.arange(6) >= lengths[:, None]] = np.nan
    y += 0.1 * y.std() * rng.standard_normal(900)
    options = {"shared_cores": True, "solver": Spectral(n_starts=1), "random_state": 0}
    reg = TTRegressor(rank=3, feature_map=PolynomialMap(scale=1.0), max_iter=20, **options)
    assert reg.fit(X[:700], y[:700]).score(X[700:], y[700:]) > 0.95
    both = np.column_stack([y, -y])
    assert reg.fit(X[:700], both[:700]).score(X[700:], both[700:]) > 0.95


def test_labels_of_real_steps_by_the_gradient():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    options = {"feature_map": PolynomialMap(scale=1.0), "rank": 4, "max_iter": 30}
    clf = fitted(X, X.sum(axis=1) > 0, **options, solver=Spectral(route="gradient"))
    assert clf.score(X, X.sum(axis=1) > 0) > 0.9


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shared_cores": False}, "solver='spectral' makes equal cores, which shared_cores=False"),
        ({"feature_map": AffineMap(4)}, "needs a fixed feature map, which feature_map=AffineMap"),
        ({"feature_map": EmbeddingMap(3)}, "needs a fixed feature map.*n_components='one_hot'"),
        ({"product": "max"}, "product='max' rules out"),
        ({"class_tensors": "separate"}, "class_tensors='separate' rules out; use 'joint'"),
        ({"solver": Spectral(route="back")}, "route='back'"),
        ({"solver": Spectral(n_starts=0)}, "n_starts=0"),
        ({"solver": Spectral(finite=2)}, "finite=2"),
    ],
)
def test_what_does_not_go_together_raises(parameters, message):
    with pytest.raises(ValueError, match=message):
        fitted(*drawn(20, 4, seed=0), **parameters)


def test_other_networks_and_losses_raise():
    X, y = drawn(20, 4, seed=0)
    with pytest.raises(ValueError, match="which these trees are not; use TTClassifier"):
        CPClassifier(shared_cores=True, feature_map="embedding", solver="spectral").fit(X, y)
    with pytest.raises(ValueError, match="the squared error, which loss='huber' rules out"):
        TTRegressor(
            loss="huber", shared_cores=True, feature_map="embedding", solver="spectral"
        ).fit(X, y)


def test_several_labels_raise():
    X, y = drawn(20, 4, seed=0)
    with pytest.raises(ValueError, match="one label of a sample, but y has 3 columns"):
        fitted(X, (y[:, None] == np.arange(3)).astype(int) | (np.arange(3) == 0))


def test_unknown_tokens_raise():
    clf = fitted(*drawn(200, 6, seed=0))
    with pytest.raises(ValueError, match="X contains 7, which is no token id"):
        clf.predict([[0, 1, 7]])
