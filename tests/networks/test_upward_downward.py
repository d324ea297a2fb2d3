"""Passes over a tree with the sets of sites as messages."""

from sktensornet.networks._tensors._upward_downward import downward, upward


def sites_below(tree, index):
    node = tree.nodes[index]
    if node.site is not None:
        return frozenset([node.site])
    return frozenset().union(*(sites_below(tree, child) for child in node.children))


def join(a, b):
    assert not a & b, "no site is to be met twice"
    return a | b


def joined(sets):
    total = frozenset()
    for own in sets:
        total = join(total, own)
    return total


def test_what_goes_up_and_what_comes_down(topology):
    tree, _ = topology
    every = [sites_below(tree, index) for index in range(len(tree.nodes))]

    def environments(index, above, below):
        for place in range(len(below)):
            yield joined([above, *below[:place], *below[place + 1 :]])

    below = upward(
        tree, lambda index: frozenset([tree.nodes[index].site]), lambda _, sets: joined(sets), join
    )
    assert below == every
    above = downward(tree, below, frozenset(), environments, join)
    assert above == [every[-1] - own for own in every]
