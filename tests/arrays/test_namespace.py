"""Where arrays are, and how they get there and back."""

import numpy as np
import pytest

from sktensornet._arrays._namespace import (
    contiguous,
    each,
    filled,
    host,
    kept_place,
    namespace,
    place_of,
    restored,
    rows_of,
    to_numpy,
)


def test_arrays_go_there_and_back(place):
    x = np.arange(6.0).reshape(2, 3)
    there = place.put(x)
    assert place_of(there) == place == restored(*place.names)
    assert place.put(there) is there
    assert namespace(there) is place.xp
    assert namespace(x) is np
    np.testing.assert_array_equal(to_numpy(there), x)
    assert place.numpy_dtype(place.put(x, np.float32)) == np.float32
    there[0, 0] = 7.0
    assert x[0, 0] == 0.0


def test_helpers_are_those_of_numpy(place):
    x = np.arange(12.0).reshape(3, 4)
    there = place.put(x)
    for rows in (slice(1, 3), np.array([2, 0])):
        np.testing.assert_array_equal(to_numpy(rows_of(there, rows)), rows_of(x, rows))
    assert [to_numpy(row).tolist() for row in each(there)] == x.tolist()
    np.testing.assert_array_equal(to_numpy(contiguous(there.mT)), x.T)
    assert to_numpy(filled(2.0, (2, 1), there)).tolist() == [[2.0], [2.0]]


def test_without_dispatch_arrays_of_the_host_become_numpy(place):
    if not place.is_host:
        pytest.skip("test_an_array_on_a_device_asks_for_dispatch is about these")
    x = place.put(np.ones(2))
    assert kept_place("X", x) is None
    assert isinstance(host("X", x), np.ndarray)
    assert host("X", [1.0]) == [1.0]


def test_dispatch_keeps_them_where_they_are(place, dispatch):
    assert kept_place("X", place.put(np.ones(2))) == place
    assert kept_place("X", np.ones(2)) is None


def test_an_array_on_a_device_asks_for_dispatch():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=r"y is .* on meta.*array_api_dispatch=True"):
        host("y", torch.empty(2, device="meta"))


def test_a_place_that_is_gone_is_none():
    assert restored("torch", "no_such_device") is None
    assert restored("no_such_library", "cpu") is None
