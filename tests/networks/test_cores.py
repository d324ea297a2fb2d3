"""The layout of cores that the passes see, and that of the network."""

import numpy as np

from sktensornet.networks import recurrent_train
from sktensornet.networks._cores import core_shapes, message_core, message_cores, network_of


def test_both_layouts_hold_the_same(case):
    # `case.network` is made by `network_of`, and the dense tensors of other tests from it.
    cores = message_cores(case.network)
    assert [core.shape for core in cores] == list(case.contraction.core_shapes)
    for index, core, wanted in zip(case.tree.order, cores, case.cores, strict=True):
        np.testing.assert_array_equal(core, wanted)
        np.testing.assert_array_equal(message_core(case.network, index), wanted)
        assert core.flags.c_contiguous


def test_copies_are_in_the_dtype_asked_for(case):
    network = network_of(case.tree, case.cores, case.batched, np.dtype(np.float32))
    assert network.dtype == np.float32
    assert {core.dtype for core in message_cores(network)} == {np.dtype(np.float64)}
    for core in message_cores(network, np.float32):
        assert core.dtype == np.float32
        core[...] = 0
    assert all(np.any(core) for core in network.cores)


def test_axes_of_length_one_at_both_ends_of_a_core():
    tree = recurrent_train(1, "max")
    shapes = core_shapes(tree, tree.message_sizes((3,), 2, 5))
    assert shapes == ((1, 3, 2), (1, 2, 5))
    network = network_of(tree, [np.ones(shape) for shape in shapes])
    assert [core.shape for core in network.cores] == [(3, 2), (1, 2, 1, 5)]
