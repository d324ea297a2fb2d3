"""The local features of a fitted map as functions that have a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from scipy.special import comb

from .._arrays._typing import FloatArray, IntArray
from ..feature_maps import FittedMap
from ..feature_maps._fourier import FittedFourierMap
from ..feature_maps._missing import FittedMissingMap
from ..feature_maps._mixed import FittedMixedMap
from ..feature_maps._one_hot import FittedOneHotMap
from ..feature_maps._polynomial import FittedPolynomialMap
from ..feature_maps._quantile import FittedQuantileMap
from ..feature_maps._spline import FittedSplineMap

UNITS = ("standardized", "original")


@dataclass(frozen=True)
class Named:
    """A function g of one column.

    Parameters
    ----------
    column : int
        The column of X.
    label : str
        What is done to the column, with its name for "{}".
    code : float or None
        The category that an indicator is of.
    """

    column: int
    label: str = "{}"
    code: float | None = None


@dataclass(frozen=True)
class Basis:
    """Functions g with f(x) = T g(x), the first being the constant.

    Parameters
    ----------
    matrix : ndarray of shape (m, m)
        The matrix T.
    functions : tuple of Named
        The other functions.
    """

    matrix: FloatArray
    functions: tuple[Named, ...]


@singledispatch
def local_bases(fitted: FittedMap, columns: IntArray, original: bool) -> list[Basis]:
    """The basis of each site.

    Parameters
    ----------
    fitted : FittedMap
    columns : ndarray of int, shape (n_sites, n_columns_per_site)
    original : bool
        Whether functions are those of the columns as they are, not standardised.

    Raises
    ------
    ValueError
        If the features of the map are no functions of single columns with a
        constant among them.
    """
    name = type(fitted).__name__.removeprefix("Fitted")
    raise ValueError(
        f"interactions need features that are a constant and functions of single columns, "
        f"which those of {name} are not; fit with feature_map='polynomial', 'spline', "
        "'quantile', 'fourier' or 'one_hot'."
    )


@local_bases.register
def _(fitted: FittedMixedMap, columns: IntArray, original: bool) -> list[Basis]:
    found = [
        basis
        for one, group in zip(fitted.maps, fitted.groups, strict=True)
        for basis in local_bases(one, columns[group], original)
    ]
    return [found[k] for k in fitted.place]


@local_bases.register
def _(fitted: FittedMissingMap, columns: IntArray, original: bool) -> list[Basis]:
    bases = local_bases(fitted.known, columns, original)
    for k in fitted.missing_sites.tolist():
        matrix, functions = bases[k].matrix, bases[k].functions
        larger = np.zeros((len(matrix) + 1, len(matrix) + 1))
        larger[:-1, :-1], larger[-1, -1] = matrix, fitted.known.scale_at(k)
        bases[k] = Basis(larger, (*functions, Named(int(columns[k, 0]), "{} is missing")))
    return bases


@local_bases.register
def _(fitted: FittedOneHotMap, columns: IntArray, original: bool) -> list[Basis]:
    return [
        Basis(
            _scaling(fitted.scale, len(categories)),
            tuple(Named(column, "{} = ", float(code)) for code in categories),
        )
        for (column,), categories in zip(columns.tolist(), fitted.categories, strict=True)
    ]


@local_bases.register
def _(fitted: FittedPolynomialMap, columns: IntArray, original: bool) -> list[Basis]:
    bases = []
    degree = fitted.degree
    for own, mean, deviation in zip(columns, fitted.mean[:, 0], fitted.deviation[:, 0]):
        matrix = np.eye(1 + degree * len(own))
        for place in range(len(own)):
            chosen = [0, *range(1 + place * degree, 1 + (place + 1) * degree)]
            slope, offset = _affine(mean[place], deviation[place], original)
            matrix[np.ix_(chosen, chosen)] = _powers(degree, fitted.scale, slope, offset)
        bases.append(Basis(matrix, tuple(_monomials(own, degree))))
    return bases


@local_bases.register
def _(fitted: FittedQuantileMap, columns: IntArray, original: bool) -> list[Basis]:
    slope, offset = (12**0.5, -(12**0.5) / 2) if original else (1.0, 0.0)
    matrix = _powers(fitted.degree, fitted.scale, slope, offset)
    return [Basis(matrix, tuple(_monomials(own, fitted.degree, "rank({})"))) for own in columns]


@local_bases.register
def _(fitted: FittedSplineMap, columns: IntArray, original: bool) -> list[Basis]:
    bases = []
    for k, ((column,), means) in enumerate(zip(columns.tolist(), fitted.means, strict=True)):
        functions = [Named(column)] if fitted.linear else []
        functions += [Named(column, f"B{j}({{}})") for j in range(1, len(means) + 1)]
        matrix = _scaling(fitted.scale, len(functions))
        first = 1 + fitted.linear
        matrix[first:, first:] = mixing = fitted.scale * fitted.mixings[k]
        if original:
            matrix[first:, 0] = -mixing @ means
            if fitted.linear:
                slope, offset = _affine(fitted.centre[k], fitted.deviation[k], original)
                matrix[1, :2] = fitted.scale * offset, fitted.scale * slope
        bases.append(Basis(matrix, tuple(functions)))
    return bases


@local_bases.register
def _(fitted: FittedFourierMap, columns: IntArray, original: bool) -> list[Basis]:
    waves = ("cos", "sin") if fitted.periodic else ("cos",)
    labels = [f"{w}{j}({{}})" for j in range(1, fitted.n_frequencies + 1) for w in waves]
    matrix = _scaling(fitted.scale * (2**0.5 if original else 1.0), len(labels))
    return [
        Basis(matrix, tuple(Named(column, label) for label in labels))
        for (column,) in columns.tolist()
    ]


def _scaling(scale: float, n_functions: int) -> FloatArray:
    return np.diag([1.0] + [float(scale)] * n_functions)


def _affine(mean: float, deviation: float, original: bool) -> tuple[float, float]:
    """Slope a and offset b of z = a x + b."""
    if not original:
        return 1.0, 0.0
    return 1.0 / float(deviation), -float(mean) / float(deviation)


def _powers(degree: int, scale: float, slope: float, offset: float) -> FloatArray:
    """The matrix T with (s (a x + b))^p = sum_q T_pq x^q."""
    p = np.arange(degree + 1)
    lower = comb(p[:, None], p[None, :])
    remaining = np.maximum(p[:, None] - p[None, :], 0)
    return float(scale) ** p[:, None] * lower * slope ** p[None, :] * offset**remaining


def _monomials(columns: Sequence[int], degree: int, label: str = "{}") -> list[Named]:
    return [
        Named(int(column), label if p == 1 else f"{label}^{p}")
        for column in columns
        for p in range(1, degree + 1)
    ]


def spell(function: Named, names: Sequence[str], category: Callable[[int, float], str]) -> str:
    """The name of a function."""
    label = function.label.format(names[function.column])
    return label if function.code is None else label + category(function.column, function.code)
