"""Samples of all lengths in one pass of a train or a sum of equal cores."""

import numpy as np
import pytest

from sktensornet._arrays._workspace import Workspace
from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, recurrent_train
from sktensornet.networks._passes import _pass
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._passes._score_function import ScoreFunction
from sktensornet.networks._topologies import ends_anywhere

MAKE = {"TT": recurrent_train, "CP": canonical_polyadic}
N_SITES, M, RANK = 8, 3, 4
each_kind = pytest.mark.parametrize("kind", MAKE)
each_product = pytest.mark.parametrize("product", ["multiply", "max", "logaddexp", "add", "hypot"])
each_batch = pytest.mark.parametrize("n_batch", [1, 2])


@pytest.fixture(params=[False, True], ids=["as it comes", "compiled"], autouse=True)
def compiles(request, monkeypatch):
    """Whether passes are compiled, where numba is there, whatever their size."""
    if request.param:
        monkeypatch.setattr(_pass, "WORTH_COMPILING", 0)


def make(kind, product, n_batch, scale=0.6):
    tree = MAKE[kind](N_SITES, product, True)
    sizes = tree.message_sizes((M,) * N_SITES, RANK, 2)
    contraction = Contraction(tree, sizes, n_batch)
    rng = np.random.default_rng(0)
    of_label = {
        label: scale * rng.standard_normal(shape)
        for label, shape in zip(tree.labels, contraction.core_shapes, strict=True)
    }
    return contraction, [of_label[label] for label in tree.labels]


def alone(contraction, cores, features, length, gradient):
    """Scores and derivatives of samples of one length, by the network of so many sites."""
    whole = contraction.tree
    tree = whole.with_n_sites(length)
    places = tree.places_in(whole)
    sizes = tree.sizes_like(whole, contraction.message_sizes)
    shorter = Contraction(tree, sizes, contraction.n_batch)
    scores, tape = shorter.forward([cores[k] for k in places], features[:length])
    by_core, by_feature = shorter.backward(tape, gradient, True)
    total = dict.fromkeys(whole.labels, 0.0)
    for label, own in zip(tree.labels, by_core, strict=True):
        total[label] = total[label] + own
    wide = np.zeros(features.shape)
    wide[:length] = by_feature
    return scores, total, wide


def close(found, expected):
    scale = np.abs(expected).max() or 1.0
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10 * scale)


# The second ones leave the range of messages on the way, and the last ones all end early.
CASES = [(40, 0, 0.6), (40, 0, 30.0), (3, 1, 0.6), (14, 3, 0.6)]


@each_kind
@each_product
@each_batch
def test_each_sample_is_as_in_a_network_of_its_length(kind, product, n_batch):
    work = Workspace()
    for n, less, scale in CASES:
        contraction, cores = make(kind, product, n_batch, scale if product == "multiply" else 0.6)
        rng = np.random.default_rng(n + less)
        least = contraction.tree.lengths[0]
        lengths = rng.integers(least, N_SITES + 1 - less, n)
        prepared = contraction.prepare(cores)
        for own in (lengths, np.full(n, least), lengths[::-1].copy()):
            features = rng.standard_normal((N_SITES, n, M))
            scores, tape = contraction.forward(prepared, features, work, True, own)
            gradient = rng.standard_normal(scores.shape)
            expected, by_feature = np.empty_like(scores), np.empty_like(features)
            total = dict.fromkeys(contraction.tree.labels, 0.0)
            for length in np.unique(own):
                rows = np.flatnonzero(own == length)
                found = alone(contraction, cores, features[:, rows], length, gradient[:, rows])
                expected[:, rows], by_label, by_feature[:, rows] = found
                total = {label: total[label] + by_label[label] for label in total}
            close(scores, expected)
            by_core, back = contraction.backward(tape, gradient, True)
            close(back, by_feature)
            for label, whole in total.items():
                places = [k for k, one in enumerate(contraction.tree.labels) if one == label]
                close(
                    sum(by_core[k] for k in places),
                    np.broadcast_to(whole, by_core[places[0]].shape),
                )
            close(contraction.forward(prepared, features, work, False, own)[0], expected)


@each_kind
def test_all_lengths_have_one_plan(kind):
    contraction, cores = make(kind, "multiply", 1)
    function = ScoreFunction(contraction.tree, contraction.message_sizes, 1)
    prepared = function.prepare(cores)
    features = np.random.default_rng(0).standard_normal((N_SITES, 30, M))
    work = Workspace()
    for seed in range(3):
        known = np.random.default_rng(seed).integers(0, N_SITES + 1, 30)
        function.forward(prepared, features, work, known=known)
    assert list(prepared.by_n_sites) == [N_SITES]
    assert len(function.contraction._plans) == len(work._kept) == 1


def test_which_samples_may_end_anywhere():
    assert ends_anywhere(recurrent_train(4, shared=True))
    assert ends_anywhere(recurrent_train(4, "max", shared=True))
    assert ends_anywhere(canonical_polyadic(4, shared=True))
    assert not ends_anywhere(canonical_polyadic(4))
    assert not ends_anywhere(hierarchical_tucker(balanced(4), shared=True))


def test_a_ragged_plan_needs_lengths():
    contraction, _ = make("TT", "multiply", 1)
    span = next(span for span in contraction.plan(True, ragged=True).up.spans if span is not None)
    with pytest.raises(ValueError, match="needs the lengths"):
        span.rows(None)
