"""Random networks: shapes, shared cores, seeds."""

import numpy as np
import pytest

from sktensornet.expressivity import random_network
from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, tensor_train


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("prime", [None, 101])
def test_shapes_and_types(batched, prime):
    network = random_network(
        hierarchical_tucker(balanced(3)), (2, 3, 4), 5, 6, batched=batched, prime=prime
    )
    assert network.mode_sizes == (2, 3, 4)
    assert set(network.ranks) == {5}
    assert (network.n_outputs, network.batched) == (6, batched)
    assert network.dtype == (np.float64 if prime is None else np.int64)
    if prime:
        assert all(core.min() >= 0 and core.max() < prime for core in network.cores)


@pytest.mark.parametrize("batched", [False, True])
def test_equal_cores_of_a_train(batched):
    network = random_network(tensor_train(6), 3, 4, equal_cores=True, batched=batched)
    cores = [core.reshape(core.shape[:4] if batched else core.shape[:3]) for core in network.cores]
    for core in cores[2:5]:
        np.testing.assert_array_equal(core, cores[1])
    assert not np.array_equal(cores[0].ravel(), cores[5].ravel())


def test_ends_of_rank_one_are_distinct():
    cores = random_network(tensor_train(4), 3, 1, equal_cores=True, random_state=0).cores
    values = [core.ravel() for core in cores]
    np.testing.assert_array_equal(values[1], values[2])
    assert not np.array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[3])


def test_equal_cores_of_a_tree():
    network = random_network(hierarchical_tucker(balanced(8)), 3, 4, 2, equal_cores=True)
    frames, lower, upper = network.cores[:8], network.cores[8:14], network.cores[14]
    assert all(np.array_equal(frame, frames[0]) for frame in frames)
    quarters = [lower[k] for k in (0, 1, 3, 4)]
    halves = [lower[k] for k in (2, 5)]
    assert all(np.array_equal(core, quarters[0]) for core in quarters)
    assert np.array_equal(*halves)
    assert not np.array_equal(quarters[0], halves[0])
    assert upper.shape == (4, 4, 2)


def test_equal_cores_of_a_sum_are_symmetric():
    dense = random_network(canonical_polyadic(3), 3, 4, equal_cores=True).to_dense()[..., 0]
    np.testing.assert_allclose(dense, dense.transpose(2, 0, 1), rtol=1e-12)


def test_the_leg_of_several_classes_is_by_itself():
    cores = random_network(tensor_train(5), 3, 4, 2, equal_cores=True).cores
    assert cores[2].shape == (4, 3, 4, 2)
    np.testing.assert_array_equal(cores[1], cores[3])


def test_distinct_cores_are_distinct_and_seeds_decide():
    first, second = (random_network(tensor_train(4), 3, 2, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(first.to_dense(), second.to_dense())
    other = random_network(tensor_train(4), 3, 2, random_state=1)
    assert not np.array_equal(first.to_dense(), other.to_dense())
    assert not np.array_equal(first.cores[1].ravel(), first.cores[2].ravel())


def test_tensors_of_a_batch_are_distinct():
    dense = random_network(tensor_train(2), 3, 2, 2, batched=True).to_dense()
    assert not np.array_equal(dense[..., 0], dense[..., 1])


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (("TT", 2, 2), {}, "tree='TT'"),
        ((tensor_train(2), 0, 2), {}, "mode_sizes=0"),
        ((tensor_train(2), (2, 2, 2), 2), {}, "one for each of the 2"),
        ((tensor_train(2), (2, 0), 2), {}, "an entry of mode_sizes=0"),
        ((tensor_train(2), 2, 0), {}, "rank=0"),
        ((tensor_train(2), 2, 2, 0), {}, "n_outputs=0"),
        ((tensor_train(2), 2, 2), {"equal_cores": 1}, "equal_cores=1"),
        ((tensor_train(2), 2, 2), {"batched": "yes"}, "batched='yes'"),
        ((tensor_train(2), 2, 2), {"prime": 10}, "prime=10"),
    ],
)
def test_bad_parameters_are_named(arguments, options, said):
    with pytest.raises(ValueError, match=said):
        random_network(*arguments, **options)
