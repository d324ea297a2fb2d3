"""Checks of parameters say name, value and what is allowed."""

import numpy as np
import pytest

from sktensornet._support._checks import check_integer, check_option, check_real


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integers_come_back_as_python_integers(value):
    assert check_integer("k", value, 3) == 3
    assert type(check_integer("k", value, 3)) is int


@pytest.mark.parametrize("value", [2, 3.0, "3", None, True, np.nan, [3]])
def test_other_than_integers_from_the_minimum_on_are_refused(value):
    with pytest.raises(ValueError, match=r"^k=.* must be an integer >= 3 or so\.$") as error:
        check_integer("k", value, 3, " or so")
    assert f"k={value!r} " in str(error.value)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1)])
def test_reals_come_back_as_python_floats(value):
    assert check_real("x", value, 0, 2) == float(value)
    assert type(check_real("x", value, 0, 2)) is float


@pytest.mark.parametrize("value", [0, 2, -1.0, np.nan, np.inf, "1", None, True, 1j])
def test_other_than_reals_between_the_bounds_are_refused(value):
    with pytest.raises(ValueError, match=r"^x=.* must be a number in \(0, 2\)\.$") as error:
        check_real("x", value, 0, 2)
    assert f"x={value!r} " in str(error.value)


def test_the_lower_bound_can_be_allowed():
    assert check_real("x", 0, 0, low_allowed=True) == 0.0
    with pytest.raises(ValueError, match=r"x=-1 must be a number in \[0, inf\)\."):
        check_real("x", -1, 0, low_allowed=True)


def test_options_come_back():
    assert check_option("o", "b", iter(["a", "b"])) == "b"


@pytest.mark.parametrize("value", ["c", None, 1, ["a"], np.array(["a", "b"])])
def test_other_than_the_options_are_refused(value):
    with pytest.raises(ValueError, match=r"is unknown; it must be one of \['a', 'b'\]\.$") as error:
        check_option("o", value, ("a", "b"))
    assert str(error.value).startswith(f"o={value!r} ")
