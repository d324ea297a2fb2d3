"""The plan of a pass on arrays of other libraries against NumPy."""

import numpy as np
import pytest

from sktensornet._arrays._namespace import each, to_numpy
from sktensornet.networks import (
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    recurrent_train,
    tensor_train,
)
from sktensornet.networks._passes._contraction import Contraction

TREES = {
    "chain": tensor_train(9),
    "leg last": tensor_train(12, 11),
    "leg first": tensor_train(13, 0),
    "recurrent": recurrent_train(6),
    "tree": hierarchical_tucker(balanced(7)),
    "three children": hierarchical_tucker(((0, 1, 2), (3, (4, 5)))),
    "sum": canonical_polyadic(19),
}


def drawn(tree, n_batch, size, factor, merges, place=None):
    """A contraction with random cores, features, and derivatives by the scores."""
    rng = np.random.default_rng(0)
    sizes = tree.message_sizes((size,) * tree.n_sites, 4, 3 if n_batch == 1 else 1)
    contraction = Contraction(tree, sizes, n_batch, merges, place=place)
    cores = [factor * rng.standard_normal(shape) for shape in contraction.core_shapes]
    features = rng.standard_normal((tree.n_sites, 5, size))
    gradient = rng.standard_normal((n_batch, 5, sizes[-1]))
    return contraction, cores, features, gradient


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize(
    ("n_batch", "size", "factor", "merges"),
    [
        (1, 2, 1.0, True),
        (1, 3, 1.0, False),
        (3, 2, 1.0, True),
        (1, 2, 1e3, False),
        (3, 2, 1e-4, True),
    ],
)
def test_scores_and_derivatives_are_those_of_numpy(place, name, n_batch, size, factor, merges):
    """With factors that take messages out of the safe range, too."""
    asked = TREES[name], n_batch, size, factor, merges
    contraction, cores, features, gradient = drawn(*asked)
    scores, tape = contraction.forward(cores, features)
    by_core, by_feature = contraction.backward(tape, gradient, True)

    there, *_ = drawn(*asked, place)
    moved = [place.put(core) for core in cores]
    for _ in range(2):  # the second run knows whether messages have to be rescaled
        found, own = there.forward(moved, place.put(features))
        by_own, by_own_feature = there.backward(own, place.put(gradient), True)
    rtol = 1e-12 if place.widest == place.xp.float64 else 1e-4
    pairs = [(scores, found), *zip(by_core, by_own), *zip(by_feature, each(by_own_feature))]
    for wanted, got in pairs:
        np.testing.assert_allclose(to_numpy(got), wanted, rtol, rtol * np.abs(wanted).max())


def test_features_of_several_sizes_come_as_a_list(place):
    tree = tensor_train(3)
    contraction = Contraction(tree, tree.message_sizes((2, 3, 2), 2, 1), 1, True, place=place)
    rng = np.random.default_rng(0)
    cores = [rng.standard_normal(shape) for shape in contraction.core_shapes]
    features = [rng.standard_normal((4, m)) for m in (2, 3, 2)]
    found, tape = contraction.forward(
        [place.put(core) for core in cores], [place.put(one) for one in features]
    )
    here = Contraction(tree, contraction.message_sizes)
    wanted, own = here.forward(cores, features)
    np.testing.assert_allclose(to_numpy(found), wanted, 1e-4)
    _, back = contraction.backward(tape, found, True)
    _, wanted_back = here.backward(own, wanted, True)
    for got, one in zip(each(back), wanted_back, strict=True):
        np.testing.assert_allclose(to_numpy(got), one, 1e-4)


def test_autograd_gives_the_same_derivatives():
    """Of the sum by terms, whose scores are a product of matrix products."""
    torch = pytest.importorskip("torch")
    contraction, cores, features, gradient = drawn(TREES["sum"], 1, 3, 1.0, False)
    _, tape = contraction.forward(cores, features)
    by_core, by_feature = contraction.backward(tape, gradient, True)
    own = [torch.tensor(core, requires_grad=True) for core in cores]
    x = torch.tensor(features, requires_grad=True)
    terms = torch.ones(1)
    for k, factor in enumerate(own[:-1]):
        terms = terms * (x[k] @ factor[0])
    (terms @ own[-1][0]).backward(torch.tensor(gradient[0]))
    for core, wanted in zip(own, by_core, strict=True):
        np.testing.assert_allclose(wanted, core.grad.numpy(), 1e-10, 1e-10)
    np.testing.assert_allclose(by_feature, x.grad.numpy(), 1e-10, 1e-10)
