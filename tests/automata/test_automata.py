"""Linear automata against brute force over all short words."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sktensornet import TTClassifier
from sktensornet.automata import (
    Automaton,
    distance,
    equivalent,
    from_automaton,
    hankel_rank,
    minimise,
    to_automaton,
)
from sktensornet.expressivity import matricization_rank, random_network
from sktensornet.networks import TensorNetwork, recurrent_train, tensor_train


def words(n_symbols, longest):
    for length in range(longest + 1):
        yield from product(range(n_symbols), repeat=length)


def random_automaton(n_states, n_symbols=2, n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    shapes = (n_states,), (n_symbols, n_states, n_states), (n_states, n_outputs)
    return Automaton(*(rng.integers(-2, 3, shape).astype(float) for shape in shapes))


def hidden_copies(automaton, seed=0):
    """The same function with states that nothing reaches, and states that nothing tells apart."""
    rng = np.random.default_rng(seed)
    n, k = automaton.n_states, len(automaton.transitions)
    A = np.zeros((k, n + 2, n + 2))
    A[:, :n, :n] = automaton.transitions
    A[:, :n, n] = rng.integers(-2, 3, (k, n))
    A[:, n, n] = rng.integers(-2, 3, k)
    A[:, n + 1] = rng.integers(-2, 3, (k, n + 2))
    final = np.vstack([automaton.final, np.zeros((2, automaton.final.shape[1]))])
    final[n + 1] = 1
    return Automaton(np.append(automaton.initial, [0, 0]), A, final)


def brute_force_rank(automaton, longest):
    """The rank of the Hankel block of all words up to a length, in rational numbers."""
    all_words = list(words(len(automaton.transitions), longest))
    rows = [
        [Fraction(int(value)) for v in all_words for value in automaton((*u, *v))]
        for u in all_words
    ]
    rank = 0
    for column in range(len(rows[0])):
        pivot = next((k for k in range(rank, len(rows)) if rows[k][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for k in range(rank + 1, len(rows)):
            factor = rows[k][column] / rows[rank][column]
            if factor:
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[rank], strict=True)]
        rank += 1
    return rank


@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.integers(0, 99))
@example(2, 1, 1, 36)
@example(2, 2, 1, 93)
@example(3, 2, 1, 96)
def test_the_smallest_one_says_the_same(n_states, n_symbols, n_outputs, seed):
    plain = random_automaton(n_states, n_symbols, n_outputs, seed)
    larger = hidden_copies(plain, seed)
    rank = brute_force_rank(plain, n_states - 1)
    for options in ({}, {"arithmetic": "rational"}):
        small = minimise(larger, **options)
        assert small.n_states == rank
        for word in words(n_symbols, 4):
            np.testing.assert_allclose(small(word), plain(word), rtol=1e-6, atol=1e-6)
    assert hankel_rank(larger, prime=1_048_573) == rank
    assert equivalent(plain, larger)
    assert equivalent(plain, larger, "rational")


@pytest.mark.parametrize("options", [{}, {"arithmetic": "rational"}, {"prime": 97}], ids=str)
def test_a_small_difference_is_seen(options):
    plain = random_automaton(3, seed=1)
    other = plain._replace(final=plain.final + np.eye(3, 2, -2))
    assert equivalent(plain, plain, **options)
    assert not equivalent(plain, other, **options)


def test_distance_is_that_of_all_words():
    one, other = random_automaton(3, seed=1), random_automaton(2, seed=2)
    squares = [((one(word) - other(word)) ** 2).sum() for word in product(range(2), repeat=4)]
    assert distance(one, other, 4) == pytest.approx(np.mean(squares) ** 0.5)
    assert distance(one, hidden_copies(one), 6) == pytest.approx(0, abs=1e-9)


def test_networks_and_automata_are_the_same():
    plain = random_automaton(3, 3, 2, seed=3)
    network = from_automaton(*plain)
    for length in (2, 3, 5):
        dense = network.with_n_sites(length).to_dense()
        for word in product(range(3), repeat=length):
            np.testing.assert_allclose(dense[word], plain(word), atol=1e-9)
    assert equivalent(to_automaton(network), plain)
    assert to_automaton(network).n_states == 3


@pytest.mark.parametrize("seed", range(5))
def test_equal_automata_differ_by_rounding_and_not_by_its_root(seed):
    one = random_automaton(4, 3, 2, seed=seed)
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((4, 4)))[0]
    other = Automaton(one.initial @ turn, turn.T @ one.transitions @ turn, turn.T @ one.final)
    size = distance(one, other._replace(final=0 * other.final), 6)
    assert distance(one, other, 6) < 1e-12 * size


def test_a_trained_network_is_one_for_two_steps_or_more():
    rng = np.random.default_rng(0)
    shapes = (1, 3, 2), (2, 3, 2), (2, 3, 1, 2)
    first, inner, last = (rng.standard_normal(shape) for shape in shapes)
    network = TensorNetwork(recurrent_train(4, shared=True), (first, inner, inner, last))
    found = to_automaton(network)
    assert found.n_states == 1 + 2 + 2
    for length in (2, 4):
        dense = network.with_n_sites(length).to_dense()
        for word in product(range(3), repeat=length):
            np.testing.assert_allclose(found(word), dense[word], atol=1e-9)
    np.testing.assert_array_equal(found([0]), [0, 0])
    assert hankel_rank(found) == 5
    features = np.array([[1.0, 2.0, 0.0], [0.5, 0.0, 1.0]])
    by_symbol = to_automaton(network, features)
    assert len(by_symbol.transitions) == 2
    expected = np.einsum("abc,a,b->c", network.with_n_sites(2).to_dense(), *features)
    np.testing.assert_allclose(by_symbol([0, 1]), expected)


def test_the_rank_of_a_matricization_certifies_that_of_the_hankel_matrix():
    turns = np.array([np.roll(np.eye(5), k, axis=1) for k in range(5)])
    addition = Automaton(np.eye(5)[0], turns, np.eye(5))
    network = from_automaton(*addition, n_sites=4)
    assert matricization_rank(network, range(2), prime=101) == 5
    assert hankel_rank(addition, prime=101) == 5


def test_reading_step_by_step_is_the_automaton():
    plain = random_automaton(3, 2, 2, seed=5)
    network = from_automaton(*plain)
    state = None
    word = [0, 1, 1, 0, 1]
    for k, symbol in enumerate(word):
        state = network.read(state, np.eye(2)[[symbol, 1 - symbol]])
        expected = plain._replace(final=np.eye(3))(word[: k + 1])
        np.testing.assert_allclose(state.value[0], expected, atol=1e-12)
    np.testing.assert_allclose(state.scores[0], plain(word))
    np.testing.assert_allclose(state.scores[1], plain([1 - symbol for symbol in word]))
    with pytest.raises(ValueError, match=r"step has shape \(1, 3\); it must be \(n_samples, 2\)"):
        network.read(state, np.ones((1, 3)))
    with pytest.raises(ValueError, match="1 samples, but the state is of 2"):
        network.read(state, np.ones((1, 2)))
    with pytest.raises(ValueError, match="at least three equal cores"):
        random_network(tensor_train(3), 2, rank=2).read(None, np.ones((1, 2)))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([1, 0], [[[1]]], [1, 0]), r"shapes \(2,\), \(1, 1, 1\)"),
        (([1], [[[np.nan]]], [1]), "transitions must hold finite numbers"),
        (([1], [[[1]]], [[]]), r"final has the shape \(1, 0\)"),
    ],
)
def test_bad_matrices_are_named(parts, message):
    with pytest.raises(ValueError, match=message):
        from_automaton(*parts)


def test_bad_arguments_are_named():
    plain = random_automaton(2)
    with pytest.raises(ValueError, match="whole numbers"):
        minimise(plain._replace(initial=np.array([0.5, 1.0])), prime=7)
    with pytest.raises(ValueError, match="2 symbols and 2 outputs, other 3 and 2"):
        distance(plain, random_automaton(2, 3), 2)
    with pytest.raises(ValueError, match="equal cores"):
        to_automaton(random_network(tensor_train(3), 2, rank=2))
    with pytest.raises(ValueError, match=r"features has the shape \(2, 5\)"):
        to_automaton(from_automaton(*plain), np.ones((2, 5)))


def test_the_function_zero_has_no_states():
    nothing = Automaton(np.zeros(2), np.ones((1, 2, 2)), np.ones((2, 1)))
    assert [hankel_rank(nothing, a) for a in ("float", "rational")] == [0, 0]
    assert hankel_rank(nothing, prime=5) == 0


def test_a_fitted_estimator_gives_its_automaton():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (200, 4))
    X[::2, 3] = -1
    clf = TTClassifier(rank=3, shared_cores=True, feature_map="embedding", solver="spectral")
    clf.fit(X, X.sum(axis=1, where=X >= 0) % 2)
    tokens = clf.feature_map_.repeated(1).transform(np.array([[[0.0], [1.0]]]))[0]
    found = to_automaton(clf.network_, tokens)
    assert found.n_states == 2
    np.testing.assert_allclose(found([1, 0, 1, 1]), clf.decision_function([[1, 0, 1, 1]]))
