"""What people see of a network."""

import numpy as np
import pytest

from sktensornet.networks import (
    TensorNetwork,
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    tensor_train,
)
from sktensornet.networks._summary import runs


def network(tree, modes, rank=3, n_outputs=2, batched=False, dtype=np.float32):
    sizes = tree.message_sizes(modes, rank, 1 if batched else n_outputs)
    shapes = tree.core_shapes(sizes)
    if batched:
        root = tree.core_of[tree.root]
        shapes = [(n_outputs, *shape) for shape in shapes]
        shapes[root] = shapes[root][:-1]
    return TensorNetwork(tree, tuple(np.ones(shape, dtype) for shape in shapes), batched)


def lines(one):
    pairs = (line.split("  ", 1) for line in one.summary().splitlines())
    return {name: value.strip() for name, value in pairs}


@pytest.mark.parametrize(
    ("tree", "ranks"),
    [
        (tensor_train(4), "2, 3 (x 2)"),
        (hierarchical_tucker(balanced(4)), "2, 3 (x 5)"),
        (canonical_polyadic(4), "3"),
    ],
)
def test_summary_says_what_the_network_is(tree, ranks):
    one = network(tree, (2, 3, 3, 4))
    assert lines(one) == {
        "format": tree.format,
        "sites": "4",
        "mode sizes": "2, 3 (x 2), 4",
        "outputs": "2, one tensor",
        "ranks": ranks,
        "parameters": f"{sum(core.size for core in one.cores)}, dense 144",
        "memory": f"{4 * sum(core.size for core in one.cores)} bytes as float32",
    }


def test_tensors_of_their_own_are_told():
    assert lines(network(tensor_train(3), (2, 2, 2), batched=True))["outputs"] == (
        "2, one tensor each"
    )


def test_sizes_beyond_counting_are_powers():
    found = lines(network(canonical_polyadic(100), (10,) * 100, rank=5, dtype=np.float64))
    assert found["parameters"] == "5,010, dense 10^100.3"
    assert found["memory"] == "40.1 kB as float64"
    assert found["mode sizes"] == "10 (x 100)"


def test_one_site_has_no_ranks():
    assert lines(network(tensor_train(1), (3,)))["ranks"] == "none"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        ([4], "4"),
        ([2, 2, 3], "2 (x 2), 3"),
        (range(1, 10), "1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ([*range(1, 6), 50, *range(6, 11)], "1, 2, 3, 4, ... up to 50 ..., 7, 8, 9, 10"),
    ],
)
def test_runs_are_counted_and_many_left_out(numbers, text):
    assert runs(tuple(numbers)) == text


def test_notebooks_show_the_same_as_a_table():
    one = network(tensor_train(4), (2, 3, 3, 4))
    html = one._repr_html_()
    assert html.startswith("<table>")
    for name, value in lines(one).items():
        assert f">{name}</th>" in html
        assert f">{value}</td>" in html
